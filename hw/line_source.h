// What lies behind the first-level caches, as the core's timing logic asks for it.
#pragma once

#include <cstdint>

#include "hw/types.h"

namespace chrysalis::hw {

/// The second level and everything beyond. The core implements this with its TLM-2.0 sockets; a unit
/// test implements it with a script. Requests come in order of `received`.
class LineSource {
 public:
  struct Reply {
    Cycle arrival;
    Level level;
  };

  /// Asks for the line of `bytes` bytes at `line`; the second level receives the request in `received`.
  virtual Reply fill(bool instruction, uint64_t line, uint32_t bytes, Cycle received) = 0;
  /// Hands a dirty line of the data side over.
  virtual void write_back(uint64_t line, uint32_t bytes, Cycle received) = 0;

 protected:
  ~LineSource() = default;
};

}  // namespace chrysalis::hw
