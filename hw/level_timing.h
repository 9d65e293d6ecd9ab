// Timing of a pipelined level of the memory system.
#pragma once

#include <cstdint>

namespace chrysalis::hw {

/// A request occupies the level's entry for `interval` cycles; what it asks for arrives `latency` cycles
/// after it started.
struct LevelTiming {
  uint32_t latency = 1;
  uint32_t interval = 1;
};

}  // namespace chrysalis::hw
