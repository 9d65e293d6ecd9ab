#include "isa-host/fp/internal.h"

namespace chrysalis::isa::fp {

using namespace detail;

template <class To, class From>
To convert(From value, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  constexpr bool kStore = Format<From>::kIsX87;
  constexpr bool kX87 = kStore || Format<To>::kIsX87;
  const Unpacked x = unpack(value, !kX87 && env.denormals_are_zero);
  if (x.is_nan()) {
    return propagate<To>(x, out);
  }
  if (!kStore && denormal_stops(x.denormal, env, out) && !kX87) {
    return {};
  }
  switch (x.kind) {
    case Kind::Zero:
      return pack_zero<To>(x.sign);
    case Kind::Infinity:
      return pack_infinity<To>(x.sign);
    default:
      break;
  }
  if constexpr (kStore) {
    // FTZ is not the x87's, and an OE or UE that prevents the store leaves no PE.
    Environment x87 = env;
    x87.flush_to_zero = false;
    Outcome stored;
    const To result = round_pack<To>(x, Format<To>::kPrecision, x87, stored);
    out.flags |= stored.stores(env) ? stored.flags : stored.flags & (kOverflow | kUnderflow);
    out.rounded_up = stored.rounded_up;
    return result;
  }
  return round_pack<To>(x, Format<To>::kPrecision, env, out);
}

template <class To>
To from_integer(std::int64_t value, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  if (value == 0) {
    return pack_zero<To>(false);
  }
  const bool sign = value < 0;
  const std::uint64_t magnitude = sign ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const int shift = leading_zeros(magnitude);
  return round_pack<To>(Exact{sign, 63 - shift, magnitude << shift, 0}, Format<To>::kPrecision, env, out);
}

template <class F>
std::int64_t to_integer(F value, IntegerWidth width, Rounding rounding, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const int shift = static_cast<int>(width) - 1;
  const std::uint64_t limit = std::uint64_t{1} << shift;  // magnitude of the most negative number
  const std::int64_t indefinite = static_cast<std::int64_t>(~(limit - 1));
  const Unpacked x = unpack(value, env.denormals_are_zero);
  if (x.is_nan() || x.kind == Kind::Infinity) {
    out.flags |= kInvalid;
    return indefinite;
  }
  const RoundedInteger r = round_to_magnitude(x, rounding);
  if (r.too_large || r.magnitude > (x.sign ? limit : limit - 1)) {
    out.flags |= kInvalid;
    return indefinite;
  }
  if (r.inexact) {
    out.flags |= kPrecision;
  }
  out.rounded_up = r.up;
  return static_cast<std::int64_t>(x.sign ? 0 - r.magnitude : r.magnitude);
}

F80 from_bcd(Bcd80 value) {
  std::uint64_t magnitude = (value.high >> 4 & 0xf) * 10u + (value.high & 0xf);
  for (int shift = 60; shift >= 0; shift -= 4) {
    magnitude = magnitude * 10 + (value.low >> shift & 0xf);
  }
  return pack_integer((value.high & 0x8000) != 0, magnitude);
}

Bcd80 to_bcd(F80 value, const Environment& env, Outcome& out) {
  constexpr std::uint64_t kLimit = 1000000000000000000;
  constexpr Bcd80 kIndefinite{0xc000000000000000u, 0xffff};
  out.rounded_up = false;
  const Unpacked x = unpack(value, false);
  if (x.is_nan() || x.kind == Kind::Infinity) {
    out.flags |= kInvalid;
    return kIndefinite;
  }
  const RoundedInteger r = round_to_magnitude(x, env.rounding);
  if (r.too_large || r.magnitude >= kLimit) {
    out.flags |= kInvalid;
    return kIndefinite;
  }
  if (r.inexact) {
    out.flags |= kPrecision;
  }
  out.rounded_up = r.up;
  std::uint64_t rest = r.magnitude;
  Bcd80 result{};
  for (int shift = 0; shift < 64; shift += 4) {
    result.low |= rest % 10 << shift;
    rest /= 10;
  }
  result.high = static_cast<std::uint16_t>((x.sign ? 0x8000 : 0) | (rest / 10 << 4) | rest % 10);
  return result;
}

template F80 convert<F80, F32>(F32, const Environment&, Outcome&);
template F80 convert<F80, F64>(F64, const Environment&, Outcome&);
template F32 convert<F32, F80>(F80, const Environment&, Outcome&);
template F64 convert<F64, F80>(F80, const Environment&, Outcome&);
template F64 convert<F64, F32>(F32, const Environment&, Outcome&);
template F32 convert<F32, F64>(F64, const Environment&, Outcome&);

template F32 from_integer<F32>(std::int64_t, const Environment&, Outcome&);
template F64 from_integer<F64>(std::int64_t, const Environment&, Outcome&);
template F80 from_integer<F80>(std::int64_t, const Environment&, Outcome&);

template std::int64_t to_integer<F32>(F32, IntegerWidth, Rounding, const Environment&, Outcome&);
template std::int64_t to_integer<F64>(F64, IntegerWidth, Rounding, const Environment&, Outcome&);
template std::int64_t to_integer<F80>(F80, IntegerWidth, Rounding, const Environment&, Outcome&);

}  // namespace chrysalis::isa::fp
