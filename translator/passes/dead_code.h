// Dead-code elimination.
//
//   v1 = add.64 v0, v0
//   v2, f3 = sub.64 v0, v0        =>        v2 = sub.64 v0, v0
//   jump L1  {r33 = v2}                     jump L1  {r33 = v2}
//
// Removes operations without effect whose results nothing uses, and drops unused flags and value results.
// An operation that keeps a flags result keeps its old-flags source.
//
// Requires: SSA.  Preserves: points and their maps, order.  Invalidates: indices of operations.
// Cost: one backward walk, linear.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats eliminate_dead_code(Region& region);

}  // namespace chrysalis::translator
