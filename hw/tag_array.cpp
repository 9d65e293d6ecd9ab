#include "hw/tag_array.h"

#include <algorithm>

#include "hw/check.h"

namespace chrysalis::hw {
namespace {

bool is_power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

uint32_t log2_exact(uint64_t n) {
  uint32_t shift = 0;
  while ((uint64_t{1} << shift) < n) ++shift;
  return shift;
}

}  // namespace

TagArray::TagArray(const CacheGeometry& geometry)
    : line_shift_(log2_exact(geometry.line)), associativity_(geometry.ways) {
  check(is_power_of_two(geometry.size) && is_power_of_two(geometry.line) && geometry.ways > 0 &&
                       is_power_of_two(geometry.size / geometry.line / geometry.ways),
                   "cache geometry passed the machine file's validation");
  const uint64_t sets = geometry.size / geometry.line / geometry.ways;
  set_mask_ = sets - 1;
  ways_.assign(sets * associativity_, 0);
}

bool TagArray::access_older_way(uint64_t* set, uint64_t want, bool write) {
  for (uint32_t way = 1; way < associativity_; ++way) {
    if ((set[way] & ~kDirty) != want) continue;
    const uint64_t found = set[way] | (write ? kDirty : 0);
    std::copy_backward(set, set + way, set + way + 1);
    set[0] = found;
    return true;
  }
  return false;
}

bool TagArray::contains(uint64_t address) const {
  const uint64_t line = address >> line_shift_;
  const uint64_t* set = &ways_[(line & set_mask_) * associativity_];
  return std::any_of(set, set + associativity_,
                     [&](uint64_t way) { return (way & ~kDirty) == ((line << 2) | kValid); });
}

Victim TagArray::allocate(uint64_t address, bool dirty) {
  const uint64_t line = address >> line_shift_;
  uint64_t* set = &ways_[(line & set_mask_) * associativity_];
  // An invalid way is the oldest whatever its position: reuse the last of them before evicting.
  uint32_t way = associativity_ - 1;
  for (uint32_t i = associativity_; i-- > 0;) {
    if ((set[i] & kValid) == 0) {
      way = i;
      break;
    }
  }
  Victim victim;
  if ((set[way] & (kValid | kDirty)) == (kValid | kDirty)) victim = {true, (set[way] >> 2) << line_shift_};
  std::copy_backward(set, set + way, set + way + 1);
  set[0] = (line << 2) | kValid | (dirty ? kDirty : 0);
  return victim;
}

void TagArray::invalidate(uint64_t address) {
  const uint64_t line = address >> line_shift_;
  uint64_t* set = &ways_[(line & set_mask_) * associativity_];
  for (uint32_t way = 0; way < associativity_; ++way) {
    if ((set[way] & ~kDirty) == ((line << 2) | kValid)) set[way] = 0;
  }
}

void TagArray::clear() { std::fill(ways_.begin(), ways_.end(), 0); }

}  // namespace chrysalis::hw
