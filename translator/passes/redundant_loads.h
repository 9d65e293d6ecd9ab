// Redundant loads and forwarded stores.
//
//   v3 = load.32 v0, +0x8                    v3 = load.32 v0, +0x8
//   store.32 v1, v2                          store.32 v1, v2
//   v4 = load.32 v0, +0x8                    keep v3
//   store.8 v0, v4, +0x4           =>        store.8 v0, v3, +0x4
//   v5 = load.8 v0, +0x4                     v5 = zext.8 v3
//
// A load of bytes that an earlier load delivered or an earlier store left there takes them from the register. Between the two
// no store may change the bytes: one through the same base certainly does or does not; one through another base may, and
// then the earlier load is kept (Op::Keep), so that the alias hardware checks the store. What a store has left cannot
// be watched by that hardware, and is forgotten at the first store that may change it. Loads of instructions in
// Region::in_order are not kept, and nothing is kept across their stores.
//
// A load that faults is not lost: the earlier access touched the same bytes and has not faulted.
//
// Requires: SSA, faults that roll back (otherwise it does nothing: events change the memory of firmware between its accesses), and no
// Keep as yet (otherwise it does nothing either).
// Preserves: points, order. Invalidates: indices of operations. Best after addresses are folded.
// Cost: linear; each load and store looks at the latest 24 places that are known.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

/// `alias_entries`: of the machine; as many loads, less those that the scheduler needs, can be kept at a time.
PassStats eliminate_redundant_loads(Region& region, unsigned alias_entries);

}  // namespace chrysalis::translator
