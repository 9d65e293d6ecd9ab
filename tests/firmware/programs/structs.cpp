// Passing and returning structures of every size, by value, by reference, in registers and on the stack.
#include <array>
#include <tuple>

#include "tests/firmware/programs/program.h"

namespace {

struct One { uint8_t a; };
struct Two { uint32_t a; int16_t b; };
struct Three { uint64_t a; uint8_t b; };
struct Four { uint64_t a, b; };
struct Five { uint64_t a, b, c; uint16_t d; };
struct Big { std::array<uint32_t, 40> data; };

[[gnu::noinline]] One one(One x) { return {static_cast<uint8_t>(x.a * 3 + 1)}; }
[[gnu::noinline]] Two two(Two x, One y) { return {x.a * 3 + y.a, static_cast<int16_t>(x.b - y.a)}; }
[[gnu::noinline]] Three three(One a, Two b, Three c) { return {c.a + b.a, static_cast<uint8_t>(a.a ^ c.b ^ static_cast<uint8_t>(b.b))}; }
[[gnu::noinline]] Four four(Three x, Four y, Two z, One w) { return {x.a ^ y.b, y.a + z.a + w.a + x.b}; }
[[gnu::noinline]] Five five(Five x, Four y, Three z) { return {x.b + y.a, x.c ^ z.a, x.a - y.b, static_cast<uint16_t>(x.d * 5 + z.b)}; }
[[gnu::noinline]] Big big(Big x, const Big& y, uint32_t n) {
  Big out = x;
  for (size_t i = 0; i < out.data.size(); ++i) out.data[i] = x.data[(i + n) % out.data.size()] * 3 + y.data[i];
  return out;
}
[[gnu::noinline]] std::tuple<uint64_t, int8_t, Two> tuple(uint64_t n) { return {n * n, static_cast<int8_t>(n * 7), {static_cast<uint32_t>(n), -3}}; }

}  // namespace

void program() {
  One a{5};
  Two b{100000, -7};
  Three c{0x123456789ab, 9};
  Four d{1, 2};
  Five e{3, 4, 5, 6};
  Big f{}, g{};
  for (uint32_t i = 0; i < 40; ++i) f.data[i] = i * i, g.data[i] = ~i;
  Checksum sum;
  for (uint32_t n = 0; n < 50; ++n) {
    a = one(a);
    b = two(b, a);
    c = three(a, b, c);
    d = four(c, d, b, a);
    e = five(e, d, c);
    f = big(f, g, n);
    const auto [x, y, z] = tuple(n + d.a);
    for (const uint64_t value : {uint64_t{a.a}, uint64_t{b.a}, static_cast<uint64_t>(b.b), c.a, uint64_t{c.b}, d.a, d.b, e.a, e.b, e.c,
                                 uint64_t{e.d}, uint64_t{f.data[n % 40]}, x, static_cast<uint64_t>(y), uint64_t{z.a} - static_cast<uint64_t>(z.b)}) {
      sum.add(value);
    }
    if (n % 10 == 0) report("round", sum.value());
  }
  report("structs", sum.value());
}
