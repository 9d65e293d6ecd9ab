// Loads, stores, integer and BCD conversions and constants of isa-host/fp against the build machine's
// x87 unit: what is stored or pushed, what an unmasked exception keeps from being stored, status word.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "isa-host/fp/fp.h"
#include "tests/isa-host/fp_check.h"
#include "tests/isa-host/fp_operands.h"
#include "tests/isa-host/fp_x87_oracle.h"

namespace chrysalis::isa::fp::test {
namespace {

Memory80 memory(Bcd80 v) { return {v.low, v.high}; }
Bcd80 bcd(Memory80 m) { return {m.significand, m.sign_exponent}; }

template <class T>
void sweep_load(const char* name) {
  Checker checker;
  Random rng(kSeed);
  const std::vector<std::uint16_t> words = control_words(true);
  const auto one = [&](T operand, std::uint16_t fcw) {
    const Environment env = x87_environment(fcw);
    Outcome out;
    const F80 mine = convert<F80>(operand, env, out);
    bool loaded = false;
    const X87Result theirs = x87_fld(operand, fcw, loaded);
    const bool written = out.pushes(env);
    checker.check(expected_status(out) == (theirs.fsw & kFlagsAndC1) && loaded == written && (!written || mine == theirs.st0), [&] {
      return std::string(name) + " " + text(operand) + " " + describe(fcw) + "\n  ours     " + text(mine) + " " +
             describe_status(expected_status(out)) + "\n  hardware " + text(theirs.st0) + " " + describe_status(theirs.fsw);
    });
  };
  for (const T operand : corners<T>()) {
    for (const std::uint16_t fcw : words) {
      one(operand, fcw);
    }
  }
  for (int i = 0; i < kRandomCases; ++i) {
    one(random_operand<T>(rng, T{}), random_control_word(rng()));
  }
}

TEST(FpX87, Load) {
  sweep_load<F32>("fld m32");
  sweep_load<F64>("fld m64");
}

/// What memory holds before a store.
constexpr char kUntouched[] = "an unstored value";

/// Stores: memory and register must be kept when an unmasked exception says so. An unmasked PE alone
/// stores, as the result is delivered before the exception is.
template <class T, class Ours, class Hardware, class Operand>
void sweep_store(const char* name, Ours ours, Hardware hardware, Operand random) {
  Checker checker;
  Random rng(kSeed);
  const std::vector<std::uint16_t> words = control_words(true);
  const auto one = [&](F80 a, std::uint16_t fcw) {
    const Environment env = x87_environment(fcw);
    Outcome out;
    const T mine = ours(a, env, out);
    static_assert(sizeof(T) <= sizeof kUntouched);
    T theirs;
    std::memcpy(&theirs, kUntouched, sizeof theirs);
    const T untouched = theirs;
    bool popped = false;
    const std::uint16_t fsw = hardware(a, theirs, fcw, popped);
    const bool stores = out.stores(env);
    checker.check(expected_status(out) == (fsw & kFlagsAndC1) && popped == stores && theirs == (stores ? mine : untouched), [&] {
      return std::string(name) + " " + text(a) + " " + describe(fcw) + "\n  ours     " + text(mine) + " " +
             describe_status(expected_status(out)) + "\n  hardware " + text(theirs) + " " + describe_status(fsw) +
             (popped ? " popped" : " kept");
    });
  };
  for (const std::uint64_t significand : corner_significands()) {
    for (const std::uint16_t exponent : corner_exponents()) {
      for (const std::uint16_t fcw : words) {
        one({significand, exponent}, fcw);
        one({significand, static_cast<std::uint16_t>(exponent | 0x8000)}, fcw);
      }
    }
  }
  for (int i = 0; i < 2 * kRandomCases; ++i) {
    one(random(rng), random_control_word(rng()));
  }
}

/// Values whose exponents lie around the limits of a format with `bias` and `fraction_bits`.
template <int bias, int fraction_bits>
F80 random_near_limits(Random& rng) {
  F80 a = random_f80(rng);
  const std::uint16_t sign = a.sign_exponent & 0x8000;
  switch (rng() & 3) {
    case 0:
      a.sign_exponent = static_cast<std::uint16_t>(sign | (0x3fff - bias - fraction_bits - 4 + rng() % (fraction_bits + 8)));
      break;
    case 1:
      a.sign_exponent = static_cast<std::uint16_t>(sign | (0x3fff + bias - 1 + rng() % 4));
      break;
    default:
      break;
  }
  return a;
}

TEST(FpX87, Store) {
  sweep_store<F32>(
      "fst m32", [](F80 a, const Environment& e, Outcome& o) { return convert<F32>(a, e, o); },
      [](F80 a, F32& m, std::uint16_t fcw, bool& popped) { return x87_fstp(a, m, fcw, popped); },
      random_near_limits<127, 23>);
  sweep_store<F64>(
      "fst m64", [](F80 a, const Environment& e, Outcome& o) { return convert<F64>(a, e, o); },
      [](F80 a, F64& m, std::uint16_t fcw, bool& popped) { return x87_fstp(a, m, fcw, popped); },
      random_near_limits<1023, 52>);
}

/// FTZ and DAZ are MXCSR's: an x87 operation must not notice them.
TEST(FpX87, IgnoresFtzAndDaz) {
  Environment sse;
  sse.flush_to_zero = true;
  sse.denormals_are_zero = true;
  const Environment plain;
  Checker checker;
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases; ++i) {
    const F80 a = random_near_limits<127, 23>(rng);
    const F32 b = random_operand<F32>(rng, F32{});
    Outcome with;
    Outcome without;
    const bool equal = convert<F32>(a, sse, with) == convert<F32>(a, plain, without) &&
                       convert<F80>(b, sse, with) == convert<F80>(b, plain, without) &&
                       add(a, b, sse, with) == add(a, b, plain, without) && mul(b, a, sse, with) == mul(b, a, plain, without) &&
                       compare(a, b, Comparison::Quiet, sse, with) == compare(a, b, Comparison::Quiet, plain, without) &&
                       sqrt(a, sse, with) == sqrt(a, plain, without);
    checker.check(equal && with.flags == without.flags, [&] { return text(a) + " " + text(b); });
  }
}

/// Values with an integer part of 0 to 66 bits and, mostly, few fraction bits.
F80 random_integral(Random& rng) {
  F80 a = random_f80(rng);
  if (rng() % 4 != 0) {
    const unsigned bits = static_cast<unsigned>(rng() % 68);
    a.sign_exponent = static_cast<std::uint16_t>((a.sign_exponent & 0x8000) | (0x3ffd + bits));
    if (rng() % 2 != 0 && bits < 62) {
      a.significand &= ~std::uint64_t{0} << (62 - bits);
    }
  }
  return a;
}

template <class I>
void sweep_integer_store() {
  constexpr IntegerWidth kWidth = static_cast<IntegerWidth>(sizeof(I) * 8);
  sweep_store<I>(
      "fist", [](F80 a, const Environment& e, Outcome& o) { return static_cast<I>(to_integer(a, kWidth, e.rounding, e, o)); },
      [](F80 a, I& m, std::uint16_t fcw, bool& popped) { return x87_fistp(a, m, fcw, popped); }, random_integral);
  sweep_store<I>(
      "fisttp", [](F80 a, const Environment& e, Outcome& o) { return static_cast<I>(to_integer(a, kWidth, Rounding::Zero, e, o)); },
      [](F80 a, I& m, std::uint16_t fcw, bool& popped) { return x87_fisttp(a, m, fcw, popped); }, random_integral);
}

TEST(FpX87, StoreInteger16) { sweep_integer_store<std::int16_t>(); }
TEST(FpX87, StoreInteger32) { sweep_integer_store<std::int32_t>(); }
TEST(FpX87, StoreInteger64) { sweep_integer_store<std::int64_t>(); }

template <class I>
void sweep_integer_load() {
  Checker checker;
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases; ++i) {
    const I operand = static_cast<I>(rng() % 8 == 0 ? rng() % 5 - 2 : rng() >> rng() % 64);
    Outcome out;
    const F80 mine = from_integer<F80>(operand, Environment{}, out);
    bool loaded = false;
    const X87Result theirs = x87_fild(operand, 0x040, loaded);
    checker.check(loaded && mine == theirs.st0 && (theirs.fsw & kFlagsAndC1) == expected_status(out),
                  [&] { return "fild " + text(std::int64_t{operand}) + " ours " + text(mine) + " hardware " + text(theirs.st0); });
  }
}

TEST(FpX87, LoadInteger) {
  sweep_integer_load<std::int16_t>();
  sweep_integer_load<std::int32_t>();
  sweep_integer_load<std::int64_t>();
}

TEST(FpX87, StoreBcd) {
  sweep_store<Bcd80>(
      "fbstp", to_bcd,
      [](F80 a, Bcd80& m, std::uint16_t fcw, bool& popped) {
        Memory80 stored = memory(m);
        const std::uint16_t fsw = x87_fbstp(a, stored, fcw, popped);
        m = bcd(stored);
        return fsw;
      },
      [](Random& rng) {
        if (rng() % 4 != 0) {
          return random_integral(rng);
        }
        Outcome ignored;
        return from_integer<F80>(static_cast<std::int64_t>(1'000'000'000'000'000'000 + rng() % 5 - 2), Environment{}, ignored);
      });
}

TEST(FpX87, LoadBcd) {
  Checker checker;
  Random rng(kSeed);
  for (int i = 0; i < kRandomCases; ++i) {
    Bcd80 operand{rng(), static_cast<std::uint16_t>(rng())};
    if (rng() % 8 != 0) {
      const unsigned digits = static_cast<unsigned>(rng() % 19);
      for (unsigned digit = 0; digit < 16; ++digit) {
        const unsigned shift = digit * 4;
        const std::uint64_t value = digit < digits ? rng() % 10 : 0;
        operand.low = (operand.low & ~(std::uint64_t{0xf} << shift)) | value << shift;
      }
      operand.high = static_cast<std::uint16_t>((operand.high & 0xff00) | (digits > 17 ? rng() % 10 << 4 : 0) |
                                                (digits > 16 ? rng() % 10 : 0));
    }
    const F80 mine = from_bcd(operand);
    bool loaded = false;
    const X87Result theirs = x87_fbld(memory(operand), 0x040, loaded);
    checker.check(loaded && mine == theirs.st0 && (theirs.fsw & kFlagsAndC1) == 0,
                  [&] { return "fbld " + text(operand) + " ours " + text(mine) + " hardware " + text(theirs.st0); });
  }
}

TEST(FpX87, Constants) {
  constexpr X87Result (*kLoads[])(std::uint16_t) = {x87_fld1,   x87_fldl2t, x87_fldl2e, x87_fldpi,
                                                    x87_fldlg2, x87_fldln2, x87_fldz};
  for (const std::uint16_t fcw : control_words(true)) {
    for (int i = 0; i < 7; ++i) {
      const X87Result theirs = kLoads[i](fcw);
      const F80 mine = constant(static_cast<Constant>(i), x87_environment(fcw).rounding);
      EXPECT_TRUE(mine == theirs.st0) << i << " " << describe(fcw) << " ours " << text(mine) << " hardware " << text(theirs.st0);
      EXPECT_EQ(theirs.fsw & kFlagsAndC1, 0);
    }
  }
}

}  // namespace
}  // namespace chrysalis::isa::fp::test
