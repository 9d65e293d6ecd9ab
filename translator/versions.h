// Two versions of a region: one for entries from which certain side exits cannot be taken, which lacks them, and the whole one for the others.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

/// Finds side exits that depend on the guest registers at the entry and on constants alone, as those of a counted loop do which is unrolled: what
/// they compare is then a constant away from what the first of them compares. One test at the entry answers for all of a family.
///
/// Before: v4 = add.32 v0, 4      After: v9 = sub.32 v1, v0          // v1 - v0 > 8, so that neither v0 + 4 nor v0 + 8 is v1
///         f5 = sub.32 v4, v1            v10 = const 8
///         exit_if.z f5, @X              v11 = slt_u.64 v10, v9
///         v6 = add.32 v4, 4             exit_if.z v11, @ENTRY path 1
///         f7 = sub.32 v6, v1            v4 = add.32 v0, 4
///         exit_if.z f7, @X              ...
///                                       path 1: as before
///
/// In:     a region of guest code as GuestRegionBuilder leaves it, not optimised. Its exits to paths of a tree stay.
/// Out:    `region` without those exits, behind a test that otherwise leads to `other`, which becomes path `path` of the tree: `region` as it was, its
///         exits to paths being exits to guest addresses.
/// Returns how many exits `region` lacks; 0: it is not worth it, and neither has changed.
/// Cost:   linear, besides as many families as there are.
unsigned make_version(Region& region, Region& other, uint16_t path);

}  // namespace chrysalis::translator
