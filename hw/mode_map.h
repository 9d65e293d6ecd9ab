// Which code counts for which mode of the cycle account.
#pragma once

#include <cstdint>
#include <map>

#include "hw/account.h"

namespace chrysalis::hw {

class ModeMap {
 public:
  /// Code in [begin, end) counts for `mode`, whatever it counted for before.
  void set(uint64_t begin, uint64_t end, Mode mode);

  /// Mode::Firmware where nothing else was set.
  Mode at(uint64_t address) const;

 private:
  struct Range {
    uint64_t end;
    Mode mode;
  };
  std::map<uint64_t, Range> ranges_;  ///< by begin; disjoint
};

}  // namespace chrysalis::hw
