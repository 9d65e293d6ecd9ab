#include "isa-host/fp/internal.h"

namespace chrysalis::isa::fp {

namespace {

using namespace detail;

enum class Quotient : std::uint8_t { Truncated, Nearest };

std::uint16_t quotient_conditions(std::uint64_t quotient) {
  return static_cast<std::uint16_t>(((quotient & 4) != 0 ? kC0 : 0) | ((quotient & 2) != 0 ? kC3 : 0) |
                                    ((quotient & 1) != 0 ? kC1 : 0));
}

/// Quotient bits of a step that cannot complete. Policy: the SDM allows any number from 32 to 63, and
/// the processors that were measured choose the one that leaves a multiple of 32 for later steps.
std::int32_t partial_steps(std::int32_t difference) { return 32 + (difference & 31); }

/// A remainder rest * 2^(exponent - 63), exact: only its range can raise an exception.
F80 pack_remainder(bool sign, std::int32_t exponent, std::uint64_t rest, const Environment& env, Outcome& out) {
  if (rest == 0) {
    return pack_zero<F80>(sign);
  }
  const int shift = leading_zeros(rest);
  return round_pack<F80>(Exact{sign, exponent - shift, rest << shift, 0}, 64, env, out);
}

Remainder remainder(F80 dividend, F80 divisor, Quotient kind, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const Unpacked a = unpack(dividend, false);
  const Unpacked b = unpack(divisor, false);
  if (a.is_nan() || b.is_nan()) {
    return {propagate<F80>(a, b, out), 0};
  }
  if (a.kind == Kind::Infinity || b.kind == Kind::Zero) {
    return {invalid<F80>(out), 0};
  }
  if (denormal_stops(a.denormal || b.denormal, env, out)) {
    return {};
  }
  if (a.kind == Kind::Zero) {
    return {pack_zero<F80>(a.sign), 0};
  }
  const std::int32_t difference = a.exponent - b.exponent;
  if (b.kind == Kind::Infinity || difference < -1 || (difference < 0 && kind == Quotient::Truncated)) {
    return {round_pack<F80>(a, 64, env, out), 0};
  }

  if (difference == -1) {
    // The quotient is 0 or, if the dividend exceeds half the divisor, 1.
    if (a.significand <= b.significand) {
      return {round_pack<F80>(a, 64, env, out), 0};
    }
    const u128 rest = (u128{b.significand} << 1) - a.significand;
    return {pack_remainder(!a.sign, a.exponent, static_cast<std::uint64_t>(rest), env, out), quotient_conditions(1)};
  }
  const bool incomplete = difference >= 64;
  const std::int32_t steps = incomplete ? partial_steps(difference) : difference;
  std::uint64_t quotient = a.significand >= b.significand ? 1 : 0;
  std::uint64_t rest = a.significand - (quotient != 0 ? b.significand : 0);
  const u128 numerator = u128{rest} << steps;
  const Division step =
      divide(static_cast<std::uint64_t>(numerator >> 64), static_cast<std::uint64_t>(numerator), b.significand);
  quotient = (quotient << steps) + step.quotient;
  rest = step.remainder;
  if (incomplete) {
    return {pack_remainder(a.sign, a.exponent - steps, rest, env, out), kC2};
  }
  bool sign = a.sign;
  if (kind == Quotient::Nearest) {
    const u128 twice = u128{rest} << 1;
    if (twice > b.significand || (twice == b.significand && (quotient & 1) != 0)) {
      rest = b.significand - rest;
      sign = !sign;
      ++quotient;
    }
  }
  return {pack_remainder(sign, b.exponent, rest, env, out), quotient_conditions(quotient)};
}

/// Exact powers of two beyond which FSCALE overflows or underflows from any operand, even wrapped.
constexpr std::int32_t kScaleLimit = 1 << 17;

/// `value` truncated to an integer and clamped to the limit. Pre: zero or finite.
std::int32_t scale_factor(const Unpacked& value) {
  if (value.kind == Kind::Zero || value.exponent < 0) {
    return 0;
  }
  const std::int32_t magnitude =
      value.exponent >= 17 ? kScaleLimit : static_cast<std::int32_t>(value.significand >> (63 - value.exponent));
  return value.sign ? -magnitude : magnitude;
}

/// 64 bits of the constant, truncated, with what follows: never exact and never a tie.
struct ConstantBits {
  std::int32_t exponent;
  std::uint64_t high;
  std::uint64_t low;
};

constexpr ConstantBits kConstants[] = {
    {0, 0x8000000000000000u, 0},                    // 1
    {1, 0xd49a784bcd1b8afeu, 0x492bf6ff4dafdb4cu},  // log2(10)
    {0, 0xb8aa3b295c17f0bbu, 0xbe87fed0691d3e88u},  // log2(e)
    {1, 0xc90fdaa22168c234u, 0xc4c6628b80dc1cd1u},  // pi
    {-2, 0x9a209a84fbcff798u, 0x8f8959ac0b7c9178u}, // log10(2)
    {-1, 0xb17217f7d1cf79abu, 0xc9e3b39803f2f6afu}, // ln(2)
};

}  // namespace

Remainder remainder_truncated(F80 dividend, F80 divisor, const Environment& env, Outcome& out) {
  return remainder(dividend, divisor, Quotient::Truncated, env, out);
}

Remainder remainder_nearest(F80 dividend, F80 divisor, const Environment& env, Outcome& out) {
  return remainder(dividend, divisor, Quotient::Nearest, env, out);
}

F80 scale(F80 value, F80 scale, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const Unpacked x = unpack(value, false);
  const Unpacked s = unpack(scale, false);
  if (x.is_nan() || s.is_nan()) {
    return propagate<F80>(x, s, out);
  }
  if (s.kind == Kind::Infinity && x.kind == (s.sign ? Kind::Infinity : Kind::Zero)) {
    return invalid<F80>(out);
  }
  if (denormal_stops(x.denormal || s.denormal, env, out)) {
    return {};
  }
  if (x.kind == Kind::Infinity || (s.kind == Kind::Infinity && !s.sign)) {
    return pack_infinity<F80>(x.sign);
  }
  if (x.kind == Kind::Zero || s.kind == Kind::Infinity) {
    return pack_zero<F80>(x.sign);
  }
  return round_pack<F80>(Exact{x.sign, x.exponent + scale_factor(s), x.significand, 0}, 64, env, out);
}

Extracted extract(F80 value, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const Unpacked x = unpack(value, false);
  if (x.is_nan()) {
    const F80 nan = propagate<F80>(x, out);
    return {nan, nan};
  }
  if (x.kind == Kind::Infinity) {
    return {pack_infinity<F80>(false), value};
  }
  if (x.kind == Kind::Zero) {
    out.flags |= kZeroDivide;
    return {pack_infinity<F80>(true), value};
  }
  if (denormal_stops(x.denormal, env, out)) {
    return {};
  }
  const bool negative = x.exponent < 0;
  return {pack_integer(negative, static_cast<std::uint64_t>(negative ? -x.exponent : x.exponent)),
          pack<F80>(x.sign, 0, x.significand)};
}

std::uint16_t examine(F80 value) {
  const Unpacked x = unpack(value, false);
  const std::uint16_t sign = x.sign ? kC1 : 0;
  switch (x.kind) {
    case Kind::Unsupported:
      return sign;
    case Kind::QuietNan:
    case Kind::SignallingNan:
      return sign | kC0;
    case Kind::Infinity:
      return sign | kC2 | kC0;
    case Kind::Zero:
      return sign | kC3;
    case Kind::Finite:
      break;
  }
  return static_cast<std::uint16_t>(sign | kC2 | (x.denormal ? kC3 : 0));
}

F80 constant(Constant which, Rounding rounding) {
  if (which == Constant::Zero) {
    return {};
  }
  const ConstantBits& bits = kConstants[static_cast<int>(which)];
  // No constant is near enough to a power of two to carry.
  const RoundedSignificand r = round_significand(false, bits.high, bits.low, 64, rounding);
  return pack<F80>(false, bits.exponent, r.value);
}

}  // namespace chrysalis::isa::fp
