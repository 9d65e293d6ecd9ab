// Packed-integer atoms against the build machine's SSE2 instructions, packed and scalar floating point
// against its SSE arithmetic, and what FCR and FSR have to do with it.

#include <emmintrin.h>
#include <gtest/gtest.h>

#include <cmath>

#include "bench_core.h"
#include "random.h"

namespace chrysalis::isa::test {
namespace {

__m128i native(const V128& v) { return _mm_set_epi64x(static_cast<long long>(v.high), static_cast<long long>(v.low)); }
V128 value(__m128i x) {
  V128 v;
  std::memcpy(static_cast<void*>(&v), &x, 16);
  return v;
}
V128 random_vector(Random& random) {
  V128 v{random.next(), random.next()};
  if (random.chance(3)) v = {random.operand(), random.operand()};
  if (random.chance(4)) v.low |= 0x8000'7fff'0000'ffff, v.high &= 0x7fff'8000'ffff'0000;
  return v;
}

struct Case {
  const char* mnemonic;
  __m128i (*native)(__m128i, __m128i);
};
#define CASE(mnemonic, intrinsic) {mnemonic, [](__m128i a, __m128i b) { return intrinsic(a, b); }}
const Case kCases[] = {
    CASE("padd.8", _mm_add_epi8), CASE("padd.16", _mm_add_epi16), CASE("padd.32", _mm_add_epi32), CASE("padd.64", _mm_add_epi64),
    CASE("psub.8", _mm_sub_epi8), CASE("psub.16", _mm_sub_epi16), CASE("psub.32", _mm_sub_epi32), CASE("psub.64", _mm_sub_epi64),
    CASE("padds.8", _mm_adds_epi8), CASE("padds.16", _mm_adds_epi16), CASE("paddu.8", _mm_adds_epu8), CASE("paddu.16", _mm_adds_epu16),
    CASE("psubs.8", _mm_subs_epi8), CASE("psubs.16", _mm_subs_epi16), CASE("psubu.8", _mm_subs_epu8), CASE("psubu.16", _mm_subs_epu16),
    CASE("pcmpeq.8", _mm_cmpeq_epi8), CASE("pcmpeq.16", _mm_cmpeq_epi16), CASE("pcmpeq.32", _mm_cmpeq_epi32),
    CASE("pcmpgt.8", _mm_cmpgt_epi8), CASE("pcmpgt.16", _mm_cmpgt_epi16), CASE("pcmpgt.32", _mm_cmpgt_epi32),
    CASE("pavg.8", _mm_avg_epu8), CASE("pavg.16", _mm_avg_epu16), CASE("pminu.8", _mm_min_epu8), CASE("pmaxu.8", _mm_max_epu8),
    CASE("pmins.16", _mm_min_epi16), CASE("pmaxs.16", _mm_max_epi16), CASE("pand", _mm_and_si128), CASE("por", _mm_or_si128),
    CASE("pxor", _mm_xor_si128), {"pandn", [](__m128i a, __m128i b) { return _mm_andnot_si128(b, a); }},
    CASE("pmul.16", _mm_mullo_epi16), CASE("pmulhs.16", _mm_mulhi_epi16), CASE("pmulhu.16", _mm_mulhi_epu16),
    CASE("pmadd.16", _mm_madd_epi16), CASE("pmulu.32", _mm_mul_epu32), CASE("psad.8", _mm_sad_epu8),
    CASE("ppacks.16", _mm_packs_epi16), CASE("ppacks.32", _mm_packs_epi32), CASE("ppacku.16", _mm_packus_epi16),
    CASE("punpl.8", _mm_unpacklo_epi8), CASE("punpl.16", _mm_unpacklo_epi16), CASE("punpl.32", _mm_unpacklo_epi32), CASE("punpl.64", _mm_unpacklo_epi64),
    CASE("punph.8", _mm_unpackhi_epi8), CASE("punph.16", _mm_unpackhi_epi16), CASE("punph.32", _mm_unpackhi_epi32), CASE("punph.64", _mm_unpackhi_epi64),
    CASE("pshl.16", _mm_sll_epi16), CASE("pshl.32", _mm_sll_epi32), CASE("pshl.64", _mm_sll_epi64),
    CASE("pshr.16", _mm_srl_epi16), CASE("pshr.32", _mm_srl_epi32), CASE("pshr.64", _mm_srl_epi64),
    CASE("psar.16", _mm_sra_epi16), CASE("psar.32", _mm_sra_epi32)};

class Vector : public ::testing::Test {
 protected:
  Prepared<FunctionalCore> prepare_text(const std::string& text) {
    const Assembly assembly = assemble(text, kConcealedBase);
    EXPECT_TRUE(assembly.ok()) << assembly.error_text("atom");
    uint32_t words[kMaxWords] = {};
    std::memcpy(words, assembly.bytes.data(), assembly.bytes.size());
    Molecule molecule;
    EXPECT_TRUE(decode(words, static_cast<unsigned>(assembly.bytes.size() / 4), kConcealedBase, molecule).ok());
    return Prepared<FunctionalCore>(molecule);
  }
  void run(const Prepared<FunctionalCore>& prepared) { ASSERT_TRUE(isa::execute(core, prepared)); }

  BenchCore bench;
  FunctionalCore& core = bench.core;
  Random random{61};
};

TEST_F(Vector, PackedIntegersAsTheProcessor) {
  for (const Case& c : kCases) {
    const auto prepared = prepare_text(std::string(c.mnemonic) + " f3,f1,f2");
    for (unsigned i = 0; i < 2000; ++i) {
      core.v[1] = random_vector(random), core.v[2] = random_vector(random);
      if (std::string(c.mnemonic).find("psh") == 0 || std::string(c.mnemonic).find("psa") == 0)
        if (!random.chance(8) && std::string(c.mnemonic) != "psad.8") core.v[2].low = random.below(70);
      run(prepared);
      const V128 want = value(c.native(native(core.v[1]), native(core.v[2])));
      ASSERT_TRUE(core.v[3] == want) << c.mnemonic << std::hex << " " << core.v[1].high << core.v[1].low << " " << core.v[2].high << core.v[2].low;
    }
  }
}

TEST_F(Vector, ImmediateShiftsAndShuffles) {
  const struct {
    const char* mnemonic;
    __m128i (*native)(__m128i, int);
  } shifts[] = {
#define SHIFT(mnemonic, intrinsic) {mnemonic, [](__m128i x, int n) { return intrinsic(x, _mm_cvtsi32_si128(n)); }}
      SHIFT("pshl.16i", _mm_sll_epi16), SHIFT("pshl.32i", _mm_sll_epi32), SHIFT("pshl.64i", _mm_sll_epi64), SHIFT("pshr.16i", _mm_srl_epi16),
      SHIFT("pshr.32i", _mm_srl_epi32), SHIFT("pshr.64i", _mm_srl_epi64), SHIFT("psar.16i", _mm_sra_epi16), SHIFT("psar.32i", _mm_sra_epi32)};
#undef SHIFT
  for (const auto& shift : shifts)
    for (int count = 0; count < 64; ++count) {
      core.v[1] = random_vector(random);
      run(prepare_text(std::string(shift.mnemonic) + " f3,f1," + std::to_string(count)));
      ASSERT_TRUE(core.v[3] == value(shift.native(native(core.v[1]), count))) << shift.mnemonic << count;
    }
  for (unsigned count = 0; count < 64; ++count) {
    core.v[1] = random_vector(random);
    uint8_t in[48] = {}, left[16], right[16];
    std::memcpy(in + 16, &core.v[1], 16);
    const unsigned n = count < 16 ? count : 16;
    std::memcpy(left, in + 16 - n, 16);
    std::memcpy(right, in + 16 + n, 16);
    run(prepare_text("pshlbi f3,f1," + std::to_string(count)));
    ASSERT_EQ(std::memcmp(&core.v[3], left, 16), 0);
    run(prepare_text("pshrbi f3,f1," + std::to_string(count)));
    ASSERT_EQ(std::memcmp(&core.v[3], right, 16), 0);
  }
  for (unsigned select = 0; select < 256; ++select) {
    core.v[1] = random_vector(random), core.v[2] = random_vector(random);
    uint32_t a[4], b[4], z[4];
    uint16_t x[8], y[8];
    std::memcpy(a, &core.v[1], 16), std::memcpy(b, &core.v[2], 16), std::memcpy(x, &core.v[1], 16);
    const std::string tail = std::to_string(select);
    for (unsigned i = 0; i < 4; ++i) z[i] = a[select >> 2 * i & 3];
    run(prepare_text("pshuf.32 f3,f1," + tail));
    ASSERT_EQ(std::memcmp(&core.v[3], z, 16), 0);
    for (unsigned i = 0; i < 4; ++i) z[i] = i < 2 ? a[select >> 2 * i & 3] : b[select >> 2 * i & 3];
    run(prepare_text("pshuf2.32 f3,f1,f2," + tail));
    ASSERT_EQ(std::memcmp(&core.v[3], z, 16), 0);
    std::memcpy(y, x, 16);
    for (unsigned i = 0; i < 4; ++i) y[i] = x[select >> 2 * i & 3];
    run(prepare_text("pshufl.16 f3,f1," + tail));
    ASSERT_EQ(std::memcmp(&core.v[3], y, 16), 0);
    std::memcpy(y, x, 16);
    for (unsigned i = 0; i < 4; ++i) y[4 + i] = x[4 + (select >> 2 * i & 3)];
    run(prepare_text("pshufh.16 f3,f1," + tail));
    ASSERT_EQ(std::memcmp(&core.v[3], y, 16), 0);
  }
}

TEST_F(Vector, MasksInsertsAndMoves) {
  for (unsigned i = 0; i < 500; ++i) {
    core.v[1] = random_vector(random), core.v[2] = random_vector(random), core.r[1] = random.next();
    const V128 a = core.v[1], b = core.v[2];
    run(prepare_text("pmask.8 r2,f1"));
    ASSERT_EQ(core.r[2], static_cast<uint64_t>(_mm_movemask_epi8(native(a))));
    run(prepare_text("pmask.32 r2,f1"));
    ASSERT_EQ(core.r[2], static_cast<uint64_t>(_mm_movemask_ps(_mm_castsi128_ps(native(a)))));
    run(prepare_text("pmask.64 r2,f1"));
    ASSERT_EQ(core.r[2], static_cast<uint64_t>(_mm_movemask_pd(_mm_castsi128_pd(native(a)))));
    const unsigned lane = static_cast<unsigned>(random.below(8));
    run(prepare_text("pext.16 r2,f1," + std::to_string(lane)));
    uint16_t lanes[8];
    std::memcpy(lanes, &a, 16);
    ASSERT_EQ(core.r[2], lanes[lane]);
    lanes[lane] = static_cast<uint16_t>(core.r[1]);
    core.v[3] = a;
    run(prepare_text("pins.16 f3,r1," + std::to_string(lane)));
    ASSERT_EQ(std::memcmp(&core.v[3], lanes, 16), 0);
    run(prepare_text("fmvr f3,r1"));
    ASSERT_TRUE((core.v[3] == V128{core.r[1], 0}));
    run(prepare_text("fmvrh f3,r1"));
    ASSERT_TRUE((core.v[3] == V128{core.r[1], core.r[1]}));
    run(prepare_text("rmvf r2,f1"));
    ASSERT_EQ(core.r[2], a.low);
    run(prepare_text("rmvfh r2,f1"));
    ASSERT_EQ(core.r[2], a.high);
    run(prepare_text("fmov f3,f1"));
    ASSERT_TRUE(core.v[3] == a);
    run(prepare_text("fins.32 f3,f1,f2"));
    ASSERT_TRUE((core.v[3] == V128{(a.low & 0xffff'ffff'0000'0000) | (b.low & 0xffff'ffff), a.high}));
    run(prepare_text("fins.64 f3,f1,f2"));
    ASSERT_TRUE((core.v[3] == V128{b.low, a.high}));
  }
}

V128 pack(double low, double high = 0) {
  V128 v;
  std::memcpy(&v.low, &low, 8), std::memcpy(&v.high, &high, 8);
  return v;
}
V128 pack4(float a, float b, float c, float d) {
  const float lanes[4] = {a, b, c, d};
  V128 v;
  std::memcpy(static_cast<void*>(&v), lanes, 16);
  return v;
}
double as_double(const V128& v) {
  double d;
  std::memcpy(&d, &v.low, 8);
  return d;
}
float as_float(const V128& v) {
  float f;
  std::memcpy(&f, &v.low, 4);
  return f;
}

TEST_F(Vector, PackedAndScalarArithmetic) {
  core.write_special(Special::Fcr, 0x3f);
  for (unsigned i = 0; i < 300; ++i) {
    const auto number = [this] { return (static_cast<double>(random.below(2000001)) - 1e6) / 64; };
    const double a = number(), b = number() + 0.015625, c = number(), d = number();
    const float fa = static_cast<float>(a), fb = static_cast<float>(b), fc = static_cast<float>(c), fd = static_cast<float>(d);
    core.v[1] = pack(a, c), core.v[2] = pack(b, d == 0 ? 1 : d);
    const double dd = d == 0 ? 1 : d;
    const struct { const char* name; double low, high; float s; } list[] = {
        {"add", a + b, c + dd, fa + fb}, {"sub", a - b, c - dd, fa - fb}, {"mul", a * b, c * dd, fa * fb}, {"div", a / b, c / dd, fa / fb},
        {"min", a < b ? a : b, c < dd ? c : dd, fa < fb ? fa : fb}, {"max", a > b ? a : b, c > dd ? c : dd, fa > fb ? fa : fb}};
    for (const auto& op : list) {
      core.v[1] = pack(a, c), core.v[2] = pack(b, dd);
      run(prepare_text(std::string("pf") + op.name + ".2x64 f3,f1,f2"));
      ASSERT_TRUE(core.v[3] == pack(op.low, op.high)) << op.name;
      run(prepare_text(std::string("f") + op.name + ".64 f3,f1,f2"));
      ASSERT_EQ(as_double(core.v[3]), op.low);
      ASSERT_EQ(core.v[3].high, 0u);
      core.v[1] = pack4(fa, fc, 1, fa), core.v[2] = pack4(fb, fd == 0 ? 1 : fd, 1, fb);
      run(prepare_text(std::string("pf") + op.name + ".4x32 f3,f1,f2"));
      float lanes[4];
      std::memcpy(lanes, &core.v[3], 16);
      ASSERT_EQ(lanes[0], op.s);
      ASSERT_EQ(lanes[3], op.s);
      run(prepare_text(std::string("f") + op.name + ".32 f3,f1,f2"));
      ASSERT_EQ(as_float(core.v[3]), op.s);
      ASSERT_EQ(core.v[3].low >> 32, 0u);
    }
    core.v[1] = pack(std::fabs(a), std::fabs(c));
    run(prepare_text("pfsqrt.2x64 f3,f1"));
    ASSERT_TRUE(core.v[3] == pack(std::sqrt(std::fabs(a)), std::sqrt(std::fabs(c))));
  }
}

TEST_F(Vector, ExtendedPrecision) {
  core.write_special(Special::Fcr, 0x33f);
  const auto extended = [](long double x) {
    V128 v;
    std::memcpy(static_cast<void*>(&v), &x, 10);
    return v;
  };
  const long double a = 1.5L, b = -3.25L;
  const struct { const char* text; long double want; } list[] = {
      {"fadd.80 f3,f1,f2", a + b}, {"fsub.80 f3,f1,f2", a - b}, {"fmul.80 f3,f1,f2", a * b}, {"fdiv.80 f3,f1,f2", a / b}, {"fneg.80 f3,f1", -a},
      {"fabs.80 f3,f2", 3.25L}, {"fround.80 f3,f2", -3}, {"fscale.80 f3,f1,f4", 6}, {"fexp.80 f3,f2", 1}, {"fsig.80 f3,f2", -1.625L},
      {"frem.80 f3,f2,f1", std::fmod(b, a)}, {"frem1.80 f3,f2,f1", std::remainder(b, a)}, {"fsqrt.80 f3,f5", std::sqrt(2.0L)},
      {"fconst.80 f3,0", 1}, {"fconst.80 f3,3", 3.14159265358979323846264338327950288L}, {"fconst.80 f3,6", 0}, {"fcvt.i64.80 f3,r1", -77},
      {"fcvt.64.80 f3,f6", 0.1}, {"fcvt.32.80 f3,f7", 0.25L}, {"fadd.80x64 f3,f1,f6", a + 0.1}, {"fsub.80x32 f3,f1,f7", 1.25L},
      {"fsubr.80x32 f3,f1,f7", -1.25L}, {"fmul.80x64 f3,f1,f6", a * 0.1}, {"fdiv.80x32 f3,f1,f7", 6}, {"fdivr.80x32 f3,f1,f7", 0.25L / a},
      {"fadd.80x32 f3,f1,f7", 1.75L}, {"fdiv.80x64 f3,f1,f6", a / 0.1}, {"fdivr.80x64 f3,f1,f6", 0.1 / a}, {"fsub.80x64 f3,f1,f6", a - 0.1},
      {"fsubr.80x64 f3,f1,f6", 0.1 - a}, {"fmul.80x32 f3,f1,f7", 0.375L}};
  core.v[1] = extended(a), core.v[2] = extended(b), core.v[4] = extended(2), core.v[5] = extended(2), core.v[6] = pack(0.1), core.v[7] = pack4(0.25f, 0, 0, 0);
  core.r[1] = static_cast<uint64_t>(-77);
  for (const auto& op : list) {
    run(prepare_text(op.text));
    ASSERT_TRUE(core.v[3] == extended(op.want)) << op.text << std::hex << " " << core.v[3].high << " " << core.v[3].low;
  }
  const struct { const char* text; uint64_t want; } to_integer[] = {
      {"fcmp.80 r2,f1,f2", 0}, {"fcmp.80 r2,f2,f1", kCF}, {"fcmp.80 r2,f1,f1", kZF}, {"fcmpq.80 r2,f1,f2", 0}, {"fcmp.80x32 r2,f1,f7", 0},
      {"fcmp.80x64 r2,f2,f6", kCF}, {"fclass.80 r2,f1", fp::kC2}, {"fcvt.80.i16 r2,f2", static_cast<uint64_t>(-3)},
      {"fcvt.80.i32 r2,f1", 2}, {"ftrunc.80.i64 r2,f1", 1}, {"fcvt.64.i32 r2,f6", 0}, {"ftrunc.32.i64 r2,f7", 0}};
  for (const auto& op : to_integer) {
    run(prepare_text(op.text));
    ASSERT_EQ(core.r[2], op.want) << op.text;
  }
}

TEST_F(Vector, FcrAndFsr) {
  core.v[1] = pack(1), core.v[2] = pack(3);
  const auto quotient = [&](uint64_t rounding) {
    core.write_special(Special::Fcr, 0x33f | rounding << 10);
    core.write_special(Special::Fsr, 0);
    run(prepare_text("fdiv.64 f3,f1,f2"));
    return core.v[3].low;
  };
  const uint64_t down = quotient(1), up = quotient(2);
  EXPECT_EQ(up, down + 1);
  EXPECT_EQ(quotient(3), down);
  EXPECT_EQ(core.read_special(Special::Fsr) & 0x3f, uint64_t{fp::kPrecision});
  core.v[2] = pack(0);
  run(prepare_text("fdiv.64 f3,f1,f2"));
  EXPECT_EQ(core.read_special(Special::Fsr) & 0x3f, uint64_t{fp::kPrecision | fp::kZeroDivide}) << "flags collect";
  core.write_special(Special::Fcr, 0x33f | 1 << 16 | 1 << 17);
  core.v[1] = pack(5e-324), core.v[2] = pack(1);
  run(prepare_text("fadd.64 f3,f1,f2"));
  EXPECT_EQ(as_double(core.v[3]), 1);
  run(prepare_text("fmul.64 f3,f1,f2"));
  EXPECT_EQ(core.v[3].low, 0u) << "denormals are zero";
  // The quotient's low bits come with the remainder, and the next operation removes them.
  const long double seven = 7, two = 2;
  core.v[1] = {}, core.v[2] = {};
  std::memcpy(static_cast<void*>(&core.v[1]), &seven, 10), std::memcpy(static_cast<void*>(&core.v[2]), &two, 10);
  core.write_special(Special::Fcr, 0x33f);
  run(prepare_text("frem.80 f3,f1,f2"));
  EXPECT_EQ(core.read_special(Special::Fsr) & (fp::kC0 | fp::kC1 | fp::kC2 | fp::kC3), uint64_t{fp::kC1 | fp::kC3}) << "quotient 3";
  run(prepare_text("fadd.80 f3,f1,f2"));
  EXPECT_EQ(core.read_special(Special::Fsr) & (fp::kC0 | fp::kC1 | fp::kC2 | fp::kC3), 0u);
}

}  // namespace
}  // namespace chrysalis::isa::test
