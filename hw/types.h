// Types and numbers that every part of the core model shares.
#pragma once

#include <cstdint>

namespace chrysalis::hw {

/// A point in time, or a distance, in core clock cycles since reset. Time in the model is this integer;
/// sc_time appears only where the core meets the SystemC kernel (misses, devices, synchronisation).
using Cycle = uint64_t;
inline constexpr Cycle kNever = ~Cycle{0};

/// Which of the hierarchy's levels supplied a line.
enum class Level : uint8_t { L1, L2, Memory };

}  // namespace chrysalis::hw
