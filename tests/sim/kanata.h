// Holds a Kanata 0004 log to the format's rules (Konata, docs/kanata-log-format.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chrysalis::test {

struct KanataLog {
  std::vector<std::string> problems;  ///< "line 12: ..."
  uint64_t first_cycle = 0, last_cycle = 0;
  uint64_t records = 0, retired = 0, flushed = 0, arrows = 0;
};

/// Header and start cycle first; time never goes back; an id begins with I, once; every other command is about an id that lives; S and E
/// pair up per lane; each id ends with one R; W: the consumer lives.
KanataLog check_kanata(const std::string& text);

}  // namespace chrysalis::test
