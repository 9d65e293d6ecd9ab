// The firmware's objects as the build machine reads them. Its core form has the same layout of data as we do (LP64,
// Itanium C++ ABI, the same standard library), and its addresses are those of concealed memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "firmware/abi.h"

namespace chrysalis::sim {

class ConcealedView {
 public:
  explicit ConcealedView(std::span<const uint8_t> memory) : memory_(memory) {}

  template <class T>
  T read(uint64_t address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    copy(&value, address, sizeof value);
    return value;
  }

  template <class T>
  std::vector<T> array(uint64_t address, uint64_t count) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (count > memory_.size()) throw std::logic_error("a firmware object is larger than concealed memory");
    std::vector<T> values(count);
    copy(values.data(), address, count * sizeof(T));
    return values;
  }

  /// The elements of a vector of the firmware's, `object` being a copy of its bytes.
  template <class T>
  std::vector<T> elements(const std::vector<T>& object) const {
    uint64_t pointers[3];  // begin, end, end of storage
    static_assert(sizeof object == sizeof pointers);
    std::memcpy(pointers, static_cast<const void*>(&object), sizeof pointers);
    return array<T>(pointers[0], (pointers[1] - pointers[0]) / sizeof(T));
  }

 private:
  void copy(void* to, uint64_t address, uint64_t size) const {
    if (size == 0) return;
    const uint64_t offset = address - fw::kConcealedBase;
    if (offset >= memory_.size() || size > memory_.size() - offset)
      throw std::logic_error("a firmware object lies outside concealed memory");
    std::memcpy(to, memory_.data() + offset, size);
  }

  std::span<const uint8_t> memory_;
};

}  // namespace chrysalis::sim
