#pragma once

#include <cstdint>

#include "isa-host/fp/fp.h"

/// Unpacking, rounding and packing, shared by the sources of isa-host/fp and by nothing else.
namespace chrysalis::isa::fp::detail {

using u128 = unsigned __int128;

constexpr std::uint64_t kTopBit = std::uint64_t{1} << 63;
constexpr std::uint64_t kQuietBit = std::uint64_t{1} << 62;

enum class Kind : std::uint8_t { Zero, Finite, Infinity, QuietNan, SignallingNan, Unsupported };

/// Any operand. Finite: value = significand * 2^(exponent - 63), bit 63 of the significand set.
/// NaN: the significand left-aligned, integer bit set, so that NaNs of all formats compare.
struct Unpacked {
  Kind kind;
  bool sign;
  bool denormal;  // denormal or pseudo-denormal in its own format
  std::int32_t exponent;
  std::uint64_t significand;

  bool is_nan() const { return kind == Kind::QuietNan || kind == Kind::SignallingNan || kind == Kind::Unsupported; }
};

/// A non-zero value before rounding: (high + low / 2^64) * 2^(exponent - 63), bit 63 of high set.
/// Bit 0 of low stands for everything below it.
struct Exact {
  bool sign;
  std::int32_t exponent;
  std::uint64_t high;
  std::uint64_t low;
};

template <class F>
struct Format;

template <>
struct Format<F32> {
  static constexpr bool kIsX87 = false;
  static constexpr int kPrecision = 24;
  static constexpr std::int32_t kBias = 127;
  static constexpr int kFractionBits = 23;
  static constexpr int kWidth = 32;
};

template <>
struct Format<F64> {
  static constexpr bool kIsX87 = false;
  static constexpr int kPrecision = 53;
  static constexpr std::int32_t kBias = 1023;
  static constexpr int kFractionBits = 52;
  static constexpr int kWidth = 64;
};

template <>
struct Format<F80> {
  static constexpr bool kIsX87 = true;
  static constexpr int kPrecision = 64;
  static constexpr std::int32_t kBias = 16383;
};

template <class F>
constexpr std::int32_t kMaxExponent = Format<F>::kBias;
template <class F>
constexpr std::int32_t kMinExponent = 1 - Format<F>::kBias;

/// The exponent adjustment of an x87 register result after an unmasked OE or UE (SDM Vol. 1, 8.5.4).
constexpr std::int32_t kWrap = 24576;

inline int leading_zeros(std::uint64_t value) { return __builtin_clzll(value); }

/// Shifts high:low right; what falls off the end sticks to bit 0 of low.
inline void shift_right_sticky(std::uint64_t& high, std::uint64_t& low, std::uint32_t count) {
  if (count == 0) {
    return;
  }
  const u128 value = (u128{high} << 64) | low;
  u128 shifted = 0;
  bool lost = value != 0;
  if (count < 128) {
    shifted = value >> count;
    lost = (shifted << count) != value;
  }
  high = static_cast<std::uint64_t>(shifted >> 64);
  low = static_cast<std::uint64_t>(shifted) | (lost ? 1 : 0);
}

struct Division {
  std::uint64_t quotient;
  std::uint64_t remainder;
};

/// Divides high:low. Pre: high < divisor, bit 63 of the divisor set.
/// Written out since `unsigned __int128` division would call a run-time library.
inline Division divide(std::uint64_t high, std::uint64_t low, std::uint64_t divisor) {
  std::uint64_t quotient = 0;
  std::uint64_t rest = high;
  for (int shift = 32; shift >= 0; shift -= 32) {
    // A digit of 32 bits; estimated by the divisor's upper half it is at most two too large.
    std::uint64_t digit = rest / (divisor >> 32);
    const u128 partial = (u128{rest} << 32) | ((low >> shift) & 0xffffffff);
    u128 product = u128{digit} * divisor;
    while (product > partial) {
      --digit;
      product -= divisor;
    }
    rest = static_cast<std::uint64_t>(partial - product);
    quotient = (quotient << 32) | digit;
  }
  return {quotient, rest};
}

inline Unpacked unpack(F80 value, bool /*denormals_are_zero*/) {
  const bool sign = (value.sign_exponent & 0x8000) != 0;
  const std::int32_t biased = value.sign_exponent & 0x7fff;
  const std::uint64_t significand = value.significand;
  if (biased == 0) {
    if (significand == 0) {
      return {Kind::Zero, sign, false, 0, 0};
    }
    const int shift = leading_zeros(significand);
    return {Kind::Finite, sign, true, kMinExponent<F80> - shift, significand << shift};
  }
  if ((significand & kTopBit) == 0) {
    return {Kind::Unsupported, sign, false, 0, significand};
  }
  if (biased == 0x7fff) {
    if (significand == kTopBit) {
      return {Kind::Infinity, sign, false, 0, significand};
    }
    return {(significand & kQuietBit) != 0 ? Kind::QuietNan : Kind::SignallingNan, sign, false, 0, significand};
  }
  return {Kind::Finite, sign, false, biased - Format<F80>::kBias, significand};
}

template <class F>
Unpacked unpack(F value, bool denormals_are_zero) {
  using T = Format<F>;
  const bool sign = ((value.bits >> (T::kWidth - 1)) & 1) != 0;
  const std::int32_t max_biased = 2 * T::kBias + 1;
  const std::int32_t biased = static_cast<std::int32_t>(value.bits >> T::kFractionBits) & max_biased;
  const std::uint64_t fraction = std::uint64_t{value.bits} << (64 - T::kFractionBits) >> 1;  // left-aligned below bit 63
  if (biased == max_biased) {
    if (fraction == 0) {
      return {Kind::Infinity, sign, false, 0, kTopBit};
    }
    return {(fraction & kQuietBit) != 0 ? Kind::QuietNan : Kind::SignallingNan, sign, false, 0, kTopBit | fraction};
  }
  if (biased != 0) {
    return {Kind::Finite, sign, false, biased - T::kBias, kTopBit | fraction};
  }
  if (fraction == 0 || denormals_are_zero) {
    return {Kind::Zero, sign, false, 0, 0};
  }
  const int shift = leading_zeros(fraction);
  return {Kind::Finite, sign, true, kMinExponent<F> - shift, fraction << shift};
}

/// Assembles a value from its left-aligned significand; a clear bit 63 makes it zero or denormal.
/// The exponent must be in range; biased maximum + 1 with a suitable significand makes infinity and NaN.
template <class F>
F pack(bool sign, std::int32_t exponent, std::uint64_t significand) {
  using T = Format<F>;
  const std::int32_t biased = (significand & kTopBit) != 0 ? exponent + T::kBias : 0;
  if constexpr (T::kIsX87) {
    return {significand, static_cast<std::uint16_t>((sign ? 0x8000 : 0) | biased)};
  } else {
    using Bits = decltype(F::bits);
    const Bits fraction = static_cast<Bits>(significand << 1 >> (64 - T::kFractionBits));
    return {static_cast<Bits>((Bits{sign} << (T::kWidth - 1)) | (static_cast<Bits>(biased) << T::kFractionBits) | fraction)};
  }
}

template <class F>
F pack_zero(bool sign) {
  return pack<F>(sign, 0, 0);
}

template <class F>
F pack_infinity(bool sign) {
  return pack<F>(sign, kMaxExponent<F> + 1, kTopBit);
}

/// The quiet NaN that `nan` becomes in format F; an unsupported operand becomes the default NaN.
template <class F>
F pack_nan(const Unpacked& nan) {
  if (nan.kind == Kind::Unsupported) {
    return default_nan<F>();
  }
  return pack<F>(nan.sign, kMaxExponent<F> + 1, nan.significand | kQuietBit);
}

template <class F>
F invalid(Outcome& out) {
  out.flags |= kInvalid;
  return default_nan<F>();
}

/// Result of an operation with one NaN or unsupported operand. Pre: value.is_nan().
template <class F>
F propagate(const Unpacked& value, Outcome& out) {
  if (value.kind != Kind::QuietNan) {
    out.flags |= kInvalid;
  }
  return pack_nan<F>(value);
}

/// Result of an operation on two operands of which at least one is a NaN or unsupported.
/// SDM Vol. 1, table 4-7.
template <class F>
F propagate(const Unpacked& a, const Unpacked& b, Outcome& out) {
  if (a.kind == Kind::Unsupported || b.kind == Kind::Unsupported) {
    return invalid<F>(out);
  }
  if (a.kind == Kind::SignallingNan || b.kind == Kind::SignallingNan) {
    out.flags |= kInvalid;
  }
  if (!b.is_nan()) {
    return pack_nan<F>(a);
  }
  if (!a.is_nan()) {
    return pack_nan<F>(b);
  }
  if constexpr (!Format<F>::kIsX87) {
    return pack_nan<F>(a);
  }
  if (a.kind != b.kind) {
    return pack_nan<F>(a.kind == Kind::QuietNan ? a : b);
  }
  if (a.significand != b.significand) {
    return pack_nan<F>(a.significand > b.significand ? a : b);
  }
  return pack_nan<F>(a.sign ? b : a);
}

/// Reports denormal operands. Returns whether the operation ends here, DE being unmasked.
inline bool denormal_stops(bool denormal, const Environment& env, Outcome& out) {
  if (!denormal) {
    return false;
  }
  out.flags |= kDenormal;
  return (env.masks & kDenormal) == 0;
}

/// Whether rounding increases a magnitude whose discarded part is (rest + sticky) / 2^64 of a unit.
inline bool rounds_up(Rounding rounding, bool sign, bool odd, std::uint64_t rest, bool sticky) {
  switch (rounding) {
    case Rounding::Nearest:
      return rest > kTopBit || (rest == kTopBit && (sticky || odd));
    case Rounding::Down:
      return sign && (rest != 0 || sticky);
    case Rounding::Up:
      return !sign && (rest != 0 || sticky);
    case Rounding::Zero:
      break;
  }
  return false;
}

struct RoundedSignificand {
  std::uint64_t value;  // left-aligned; 0 with `carry` stands for 2^64
  bool carry;
  bool inexact;
  bool up;
};

inline RoundedSignificand round_significand(bool sign, std::uint64_t high, std::uint64_t low, int precision,
                                            Rounding rounding) {
  const int drop = 64 - precision;
  const std::uint64_t unit = std::uint64_t{1} << drop;
  const std::uint64_t rest = drop == 0 ? low : high << precision;
  const bool sticky = drop != 0 && low != 0;
  const std::uint64_t kept = high & ~(unit - 1);
  const bool up = rounds_up(rounding, sign, (kept & unit) != 0, rest, sticky);
  const std::uint64_t value = up ? kept + unit : kept;
  return {value, up && value == 0, rest != 0 || sticky, up};
}

/// The format's significand bits, or the x87 precision control's.
template <class F>
int result_precision(const Environment& env) {
  if constexpr (Format<F>::kIsX87) {
    return env.precision == Precision::Single ? 24 : env.precision == Precision::Double ? 53 : 64;
  }
  return Format<F>::kPrecision;
}

/// The largest finite value of the precision, or infinity, as the rounding mode directs an overflow.
template <class F>
F pack_overflow(bool sign, int precision, const Environment& env, Outcome& out) {
  out.flags |= kOverflow | kPrecision;
  out.rounded_up = rounds_up(env.rounding, sign, true, kTopBit, true);
  if (out.rounded_up) {
    return pack_infinity<F>(sign);
  }
  return pack<F>(sign, kMaxExponent<F>, ~std::uint64_t{0} << (64 - precision));
}

/// What FSCALE makes of a result that even wrapping leaves out of range: an inexact infinity or zero.
template <class F>
F pack_beyond_wrap(bool sign, bool overflow, Outcome& out) {
  out.flags |= kPrecision;
  out.rounded_up = overflow;
  return overflow ? pack_infinity<F>(sign) : pack_zero<F>(sign);
}

/// Rounds to `precision` bits and the range of F, with OE, UE and PE and their masked responses.
/// Tininess is detected after rounding. Unmasked OE and UE wrap the exponent of an F80 (SDM Vol. 1,
/// 8.5.4 and 8.5.5); an F32 or F64 then has no result.
template <class F>
F round_pack(const Exact& exact, int precision, const Environment& env, Outcome& out) {
  const bool sign = exact.sign;
  RoundedSignificand r = round_significand(sign, exact.high, exact.low, precision, env.rounding);
  std::int32_t exponent = exact.exponent;
  if (r.carry) {
    r.value = kTopBit;
    ++exponent;
  }
  const bool overflow = exponent > kMaxExponent<F>;
  const bool tiny = exponent < kMinExponent<F>;
  if (overflow && (env.masks & kOverflow) != 0) {
    return pack_overflow<F>(sign, precision, env, out);
  }
  if (tiny && (env.masks & kUnderflow) != 0) {
    if (!Format<F>::kIsX87 && env.flush_to_zero) {
      out.flags |= kUnderflow | kPrecision;
      return pack_zero<F>(sign);
    }
    std::uint64_t high = exact.high;
    std::uint64_t low = exact.low;
    shift_right_sticky(high, low, static_cast<std::uint32_t>(kMinExponent<F> - exact.exponent));
    r = round_significand(sign, high, low, precision, env.rounding);
    if (r.inexact) {
      out.flags |= kUnderflow;
    }
    exponent = kMinExponent<F>;
  } else if (overflow || tiny) {
    out.flags |= overflow ? kOverflow : kUnderflow;
    if constexpr (!Format<F>::kIsX87) {
      out.flags |= r.inexact ? kPrecision : 0;
      return {};
    }
    exponent += overflow ? -kWrap : kWrap;
    if (exponent > kMaxExponent<F> || exponent < kMinExponent<F>) {
      return pack_beyond_wrap<F>(sign, overflow, out);
    }
  }
  if (r.inexact) {
    out.flags |= kPrecision;
  }
  out.rounded_up = r.up;
  return pack<F>(sign, exponent, r.value);
}

template <class F>
F round_pack(const Unpacked& value, int precision, const Environment& env, Outcome& out) {
  return round_pack<F>(Exact{value.sign, value.exponent, value.significand, 0}, precision, env, out);
}

/// The magnitude of a finite value rounded to an integer. `too_large`: 2^64 or more; the rest is then void.
struct RoundedInteger {
  std::uint64_t magnitude;
  bool too_large;
  bool inexact;
  bool up;
};

inline RoundedInteger round_to_magnitude(const Unpacked& value, Rounding rounding) {
  if (value.kind == Kind::Zero) {
    return {0, false, false, false};
  }
  if (value.exponent > 63) {
    return {0, true, false, false};
  }
  std::uint64_t integer = value.significand;
  std::uint64_t rest = 0;
  shift_right_sticky(integer, rest, static_cast<std::uint32_t>(63 - value.exponent));
  const bool up = rounds_up(rounding, value.sign, (integer & 1) != 0, rest, false);
  return {integer + (up ? 1 : 0), up && integer == ~std::uint64_t{0}, rest != 0, up};
}

/// An integer magnitude as an F80, exactly.
inline F80 pack_integer(bool sign, std::uint64_t magnitude) {
  if (magnitude == 0) {
    return pack_zero<F80>(sign);
  }
  const int shift = leading_zeros(magnitude);
  return pack<F80>(sign, 63 - shift, magnitude << shift);
}

}  // namespace chrysalis::isa::fp::detail
