#include "isa-host/fp/internal.h"

namespace chrysalis::isa::fp {

namespace {

using namespace detail;

template <class F>
F add_unpacked(const Unpacked& a, const Unpacked& b, const Environment& env, Outcome& out) {
  if (a.is_nan() || b.is_nan()) {
    return propagate<F>(a, b, out);
  }
  if (a.kind == Kind::Infinity && b.kind == Kind::Infinity && a.sign != b.sign) {
    return invalid<F>(out);
  }
  if (denormal_stops(a.denormal || b.denormal, env, out)) {
    return {};
  }
  if (a.kind == Kind::Infinity || b.kind == Kind::Infinity) {
    return pack_infinity<F>(a.kind == Kind::Infinity ? a.sign : b.sign);
  }
  const int precision = result_precision<F>(env);
  if (b.kind == Kind::Zero) {
    if (a.kind == Kind::Zero) {
      return pack_zero<F>(a.sign == b.sign ? a.sign : env.rounding == Rounding::Down);
    }
    return round_pack<F>(a, precision, env, out);
  }
  if (a.kind == Kind::Zero) {
    return round_pack<F>(b, precision, env, out);
  }

  const bool a_larger = a.exponent != b.exponent ? a.exponent > b.exponent : a.significand >= b.significand;
  const Unpacked& large = a_larger ? a : b;
  const Unpacked& small = a_larger ? b : a;
  // One bit of headroom for the carry leaves 63 bits below the significand: more than guard and sticky.
  const u128 augend = u128{large.significand} << 63;
  const u128 unaligned = u128{small.significand} << 63;
  std::uint64_t high = static_cast<std::uint64_t>(unaligned >> 64);
  std::uint64_t low = static_cast<std::uint64_t>(unaligned);
  shift_right_sticky(high, low, static_cast<std::uint32_t>(large.exponent - small.exponent));
  const u128 addend = (u128{high} << 64) | low;
  u128 sum = a.sign == b.sign ? augend + addend : augend - addend;
  if (sum == 0) {
    return pack_zero<F>(env.rounding == Rounding::Down);
  }
  const std::uint64_t top = static_cast<std::uint64_t>(sum >> 64);
  const int shift = top != 0 ? leading_zeros(top) : 64 + leading_zeros(static_cast<std::uint64_t>(sum));
  sum <<= shift;
  return round_pack<F>(Exact{large.sign, large.exponent + 1 - shift, static_cast<std::uint64_t>(sum >> 64),
                             static_cast<std::uint64_t>(sum)},
                       precision, env, out);
}

/// DAZ belongs to MXCSR: it acts only if no operand is an F80.
template <class A, class B>
bool treats_denormals_as_zero(const Environment& env) {
  return env.denormals_are_zero && !Format<ResultOf<A, B>>::kIsX87;
}

/// Square root of a 126-bit or larger radicand, truncated, with the remainder.
std::uint64_t integer_sqrt(u128 radicand, u128& remainder) {
  std::uint64_t root = 0;
  u128 rest = 0;
  for (int i = 0; i < 64; ++i) {
    rest = (rest << 2) | (radicand >> 126);
    radicand <<= 2;
    const u128 trial = (u128{root} << 2) | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  remainder = rest;
  return root;
}

}  // namespace

template <>
F32 default_nan<F32>() {
  return {0xffc00000u};
}
template <>
F64 default_nan<F64>() {
  return {0xfff8000000000000u};
}
template <>
F80 default_nan<F80>() {
  return {kTopBit | kQuietBit, 0xffff};
}

template <class A, class B>
ResultOf<A, B> add(A a, B b, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const bool daz = treats_denormals_as_zero<A, B>(env);
  return add_unpacked<ResultOf<A, B>>(unpack(a, daz), unpack(b, daz), env, out);
}

template <class A, class B>
ResultOf<A, B> sub(A a, B b, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const bool daz = treats_denormals_as_zero<A, B>(env);
  Unpacked subtrahend = unpack(b, daz);
  if (!subtrahend.is_nan()) {  // a NaN keeps its sign
    subtrahend.sign = !subtrahend.sign;
  }
  return add_unpacked<ResultOf<A, B>>(unpack(a, daz), subtrahend, env, out);
}

template <class A, class B>
ResultOf<A, B> mul(A a, B b, const Environment& env, Outcome& out) {
  using F = ResultOf<A, B>;
  out.rounded_up = false;
  const bool daz = treats_denormals_as_zero<A, B>(env);
  const Unpacked x = unpack(a, daz);
  const Unpacked y = unpack(b, daz);
  if (x.is_nan() || y.is_nan()) {
    return propagate<F>(x, y, out);
  }
  const bool infinite = x.kind == Kind::Infinity || y.kind == Kind::Infinity;
  const bool zero = x.kind == Kind::Zero || y.kind == Kind::Zero;
  if (infinite && zero) {
    return invalid<F>(out);
  }
  if (denormal_stops(x.denormal || y.denormal, env, out)) {
    return {};
  }
  const bool sign = x.sign != y.sign;
  if (infinite) {
    return pack_infinity<F>(sign);
  }
  if (zero) {
    return pack_zero<F>(sign);
  }
  u128 product = u128{x.significand} * y.significand;
  std::int32_t exponent = x.exponent + y.exponent + 1;
  if ((product >> 127) == 0) {
    product <<= 1;
    --exponent;
  }
  return round_pack<F>(
      Exact{sign, exponent, static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)},
      result_precision<F>(env), env, out);
}

template <class A, class B>
ResultOf<A, B> div(A a, B b, const Environment& env, Outcome& out) {
  using F = ResultOf<A, B>;
  out.rounded_up = false;
  const bool daz = treats_denormals_as_zero<A, B>(env);
  const Unpacked x = unpack(a, daz);
  const Unpacked y = unpack(b, daz);
  if (x.is_nan() || y.is_nan()) {
    return propagate<F>(x, y, out);
  }
  if (x.kind == y.kind && (x.kind == Kind::Infinity || x.kind == Kind::Zero)) {
    return invalid<F>(out);
  }
  const bool sign = x.sign != y.sign;
  if (y.kind == Kind::Zero && x.kind == Kind::Finite) {
    out.flags |= kZeroDivide;
    return pack_infinity<F>(sign);
  }
  if (denormal_stops(x.denormal || y.denormal, env, out)) {
    return {};
  }
  if (x.kind == Kind::Infinity) {
    return pack_infinity<F>(sign);
  }
  if (x.kind == Kind::Zero || y.kind == Kind::Infinity) {
    return pack_zero<F>(sign);
  }
  const bool below_one = x.significand < y.significand;
  const std::uint64_t high = below_one ? x.significand : x.significand >> 1;
  const std::uint64_t next = below_one ? 0 : x.significand << 63;
  const auto [quotient, rest] = divide(high, next, y.significand);
  // The bits below the quotient matter as none, less or more than half. They are never half: then an
  // odd quotient of 65 bits times the divisor would be a number of 64 bits.
  const std::uint64_t low = rest > y.significand - rest ? kTopBit | 1 : rest != 0 ? 1 : 0;
  return round_pack<F>(Exact{sign, x.exponent - y.exponent - (below_one ? 1 : 0), quotient, low},
                       result_precision<F>(env), env, out);
}

template <class F>
F sqrt(F value, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const Unpacked x = unpack(value, env.denormals_are_zero);
  if (x.is_nan()) {
    return propagate<F>(x, out);
  }
  if (x.kind == Kind::Zero) {
    return pack_zero<F>(x.sign);
  }
  if (x.sign) {
    return invalid<F>(out);
  }
  if (denormal_stops(x.denormal, env, out)) {
    return {};
  }
  if (x.kind == Kind::Infinity) {
    return pack_infinity<F>(false);
  }
  const bool odd = (x.exponent & 1) != 0;
  u128 rest = 0;
  const std::uint64_t root = integer_sqrt(u128{x.significand} << (odd ? 64 : 63), rest);
  // (root + 1/2)^2 = root^2 + root + 1/4: an integer remainder above root is above half, and none is half.
  const std::uint64_t low = rest > root ? kTopBit | 1 : rest != 0 ? 1 : 0;
  return round_pack<F>(Exact{false, (x.exponent - (odd ? 1 : 0)) / 2, root, low}, result_precision<F>(env), env, out);
}

#define CHRYSALIS_FP_INSTANTIATE(A, B)                                         \
  template ResultOf<A, B> add<A, B>(A, B, const Environment&, Outcome&);       \
  template ResultOf<A, B> sub<A, B>(A, B, const Environment&, Outcome&);       \
  template ResultOf<A, B> mul<A, B>(A, B, const Environment&, Outcome&);       \
  template ResultOf<A, B> div<A, B>(A, B, const Environment&, Outcome&);
CHRYSALIS_FP_INSTANTIATE(F32, F32)
CHRYSALIS_FP_INSTANTIATE(F64, F64)
CHRYSALIS_FP_INSTANTIATE(F80, F80)
CHRYSALIS_FP_INSTANTIATE(F80, F32)
CHRYSALIS_FP_INSTANTIATE(F80, F64)
CHRYSALIS_FP_INSTANTIATE(F32, F80)
CHRYSALIS_FP_INSTANTIATE(F64, F80)
#undef CHRYSALIS_FP_INSTANTIATE

template F32 sqrt<F32>(F32, const Environment&, Outcome&);
template F64 sqrt<F64>(F64, const Environment&, Outcome&);
template F80 sqrt<F80>(F80, const Environment&, Outcome&);

}  // namespace chrysalis::isa::fp
