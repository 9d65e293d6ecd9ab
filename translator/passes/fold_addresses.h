// Address folding: constant additions move into the displacement of loads and stores.
//
//   v1 = add.64 v0, 0x18
//   v2 = cload.64 v1             =>        v2 = cload.64 v0 +0x18
//
// Also through Lea without index. Guest addresses are 32-bit and wrap, so for them additions of width 32
// fold; concealed ones fold additions of width 64.
// Machines whose memory unit adds no displacement profit from the reverse; the code generator then shares
// one addition among all accesses with the same base and displacement.
//
// Requires: SSA.  Preserves: everything but sources of loads and stores.  Cost: linear.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

PassStats fold_addresses(Region& region);

}  // namespace chrysalis::translator
