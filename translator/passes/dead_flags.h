// Dead-flag elimination, by demanded bits.
//
//   v1, f2 = inc.32 v0, f0                   v1, f2 = add.32 v0, v7         (v7 = const 1)
//   v3, f4 = shl.32 v1, v6, f2     =>        v3 = shl.32 v1, v6, -
//   v5 = setcc.32.z f2                       v5 = setcc.32.z f2
//
// Somebody needs some of a flags image's bits: a condition those that it tests, an operation that keeps old flags those that
// it hands on, a register map all. A flags result of which nobody needs a bit disappears. An operation whose old flags nobody
// needs any more takes none: INC and DEC become additions, and others take a constant image, so that they need not wait.
//
// Requires: SSA.  Preserves: points, order.  Invalidates: indices of operations.
// Cost: one backward walk, linear.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats eliminate_dead_flags(Region& region);

}  // namespace chrysalis::translator
