// Semantic functions of the packed-integer atoms. Part of isa-host/semantics.h.
#pragma once

#include <type_traits>

#include "isa-host/semantics/operand.h"

namespace chrysalis::isa::semantics {

/// A register as lanes of T.
template <class T> struct Lanes {
  static constexpr unsigned kCount = 16 / sizeof(T);
  T lane[kCount] = {};

  Lanes() = default;
  explicit Lanes(const V128& v) { std::memcpy(lane, &v, 16); }
  V128 value() const {
    V128 v;
    std::memcpy(&v, lane, 16);
    return v;
  }
};

template <class T, class C, class Function> void lanewise(C& c, const Atom& a, Function function) {
  const Lanes<T> x(c.v[a.ra]), y(c.v[a.rb]);
  Lanes<T> z;
  for (unsigned i = 0; i < Lanes<T>::kCount; ++i) z.lane[i] = static_cast<T>(function(x.lane[i], y.lane[i]));
  c.set_v(a.rd, z.value());
}

/// `value` limited to what To holds.
template <class To> constexpr To saturate(int64_t value) {
  constexpr int64_t kLow = static_cast<int64_t>(std::is_signed<To>::value ? -(int64_t{1} << (sizeof(To) * 8 - 1)) : 0);
  constexpr int64_t kHigh = static_cast<int64_t>((uint64_t{1} << (sizeof(To) * 8 - (std::is_signed<To>::value ? 1 : 0))) - 1);
  return static_cast<To>(value < kLow ? kLow : value > kHigh ? kHigh : value);
}

#define SEM_LANES(Name, T, expression) \
  CHRYSALIS_SEM(Name) { lanewise<T>(c, a, [](auto x, auto y) { return expression; }); }
SEM_LANES(PAdd8, uint8_t, x + y)
SEM_LANES(PAdd16, uint16_t, x + y)
SEM_LANES(PAdd32, uint32_t, x + y)
SEM_LANES(PAdd64, uint64_t, x + y)
SEM_LANES(PSub8, uint8_t, x - y)
SEM_LANES(PSub16, uint16_t, x - y)
SEM_LANES(PSub32, uint32_t, x - y)
SEM_LANES(PSub64, uint64_t, x - y)
SEM_LANES(PAddS8, int8_t, saturate<int8_t>(x + y))
SEM_LANES(PAddS16, int16_t, saturate<int16_t>(x + y))
SEM_LANES(PAddU8, uint8_t, saturate<uint8_t>(x + y))
SEM_LANES(PAddU16, uint16_t, saturate<uint16_t>(x + y))
SEM_LANES(PSubS8, int8_t, saturate<int8_t>(x - y))
SEM_LANES(PSubS16, int16_t, saturate<int16_t>(x - y))
SEM_LANES(PSubU8, uint8_t, saturate<uint8_t>(x - y))
SEM_LANES(PSubU16, uint16_t, saturate<uint16_t>(x - y))
SEM_LANES(PCmpEq8, uint8_t, x == y ? 0xff : 0)
SEM_LANES(PCmpEq16, uint16_t, x == y ? 0xffff : 0)
SEM_LANES(PCmpEq32, uint32_t, x == y ? 0xffff'ffff : 0)
SEM_LANES(PCmpGt8, int8_t, x > y ? -1 : 0)
SEM_LANES(PCmpGt16, int16_t, x > y ? -1 : 0)
SEM_LANES(PCmpGt32, int32_t, x > y ? -1 : 0)
SEM_LANES(PAvg8, uint8_t, (x + y + 1) >> 1)
SEM_LANES(PAvg16, uint16_t, (x + y + 1) >> 1)
SEM_LANES(PMinU8, uint8_t, x < y ? x : y)
SEM_LANES(PMaxU8, uint8_t, x < y ? y : x)
SEM_LANES(PMinS16, int16_t, x < y ? x : y)
SEM_LANES(PMaxS16, int16_t, x < y ? y : x)
SEM_LANES(PAnd, uint64_t, x & y)
SEM_LANES(POr, uint64_t, x | y)
SEM_LANES(PXor, uint64_t, x ^ y)
SEM_LANES(PAndNot, uint64_t, x & ~y)
SEM_LANES(PMulLow16, int16_t, x * y)
SEM_LANES(PMulHighS16, int16_t, (x * y) >> 16)
SEM_LANES(PMulHighU16, uint16_t, (static_cast<uint32_t>(x) * y) >> 16)
SEM_LANES(PMulU32, uint64_t, (x & 0xffff'ffff) * (y & 0xffff'ffff))
#undef SEM_LANES

// SDM Vol. 2, "PMADDWD": the sum of two -32768 * -32768 wraps.
CHRYSALIS_SEM(PMulAdd16) {
  const Lanes<int16_t> x(c.v[a.ra]), y(c.v[a.rb]);
  Lanes<uint32_t> z;
  for (unsigned i = 0; i < 4; ++i)
    z.lane[i] = static_cast<uint32_t>(x.lane[2 * i] * y.lane[2 * i]) + static_cast<uint32_t>(x.lane[2 * i + 1] * y.lane[2 * i + 1]);
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PSad8) {
  const Lanes<uint8_t> x(c.v[a.ra]), y(c.v[a.rb]);
  Lanes<uint64_t> z;
  for (unsigned i = 0; i < 16; ++i) z.lane[i / 8] += static_cast<uint64_t>(x.lane[i] < y.lane[i] ? y.lane[i] - x.lane[i] : x.lane[i] - y.lane[i]);
  c.set_v(a.rd, z.value());
}

template <class From, class To, class C> void pack(C& c, const Atom& a) {
  const Lanes<From> x(c.v[a.ra]), y(c.v[a.rb]);
  Lanes<To> z;
  for (unsigned i = 0; i < Lanes<From>::kCount; ++i) {
    z.lane[i] = saturate<To>(x.lane[i]);
    z.lane[i + Lanes<From>::kCount] = saturate<To>(y.lane[i]);
  }
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PPackS16) { pack<int16_t, int8_t>(c, a); }
CHRYSALIS_SEM(PPackS32) { pack<int32_t, int16_t>(c, a); }
CHRYSALIS_SEM(PPackU16) { pack<int16_t, uint8_t>(c, a); }

template <class T, bool kHigh, class C> void unpack(C& c, const Atom& a) {
  const Lanes<T> x(c.v[a.ra]), y(c.v[a.rb]);
  Lanes<T> z;
  constexpr unsigned kHalf = Lanes<T>::kCount / 2;
  for (unsigned i = 0; i < kHalf; ++i) {
    z.lane[2 * i] = x.lane[i + (kHigh ? kHalf : 0)];
    z.lane[2 * i + 1] = y.lane[i + (kHigh ? kHalf : 0)];
  }
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PUnpackL8) { unpack<uint8_t, false>(c, a); }
CHRYSALIS_SEM(PUnpackL16) { unpack<uint16_t, false>(c, a); }
CHRYSALIS_SEM(PUnpackL32) { unpack<uint32_t, false>(c, a); }
CHRYSALIS_SEM(PUnpackL64) { unpack<uint64_t, false>(c, a); }
CHRYSALIS_SEM(PUnpackH8) { unpack<uint8_t, true>(c, a); }
CHRYSALIS_SEM(PUnpackH16) { unpack<uint16_t, true>(c, a); }
CHRYSALIS_SEM(PUnpackH32) { unpack<uint32_t, true>(c, a); }
CHRYSALIS_SEM(PUnpackH64) { unpack<uint64_t, true>(c, a); }

template <class T, class C> uint64_t sign_mask(const C& c, const Atom& a) {
  const Lanes<T> x(c.v[a.ra]);
  uint64_t bits = 0;
  for (unsigned i = 0; i < Lanes<T>::kCount; ++i) bits |= static_cast<uint64_t>(x.lane[i] < 0) << i;
  return bits;
}
CHRYSALIS_SEM(PMask8) { c.r[a.rd] = sign_mask<int8_t>(c, a); }
CHRYSALIS_SEM(PMask32) { c.r[a.rd] = sign_mask<int32_t>(c, a); }
CHRYSALIS_SEM(PMask64) { c.r[a.rd] = sign_mask<int64_t>(c, a); }
CHRYSALIS_SEM(PExtract16) { c.r[a.rd] = Lanes<uint16_t>(c.v[a.ra]).lane[a.count & 7]; }
CHRYSALIS_SEM(PInsert16) {
  Lanes<uint16_t> x(c.v[a.rd]);
  x.lane[a.count & 7] = static_cast<uint16_t>(c.r[a.ra]);
  c.set_v(a.rd, x.value());
}

// SDM Vol. 2, "PSLLW" and so on: a count of the lane's width or more gives 0, or the sign for PSRA.
template <class T, class C, class Function> void shift_lanes(C& c, const Atom& a, uint64_t count, Function function) {
  constexpr unsigned kBits = sizeof(T) * 8;
  const unsigned n = static_cast<unsigned>(count < kBits ? count : std::is_signed<T>::value ? kBits - 1 : kBits);
  Lanes<T> x(c.v[a.ra]);
  for (T& lane : x.lane) lane = n == kBits ? 0 : static_cast<T>(function(lane, n));
  c.set_v(a.rd, x.value());
}
#define SEM_SHIFT(Name, T, expression)                                                                            \
  CHRYSALIS_SEM(Name) { shift_lanes<T>(c, a, c.v[a.rb].low, [](T x, unsigned n) { return expression; }); }        \
  CHRYSALIS_SEM(Name##I) { shift_lanes<T>(c, a, a.count, [](T x, unsigned n) { return expression; }); }
SEM_SHIFT(PShl16, uint16_t, x << n)
SEM_SHIFT(PShl32, uint32_t, x << n)
SEM_SHIFT(PShl64, uint64_t, x << n)
SEM_SHIFT(PShr16, uint16_t, x >> n)
SEM_SHIFT(PShr32, uint32_t, x >> n)
SEM_SHIFT(PShr64, uint64_t, x >> n)
SEM_SHIFT(PSar16, int16_t, x >> n)
SEM_SHIFT(PSar32, int32_t, x >> n)
#undef SEM_SHIFT

CHRYSALIS_SEM(PShlBytesI) {
  const Lanes<uint8_t> x(c.v[a.ra]);
  Lanes<uint8_t> z;
  for (unsigned i = a.count; i < 16; ++i) z.lane[i] = x.lane[i - a.count];
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PShrBytesI) {
  const Lanes<uint8_t> x(c.v[a.ra]);
  Lanes<uint8_t> z;
  for (unsigned i = a.count; i < 16; ++i) z.lane[i - a.count] = x.lane[i];
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PShuffle32) {
  const Lanes<uint32_t> x(c.v[a.ra]);
  Lanes<uint32_t> z;
  for (unsigned i = 0; i < 4; ++i) z.lane[i] = x.lane[a.count >> 2 * i & 3];
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PShuffleL16) {
  const Lanes<uint16_t> x(c.v[a.ra]);
  Lanes<uint16_t> z = x;
  for (unsigned i = 0; i < 4; ++i) z.lane[i] = x.lane[a.count >> 2 * i & 3];
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PShuffleH16) {
  const Lanes<uint16_t> x(c.v[a.ra]);
  Lanes<uint16_t> z = x;
  for (unsigned i = 0; i < 4; ++i) z.lane[4 + i] = x.lane[4 + (a.count >> 2 * i & 3)];
  c.set_v(a.rd, z.value());
}
CHRYSALIS_SEM(PShuffleTwo32) {
  const Lanes<uint32_t> x(c.v[a.ra]), y(c.v[a.rb]);
  Lanes<uint32_t> z;
  for (unsigned i = 0; i < 4; ++i) z.lane[i] = (i < 2 ? x : y).lane[a.count >> 2 * i & 3];
  c.set_v(a.rd, z.value());
}

}  // namespace chrysalis::isa::semantics
