// Sums of constants: chains of additions become one addition each.
//
//   v1 = sub.32 v0, v9     (v9 = const 4)    v1 = sub.32 v0, v9
//   v2 = sub.32 v1, v9                =>     v2 = lea.32 v0, -, <<0, -0x8
//   v3 = add.32 v2, v8     (v8 = const 12)   v3 = lea.32 v0, -, <<0, 0x4
//
// What a stack pointer or the counter of an unrolled loop goes through need not be waited for. Additions whose flags somebody
// needs stay as they are: carry and overflow are theirs alone.
//
// Requires: SSA.  Preserves: everything but the operations rewritten.  Cost: linear.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats fold_sums(Region& region);

}  // namespace chrysalis::translator
