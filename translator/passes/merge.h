// Common-subexpression elimination.
//
//   v1 = const 0x70002000                    v1 = const 0x70002000
//   v2 = const 0x70002000           =>
//   v3 = add.32 v0, v1                       v3, f4 = add.32 v0, v1
//   f4 = add.32 v0, v2
//
// An operation without effect that repeats an earlier one disappears; one that asks for the other result
// of the same operation gives its result to the earlier one.
//
// Requires: SSA.  Preserves: points, order.  Invalidates: indices of operations.
// Cost: linear, through a hash table of fixed hash (no result depends on its order).
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats merge_equal_operations(Region& region);

}  // namespace chrysalis::translator
