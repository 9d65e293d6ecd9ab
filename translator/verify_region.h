// The verifier of regions: ir::verify() plus the rules about register maps.
#pragma once

#include <span>
#include <vector>

#include "translator/ir/verify.h"
#include "translator/region.h"

namespace chrysalis::translator {

/// All violations, those of ir::verify() first. tests/translator/golden/verify_region_*.ir breaks each.
///
/// 1. The code satisfies ir::verify() with the entry values defined.
/// 2. There is one map per point.
/// 3. Every value in a map dominates the point: it is defined at entry or before it. (A call's own result, the return address, too.)
/// 4. Within one map no register appears twice, and there are registers r0 to r62 only.
/// 5. Every register of a map is in `allocatable` or is bound at entry to the same value.
/// 6. Op::Keep stands only where faults roll back: what it finds out is found out too late for anything else.
///
/// Of guest code (Region::eip is an address) besides:
///
/// 7. Each operation that may fault has a checkpoint to return to: faults roll back. The checkpoint is the region's entry, or the
///    last Commit before the operation.
/// 8. A checkpoint is whole: exits to guest addresses and commits, which make one, have all registers of the entry in their maps.
/// 9. No store is visible before its commit: between a store and the end of its guest instruction no exit leaves that does not
///    complete the instruction (Map::completed), but for exits of instructions that repeat.
/// 10. Map::completed does not decrease; an exit that repeats its instruction is taken to complete it here, as one before it may have.
std::vector<ir::Violation> verify_region(const Region& region);

/// Those of a tree besides verify_region() of each path, by the path that breaks the rule:
///
/// 11. Each path but the first is named by one map of the tree, of an exit_if of an earlier path.
/// 12. That map and the path's entry have the same registers in the same order.
/// 13. The path has the checkpoint that holds at that exit, Region::eip and Region::committed, and nothing before it completes more.
/// 14. All exits and commits that rule 8 is about have the registers of the tree's entry.
struct TreeViolation {
  size_t path;
  ir::Violation violation;
};
std::vector<TreeViolation> verify_tree(std::span<const Region> tree);

}  // namespace chrysalis::translator
