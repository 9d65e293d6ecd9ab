// The SSE operations of isa-host/fp against the build machine's SSE unit: result bits and MXCSR flags,
// for every rounding, FTZ and DAZ, and for unmasked exceptions through their traps.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <type_traits>

#include "isa-host/fp/fp.h"
#include "tests/isa-host/fp_check.h"
#include "tests/isa-host/fp_operands.h"
#include "tests/isa-host/fp_sse_oracle.h"

namespace chrysalis::isa::fp::test {
namespace {

/// Traps cost microseconds each, so unmasked cases are fewer.
constexpr int kTrapCases = kRandomCases / 10;

/// Rounding, FTZ and DAZ from the low bits of `turn`, all exceptions masked.
std::uint32_t masked_mxcsr(std::uint64_t turn) {
  return static_cast<std::uint32_t>(kQuietMxcsr | (turn & 3) << 13 | (turn >> 2 & 1) << 15 | (turn >> 3 & 1) << 6);
}

/// The same with any exceptions unmasked.
std::uint32_t unmasked_mxcsr(std::uint64_t turn) {
  return masked_mxcsr(turn) & ~(static_cast<std::uint32_t>(turn >> 8 & kAllExceptions) << 7);
}

std::string describe_mxcsr(std::uint32_t mxcsr) {
  char s[64];
  std::snprintf(s, sizeof s, "rc=%u ftz=%u daz=%u masks=%02x", mxcsr >> 13 & 3, mxcsr >> 15 & 1, mxcsr >> 6 & 1, mxcsr >> 7 & 0x3f);
  return s;
}

/// One case; `what` makes the operands' text.
template <class R, class What>
void check_sse(Checker& checker, std::uint32_t mxcsr, R mine, const Outcome& out, const SseResult<R>& theirs, What what) {
  const bool traps = out.unmasked(sse_environment(mxcsr));
  checker.check(out.flags == theirs.flags && traps == theirs.trapped && (traps || mine == theirs.value), [&] {
    char flags[64];
    std::snprintf(flags, sizeof flags, "\n  flags ours %02x, hardware %02x%s", out.flags, theirs.flags,
                  theirs.trapped ? " trapped" : "");
    return what() + " " + describe_mxcsr(mxcsr) + flags + "\n  ours     " + text(mine) + "\n  hardware " + text(theirs.value);
  });
}

template <class F, class Ours, class Hardware>
void sweep_binary(const char* name, Ours ours, Hardware hardware) {
  Checker checker;
  SseTraps traps;
  const auto one = [&](F a, F b, std::uint32_t mxcsr) {
    Outcome out;
    const auto mine = ours(a, b, sse_environment(mxcsr), out);
    check_sse(checker, mxcsr, mine, out, hardware(a, b, mxcsr), [&] { return std::string(name) + " " + text(a) + " " + text(b); });
  };
  const std::vector<F> list = corners<F>();
  std::uint64_t turn = 0;
  for (const F a : list) {
    for (const F b : list) {
      for (unsigned i = 0; i < 4; ++i) {
        one(a, b, masked_mxcsr(turn + i * 5));
      }
      ++turn;
    }
  }
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases; ++i) {
    const F a = random_operand<F>(rng, F{});
    one(a, random_operand<F>(rng, a), masked_mxcsr(rng()));
  }
  for (int i = 0; i < kTrapCases; ++i) {
    const F a = random_operand<F>(rng, F{});
    one(a, random_operand<F>(rng, a), unmasked_mxcsr(rng()));
  }
}

template <class S, class Ours, class Hardware>
void sweep_unary(const char* name, Ours ours, Hardware hardware) {
  Checker checker;
  SseTraps traps;
  const auto one = [&](S a, std::uint32_t mxcsr) {
    Outcome out;
    const auto mine = ours(a, sse_environment(mxcsr), out);
    check_sse(checker, mxcsr, mine, out, hardware(a, mxcsr), [&] { return std::string(name) + " " + text(a); });
  };
  Random rng(kSeed);
  if constexpr (std::is_integral_v<S>) {
    for (int i = 0; i < kRandomCases + kTrapCases; ++i) {
      const S a = static_cast<S>(rng() % 8 == 0 ? rng() % 5 - 2 : static_cast<std::int64_t>(rng()) >> rng() % 64);
      one(a, i < kRandomCases ? masked_mxcsr(rng()) : unmasked_mxcsr(rng()));
    }
  } else {
    for (const S a : corners<S>()) {
      for (unsigned turn = 0; turn < 16; ++turn) {
        one(a, masked_mxcsr(turn));
      }
    }
    for (int i = 0; i < kRandomCases + kTrapCases; ++i) {
      S a = random_operand<S>(rng, S{});
      constexpr int kFractionBits = sizeof(S) == 4 ? 23 : 52;
      using Bits = decltype(S::bits);
      if (rng() % 4 == 0) {  // around the limits of the integers
        constexpr Bits kBias = sizeof(S) == 4 ? 127 : 1023;
        a.bits = static_cast<Bits>((a.bits & ((Bits{1} << kFractionBits) - 1)) | ((kBias + 28 + rng() % 38) << kFractionBits));
      } else if (sizeof(S) == 8 && rng() % 4 == 0) {  // around the limits of F32
        const Bits biased = static_cast<Bits>(rng() % 2 != 0 ? 1023 - 152 + rng() % 30 : 1023 + 125 + rng() % 5);
        a.bits = static_cast<Bits>((a.bits & ((Bits{1} << kFractionBits) - 1)) | biased << kFractionBits);
      }
      one(a, i < kRandomCases ? masked_mxcsr(rng()) : unmasked_mxcsr(rng()));
    }
  }
}

template <class F>
using BinaryForm = SseResult<F> (*)(F, F, std::uint32_t);
template <class D, class S>
using UnaryForm = SseResult<D> (*)(S, std::uint32_t);

template <class F>
class FpSse : public ::testing::Test {};
using Formats = ::testing::Types<F32, F64>;
TYPED_TEST_SUITE(FpSse, Formats);

TYPED_TEST(FpSse, Add) {
  using F = TypeParam;
  sweep_binary<F>("add", [](F a, F b, const Environment& e, Outcome& o) { return add(a, b, e, o); }, BinaryForm<F>(sse_add));
}
TYPED_TEST(FpSse, Sub) {
  using F = TypeParam;
  sweep_binary<F>("sub", [](F a, F b, const Environment& e, Outcome& o) { return sub(a, b, e, o); }, BinaryForm<F>(sse_sub));
}
TYPED_TEST(FpSse, Mul) {
  using F = TypeParam;
  sweep_binary<F>("mul", [](F a, F b, const Environment& e, Outcome& o) { return mul(a, b, e, o); }, BinaryForm<F>(sse_mul));
}
TYPED_TEST(FpSse, Div) {
  using F = TypeParam;
  sweep_binary<F>("div", [](F a, F b, const Environment& e, Outcome& o) { return div(a, b, e, o); }, BinaryForm<F>(sse_div));
}
TYPED_TEST(FpSse, Min) { sweep_binary<TypeParam>("min", min<TypeParam>, BinaryForm<TypeParam>(sse_min)); }
TYPED_TEST(FpSse, Max) { sweep_binary<TypeParam>("max", max<TypeParam>, BinaryForm<TypeParam>(sse_max)); }

TYPED_TEST(FpSse, Compare) {
  using F = TypeParam;
  using Form = SseResult<std::uint32_t> (*)(F, F, std::uint32_t);
  sweep_binary<F>(
      "comi",
      [](F a, F b, const Environment& e, Outcome& o) { return eflags_conditions(compare(a, b, Comparison::Signalling, e, o)); },
      Form(sse_comi));
  sweep_binary<F>(
      "ucomi", [](F a, F b, const Environment& e, Outcome& o) { return eflags_conditions(compare(a, b, Comparison::Quiet, e, o)); },
      Form(sse_ucomi));
}

TYPED_TEST(FpSse, Sqrt) { sweep_unary<TypeParam>("sqrt", sqrt<TypeParam>, UnaryForm<TypeParam, TypeParam>(sse_sqrt)); }

TYPED_TEST(FpSse, RoundToIntegral) {
  sweep_unary<TypeParam>("round", round_to_integral<TypeParam>, UnaryForm<TypeParam, TypeParam>(sse_round));
}

TYPED_TEST(FpSse, ToInteger) {
  using F = TypeParam;
  using Form32 = UnaryForm<std::int32_t, F>;
  using Form64 = UnaryForm<std::int64_t, F>;
  const auto to32 = [](F a, const Environment& e, Outcome& o) {
    return static_cast<std::int32_t>(to_integer(a, IntegerWidth::W32, e.rounding, e, o));
  };
  const auto to64 = [](F a, const Environment& e, Outcome& o) { return to_integer(a, IntegerWidth::W64, e.rounding, e, o); };
  const auto truncate32 = [](F a, const Environment& e, Outcome& o) {
    return static_cast<std::int32_t>(to_integer(a, IntegerWidth::W32, Rounding::Zero, e, o));
  };
  const auto truncate64 = [](F a, const Environment& e, Outcome& o) { return to_integer(a, IntegerWidth::W64, Rounding::Zero, e, o); };
  sweep_unary<F>("cvt2si32", to32, Form32(sse_to_int32));
  sweep_unary<F>("cvt2si64", to64, Form64(sse_to_int64));
  sweep_unary<F>("cvtt2si32", truncate32, Form32(sse_truncate32));
  sweep_unary<F>("cvtt2si64", truncate64, Form64(sse_truncate64));
}

TEST(FpSseConvert, BetweenFormats) {
  sweep_unary<F32>("cvtss2sd", convert<F64, F32>, sse_widen);
  sweep_unary<F64>("cvtsd2ss", convert<F32, F64>, sse_narrow);
}

TEST(FpSseConvert, FromInteger) {
  sweep_unary<std::int32_t>("cvtsi2ss32", from_integer<F32>, UnaryForm<F32, std::int32_t>(sse_from_f32));
  sweep_unary<std::int64_t>("cvtsi2ss64", from_integer<F32>, UnaryForm<F32, std::int64_t>(sse_from_f32));
  sweep_unary<std::int32_t>("cvtsi2sd32", from_integer<F64>, UnaryForm<F64, std::int32_t>(sse_from_f64));
  sweep_unary<std::int64_t>("cvtsi2sd64", from_integer<F64>, UnaryForm<F64, std::int64_t>(sse_from_f64));
}

}  // namespace
}  // namespace chrysalis::isa::fp::test
