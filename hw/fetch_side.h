// The instruction side of the core in time: L1I and the line buffer.
#pragma once

#include <cstdint>

#include "hw/account.h"
#include "hw/line_source.h"
#include "hw/tag_array.h"
#include "hw/types.h"

namespace chrysalis::hw {

/// Implements the rules F of docs/timing.md.
class FetchSide {
 public:
  struct Statistics {
    uint64_t hits = 0, misses = 0;  ///< lines read; the line buffer's uses are not counted
    uint64_t invalidations = 0;     ///< lines dropped because they were written (rule F6)
  };
  static constexpr uint64_t kNoLine = ~uint64_t{0};

  FetchSide(const CacheGeometry& l1i, LineSource& next_level);

  void reset();

  /// Fetches the molecule of `bytes` bytes at `address`, which comes up in `now`; `redirected` says that it
  /// does not follow its predecessor in memory. Charges waiting to `causes`; returns when its bits are there.
  Cycle fetch(uint64_t address, uint32_t bytes, bool redirected, Cycle now, uint64_t* causes);

  /// The same in the commonest case: the molecule lies in `line`, and L1I holds that. False, and nothing has
  /// happened, if it does not.
  bool hit(uint64_t line) {
    if (!tags_.access(line, false)) return false;
    ++statistics_.hits;
    buffered_line_ = line;
    return true;
  }

  /// The line in the line buffer, kNoLine if none: a molecule that lies in it needs no fetch().
  uint64_t buffered_line() const { return buffered_line_; }

  /// Rule F6: the line of `address` has been written.
  void invalidate(uint64_t address);

  uint64_t line_of(uint64_t address) const { return tags_.line_of(address); }
  uint32_t line_size() const { return tags_.line_size(); }
  const Statistics& statistics() const { return statistics_; }

 private:
  Cycle read_line(uint64_t line, Cycle now, uint64_t* causes);

  TagArray tags_;
  LineSource& next_level_;
  uint64_t buffered_line_ = kNoLine;
  Statistics statistics_;
};

}  // namespace chrysalis::hw
