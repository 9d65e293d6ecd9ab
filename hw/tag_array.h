// The tags of one set-associative cache with least-recently-used replacement.
#pragma once

#include <cstdint>
#include <vector>

namespace chrysalis::hw {

/// Sizes of one cache, in bytes; all powers of two.
struct CacheGeometry {
  uint32_t size = 0;
  uint32_t ways = 0;
  uint32_t line = 0;
};

/// What leaves a cache when a line is allocated.
struct Victim {
  bool dirty = false;     ///< a write-back of `address` is owed
  uint64_t address = 0;   ///< first byte of the victim's line
};

/// Presence, age and dirtiness of lines. Data are not here: the model keeps every byte once, in
/// memory, and the caches decide only *when* it arrives (docs/timing.md, "Where data live").
///
/// Ways of a set are kept in order of use, so a lookup of the most recently used line, by far the
/// commonest, is one comparison.
class TagArray {
 public:
  explicit TagArray(const CacheGeometry& geometry);

  /// Looks `address` up and, when present, makes its line the most recently used one; `write` also
  /// marks it dirty. Returns whether it was present.
  bool access(uint64_t address, bool write) {
    const uint64_t line = address >> line_shift_;
    uint64_t* set = &ways_[(line & set_mask_) * associativity_];
    const uint64_t want = (line << 2) | kValid;
    if ((set[0] & ~kDirty) == want) {
      set[0] |= write ? kDirty : 0;
      return true;
    }
    return access_older_way(set, want, write);
  }

  /// Whether the line is present; changes nothing.
  bool contains(uint64_t address) const;

  /// Makes room for the line of `address`, which must be absent, and enters it as most recently used.
  Victim allocate(uint64_t address, bool dirty);

  /// Drops the line of `address` if present, without write-back.
  void invalidate(uint64_t address);

  /// Drops everything, without write-back.
  void clear();

  uint32_t line_size() const { return 1u << line_shift_; }
  uint32_t line_shift() const { return line_shift_; }
  uint64_t line_of(uint64_t address) const { return address & ~(uint64_t{line_size()} - 1); }

 private:
  static constexpr uint64_t kValid = 1;
  static constexpr uint64_t kDirty = 2;

  bool access_older_way(uint64_t* set, uint64_t want, bool write);

  uint32_t line_shift_;
  uint32_t associativity_;
  uint64_t set_mask_;
  std::vector<uint64_t> ways_;  ///< line number << 2 | dirty << 1 | valid; newest first within a set
};

}  // namespace chrysalis::hw
