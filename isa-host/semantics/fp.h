// Semantic functions of the floating-point atoms, over isa-host/fp. FCR gives the environment, FSR collects
// exceptions; no atom raises an event: who needs unmasked exceptions compares FSR with FCR's masks before
// the next commit. Part of isa-host/semantics.h.
#pragma once

#include "isa-host/fp/fp.h"
#include "isa-host/semantics/operand.h"

namespace chrysalis::isa::semantics {

template <class F> F get(const V128& v);
template <> inline fp::F32 get(const V128& v) { return {static_cast<uint32_t>(v.low)}; }
template <> inline fp::F64 get(const V128& v) { return {v.low}; }
template <> inline fp::F80 get(const V128& v) { return {v.low, static_cast<uint16_t>(v.high)}; }
inline V128 put(fp::F32 f) { return {f.bits, 0}; }
inline V128 put(fp::F64 f) { return {f.bits, 0}; }
inline V128 put(fp::F80 f) { return {f.significand, f.sign_exponent}; }

/// The environment that FCR gives: bits 0..11 are laid out as the x87 control word.
inline fp::Environment environment(uint64_t fcr) {
  fp::Environment env = fp::x87_environment(static_cast<uint16_t>(fcr));
  env.flush_to_zero = (fcr >> 16 & 1) != 0;
  env.denormals_are_zero = (fcr >> 17 & 1) != 0;
  return env;
}

inline constexpr uint64_t kFsrConditions = fp::kC0 | fp::kC1 | fp::kC2 | fp::kC3;

/// One operation's environment and outcome; report() adds the outcome to FSR.
template <class C> struct FpOperation {
  C& c;
  fp::Environment env;
  fp::Outcome out;

  explicit FpOperation(C& context) : c(context), env(environment(context.special_ref(Special::Fcr))) {}
  void report(uint64_t conditions) {
    uint64_t& fsr = c.special_ref(Special::Fsr);
    fsr = (fsr & ~kFsrConditions) | out.flags | conditions;
  }
  void report() { report(out.rounded_up ? fp::kC1 : 0); }
};

#define SEM_FP(Name, expression)           \
  CHRYSALIS_SEM(Name) {                    \
    FpOperation<C> o(c);                   \
    const V128 result = put(expression);   \
    o.report();                            \
    c.set_v(a.rd, result);                 \
  }
#define SEM_FP_TO_R(Name, expression)                                  \
  CHRYSALIS_SEM(Name) {                                                \
    FpOperation<C> o(c);                                               \
    const uint64_t result = static_cast<uint64_t>(expression);         \
    o.report();                                                        \
    c.r[a.rd] = result;                                                \
  }
#define VA(F) get<fp::F>(c.v[a.ra])
#define VB(F) get<fp::F>(c.v[a.rb])
#define SEM_FORMAT(W)                                                                                     \
  SEM_FP(FAdd##W, fp::add(VA(F##W), VB(F##W), o.env, o.out))                                              \
  SEM_FP(FSub##W, fp::sub(VA(F##W), VB(F##W), o.env, o.out))                                              \
  SEM_FP(FMul##W, fp::mul(VA(F##W), VB(F##W), o.env, o.out))                                              \
  SEM_FP(FDiv##W, fp::div(VA(F##W), VB(F##W), o.env, o.out))                                              \
  SEM_FP(FSqrt##W, fp::sqrt(VA(F##W), o.env, o.out))                                                      \
  SEM_FP(FRound##W, fp::round_to_integral(VA(F##W), o.env, o.out))                                        \
  SEM_FP_TO_R(FCmp##W, fp::eflags_conditions(fp::compare(VA(F##W), VB(F##W), fp::Comparison::Signalling, o.env, o.out))) \
  SEM_FP_TO_R(FCmpQ##W, fp::eflags_conditions(fp::compare(VA(F##W), VB(F##W), fp::Comparison::Quiet, o.env, o.out)))     \
  SEM_FP_TO_R(F##W##ToI16, fp::to_integer(VA(F##W), fp::IntegerWidth::W16, o.env.rounding, o.env, o.out)) \
  SEM_FP_TO_R(F##W##ToI32, fp::to_integer(VA(F##W), fp::IntegerWidth::W32, o.env.rounding, o.env, o.out)) \
  SEM_FP_TO_R(F##W##ToI64, fp::to_integer(VA(F##W), fp::IntegerWidth::W64, o.env.rounding, o.env, o.out)) \
  SEM_FP_TO_R(F##W##TruncI16, fp::to_integer(VA(F##W), fp::IntegerWidth::W16, fp::Rounding::Zero, o.env, o.out)) \
  SEM_FP_TO_R(F##W##TruncI32, fp::to_integer(VA(F##W), fp::IntegerWidth::W32, fp::Rounding::Zero, o.env, o.out)) \
  SEM_FP_TO_R(F##W##TruncI64, fp::to_integer(VA(F##W), fp::IntegerWidth::W64, fp::Rounding::Zero, o.env, o.out)) \
  SEM_FP(I64To##W, fp::from_integer<fp::F##W>(static_cast<int64_t>(c.r[a.ra]), o.env, o.out))
SEM_FORMAT(32)
SEM_FORMAT(64)
SEM_FORMAT(80)
#undef SEM_FORMAT

#define SEM_MIXED(W)                                                       \
  SEM_FP(FAdd80x##W, fp::add(VA(F80), VB(F##W), o.env, o.out))             \
  SEM_FP(FSub80x##W, fp::sub(VA(F80), VB(F##W), o.env, o.out))             \
  SEM_FP(FSubR80x##W, fp::sub(VB(F##W), VA(F80), o.env, o.out))            \
  SEM_FP(FMul80x##W, fp::mul(VA(F80), VB(F##W), o.env, o.out))             \
  SEM_FP(FDiv80x##W, fp::div(VA(F80), VB(F##W), o.env, o.out))             \
  SEM_FP(FDivR80x##W, fp::div(VB(F##W), VA(F80), o.env, o.out))            \
  SEM_FP_TO_R(FCmp80x##W, fp::eflags_conditions(fp::compare(VA(F80), VB(F##W), fp::Comparison::Signalling, o.env, o.out)))
SEM_MIXED(32)
SEM_MIXED(64)
#undef SEM_MIXED

SEM_FP(FMin32, fp::min(VA(F32), VB(F32), o.env, o.out))
SEM_FP(FMin64, fp::min(VA(F64), VB(F64), o.env, o.out))
SEM_FP(FMax32, fp::max(VA(F32), VB(F32), o.env, o.out))
SEM_FP(FMax64, fp::max(VA(F64), VB(F64), o.env, o.out))
SEM_FP(FScale80, fp::scale(VA(F80), VB(F80), o.env, o.out))
SEM_FP(FExponent80, fp::extract(VA(F80), o.env, o.out).exponent)
SEM_FP(FSignificand80, fp::extract(VA(F80), o.env, o.out).significand)
#define SEM_REMAINDER(Name, function)                                              \
  CHRYSALIS_SEM(Name) {                                                            \
    FpOperation<C> o(c);                                                           \
    const fp::Remainder result = fp::function(VA(F80), VB(F80), o.env, o.out);     \
    o.report(result.conditions);                                                   \
    c.set_v(a.rd, put(result.value));                                              \
  }
SEM_REMAINDER(FRem80, remainder_truncated)
SEM_REMAINDER(FRem180, remainder_nearest)
#undef SEM_REMAINDER
CHRYSALIS_SEM(FClass80) { c.r[a.rd] = fp::examine(VA(F80)); }
CHRYSALIS_SEM(FConst80) {
  c.set_v(a.rd, put(fp::constant(static_cast<fp::Constant>(a.count), environment(c.special_ref(Special::Fcr)).rounding)));
}

// Signs: no operand is examined.
#define SEM_SIGN(Name, expression)        \
  CHRYSALIS_SEM(Name) {                   \
    V128 x = c.v[a.ra];                   \
    expression;                           \
    c.set_v(a.rd, x);                     \
  }
SEM_SIGN(FNeg32, (x = {(x.low ^ 0x8000'0000u) & 0xffff'ffff, 0}))
SEM_SIGN(FAbs32, (x = {x.low & 0x7fff'ffff, 0}))
SEM_SIGN(FNeg64, (x = {x.low ^ uint64_t{1} << 63, 0}))
SEM_SIGN(FAbs64, (x = {x.low & ~(uint64_t{1} << 63), 0}))
SEM_SIGN(FNeg80, (x.high = (x.high ^ 0x8000) & 0xffff))
SEM_SIGN(FAbs80, (x.high = x.high & 0x7fff))
#undef SEM_SIGN

SEM_FP(F32To64, (fp::convert<fp::F64>(VA(F32), o.env, o.out)))
SEM_FP(F32To80, (fp::convert<fp::F80>(VA(F32), o.env, o.out)))
SEM_FP(F64To32, (fp::convert<fp::F32>(VA(F64), o.env, o.out)))
SEM_FP(F64To80, (fp::convert<fp::F80>(VA(F64), o.env, o.out)))
SEM_FP(F80To32, (fp::convert<fp::F32>(VA(F80), o.env, o.out)))
SEM_FP(F80To64, (fp::convert<fp::F64>(VA(F80), o.env, o.out)))
#undef VB
#undef VA
#undef SEM_FP_TO_R
#undef SEM_FP

CHRYSALIS_SEM(FMov) { c.set_v(a.rd, c.v[a.ra]); }
CHRYSALIS_SEM(FFromR) { c.set_v(a.rd, {c.r[a.ra], 0}); }
CHRYSALIS_SEM(FFromRHigh) { c.set_v(a.rd, {c.v[a.rd].low, c.r[a.ra]}); }
CHRYSALIS_SEM(RFromF) { c.r[a.rd] = c.v[a.ra].low; }
CHRYSALIS_SEM(RFromFHigh) { c.r[a.rd] = c.v[a.ra].high; }
CHRYSALIS_SEM(FInsert32) {
  const V128 x = c.v[a.ra];
  c.set_v(a.rd, {(x.low & ~uint64_t{0xffff'ffff}) | (c.v[a.rb].low & 0xffff'ffff), x.high});
}
CHRYSALIS_SEM(FInsert64) { c.set_v(a.rd, {c.v[a.rb].low, c.v[a.ra].high}); }

// Packed: each lane as the scalar operation; exceptions of all lanes are joined.
inline fp::F32 lane32(const V128& v, unsigned i) { return {static_cast<uint32_t>((i < 2 ? v.low : v.high) >> (i & 1) * 32)}; }
inline void set_lane32(V128& v, unsigned i, fp::F32 f) { (i < 2 ? v.low : v.high) |= uint64_t{f.bits} << (i & 1) * 32; }
template <class C, class Function> void packed32(C& c, const Atom& a, Function function) {
  FpOperation<C> o(c);
  V128 result;
  for (unsigned i = 0; i < 4; ++i) set_lane32(result, i, function(lane32(c.v[a.ra], i), lane32(c.v[a.rb], i), o.env, o.out));
  o.report();
  c.set_v(a.rd, result);
}
template <class C, class Function> void packed64(C& c, const Atom& a, Function function) {
  FpOperation<C> o(c);
  V128 result;
  result.low = function(fp::F64{c.v[a.ra].low}, fp::F64{c.v[a.rb].low}, o.env, o.out).bits;
  result.high = function(fp::F64{c.v[a.ra].high}, fp::F64{c.v[a.rb].high}, o.env, o.out).bits;
  o.report();
  c.set_v(a.rd, result);
}
#define SEM_PACKED(Name, expression)                                                                                                      \
  CHRYSALIS_SEM(Name##4x32) { packed32(c, a, [](fp::F32 x, [[maybe_unused]] fp::F32 y, const fp::Environment& env, fp::Outcome& out) { return expression; }); } \
  CHRYSALIS_SEM(Name##2x64) { packed64(c, a, [](fp::F64 x, [[maybe_unused]] fp::F64 y, const fp::Environment& env, fp::Outcome& out) { return expression; }); }
SEM_PACKED(PFAdd, fp::add(x, y, env, out))
SEM_PACKED(PFSub, fp::sub(x, y, env, out))
SEM_PACKED(PFMul, fp::mul(x, y, env, out))
SEM_PACKED(PFDiv, fp::div(x, y, env, out))
SEM_PACKED(PFSqrt, fp::sqrt(x, env, out))
SEM_PACKED(PFMin, fp::min(x, y, env, out))
SEM_PACKED(PFMax, fp::max(x, y, env, out))
#undef SEM_PACKED

}  // namespace chrysalis::isa::semantics
