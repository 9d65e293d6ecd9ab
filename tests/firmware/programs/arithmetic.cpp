// 64-bit and narrow arithmetic over interesting operands: every operator, conversions, 128-bit products.
#include <type_traits>

#include "tests/firmware/programs/program.h"

namespace {

constexpr uint64_t kOperands[] = {0, 1, 2, 3, 7, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
                                  0x80000000, 0xffffffff, 0x100000000, 0x123456789abcdef0, 0x7fffffffffffffff,
                                  0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff};

template <class T>
[[gnu::noinline]] uint64_t exercise(T a, T b, unsigned shift) {
  Checksum sum;
  const auto add = [&sum](T value) { sum.add(static_cast<uint64_t>(value)); };
  using U = std::make_unsigned_t<T>;
  add(static_cast<T>(static_cast<U>(a) + static_cast<U>(b)));
  add(static_cast<T>(static_cast<U>(a) - static_cast<U>(b)));
  add(static_cast<T>(uint64_t{static_cast<U>(a)} * static_cast<U>(b)));
  add(a & b), add(a | b), add(a ^ b), add(static_cast<T>(~a));
  shift %= 8 * sizeof(T);
  add(static_cast<T>(static_cast<U>(a) << shift));
  add(static_cast<T>(a >> shift));
  add(a < b), add(a <= b), add(a == b), add(a != b), add(a > b);
  if (b != 0 && !(b == static_cast<T>(-1) && a == static_cast<T>(U{1} << (8 * sizeof(T) - 1)))) add(a / b), add(a % b);
  add(a < b ? a : b);
  return sum.value();
}

}  // namespace


void program() {
  Checksum sum;
  for (const uint64_t a : kOperands) {
    for (const uint64_t b : kOperands) {
      const unsigned shift = static_cast<unsigned>(a ^ b);
      sum.add(exercise<int64_t>(static_cast<int64_t>(a), static_cast<int64_t>(b), shift));
      sum.add(exercise<uint64_t>(a, b, shift));
      sum.add(exercise<int32_t>(static_cast<int32_t>(a), static_cast<int32_t>(b), shift));
      sum.add(exercise<uint32_t>(static_cast<uint32_t>(a), static_cast<uint32_t>(b), shift));
      sum.add(exercise<int16_t>(static_cast<int16_t>(a), static_cast<int16_t>(b), shift));
      sum.add(exercise<uint16_t>(static_cast<uint16_t>(a), static_cast<uint16_t>(b), shift));
      sum.add(exercise<int8_t>(static_cast<int8_t>(a), static_cast<int8_t>(b), shift));
      sum.add(exercise<uint8_t>(static_cast<uint8_t>(a), static_cast<uint8_t>(b), shift));
    }
    report("row", sum.value());
  }
}
