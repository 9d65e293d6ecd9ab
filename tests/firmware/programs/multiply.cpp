// Products and quotients at their corners: high halves, 128-bit arithmetic, division by everything.
#include "tests/firmware/programs/program.h"

namespace {

using U128 = unsigned __int128;
using I128 = __int128;

constexpr uint64_t kOperands[] = {1, 2, 3, 10, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000001, 0x5555555555555555,
                                  0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0xfffffffffffffffd,
                                  0xffffffffffffffff};

void add(Checksum& sum, U128 value) {
  sum.add(static_cast<uint64_t>(value));
  sum.add(static_cast<uint64_t>(value >> 64));
}

[[gnu::noinline]] U128 multiply(uint64_t a, uint64_t b) { return static_cast<U128>(a) * b; }
[[gnu::noinline]] I128 multiply(int64_t a, int64_t b) { return static_cast<I128>(a) * b; }
[[gnu::noinline]] I128 multiply(int64_t a, uint64_t b) { return static_cast<I128>(a) * static_cast<I128>(b); }

[[gnu::noinline]] uint64_t power(uint64_t base, uint64_t exponent, uint64_t modulus) {
  uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = static_cast<uint64_t>(static_cast<U128>(result) * base % modulus);
    base = static_cast<uint64_t>(static_cast<U128>(base) * base % modulus);
  }
  return result;
}

}  // namespace

void program() {
  Checksum sum;
  for (const uint64_t a : kOperands) {
    for (const uint64_t b : kOperands) {
      const auto sa = static_cast<int64_t>(a), sb = static_cast<int64_t>(b);
      add(sum, multiply(a, b));
      add(sum, static_cast<U128>(multiply(sa, sb)));
      add(sum, static_cast<U128>(multiply(sa, b)));
      sum.add(a / b), sum.add(a % b);
      const U128 wide = multiply(a, a) + b;
      add(sum, wide / b), add(sum, wide % b);
      const I128 negative = -static_cast<I128>(wide >> 1);
      add(sum, static_cast<U128>(negative / static_cast<I128>(b))), add(sum, static_cast<U128>(negative % static_cast<I128>(b)));
    }
    report("row", sum.value());
  }
  report("power", power(3, 1000003, 0xffffffffffffffc5u));
  report("power", power(0x123456789, 0xfedcba987654321, 1000000007));
}
