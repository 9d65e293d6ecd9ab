// Gear 1's blocks in the form that check() takes: its words decoded, its branches resolved, and the region that they have to equal.
// Build machine only.
#pragma once

#include <span>

#include "translator/check/check.h"
#include "translator/guest_region.h"
#include "translator/quick.h"

namespace chrysalis::translator::checking {

/// One x86 instruction of a block.
struct BlockInstruction {
  ir::Code lifted;
  uint32_t eip, next;
};

struct BlockCheck {
  std::vector<Finding> findings;  ///< none: proved, or it has what no region holds
  bool checked = false;           ///< whether it could be
  Region region;                  ///< what was compared
  CompiledRegion form;
};

/// Checks the block that `instructions` became. It must have been made without counters and without a loop of its own
/// (QuickOptions::instrument, loop_directly), by QuickLikely::Unknown.
BlockCheck check_block(std::span<const BlockInstruction> instructions, uint64_t context, const isa::MachineDescription& machine,
                       const QuickCode& code, const QuickPlacement& placement);

}  // namespace chrysalis::translator::checking
