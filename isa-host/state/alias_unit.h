// The alias entries: a protected load records its bytes in one; a store under mask is checked against
// those that its mask names. Source: docs/host-isa.md, "Alias entries".
//
// C++17, no time.
#pragma once

#include <cstdint>

namespace chrysalis::isa {

inline constexpr unsigned kMaxAlias = 8;

/// Physical bytes of an access: two pieces if it crosses a page.
struct PhysicalRange {
  uint64_t address[2] = {0, 0};
  uint8_t size[2] = {0, 0};
};

class AliasUnit {
 public:
  explicit AliasUnit(unsigned entries = kMaxAlias) : entries_(entries) {}

  unsigned entries() const { return entries_; }

  /// Entries beyond the machine's do not exist: protecting with one has no effect, and a store that names
  /// it in its mask always hits, so that code for a larger machine stays right.
  void protect(unsigned entry, const PhysicalRange& range) {
    if (entry >= entries_) return;
    range_[entry] = range;
    valid_ |= 1u << entry;
  }

  /// The entries in `mask` that overlap the store's bytes.
  unsigned check(unsigned mask, const PhysicalRange& store) const {
    unsigned hits = mask & ~((1u << entries_) - 1);
    for (unsigned i = 0; i < entries_; ++i)
      if ((mask & valid_ & 1u << i) != 0 && overlap(range_[i], store)) hits |= 1u << i;
    return hits;
  }

  void clear() { valid_ = 0; }
  unsigned valid() const { return valid_; }
  const PhysicalRange& range(unsigned entry) const { return range_[entry]; }

 private:
  static bool overlap(const PhysicalRange& a, const PhysicalRange& b) {
    for (unsigned i = 0; i < 2; ++i)
      for (unsigned j = 0; j < 2; ++j)
        if (a.address[i] < b.address[j] + b.size[j] && b.address[j] < a.address[i] + a.size[i]) return true;
    return false;
  }

  unsigned entries_;
  unsigned valid_ = 0;
  PhysicalRange range_[kMaxAlias];
};

}  // namespace chrysalis::isa
