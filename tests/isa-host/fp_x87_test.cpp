// The x87 operations of isa-host/fp against the build machine's x87 unit: result bits and status word.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <type_traits>

#include "isa-host/fp/fp.h"
#include "tests/isa-host/fp_check.h"
#include "tests/isa-host/fp_operands.h"
#include "tests/isa-host/fp_x87_oracle.h"

namespace chrysalis::isa::fp::test {
namespace {

/// One case of an operation on ST(0) and an operand B (register, F32 or F64).
template <class B, class Ours, class Hardware>
void check_binary(Checker& checker, const char* name, Ours ours, Hardware hardware, F80 a, B b, std::uint16_t fcw) {
  const Environment env = x87_environment(fcw);
  Outcome out;
  const F80 mine = ours(a, b, env, out);
  const X87Result theirs = hardware(a, b, fcw);
  const bool written = out.writes_register(env);
  const bool equal = expected_status(out) == (theirs.fsw & kFlagsAndC1) && theirs.st0 == (written ? mine : a);
  checker.check(equal, [&] {
    return std::string(name) + " " + text(a) + " " + text(b) + " " + describe(fcw) + "\n  ours     " + text(mine) + " " +
           describe_status(expected_status(out)) + (written ? "" : " (not written)") + "\n  hardware " + text(theirs.st0) +
           " " + describe_status(theirs.fsw);
  });
}

template <class B, class Ours, class Hardware>
void sweep_binary(const char* name, Ours ours, Hardware hardware) {
  Checker checker;
  const std::vector<std::uint16_t> words = control_words(true);
  for (const F80 a : corners<F80>()) {
    for (const B b : corners<B>()) {
      for (const std::uint16_t fcw : words) {
        if (in_corner_sweep(fcw)) {
          check_binary<B>(checker, name, ours, hardware, a, b, fcw);
        }
      }
    }
  }
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases; ++i) {
    F80 a;
    B b;
    if constexpr (std::is_same_v<B, F80>) {
      a = random_f80(rng);
      b = random_f80(rng, a);
    } else {
      b = random_operand<B>(rng, B{});
      Outcome ignored;
      a = random_f80(rng, convert<F80>(b, Environment{}, ignored));
    }
    check_binary<B>(checker, name, ours, hardware, a, b, random_control_word(rng()));
  }
}

template <class B>
constexpr auto ours_add = [](F80 a, B b, const Environment& e, Outcome& o) { return add(a, b, e, o); };
template <class B>
constexpr auto ours_sub = [](F80 a, B b, const Environment& e, Outcome& o) { return sub(a, b, e, o); };
template <class B>
constexpr auto ours_subr = [](F80 a, B b, const Environment& e, Outcome& o) { return sub(b, a, e, o); };
template <class B>
constexpr auto ours_mul = [](F80 a, B b, const Environment& e, Outcome& o) { return mul(a, b, e, o); };
template <class B>
constexpr auto ours_div = [](F80 a, B b, const Environment& e, Outcome& o) { return div(a, b, e, o); };
template <class B>
constexpr auto ours_divr = [](F80 a, B b, const Environment& e, Outcome& o) { return div(b, a, e, o); };

template <class B>
using MemoryForm = X87Result (*)(F80, B, std::uint16_t);

TEST(FpX87, Add) { sweep_binary<F80>("fadd", ours_add<F80>, x87_fadd); }
TEST(FpX87, Sub) { sweep_binary<F80>("fsub", ours_sub<F80>, x87_fsub); }
TEST(FpX87, Mul) { sweep_binary<F80>("fmul", ours_mul<F80>, x87_fmul); }
TEST(FpX87, Div) { sweep_binary<F80>("fdiv", ours_div<F80>, x87_fdiv); }

/// Quotients that lie a single part in 2^128 beside the middle of two neighbours: for an odd divisor y,
/// the dividend whose remainder is (y - 1) / 2 or (y + 1) / 2 after 64 quotient bits.
TEST(FpX87, DivNearestToHalf) {
  const auto hardware = [](F80 a, F80 b, std::uint16_t fcw) { return x87_fdiv(a, b, fcw); };
  Checker checker;
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases / 10; ++i) {
    const std::uint64_t y = rng() | 0x8000000000000001;
    std::uint64_t x = y / 2 + (rng() & 1);
    for (int bit = 0; bit < 64; ++bit) {  // divides by 2^64 modulo y
      x = (x & 1) == 0 ? x / 2 : x / 2 + y / 2 + 1;
    }
    if (x >> 63 != 0) {
      check_binary<F80>(checker, "fdiv", ours_div<F80>, hardware, {x, 0x3fff}, {y, 0x3fff}, random_control_word(rng()) | 0x300);
    }
  }
}

TEST(FpX87, ArithmeticM32) {
  sweep_binary<F32>("fadd m32", ours_add<F32>, MemoryForm<F32>(x87_fadd_m));
  sweep_binary<F32>("fsub m32", ours_sub<F32>, MemoryForm<F32>(x87_fsub_m));
  sweep_binary<F32>("fsubr m32", ours_subr<F32>, MemoryForm<F32>(x87_fsubr_m));
  sweep_binary<F32>("fmul m32", ours_mul<F32>, MemoryForm<F32>(x87_fmul_m));
  sweep_binary<F32>("fdiv m32", ours_div<F32>, MemoryForm<F32>(x87_fdiv_m));
  sweep_binary<F32>("fdivr m32", ours_divr<F32>, MemoryForm<F32>(x87_fdivr_m));
}

TEST(FpX87, ArithmeticM64) {
  sweep_binary<F64>("fadd m64", ours_add<F64>, MemoryForm<F64>(x87_fadd_m));
  sweep_binary<F64>("fsub m64", ours_sub<F64>, MemoryForm<F64>(x87_fsub_m));
  sweep_binary<F64>("fsubr m64", ours_subr<F64>, MemoryForm<F64>(x87_fsubr_m));
  sweep_binary<F64>("fmul m64", ours_mul<F64>, MemoryForm<F64>(x87_fmul_m));
  sweep_binary<F64>("fdiv m64", ours_div<F64>, MemoryForm<F64>(x87_fdiv_m));
  sweep_binary<F64>("fdivr m64", ours_divr<F64>, MemoryForm<F64>(x87_fdivr_m));
}

TEST(FpX87, Sqrt) {
  const auto ours = [](F80 a, F80, const Environment& e, Outcome& o) { return sqrt(a, e, o); };
  sweep_binary<F80>("fsqrt", ours, x87_fsqrt);
}

TEST(FpX87, RoundToIntegral) {
  const auto ours = [](F80 a, F80, const Environment& e, Outcome& o) { return round_to_integral(a, e, o); };
  sweep_binary<F80>("frndint", ours, x87_frndint);
}

TEST(FpX87, Scale) {
  const auto ours = [](F80 a, F80 b, const Environment& e, Outcome& o) { return scale(a, b, e, o); };
  sweep_binary<F80>("fscale", ours, x87_fscale);
  // Factors that end near both limits of the range and of the wrapped range.
  Checker checker;
  Random rng(kSeed + 1);
  for (int i = 0; i < kRandomCases; ++i) {
    const F80 a = random_f80(rng);
    constexpr int kGoals[] = {-16382, -16445, 16383, -16382 - 24576, 16383 + 24576, -65536, 65536};
    const int factor = kGoals[rng() % 7] - ((a.sign_exponent & 0x7fff) - 16383) + static_cast<int>(rng() % 9) - 4;
    Outcome ignored;
    const F80 b = from_integer<F80>(factor, Environment{}, ignored);
    check_binary<F80>(checker, "fscale", ours, x87_fscale, a, b, random_control_word(rng()));
  }
}

/// Remainders are checked with all condition codes.
template <class Ours, class Hardware>
void sweep_remainder(const char* name, Ours ours, Hardware hardware) {
  Checker checker;
  const std::vector<std::uint16_t> words = control_words(true);
  const auto one = [&](F80 a, F80 b, std::uint16_t fcw) {
    const Environment env = x87_environment(fcw);
    Outcome out;
    const Remainder mine = ours(a, b, env, out);
    const X87Result theirs = hardware(a, b, fcw);
    const bool written = out.writes_register(env);
    const bool equal = expected_status(out, mine.conditions) == (theirs.fsw & kFlagsAndConditions) &&
                       theirs.st0 == (written ? mine.value : a);
    checker.check(equal, [&] {
      return std::string(name) + " " + text(a) + " " + text(b) + " " + describe(fcw) + "\n  ours     " +
             text(mine.value) + " " + describe_status(expected_status(out, mine.conditions)) + "\n  hardware " +
             text(theirs.st0) + " " + describe_status(theirs.fsw);
    });
  };
  std::size_t turn = 0;
  for (const F80 a : corners<F80>()) {
    for (const F80 b : corners<F80>()) {
      one(a, b, words[turn++ % words.size()]);
      one(a, b, 0x37f);
    }
  }
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases; ++i) {
    const F80 a = random_f80(rng);
    one(a, random_f80(rng, a), random_control_word(rng()));
  }
  for (int difference = -70; difference < 16000; ++difference) {  // the exponent difference rule
    const std::uint64_t top = std::uint64_t{1} << 63;
    one({rng() | top, static_cast<std::uint16_t>(0x3fff + difference)}, {rng() | top, 0x3fff}, 0x37f);
    one({rng() | top, static_cast<std::uint16_t>(0x3fff + difference)}, {rng() | top, 0x3fff}, 0x37f);
  }
}

TEST(FpX87, RemainderTruncated) { sweep_remainder("fprem", remainder_truncated, x87_fprem); }
TEST(FpX87, RemainderNearest) { sweep_remainder("fprem1", remainder_nearest, x87_fprem1); }

TEST(FpX87, Extract) {
  Checker checker;
  Random rng(kSeed);
  const std::vector<std::uint16_t> words = control_words(false);
  const auto one = [&](F80 a, std::uint16_t fcw) {
    const Environment env = x87_environment(fcw);
    Outcome out;
    const Extracted mine = extract(a, env, out);
    bool pushed = false;
    const X87Result theirs = x87_fxtract(a, fcw, pushed);
    const bool written = out.writes_register(env);
    const bool equal =
        expected_status(out) == (theirs.fsw & kFlagsAndC1) && pushed == written &&
        (written ? theirs.st0 == mine.significand && theirs.st1 == mine.exponent : theirs.st0 == a);
    checker.check(equal, [&] {
      return "fxtract " + text(a) + " " + describe(fcw) + "\n  ours     " + text(mine.significand) + " " +
             text(mine.exponent) + " " + describe_status(expected_status(out)) + "\n  hardware " + text(theirs.st0) + " " +
             text(theirs.st1) + " " + describe_status(theirs.fsw);
    });
  };
  for (const std::uint16_t fcw : words) {
    for (const F80 a : corners<F80>()) {
      one(a, fcw);
    }
  }
  for (int i = 0; i < kRandomCases; ++i) {
    one(random_f80(rng), random_control_word(rng()));
  }
}

template <class B, class Hardware>
void sweep_compare(const char* name, Comparison comparison, Hardware hardware) {
  Checker checker;
  Random rng(kSeed);
  const std::vector<std::uint16_t> words = control_words(false);
  const auto one = [&](F80 a, B b, std::uint16_t fcw) {
    const Environment env = x87_environment(fcw);
    Outcome out;
    const Relation relation = compare(a, b, comparison, env, out);
    const X87Result theirs = hardware(a, b, fcw);
    const std::uint16_t mine = expected_status(out, x87_conditions(relation));
    checker.check(mine == (theirs.fsw & kFlagsAndConditions), [&] {
      return std::string(name) + " " + text(a) + " " + text(b) + " " + describe(fcw) + "\n  ours     " +
             describe_status(mine) + "\n  hardware " + describe_status(theirs.fsw);
    });
  };
  std::size_t turn = 0;
  for (const F80 a : corners<F80>()) {
    for (const B b : corners<B>()) {
      one(a, b, 0x37f);
      one(a, b, words[turn++ % words.size()]);
    }
  }
  for (int i = 0; i < kRandomCases; ++i) {
    const B b = random_operand<B>(rng, B{});
    Outcome ignored;
    if constexpr (std::is_same_v<B, F80>) {
      one(random_f80(rng, b), b, random_control_word(rng()));
    } else {
      one(random_f80(rng, convert<F80>(b, Environment{}, ignored)), b, random_control_word(rng()));
    }
  }
}

TEST(FpX87, Compare) {
  sweep_compare<F80>("fcom", Comparison::Signalling, x87_fcom);
  sweep_compare<F80>("fucom", Comparison::Quiet, x87_fucom);
  sweep_compare<F32>("fcom m32", Comparison::Signalling, MemoryForm<F32>(x87_fcom_m));
  sweep_compare<F64>("fcom m64", Comparison::Signalling, MemoryForm<F64>(x87_fcom_m));
}

TEST(FpX87, CompareToFlags) {
  Checker checker;
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases; ++i) {
    const F80 a = random_f80(rng);
    const F80 b = rng() % 8 == 0 ? a : random_f80(rng, a);
    for (const bool quiet : {false, true}) {
      Outcome out;
      std::uint16_t fsw = 0;
      const std::uint32_t theirs = quiet ? x87_fucomi(a, b, 0x37f, fsw) : x87_fcomi(a, b, 0x37f, fsw);
      const Relation relation = compare(a, b, quiet ? Comparison::Quiet : Comparison::Signalling, Environment{}, out);
      checker.check(eflags_conditions(relation) == theirs && out.flags == (fsw & kAllExceptions), [&] {
        return "fcomi " + text(a) + " " + text(b) + " hardware " + describe_status(fsw) + " eflags " + std::to_string(theirs);
      });
    }
  }
}

TEST(FpX87, ExamineAndSigns) {
  Checker checker;
  Random rng(kSeed);
  const auto one = [&](F80 a) {
    Outcome out;
    const X87Result tested = x87_ftst(a, a, 0x37f);
    const Relation relation = compare(a, F80{}, Comparison::Signalling, Environment{}, out);
    const X87Result examined = x87_fxam(a, a, 0x37f);
    const X87Result changed = x87_fchs(a, a, 0x340);
    const X87Result magnitude = x87_fabs(a, a, 0x340);
    checker.check(examine(a) == (examined.fsw & kFlagsAndConditions) && changed.st0 == chs(a) && magnitude.st0 == abs(a) &&
                      ((changed.fsw | magnitude.fsw) & kFlagsAndC1) == 0 &&
                      (tested.fsw & kFlagsAndConditions) == expected_status(out, x87_conditions(relation)),
                  [&] { return "fxam/fchs/fabs/ftst " + text(a) + " hardware fxam " + describe_status(examined.fsw); });
  };
  for (const F80 a : corners<F80>()) {
    one(a);
  }
  for (int i = 0; i < kRandomCases; ++i) {
    one(random_f80(rng));
  }
}

}  // namespace
}  // namespace chrysalis::isa::fp::test
