// Copy and constant propagation, folding, and removal of extensions that change nothing.
//
//   v1 = const 8                             v1 = const 8
//   v2 = copy.64 v0                =>        v3 = const 16     (from v3 = add.64 v1, v1)
//   v3 = add.64 v1, v1                       v5 = add.32 v0, v4
//   v4 = sext.32 v2                          ...
//   v5 = add.32 v4, v1
//
//   v6, f7 = xor.32 v0, v0         =>        f7: v7 = const 0x44, v6 = const 0
//
// Every operation whose sources are constants, or that does not depend on them, becomes one; results of flags too. A source
// of which an operation reads only the low bits looks through extensions that keep those bits. A
// branch on a constant becomes a jump, or disappears with its map; what follows a jump is dropped.
//
// Requires: SSA.  Preserves: order of the points that stay.  Invalidates: indices of operations and points;
// a value that was a flags result may have become a constant.
// Cost: one forward walk, linear.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats propagate(Region& region);

}  // namespace chrysalis::translator
