#include "hw/mode_map.h"

#include <iterator>

namespace chrysalis::hw {

void ModeMap::set(uint64_t begin, uint64_t end, Mode mode) {
  if (begin >= end) return;
  // What the new range covers goes; what it cuts keeps its outer parts.
  auto at = ranges_.lower_bound(begin);
  if (at != ranges_.begin()) {
    auto before = std::prev(at);
    const Range cut = before->second;
    if (cut.end > begin) {
      before->second.end = begin;
      if (cut.end > end) ranges_[end] = cut;
    }
  }
  for (at = ranges_.lower_bound(begin); at != ranges_.end() && at->first < end; at = ranges_.erase(at)) {
    if (at->second.end > end) ranges_[end] = at->second;
  }
  ranges_[begin] = {end, mode};
}

Mode ModeMap::at(uint64_t address) const {
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return Mode::Firmware;
  const Range& range = std::prev(after)->second;
  return address < range.end ? range.mode : Mode::Firmware;
}

}  // namespace chrysalis::hw
