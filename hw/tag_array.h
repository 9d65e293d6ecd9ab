// The tags of one set-associative cache with least-recently-used replacement.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace chrysalis::hw {

/// Sizes of one cache, in bytes; line and number of sets are powers of two.
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
class TagArray {
 public:
  explicit TagArray(const CacheGeometry& geometry);
  TagArray(TagArray&&) = default;
  TagArray& operator=(TagArray&&) = default;

  /// Looks `address` up and, when present, makes its line the most recently used one; `write` also
  /// marks it dirty. Returns whether it was present.
  bool access(uint64_t address, bool write) {
    const uint64_t line = address >> line_shift_;
    Way* const way = hints_[line & (kHints - 1)];
    if ((way->key | kDirty) != key_of(line)) return access_unhinted(line, write);
    way->used = ++clock_;
    if (write) way->key |= kDirty;
    return true;
  }

  /// Whether the line is present; changes nothing.
  bool contains(uint64_t address) const {
    const uint64_t line = address >> line_shift_;
    return (hints_[line & (kHints - 1)]->key | kDirty) == key_of(line) || find(line) != nullptr;
  }

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
  /// Where a line was last found, by its low bits: right nearly always, verified always. Without it a look-up
  /// in a cache of many ways compares with half of them.
  static constexpr unsigned kHints = 1024;

  struct Way {
    uint64_t key = 0;   ///< line << 2 | dirty << 1 | valid; 0: nothing
    uint64_t used = 0;  ///< when last, by clock_
  };

  /// A valid line's key with the dirty bit set, for comparison.
  static constexpr uint64_t key_of(uint64_t line) { return line << 2 | kDirty | kValid; }
  Way* find(uint64_t line) const;
  bool access_unhinted(uint64_t line, bool write);

  uint32_t line_shift_;
  uint32_t associativity_;
  uint64_t set_mask_;
  uint64_t clock_ = 0;
  std::unique_ptr<Way[]> ways_;  ///< set by set
  std::vector<Way*> hints_;
};

}  // namespace chrysalis::hw
