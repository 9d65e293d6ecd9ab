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
  check(is_power_of_two(geometry.line) && geometry.ways > 0 && is_power_of_two(geometry.size / geometry.line / geometry.ways),
        "cache geometry passed the machine file's validation");
  const uint64_t sets = geometry.size / geometry.line / geometry.ways;
  set_mask_ = sets - 1;
  ways_ = std::make_unique<Way[]>(sets * associativity_);
  hints_.assign(kHints, &ways_[0]);
}

TagArray::Way* TagArray::find(uint64_t line) const {
  Way* const set = &ways_[(line & set_mask_) * associativity_];
  for (Way* way = set; way != set + associativity_; ++way) {
    if ((way->key | kDirty) == key_of(line)) return way;
  }
  return nullptr;
}

bool TagArray::access_unhinted(uint64_t line, bool write) {
  Way* const way = find(line);
  if (way == nullptr) return false;
  way->used = ++clock_;
  if (write) way->key |= kDirty;
  hints_[line & (kHints - 1)] = way;
  return true;
}

Victim TagArray::allocate(uint64_t address, bool dirty) {
  const uint64_t line = address >> line_shift_;
  Way* const set = &ways_[(line & set_mask_) * associativity_];
  // A way that holds nothing has `used` 0, so it is taken before any line is evicted.
  Way* const oldest = std::min_element(set, set + associativity_, [](const Way& a, const Way& b) { return a.used < b.used; });
  Victim victim;
  if ((oldest->key & kDirty) != 0) victim = {true, (oldest->key >> 2) << line_shift_};
  *oldest = {(line << 2) | kValid | (dirty ? kDirty : 0), ++clock_};
  hints_[line & (kHints - 1)] = oldest;
  return victim;
}

void TagArray::invalidate(uint64_t address) {
  if (Way* way = find(address >> line_shift_)) *way = Way{};
}

void TagArray::clear() { std::fill(&ways_[0], &ways_[0] + (set_mask_ + 1) * associativity_, Way{}); }

}  // namespace chrysalis::hw
