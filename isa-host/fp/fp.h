#pragma once

#include <cstdint>

/// Floating-point arithmetic of the host, bit-exact with the x87 and SSE units.
///
/// One implementation serves three formats: operands are unpacked to a common form, operated on
/// exactly, then rounded and packed. An operation that has an F80 operand or result is an *x87
/// operation*; one over F32 and F64 alone is an *SSE operation*. That alone selects between the two
/// units' rules:
///
///                        x87 operation                      SSE operation
///   NaN propagation      QNaN before SNaN, then the         the first operand if it is a NaN,
///                        larger significand                 else the second
///   precision            24, 53 or 64 bits, by              the format's
///                        `precision`; range stays extended
///   denormal operands    DE                                 DE, or zero by `denormals_are_zero`
///   unmasked OE, UE      result with wrapped exponent       no result
///
/// Depends on: <cstdint> and `unsigned __int128` only; usable freestanding.
/// Keeps:      no state; every function is pure but for its `Outcome`.
/// Source:     Intel SDM Vol. 1, 4.8, 4.9 and chapters 8 and 10; where it leaves a choice, the policy
///             is named beside the function.
namespace chrysalis::isa::fp {

struct F32 {
  std::uint32_t bits;
};

struct F64 {
  std::uint64_t bits;
};

/// x87 double extended precision: explicit integer bit 63 in `significand`.
struct F80 {
  std::uint64_t significand;
  std::uint16_t sign_exponent;  // bit 15 sign, bits 0..14 biased exponent
};

/// 18-digit packed BCD as FBLD and FBSTP hold it in memory: digits 0..15 in `low`, digits 16 and 17
/// in bits 0..7 of `high`, the sign in bit 15; bits 8..14 are ignored when read and 0 when written.
struct Bcd80 {
  std::uint64_t low;
  std::uint16_t high;
};

constexpr bool operator==(F32 a, F32 b) { return a.bits == b.bits; }
constexpr bool operator==(F64 a, F64 b) { return a.bits == b.bits; }
constexpr bool operator==(F80 a, F80 b) { return a.significand == b.significand && a.sign_exponent == b.sign_exponent; }
constexpr bool operator==(Bcd80 a, Bcd80 b) { return a.low == b.low && a.high == b.high; }

/// Encoded as the RC fields of the x87 control word and MXCSR.
enum class Rounding : std::uint8_t { Nearest = 0, Down = 1, Up = 2, Zero = 3 };

/// Encoded as the PC field of the x87 control word; the reserved encoding 1 acts as `Extended`.
enum class Precision : std::uint8_t { Single = 0, Reserved = 1, Double = 2, Extended = 3 };

/// Exception flags and masks, at their positions in FSW, FCW and MXCSR (flags).
constexpr std::uint8_t kInvalid = 1 << 0;
constexpr std::uint8_t kDenormal = 1 << 1;
constexpr std::uint8_t kZeroDivide = 1 << 2;
constexpr std::uint8_t kOverflow = 1 << 3;
constexpr std::uint8_t kUnderflow = 1 << 4;
constexpr std::uint8_t kPrecision = 1 << 5;
constexpr std::uint8_t kAllExceptions = 0x3f;

/// Condition codes at their positions in the x87 status word.
constexpr std::uint16_t kC0 = 1 << 8;
constexpr std::uint16_t kC1 = 1 << 9;
constexpr std::uint16_t kC2 = 1 << 10;
constexpr std::uint16_t kC3 = 1 << 14;

/// What the control word or MXCSR asks for.
struct Environment {
  Rounding rounding = Rounding::Nearest;
  Precision precision = Precision::Extended;  // add, sub, mul, div and sqrt to F80 only
  bool flush_to_zero = false;                 // SSE operations only
  bool denormals_are_zero = false;            // SSE operations only
  std::uint8_t masks = kAllExceptions;        // 1: masked
};

/// Environment of an x87 operation under control word `fcw`.
constexpr Environment x87_environment(std::uint16_t fcw) {
  return {static_cast<Rounding>((fcw >> 10) & 3), static_cast<Precision>((fcw >> 8) & 3), false, false,
          static_cast<std::uint8_t>(fcw & kAllExceptions)};
}

/// Environment of an SSE operation under `mxcsr`.
constexpr Environment sse_environment(std::uint32_t mxcsr) {
  return {static_cast<Rounding>((mxcsr >> 13) & 3), Precision::Extended, ((mxcsr >> 15) & 1) != 0,
          ((mxcsr >> 6) & 1) != 0, static_cast<std::uint8_t>((mxcsr >> 7) & kAllExceptions)};
}

/// What an operation reports beside its value. Operations OR into `flags` and assign `rounded_up`.
///
/// An unmasked IE, DE or ZE ends the operation before it computes: it has no result and reports no
/// later exception. After an unmasked OE, UE or PE an x87 register destination receives the result
/// (with its exponent wrapped by 24576 for OE and UE). Memory destinations receive it after PE but not
/// after OE and UE, which then suppress PE and C1. SSE destinations receive nothing after any unmasked
/// exception. The functions below say what is delivered; a value not delivered is unspecified.
struct Outcome {
  std::uint8_t flags = 0;
  bool rounded_up = false;  // C1: the magnitude was increased by rounding

  constexpr bool unmasked(const Environment& env) const { return (flags & ~env.masks & kAllExceptions) != 0; }

  /// Whether an x87 register destination is written.
  constexpr bool writes_register(const Environment& env) const {
    return (flags & ~env.masks & (kInvalid | kDenormal | kZeroDivide)) == 0;
  }

  /// Whether FLD m32 and m64 push: an unmasked DE does not keep them from it.
  constexpr bool pushes(const Environment& env) const { return (flags & ~env.masks & kInvalid) == 0; }

  /// Whether a store to memory is done (and pops).
  constexpr bool stores(const Environment& env) const {
    return (flags & ~env.masks & (kInvalid | kOverflow | kUnderflow)) == 0;
  }
};

/// The format of a binary operation's result: F80 if either operand is.
template <class A, class B>
struct BinaryResult {
  using type = F80;
};
template <class A>
struct BinaryResult<A, A> {
  using type = A;
};
template <class A, class B>
using ResultOf = typename BinaryResult<A, B>::type;

/// \name Arithmetic
/// For (F32, F32), (F64, F64), (F80, F80), and F80 with F32 or F64 on either side, which are the x87
/// instructions with a memory operand: that operand's denormals and NaNs are judged in its own format.
/// @{
template <class A, class B>
ResultOf<A, B> add(A a, B b, const Environment& env, Outcome& out);
template <class A, class B>
ResultOf<A, B> sub(A a, B b, const Environment& env, Outcome& out);
template <class A, class B>
ResultOf<A, B> mul(A a, B b, const Environment& env, Outcome& out);
template <class A, class B>
ResultOf<A, B> div(A a, B b, const Environment& env, Outcome& out);
/// @}

/// For F32, F64, F80.
template <class F>
F sqrt(F value, const Environment& env, Outcome& out);

/// Sign changes never examine the value and raise nothing.
constexpr F80 chs(F80 value) { return {value.significand, static_cast<std::uint16_t>(value.sign_exponent ^ 0x8000)}; }
constexpr F80 abs(F80 value) { return {value.significand, static_cast<std::uint16_t>(value.sign_exponent & 0x7fff)}; }

enum class Relation : std::uint8_t { Greater, Less, Equal, Unordered };

/// A signalling comparison raises IE for every NaN, a quiet one for signalling NaNs only.
enum class Comparison : std::uint8_t { Signalling, Quiet };

/// Compares. Same format pairs as the arithmetic. With an unmasked IE or DE the relation is still
/// returned; whether it is delivered is the instruction's business.
template <class A, class B>
Relation compare(A a, B b, Comparison comparison, const Environment& env, Outcome& out);

/// C3, C2 and C0 as FCOM and FTST report a relation.
constexpr std::uint16_t x87_conditions(Relation relation) {
  return relation == Relation::Greater ? 0
         : relation == Relation::Less  ? kC0
         : relation == Relation::Equal ? kC3
                                       : static_cast<std::uint16_t>(kC3 | kC2 | kC0);
}

/// ZF, PF and CF, at their EFLAGS positions, as FCOMI and COMISS report a relation.
constexpr std::uint32_t eflags_conditions(Relation relation) {
  return relation == Relation::Greater ? 0u : relation == Relation::Less ? 0x01u : relation == Relation::Equal ? 0x40u : 0x45u;
}

/// MINSS and MAXSS: `second` if either is a NaN (IE) or both are zeros. For F32 and F64.
template <class F>
F min(F first, F second, const Environment& env, Outcome& out);
template <class F>
F max(F first, F second, const Environment& env, Outcome& out);

/// FXAM: C3, C2, C0 by class and C1 by sign; the caller reports an empty register itself (C3 | C0).
std::uint16_t examine(F80 value);

/// Rounds to an integral value by `env.rounding`. F80 is FRNDINT, which raises DE; F32 and F64 are
/// ROUNDSS and ROUNDSD, which do not (drop PE from the outcome to suppress it).
template <class F>
F round_to_integral(F value, const Environment& env, Outcome& out);

/// FSCALE: `value` times 2 to the power of `scale` truncated. The precision control has no effect.
F80 scale(F80 value, F80 scale, const Environment& env, Outcome& out);

/// FXTRACT: `value` = `significand` times 2 to the power of `exponent`.
struct Extracted {
  F80 exponent;     // replaces ST(0)
  F80 significand;  // is pushed
};
Extracted extract(F80 value, const Environment& env, Outcome& out);

/// One step of FPREM or FPREM1.
struct Remainder {
  F80 value;
  std::uint16_t conditions;  // C2: incomplete; else C0, C3, C1 are bits 2, 1, 0 of the quotient
};
Remainder remainder_truncated(F80 dividend, F80 divisor, const Environment& env, Outcome& out);  // FPREM
Remainder remainder_nearest(F80 dividend, F80 divisor, const Environment& env, Outcome& out);    // FPREM1

/// Converts between formats. To F80 is FLD m32/m64, from F80 is FST m32/m64 (no DE), and the rest
/// CVTSS2SD and CVTSD2SS. F80 to F80 does not exist: FLD and FST m80 move bits.
template <class To, class From>
To convert(From value, const Environment& env, Outcome& out);

/// Converts an integer: to F80 exactly (FILD), to F32 and F64 by rounding (CVTSI2SS, CVTSI2SD).
template <class To>
To from_integer(std::int64_t value, const Environment& env, Outcome& out);

enum class IntegerWidth : std::uint8_t { W16 = 16, W32 = 32, W64 = 64 };

/// Converts to a signed integer of `width`, sign-extended, by `rounding` (FIST, CVTSD2SI: that of the
/// environment; FISTTP, CVTTSD2SI: `Rounding::Zero`). NaN and out of range: IE and the integer
/// indefinite, the most negative number of the width. For F32, F64, F80.
template <class F>
std::int64_t to_integer(F value, IntegerWidth width, Rounding rounding, const Environment& env, Outcome& out);

/// FBLD: exact. A digit above 9 counts with its value (policy; the SDM leaves it undefined).
F80 from_bcd(Bcd80 value);

/// FBSTP: NaN and magnitudes of 10^18 and above raise IE and give the packed BCD indefinite.
Bcd80 to_bcd(F80 value, const Environment& env, Outcome& out);

/// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ, in the order of their opcodes D9 E8..EE.
enum class Constant : std::uint8_t { One, Log2Of10, Log2OfE, Pi, Log10Of2, LnOf2, Zero };

/// The constant's exact value rounded by `rounding` to 64 bits. Raises nothing.
F80 constant(Constant which, Rounding rounding);

/// The NaN that the processor generates for an invalid operation ("real indefinite").
template <class F>
F default_nan();

}  // namespace chrysalis::isa::fp
