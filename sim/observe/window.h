// The part of a run that a timeline shows.
#pragma once

#include <cstdint>
#include <string>

namespace chrysalis::sim {

struct Window {
  bool by_instructions = false;  ///< of x86, instead of cycles
  uint64_t begin = 0, end = UINT64_MAX;

  /// Whether it contains a moment: its cycle, and the x86 instructions committed before.
  bool contains(uint64_t cycle, uint64_t instructions) const {
    const uint64_t at = by_instructions ? instructions : cycle;
    return at >= begin && at < end;
  }
};

/// Reads "cycles=A:B" or "instructions=A:B"; A or B may be missing. Empty: the whole run. Throws UserError.
Window parse_window(const std::string& text);

}  // namespace chrysalis::sim
