// Integer atoms against the build machine's own instructions: values, and flags where the SDM defines them;
// where it does not, against FlagPolicy::Documented.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "bench_core.h"
#include "random.h"

namespace chrysalis::isa::test {
namespace {

struct Native {
  uint64_t value;
  uint64_t flags;
};

template <unsigned W> struct TypeOf;
template <> struct TypeOf<8> { using type = uint8_t; };
template <> struct TypeOf<16> { using type = uint16_t; };
template <> struct TypeOf<32> { using type = uint32_t; };
template <> struct TypeOf<64> { using type = uint64_t; };

// Bit 1 of EFLAGS reads as 1; IF stays on.
uint64_t to_eflags(uint64_t image) { return image | 0x202; }

#define NATIVE(function, instruction, operands, constraint)                                            \
  template <unsigned W> Native function(uint64_t a64, [[maybe_unused]] uint64_t b64, uint64_t old) {   \
    using T = typename TypeOf<W>::type;                                                                \
    T a = static_cast<T>(a64);                                                                         \
    [[maybe_unused]] const T b = static_cast<T>(b64);                                                  \
    uint64_t flags = to_eflags(old);                                                                   \
    asm volatile("pushq %[f]\n popfq\n " instruction " " operands "\n pushfq\n popq %[f]"              \
                 : [a] "+q"(a), [f] "+r"(flags)                                                        \
                 : [b] constraint(b)                                                                   \
                 : "cc", "memory");                                                                    \
    return {a, flags & kFlagsMask};                                                                    \
  }
NATIVE(n_add, "add", "%[b], %[a]", "q")
NATIVE(n_adc, "adc", "%[b], %[a]", "q")
NATIVE(n_sub, "sub", "%[b], %[a]", "q")
NATIVE(n_sbb, "sbb", "%[b], %[a]", "q")
NATIVE(n_and, "and", "%[b], %[a]", "q")
NATIVE(n_or, "or", "%[b], %[a]", "q")
NATIVE(n_xor, "xor", "%[b], %[a]", "q")
NATIVE(n_shl, "shl", "%%cl, %[a]", "c")
NATIVE(n_shr, "shr", "%%cl, %[a]", "c")
NATIVE(n_sar, "sar", "%%cl, %[a]", "c")
NATIVE(n_rol, "rol", "%%cl, %[a]", "c")
NATIVE(n_ror, "ror", "%%cl, %[a]", "c")
NATIVE(n_rcl, "rcl", "%%cl, %[a]", "c")
NATIVE(n_rcr, "rcr", "%%cl, %[a]", "c")
NATIVE(n_inc, "inc", "%[a]", "q")
NATIVE(n_dec, "dec", "%[a]", "q")
NATIVE(n_neg, "neg", "%[a]", "q")
NATIVE(n_bt, "bt", "%[b], %[a]", "r")
NATIVE(n_bts, "bts", "%[b], %[a]", "r")
NATIVE(n_btr, "btr", "%[b], %[a]", "r")
NATIVE(n_btc, "btc", "%[b], %[a]", "r")

// a: source, b: the destination's old value.
#define NATIVE_SCAN(function, instruction)                                                             \
  template <unsigned W> Native function(uint64_t a64, uint64_t b64, uint64_t old) {                    \
    using T = typename TypeOf<W>::type;                                                                \
    const T a = static_cast<T>(a64);                                                                   \
    T b = static_cast<T>(b64);                                                                         \
    uint64_t flags = to_eflags(old);                                                                   \
    asm volatile("pushq %[f]\n popfq\n " instruction " %[a], %[b]\n pushfq\n popq %[f]"                \
                 : [b] "+r"(b), [f] "+r"(flags)                                                        \
                 : [a] "r"(a)                                                                          \
                 : "cc", "memory");                                                                    \
    return {a == 0 ? static_cast<T>(b64) : b, flags & kFlagsMask};                                     \
  }
NATIVE_SCAN(n_bsf, "bsf")
NATIVE_SCAN(n_bsr, "bsr")

#define NATIVE_DOUBLE(function, instruction)                                                           \
  template <unsigned W> Native function(uint64_t a64, uint64_t fill64, uint64_t count, uint64_t old) { \
    using T = typename TypeOf<W>::type;                                                                \
    T a = static_cast<T>(a64);                                                                         \
    const T fill = static_cast<T>(fill64);                                                             \
    uint64_t flags = to_eflags(old);                                                                   \
    asm volatile("pushq %[f]\n popfq\n " instruction " %%cl, %[b], %[a]\n pushfq\n popq %[f]"          \
                 : [a] "+r"(a), [f] "+r"(flags)                                                        \
                 : [b] "r"(fill), "c"(count)                                                           \
                 : "cc", "memory");                                                                    \
    return {a, flags & kFlagsMask};                                                                    \
  }
NATIVE_DOUBLE(n_shld, "shld")
NATIVE_DOUBLE(n_shrd, "shrd")

/// Low and high half of the product, flags of MUL or IMUL.
struct Product {
  uint64_t low, high, flags;
};
#define NATIVE_MUL(function, instruction)                                                              \
  template <unsigned W> Product function(uint64_t a64, uint64_t b64) {                                 \
    using T = typename TypeOf<W>::type;                                                                \
    uint64_t rax = static_cast<T>(a64), rdx = 0, flags = to_eflags(0);                                 \
    const T b = static_cast<T>(b64);                                                                   \
    asm volatile(instruction " %[b]\n pushfq\n popq %[f]" : "+a"(rax), "+d"(rdx), [f] "=&r"(flags) : [b] "q"(b) : "cc", "memory"); \
    if (W == 8) return {rax & 0xff, rax >> 8 & 0xff, flags & kFlagsMask};                              \
    return {static_cast<T>(rax), static_cast<T>(rdx), flags & kFlagsMask};                             \
  }
NATIVE_MUL(n_mul, "mul")
NATIVE_MUL(n_imul, "imul")

constexpr uint64_t kAllFlags = kFlagsMask;
constexpr uint64_t kArith = kSF | kZF | kPF;

/// Flags that the SDM defines for (width, a, b).
using Defined = uint64_t (*)(unsigned width, uint64_t b);
uint64_t all_defined(unsigned, uint64_t) { return kAllFlags; }
uint64_t logic_defined(unsigned, uint64_t) { return kAllFlags & ~kAF; }
unsigned masked(unsigned width, uint64_t count) { return static_cast<unsigned>(count) & (width == 64 ? 63 : 31); }
uint64_t shift_defined(unsigned width, uint64_t count) {
  const unsigned n = masked(width, count);
  if (n == 0) return kAllFlags;
  return kArith | (n < width ? kCF : 0) | (n == 1 ? kOF : 0);
}
uint64_t sar_defined(unsigned width, uint64_t count) { return shift_defined(width, count) | kCF; }
uint64_t rotate_defined(unsigned width, uint64_t count) { return masked(width, count) < 2 ? kAllFlags : kAllFlags & ~kOF; }
uint64_t bit_defined(unsigned, uint64_t) { return kCF | kZF; }
uint64_t scan_defined(unsigned, uint64_t) { return kZF; }

struct Case {
  Op op;
  unsigned width;
  Native (*native)(uint64_t, uint64_t, uint64_t);
  Defined defined;
};
#define CASES4(Name, native, defined) {Op::Name##8, 8, native<8>, defined}, {Op::Name##16, 16, native<16>, defined}, {Op::Name##32, 32, native<32>, defined}, {Op::Name##64, 64, native<64>, defined}
#define CASES3(Name, native, defined) {Op::Name##16, 16, native<16>, defined}, {Op::Name##32, 32, native<32>, defined}, {Op::Name##64, 64, native<64>, defined}
const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      CASES4(Add, n_add, all_defined), CASES4(Adc, n_adc, all_defined), CASES4(Sub, n_sub, all_defined), CASES4(Sbb, n_sbb, all_defined),
      CASES4(And, n_and, logic_defined), CASES4(Or, n_or, logic_defined), CASES4(Xor, n_xor, logic_defined),
      CASES4(Shl, n_shl, shift_defined), CASES4(Shr, n_shr, shift_defined), CASES4(Sar, n_sar, sar_defined),
      CASES4(Rol, n_rol, rotate_defined), CASES4(Ror, n_ror, rotate_defined), CASES4(Rcl, n_rcl, rotate_defined), CASES4(Rcr, n_rcr, rotate_defined),
      CASES4(Inc, n_inc, all_defined), CASES4(Dec, n_dec, all_defined), CASES4(Neg, n_neg, all_defined),
      CASES3(Bt, n_bt, bit_defined), CASES3(Bts, n_bts, bit_defined), CASES3(Btr, n_btr, bit_defined), CASES3(Btc, n_btc, bit_defined),
      CASES3(Bsf, n_bsf, scan_defined), CASES3(Bsr, n_bsr, scan_defined)};
  return list;
}

Molecule single(const Atom& atom) {
  Molecule molecule;
  molecule.atoms[0] = atom;
  molecule.count = 1;
  molecule.address = kConcealedBase;
  molecule.bytes = static_cast<uint8_t>(4 * words(atom));
  EXPECT_EQ(check(molecule).error, CodecError::None) << disassemble(atom, 0);
  return molecule;
}

uint64_t random_flags(Random& random) { return random.next() & kFlagsMask; }

/// Executes op with r20 = a, r21 = b, flags in r9, result in r22.
struct OneAtom {
  BenchCore bench;

  Native operator()(Op op, uint64_t a, uint64_t b, uint64_t old, bool literal, bool want_flags) {
    Atom atom;
    atom.op = op;
    atom.ra = 20;
    if (info(op).uses(kWritesRd)) atom.rd = 22;
    if (info(op).uses(kReadsRm)) {
      if (literal) {
        EXPECT_EQ(set_literal(atom, static_cast<int64_t>(b)), CodecError::None);
      } else {
        atom.rb = 21;
      }
    }
    if (want_flags) atom.fd = 1;
    FunctionalCore& core = bench.core;
    core.r[20] = a, core.r[21] = b, core.r[22] = a, core.r[9] = old;
    EXPECT_TRUE(bench.execute(single(atom)));
    return {info(op).uses(kWritesRd) ? core.r[22] : a, core.r[9]};
  }
};

TEST(Integer, FlagsAndValuesAsTheProcessor) {
  Random random(11);
  OneAtom run;
  for (const Case& c : cases()) {
    const bool old_read = info(c.op).has(kReadsFd);
    for (unsigned i = 0; i < 6000; ++i) {
      const uint64_t a = random.operand(), old = random_flags(random);
      uint64_t b = i < 256 ? i : random.operand();
      const bool literal = info(c.op).uses(kReadsRm) && random.chance(3);
      if (literal) b = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(b)));
      const Native want = c.native(a, b, old), got = run(c.op, a, b, old, literal, true);
      const uint64_t mask = c.width == 64 ? ~uint64_t{0} : (uint64_t{1} << c.width) - 1;
      const uint64_t defined = c.defined(c.width, b), undefined = kFlagsMask & ~defined;
      const bool has_value = info(c.op).uses(kWritesRd);
      ASSERT_EQ(has_value ? got.value : want.value, want.value)
          << info(c.op).mnemonic << std::hex << " a=" << a << " b=" << b << " old=" << old;
      ASSERT_EQ(got.value & ~mask, has_value ? 0 : got.value & ~mask);
      ASSERT_EQ(got.flags & defined, want.flags & defined) << info(c.op).mnemonic << std::hex << " a=" << a << " b=" << b << " old=" << old;
      ASSERT_EQ(got.flags & undefined, old_read ? old & undefined : 0) << info(c.op).mnemonic << " undefined flags";
      ASSERT_EQ(got.flags & ~kFlagsMask, 0u);
      if (!has_value) continue;
      const Native plain = run(c.op, a, b, old, literal, false);
      ASSERT_EQ(plain.value, c.native(a, b, 0).value) << info(c.op).mnemonic << " without flags";
      ASSERT_EQ(plain.flags, old) << "r9 is not named";
    }
  }
}

TEST(Integer, EveryAdditionAndSubtractionOfBytes) {
  OneAtom run;
  for (const Op op : {Op::Add8, Op::Adc8, Op::Sub8, Op::Sbb8}) {
    const Case& c = *std::find_if(cases().begin(), cases().end(), [op](const Case& x) { return x.op == op; });
    for (unsigned a = 0; a < 256; ++a)
      for (unsigned b = 0; b < 256; ++b)
        for (const uint64_t old : {uint64_t{0}, uint64_t{kCF}}) {
          const Native want = c.native(a, b, old), got = run(op, a, b, old, false, true);
          ASSERT_EQ(got.value, want.value);
          ASSERT_EQ(got.flags, want.flags);
        }
  }
}

TEST(Integer, EveryRotateAndShiftOfBytes) {
  OneAtom run;
  for (const Case& c : cases()) {
    if (c.width != 8 || c.op < Op::Shl8 || c.op > Op::Rcr64) continue;
    for (unsigned a = 0; a < 256; ++a)
      for (unsigned count = 0; count < 34; ++count)
        for (const uint64_t old : {uint64_t{0}, kFlagsMask}) {
          const Native want = c.native(a, count, old), got = run(c.op, a, count, old, false, true);
          const uint64_t defined = c.defined(8, count);
          ASSERT_EQ(got.value, want.value) << info(c.op).mnemonic << " " << a << " by " << count;
          ASSERT_EQ(got.flags & defined, want.flags & defined) << info(c.op).mnemonic << " " << a << " by " << count;
        }
  }
}

TEST(Integer, DoubleShifts) {
  struct Double {
    Op op;
    unsigned width;
    Native (*native)(uint64_t, uint64_t, uint64_t, uint64_t);
  };
  const Double list[] = {{Op::Shld16, 16, n_shld<16>}, {Op::Shld32, 32, n_shld<32>}, {Op::Shld64, 64, n_shld<64>},
                         {Op::Shrd16, 16, n_shrd<16>}, {Op::Shrd32, 32, n_shrd<32>}, {Op::Shrd64, 64, n_shrd<64>}};
  Random random(12);
  BenchCore bench;
  for (const Double& c : list)
    for (unsigned i = 0; i < 20000; ++i) {
      const uint64_t a = random.operand(), fill = random.operand(), count = i < 256 ? i : random.operand(), old = random_flags(random);
      Atom atom;
      atom.op = c.op;
      atom.rd = 22, atom.ra = 20, atom.rb = 21, atom.fd = 1;
      FunctionalCore& core = bench.core;
      core.r[22] = a, core.r[20] = fill, core.r[21] = count, core.r[9] = old;
      ASSERT_TRUE(bench.execute(single(atom)));
      const unsigned n = masked(c.width, count);
      const uint64_t mask = c.width == 64 ? ~uint64_t{0} : (uint64_t{1} << c.width) - 1;
      if (n > c.width) {
        ASSERT_EQ(core.r[22], a & mask);
        ASSERT_EQ(core.r[9], old);
        continue;
      }
      const Native want = c.native(a, fill, count, old);
      const uint64_t defined = n == 0 ? kAllFlags : kArith | kCF | (n == 1 ? kOF : 0);
      ASSERT_EQ(core.r[22], want.value) << info(c.op).mnemonic << std::hex << " " << a << " " << fill << " " << count;
      ASSERT_EQ(core.r[9] & defined, want.flags & defined) << info(c.op).mnemonic << std::hex << " " << a << " " << fill << " " << count;
      ASSERT_EQ(core.r[9] & ~defined, old & ~defined);
    }
}

template <unsigned W> void check_products() {
  Random random(13 + W);
  OneAtom run;
  for (unsigned i = 0; i < 20000; ++i) {
    const uint64_t a = random.operand(), b = random.operand();
    const Product u = n_mul<W>(a, b), s = n_imul<W>(a, b);
    const auto value = [&](Op first) { return run(at_width(first, W), a, b, 0, false, false).value; };
    ASSERT_EQ(value(Op::MulLow8), u.low);
    ASSERT_EQ(value(Op::MulHighU8), u.high);
    ASSERT_EQ(value(Op::MulHighS8), s.high);
    // Signed times unsigned: the unsigned high half, less b where a is negative.
    const uint64_t mask = arith::mask<W>();
    ASSERT_EQ(value(Op::MulHighSU8), (u.high - (arith::msb<W>(a) != 0 ? b : 0)) & mask);
    ASSERT_EQ(run(at_width(Op::MulFlagsU8, W), a, b, 0, false, true).flags, u.flags & (kCF | kOF));
    ASSERT_EQ(run(at_width(Op::MulFlagsS8, W), a, b, 0, false, true).flags, s.flags & (kCF | kOF));
  }
}
TEST(Integer, Products) {
  check_products<8>();
  check_products<16>();
  check_products<32>();
  check_products<64>();
}

template <unsigned W> void check_quotients() {
  using U = typename TypeOf<W>::type;
  using S = std::make_signed_t<U>;
  Random random(17 + W);
  OneAtom run;
  for (unsigned i = 0; i < 20000; ++i) {
    const U a = static_cast<U>(random.operand()), b = random.chance(16) ? U{0} : static_cast<U>(random.operand());
    const S sa = static_cast<S>(a), sb = static_cast<S>(b);
    const auto value = [&](Op first) { return run(at_width(first, W), a, b, 0, false, false).value; };
    const bool overflow = sb == S{-1} && sa == std::numeric_limits<S>::min();
    ASSERT_EQ(value(Op::DivU8), b == 0 ? std::numeric_limits<U>::max() : static_cast<U>(a / b));
    ASSERT_EQ(value(Op::RemU8), b == 0 ? a : static_cast<U>(a % b));
    ASSERT_EQ(value(Op::DivS8), b == 0 ? std::numeric_limits<U>::max() : overflow ? a : static_cast<U>(sa / sb));
    ASSERT_EQ(value(Op::RemS8), b == 0 ? a : overflow ? U{0} : static_cast<U>(sa % sb));
    if (W != 32) continue;
    const auto extended = [](uint64_t v) { return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(v))); };
    const auto plain = [&](Op op) { return run(op, a, b, 0, false, false).value; };
    ASSERT_EQ(plain(Op::DivU32s), extended(value(Op::DivU8)));
    ASSERT_EQ(plain(Op::DivS32s), extended(value(Op::DivS8)));
    ASSERT_EQ(plain(Op::RemU32s), extended(value(Op::RemU8)));
    ASSERT_EQ(plain(Op::RemS32s), extended(value(Op::RemS8)));
  }
}
TEST(Integer, Quotients) {
  check_quotients<8>();
  check_quotients<16>();
  check_quotients<32>();
  check_quotients<64>();
}

template <unsigned W> void check_bits() {
  Random random(19 + W);
  OneAtom run;
  using U = typename TypeOf<W>::type;
  for (unsigned i = 0; i < 5000; ++i) {
    const uint64_t a64 = random.operand(), b64 = random.operand();
    const U a = static_cast<U>(a64), b = static_cast<U>(b64);
    unsigned leading = 0, trailing = 0, ones = 0;
    while (leading < W && (a >> (W - 1 - leading) & 1) == 0) ++leading;
    while (trailing < W && (a >> trailing & 1) == 0) ++trailing;
    for (unsigned bit = 0; bit < W; ++bit) ones += a >> bit & 1;
    const auto value = [&](Op first) { return run(at_width(first, W), a64, b64, 0, false, false).value; };
    using S = std::make_signed_t<U>;
    ASSERT_EQ(value(Op::Clz8), leading);
    ASSERT_EQ(value(Op::Ctz8), trailing);
    ASSERT_EQ(value(Op::Popcnt8), ones);
    ASSERT_EQ(value(Op::Not8), static_cast<U>(~a));
    ASSERT_EQ(value(Op::MinU8), std::min(a, b));
    ASSERT_EQ(value(Op::MaxU8), std::max(a, b));
    ASSERT_EQ(value(Op::MinS8), static_cast<U>(std::min(static_cast<S>(a), static_cast<S>(b))));
    ASSERT_EQ(value(Op::MaxS8), static_cast<U>(std::max(static_cast<S>(a), static_cast<S>(b))));
    ASSERT_EQ(value(Op::AndNot8), static_cast<U>(a & ~b));
    ASSERT_EQ(value(Op::OrNot8), static_cast<U>(a | ~b));
    ASSERT_EQ(value(Op::XorNot8), static_cast<U>(~(a ^ b)));
  }
}
TEST(Integer, Bits) {
  check_bits<8>();
  check_bits<16>();
  check_bits<32>();
  check_bits<64>();
}

TEST(Integer, TheRest) {
  Random random(23);
  OneAtom run;
  for (unsigned i = 0; i < 20000; ++i) {
    const uint64_t a = random.operand(), b = random.operand();
    const auto value = [&](Op op) { return run(op, a, b, 0, false, false).value; };
    const auto s32 = [](uint64_t v) { return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(v))); };
    const uint32_t wa = static_cast<uint32_t>(a), wb = static_cast<uint32_t>(b);
    ASSERT_EQ(value(Op::Bswap16), static_cast<uint16_t>(wa << 8 | (wa >> 8 & 0xff)));
    ASSERT_EQ(value(Op::Bswap32), __builtin_bswap32(wa));
    ASSERT_EQ(value(Op::Bswap64), __builtin_bswap64(a));
    ASSERT_EQ(value(Op::Zext8), a & 0xff);
    ASSERT_EQ(value(Op::Zext16), a & 0xffff);
    ASSERT_EQ(value(Op::Zext32), wa);
    ASSERT_EQ(value(Op::Mov), a);
    ASSERT_EQ(value(Op::Sext8), static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(a))));
    ASSERT_EQ(value(Op::Sext16), static_cast<uint64_t>(static_cast<int64_t>(static_cast<int16_t>(a))));
    ASSERT_EQ(value(Op::Sext32), s32(a));
    ASSERT_EQ(value(Op::ExtractH), a >> 8 & 0xff);
    uint64_t orc = 0;
    for (unsigned byte = 0; byte < 8; ++byte)
      if ((a >> 8 * byte & 0xff) != 0) orc |= uint64_t{0xff} << 8 * byte;
    ASSERT_EQ(value(Op::OrcB), orc);
    ASSERT_EQ(value(Op::SetLtS), static_cast<int64_t>(a) < static_cast<int64_t>(b) ? 1u : 0u);
    ASSERT_EQ(value(Op::SetLtU), a < b ? 1u : 0u);
    ASSERT_EQ(value(Op::SetEq), a == b ? 1u : 0u);
    ASSERT_EQ(value(Op::SetNe), a != b ? 1u : 0u);
    ASSERT_EQ(value(Op::InsertL8), (a & ~uint64_t{0xff}) | (b & 0xff));
    ASSERT_EQ(value(Op::InsertH8), (a & ~uint64_t{0xff00}) | (b & 0xff) << 8);
    ASSERT_EQ(value(Op::InsertL16), (a & ~uint64_t{0xffff}) | (b & 0xffff));
    ASSERT_EQ(value(Op::SetHigh), wa | b << 32);
    ASSERT_EQ(value(Op::Add32s), s32(wa + wb));
    ASSERT_EQ(value(Op::Sub32s), s32(wa - wb));
    ASSERT_EQ(value(Op::Shl32s), s32(wa << (b & 31)));
    ASSERT_EQ(value(Op::Shr32s), s32(wa >> (b & 31)));
    ASSERT_EQ(value(Op::Sar32s), s32(static_cast<uint32_t>(static_cast<int32_t>(wa) >> (b & 31))));
    ASSERT_EQ(value(Op::Rol32s), s32(n_rol<32>(a, b, 0).value));
    ASSERT_EQ(value(Op::Ror32s), s32(n_ror<32>(a, b, 0).value));
    ASSERT_EQ(value(Op::MulLow32s), s32(wa * wb));
    ASSERT_EQ(value(Op::ShlUw), uint64_t{wa} << (b & 63));
    FunctionalCore& core = run.bench.core;
    const uint64_t c = random.operand();
    const unsigned scale = static_cast<unsigned>(random.below(4));
    const int32_t offset = static_cast<int32_t>(random.operand());
    core.r[1] = a, core.r[2] = b, core.r[3] = c;
    Atom atom;
    atom.rd = 4, atom.ra = 1, atom.rb = 2, atom.scale = static_cast<uint8_t>(scale);
    if (random.chance(2)) atom.mode = Mode::Long, atom.imm = offset;
    const uint64_t sum = a + (b << scale) + static_cast<uint64_t>(atom.imm);
    const auto lea = [&](Op op) {
      atom.op = op;
      EXPECT_TRUE(run.bench.execute(single(atom)));
      return core.r[4];
    };
    ASSERT_EQ(lea(Op::Lea16), sum & 0xffff);
    ASSERT_EQ(lea(Op::Lea32), sum & 0xffff'ffff);
    ASSERT_EQ(lea(Op::Lea64), sum);
    ASSERT_EQ(lea(Op::LeaUw), a + (uint64_t{wb} << scale) + static_cast<uint64_t>(atom.imm));
    atom = Atom{};
    atom.op = Op::SelectNz;
    atom.rd = 4, atom.ra = 1, atom.rb = 2, atom.rc = 3;
    ASSERT_TRUE(run.bench.execute(single(atom)));
    ASSERT_EQ(core.r[4], c != 0 ? a : b);
  }
}

#define NATIVE_SETCC(cc) [](uint64_t image) -> bool { \
    uint8_t result; uint64_t flags = to_eflags(image); \
    asm volatile("pushq %[f]\n popfq\n set" cc " %[r]" : [r] "=q"(result) : [f] "r"(flags) : "cc", "memory"); return result != 0; }

TEST(Integer, EveryConditionOnEveryFlagsImage) {
  bool (*const native[16])(uint64_t) = {NATIVE_SETCC("o"), NATIVE_SETCC("no"), NATIVE_SETCC("b"), NATIVE_SETCC("nb"), NATIVE_SETCC("z"),
                                        NATIVE_SETCC("nz"), NATIVE_SETCC("be"), NATIVE_SETCC("nbe"), NATIVE_SETCC("s"), NATIVE_SETCC("ns"),
                                        NATIVE_SETCC("p"), NATIVE_SETCC("np"), NATIVE_SETCC("l"), NATIVE_SETCC("nl"), NATIVE_SETCC("le"), NATIVE_SETCC("nle")};
  static constexpr uint64_t kFlag[] = {kCF, kPF, kAF, kZF, kSF, kOF};
  BenchCore bench;
  for (unsigned cc = 0; cc < 16; ++cc)
    for (unsigned set = 0; set < 64; ++set) {
      uint64_t image = 0;
      for (unsigned bit = 0; bit < 6; ++bit)
        if ((set >> bit & 1) != 0) image |= kFlag[bit];
      const bool want = native[cc](image);
      bench.core.r[9] = image, bench.core.r[1] = 11, bench.core.r[2] = 22;
      ASSERT_TRUE(bench.execute(std::string("setcc r3,") + kCondName[cc] + ",r9"));
      ASSERT_EQ(bench.core.r[3], want ? 1u : 0u) << kCondName[cc] << " " << image;
      if ((cc & 1) == 0) {
        ASSERT_TRUE(bench.execute(std::string("sel r3,") + kCondName[cc] + ",r9,r1,r2"));
        ASSERT_EQ(bench.core.r[3], want ? 11u : 22u);
      }
      ASSERT_TRUE(bench.execute(std::string("brcc ") + kCondName[cc] + ",r9,0x1000080"));
      ASSERT_EQ(bench.core.next_pc, want ? 0x100'0080u : 0x100'0004u);
    }
}

TEST(Integer, ZeroRegister) {
  BenchCore bench;
  bench.core.r[1] = 5;
  ASSERT_TRUE(bench.execute("add.32 zero,r1,r1 f=r9"));
  ASSERT_TRUE(bench.execute("add.64 r2,zero,r1"));
  ASSERT_TRUE(bench.execute("shld.32 zero,r1,4"));
  ASSERT_TRUE(bench.execute("{ movi zero,77 | mov r3,zero }"));
  EXPECT_EQ(bench.core.r[kZero], 0u);
  EXPECT_EQ(bench.core.r[2], 5u);
  EXPECT_EQ(bench.core.r[3], 0u);
}

}  // namespace
}  // namespace chrysalis::isa::test
