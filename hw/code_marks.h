// Which pages of concealed memory hold code that has been decoded: the filter that stores look at.
#pragma once

#include <cstdint>
#include <vector>

namespace chrysalis::hw {

class CodeMarks {
 public:
  CodeMarks(uint64_t base, uint64_t size) : base_(base), size_(size), pages_((size >> kPageShift) + 1) {}

  /// Whether `address` is in a marked page.
  bool marks(uint64_t address) const {
    const uint64_t offset = address - base_;
    return offset < size_ && pages_[offset >> kPageShift] != 0;
  }
  /// Marks the pages of [begin, end), which lies within the range.
  void mark(uint64_t begin, uint64_t end) {
    for (uint64_t page = (begin - base_) >> kPageShift; page <= (end - 1 - base_) >> kPageShift; ++page) pages_[page] = 1;
  }

 private:
  static constexpr unsigned kPageShift = 12;
  uint64_t base_, size_;
  std::vector<uint8_t> pages_;
};

}  // namespace chrysalis::hw
