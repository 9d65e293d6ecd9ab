#include "isa-host/fp/internal.h"

namespace chrysalis::isa::fp {

namespace {

using namespace detail;

/// Orders two operands without NaNs.
Relation order(const Unpacked& a, const Unpacked& b) {
  if (a.kind == Kind::Zero && b.kind == Kind::Zero) {
    return Relation::Equal;
  }
  if (a.kind == Kind::Zero) {
    return b.sign ? Relation::Greater : Relation::Less;
  }
  if (b.kind == Kind::Zero || a.sign != b.sign) {
    return a.sign ? Relation::Less : Relation::Greater;
  }
  const std::int32_t a_rank = a.kind == Kind::Infinity ? INT32_MAX : a.exponent;
  const std::int32_t b_rank = b.kind == Kind::Infinity ? INT32_MAX : b.exponent;
  if (a_rank == b_rank && a.significand == b.significand) {
    return Relation::Equal;
  }
  const bool larger = a_rank != b_rank ? a_rank > b_rank : a.significand > b.significand;
  return larger != a.sign ? Relation::Greater : Relation::Less;
}

/// MINSS, MAXSS: the first operand if it stands in `wanted` to the second, else the second. A denormal
/// that counts as zero is returned as one.
template <class F>
F select(F first, F second, Relation wanted, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const Unpacked a = unpack(first, env.denormals_are_zero);
  const Unpacked b = unpack(second, env.denormals_are_zero);
  const bool unordered = a.is_nan() || b.is_nan();
  if (unordered) {
    out.flags |= kInvalid;
  } else if (denormal_stops(a.denormal || b.denormal, env, out)) {
    return {};
  }
  const bool takes_first = !unordered && order(a, b) == wanted;
  const Unpacked& taken = takes_first ? a : b;
  return taken.kind == Kind::Zero ? pack_zero<F>(taken.sign) : takes_first ? first : second;
}

}  // namespace

template <class A, class B>
Relation compare(A a, B b, Comparison comparison, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const bool daz = env.denormals_are_zero && !Format<ResultOf<A, B>>::kIsX87;
  const Unpacked x = unpack(a, daz);
  const Unpacked y = unpack(b, daz);
  if (x.is_nan() || y.is_nan()) {
    const bool quiet = (!x.is_nan() || x.kind == Kind::QuietNan) && (!y.is_nan() || y.kind == Kind::QuietNan);
    if (comparison == Comparison::Signalling || !quiet) {
      out.flags |= kInvalid;
    }
    return Relation::Unordered;
  }
  if (x.denormal || y.denormal) {
    out.flags |= kDenormal;
  }
  return order(x, y);
}

template <class F>
F min(F first, F second, const Environment& env, Outcome& out) {
  return select(first, second, Relation::Less, env, out);
}

template <class F>
F max(F first, F second, const Environment& env, Outcome& out) {
  return select(first, second, Relation::Greater, env, out);
}

template <class F>
F round_to_integral(F value, const Environment& env, Outcome& out) {
  out.rounded_up = false;
  const Unpacked x = unpack(value, env.denormals_are_zero);
  if (x.is_nan()) {
    return propagate<F>(x, out);
  }
  if (Format<F>::kIsX87 && denormal_stops(x.denormal, env, out)) {
    return {};
  }
  if (x.kind == Kind::Zero) {
    return pack_zero<F>(x.sign);
  }
  if (x.kind == Kind::Infinity || x.exponent >= 63) {
    return value;
  }
  const RoundedInteger r = round_to_magnitude(x, env.rounding);
  if (r.inexact) {
    out.flags |= kPrecision;
  }
  out.rounded_up = r.up;
  if (r.magnitude == 0) {
    return pack_zero<F>(x.sign);
  }
  const int shift = leading_zeros(r.magnitude);
  return pack<F>(x.sign, 63 - shift, r.magnitude << shift);
}

#define CHRYSALIS_FP_INSTANTIATE(A, B) \
  template Relation compare<A, B>(A, B, Comparison, const Environment&, Outcome&);
CHRYSALIS_FP_INSTANTIATE(F32, F32)
CHRYSALIS_FP_INSTANTIATE(F64, F64)
CHRYSALIS_FP_INSTANTIATE(F80, F80)
CHRYSALIS_FP_INSTANTIATE(F80, F32)
CHRYSALIS_FP_INSTANTIATE(F80, F64)
CHRYSALIS_FP_INSTANTIATE(F32, F80)
CHRYSALIS_FP_INSTANTIATE(F64, F80)
#undef CHRYSALIS_FP_INSTANTIATE

template F32 min<F32>(F32, F32, const Environment&, Outcome&);
template F64 min<F64>(F64, F64, const Environment&, Outcome&);
template F32 max<F32>(F32, F32, const Environment&, Outcome&);
template F64 max<F64>(F64, F64, const Environment&, Outcome&);

template F32 round_to_integral<F32>(F32, const Environment&, Outcome&);
template F64 round_to_integral<F64>(F64, const Environment&, Outcome&);
template F80 round_to_integral<F80>(F80, const Environment&, Outcome&);

}  // namespace chrysalis::isa::fp
