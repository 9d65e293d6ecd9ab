// Strength reduction of conditions and products.
//
//   f2 = sub.32 v0, v1                       f2 = sub.32 v0, v1
//   exit_if.b f2, @0x8048010        =>       v5 = slt_u.64 v0, v1
//                                            exit_if.nonzero v5, @0x8048010
//   v3 = mul.32 v0, v9   (v9 = const 8)      v3 = shl.32 v0, v10, -        (v10 = const 3)
//   v4 = mul.32 v0, v8   (v8 = const 5)      v4 = lea.32 v0, v0, <<2, 0x0
//
// A condition of a comparison's flags (equal, below, above and their opposites) compares the values themselves; one that only asks
// whether a result is zero tests that result. The back end branches on such comparisons in one atom, without waiting for
// flags; and flags that only side exits need then can go there (sink). Comparisons with constants other than 0 stay, for
// the constant would need a register.
// Products by powers of two become shifts, those by 3, 5 and 9 address computations; unsigned quotients and remainders by powers of two
// become shifts and masks.
//
// Requires: SSA, propagated copies and extensions.  Preserves: points, order.  Invalidates: indices of operations.
// Cost: linear.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats reduce_strength(Region& region);

}  // namespace chrysalis::translator
