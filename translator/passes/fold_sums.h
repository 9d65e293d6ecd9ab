// Sums of constants: chains of additions become one addition each.
//
//   v1 = sub.32 v0, v9     (v9 = const 4)    v1 = sub.32 v0, v9
//   v2 = sub.32 v1, v9                =>     v2 = lea.32 v0, -, <<0, -0x8
//   v3 = add.32 v2, v8     (v8 = const 12)   v3 = lea.32 v0, -, <<0, 0x4
//
//   v4 = lea.32 v1, v0, <<2                  v4 = lea.32 v1, v0, <<2
//   v5 = inc.32 v0                           v5 = inc.32 v0
//   v6 = lea.32 v1, v5, <<2           =>     v6 = lea.32 v4, -, <<0, 0x4
//
// What a stack pointer or the counter of an unrolled loop goes through need not be waited for; and the elements of an array that an unrolled loop
// comes to have one address, with displacements by which they are seen to be different ones, or the same. Additions whose flags somebody
// needs stay as they are: carry and overflow are theirs alone.
//
// Requires: SSA.  Preserves: everything but the operations rewritten.  Cost: linear.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats fold_sums(Region& region);

}  // namespace chrysalis::translator
