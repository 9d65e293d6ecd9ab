// Which memory accesses keep their order: the values of Region::in_order.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>

namespace chrysalis::translator {

/// The instruction's loads are neither moved above stores that may overlap nor deleted under protection, nor moved above exits, and
/// nothing passes its stores so. Each other bit names instructions that do the same among themselves, but for exits: their
/// accesses have been seen to overlap.
inline constexpr uint8_t kWithAll = 1;

/// Whether accesses of two instructions with these values keep their order.
constexpr bool keep_order(uint8_t a, uint8_t b) { return ((a | b) & kWithAll) != 0 || (a & b) != 0; }

}  // namespace chrysalis::translator
