// The decoder against Zydis, over every form and over random bytes.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "tests/x86-frontend/decoder_equality.h"

namespace chrysalis::x86::test {
namespace {

constexpr std::array<uint8_t, 11> kPrefixes = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
const std::vector<std::vector<uint8_t>> kMaps = {{}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}};

/// SplitMix64: the same sequence everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  unsigned below(unsigned bound) { return static_cast<unsigned>((next() >> 32) * bound >> 32); }
  uint8_t byte() { return static_cast<uint8_t>(next() >> 56); }

 private:
  uint64_t state_;
};

/// A byte string under construction; what is not appended is random.
class Input {
 public:
  static constexpr size_t kSize = 24;
  explicit Input(Random& random) {
    for (size_t i = 0; i < kSize; i += 8) {
      const uint64_t value = random.next();
      for (size_t j = 0; j < 8; j++) bytes_[i + j] = static_cast<uint8_t>(value >> 8 * j);
    }
  }
  Input& add(uint8_t byte) {
    bytes_[count_++] = byte;
    return *this;
  }
  Input& add(std::span<const uint8_t> bytes) {
    for (uint8_t b : bytes) add(b);
    return *this;
  }
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::array<uint8_t, kSize> bytes_;
  size_t count_ = 0;
};

class DecoderTest : public testing::Test {
 protected:
  /// Returns false when enough differences were reported.
  bool check(const Input& input, bool truncated = false) {
    std::string difference = equality_.compare(input.bytes());
    if (difference.empty() && truncated) difference = equality_.compare_truncated(input.bytes());
    checked_++;
    if (equality_.status() == DecodeStatus::Ok) defined_++;
    if (difference.empty()) return true;
    ADD_FAILURE() << hex(input.bytes()) << ": " << difference;
    return ++failures_ < 20;
  }

  static std::vector<std::vector<uint8_t>> prefix_sets() {
    std::vector<std::vector<uint8_t>> sets = {{}};
    for (uint8_t a : kPrefixes) sets.push_back({a});
    for (uint8_t a : kPrefixes) {
      for (uint8_t b : kPrefixes) sets.push_back({a, b});
    }
    return sets;
  }

  Equality equality_;
  uint64_t checked_ = 0, defined_ = 0;
  int failures_ = 0;
};

TEST_F(DecoderTest, EveryOpcodePrefixAndModrm) {
  Random random(1);
  for (const auto& prefixes : prefix_sets()) {
    for (const auto& map : kMaps) {
      for (unsigned opcode = 0; opcode < 256; opcode++) {
        for (unsigned modrm = 0; modrm < 256; modrm++) {
          Input input(random);
          input.add(prefixes).add(map).add(static_cast<uint8_t>(opcode)).add(static_cast<uint8_t>(modrm));
          ASSERT_TRUE(check(input));
        }
      }
    }
  }
  RecordProperty("checked", std::to_string(checked_));
  std::printf("%lu byte strings, %lu of them defined\n", checked_, defined_);
}

TEST_F(DecoderTest, EverySib) {
  // One opcode per way of using ModRM: general, immediates behind it, x87, LEA, group, LOCK, MMX, SSE, two bytes.
  const std::vector<std::vector<uint8_t>> opcodes = {{0x01}, {0x8a}, {0x8d}, {0x81}, {0x6b}, {0xf6}, {0xff}, {0xc4}, {0x62}, {0xd9}, {0xdd}, {0xdf},
                                                     {0x0f, 0xb1}, {0x0f, 0xc7}, {0x0f, 0xa4}, {0x0f, 0x6f}, {0x0f, 0x10}, {0x0f, 0x1f}, {0x0f, 0x22}};
  Random random(2);
  for (const std::vector<uint8_t>& prefixes : std::vector<std::vector<uint8_t>>{{}, {0x66}, {0x67}, {0x64}, {0x36}, {0xf0}}) {
    for (const auto& opcode : opcodes) {
      for (unsigned modrm = 4; modrm < 256; modrm += 8) {  // rm = 4
        for (unsigned sib = 0; sib < 256; sib++) {
          Input input(random);
          input.add(prefixes).add(opcode).add(static_cast<uint8_t>(modrm)).add(static_cast<uint8_t>(sib));
          ASSERT_TRUE(check(input, true));
        }
      }
    }
  }
}

TEST_F(DecoderTest, TruncatedAtEveryByte) {
  Random random(3);
  for (unsigned round = 0; round < 2; round++) {
    for (const std::vector<uint8_t>& prefixes : std::vector<std::vector<uint8_t>>{{}, {0x66}, {0x67}, {0xf0}, {0xf2}, {0xf3}, {0x2e, 0x66}}) {
      for (const auto& map : kMaps) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
          for (unsigned modrm = 0; modrm < 256; modrm += 1 + random.below(4)) {
            Input input(random);
            input.add(prefixes).add(map).add(static_cast<uint8_t>(opcode)).add(static_cast<uint8_t>(modrm));
            ASSERT_TRUE(check(input, true));
          }
        }
      }
    }
  }
}

TEST_F(DecoderTest, TwelveMillionRandomStrings) {
  // Of every eight strings: three with few prefixes, one with many (lengths around 15), three in the 0F map, one
  // random from its first byte. Undefined opcodes are not avoided.
  Random random(4);
  std::set<Mnemonic> met;
  std::array<uint64_t, 4> by_status{};
  for (unsigned i = 0; i < 12'000'000; i++) {
    Input input(random);
    const unsigned kind = i % 8;
    if (kind != 7) {
      const unsigned count = kind == 3 ? 6 + random.below(10) : random.below(4);
      for (unsigned n = 0; n < count; n++) input.add(kPrefixes[random.below(kPrefixes.size())]);
    }
    if (kind >= 4 && kind < 7) input.add(0x0f);
    ASSERT_TRUE(check(input, i % 64 == 0));
    by_status[static_cast<unsigned>(equality_.status())]++;
    if (equality_.status() == DecodeStatus::Ok) met.insert(equality_.decoded().mnemonic);
  }
  std::printf("%lu defined, %lu undefined, %lu too long; %zu of %u mnemonics met\n", by_status[0], by_status[2], by_status[3], met.size(),
              kMnemonicCount - 1);
  EXPECT_EQ(by_status[1], 0u);
  EXPECT_EQ(met.size(), kMnemonicCount - 1);
}

// What Zydis' settings alone don't say: the machine of docs/decisions.md.

struct Example {
  std::vector<uint8_t> bytes;
  DecodeStatus status;
  Mnemonic mnemonic = Mnemonic::Invalid;
  unsigned length = 0;
};

TEST(DecoderExamples, TheMachine) {
  const std::vector<Example> examples = {
      {{0xf3, 0x0f, 0x1e, 0xfb}, DecodeStatus::Ok, Mnemonic::Nop, 4},         // ENDBR32
      {{0xf3, 0x0f, 0xbd, 0xc1}, DecodeStatus::Ok, Mnemonic::Bsr, 4},         // LZCNT
      {{0xf3, 0x0f, 0xbc, 0xc1}, DecodeStatus::Ok, Mnemonic::Bsf, 4},         // TZCNT
      {{0x0f, 0x1a, 0x00}, DecodeStatus::Ok, Mnemonic::Nop, 3},               // BNDLDX
      {{0xc4, 0x00}, DecodeStatus::Ok, Mnemonic::Les, 2},
      {{0xc4, 0xe2, 0x79, 0x18, 0xc0}, DecodeStatus::Undefined},              // VEX
      {{0xc5, 0x00}, DecodeStatus::Ok, Mnemonic::Lds, 2},
      {{0xc5, 0xf8, 0x77}, DecodeStatus::Undefined},                          // VZEROUPPER
      {{0x62, 0x00}, DecodeStatus::Ok, Mnemonic::Bound, 2},
      {{0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc0}, DecodeStatus::Undefined},        // EVEX
      {{0x8f, 0x00}, DecodeStatus::Ok, Mnemonic::Pop, 2},
      {{0x8f, 0xe8, 0x78, 0xc0, 0xc0, 0x00}, DecodeStatus::Undefined},        // XOP
      {{0x0f, 0x0f, 0xc0, 0x9e}, DecodeStatus::Undefined},                    // 3DNow!
      {{0xf3, 0x0f, 0xb8, 0xc0}, DecodeStatus::Undefined},                    // POPCNT
      {{0x0f, 0x05}, DecodeStatus::Undefined},                                // SYSCALL
      {{0x0f, 0x34}, DecodeStatus::Ok, Mnemonic::Sysenter, 2},
      {{0x0f, 0x0b}, DecodeStatus::Ok, Mnemonic::Ud2, 2},
      {{0x90}, DecodeStatus::Ok, Mnemonic::Nop, 1},
      {{0xf3, 0x90}, DecodeStatus::Ok, Mnemonic::Pause, 2},
      {{0xf0, 0x01, 0x00}, DecodeStatus::Ok, Mnemonic::Add, 3},
      {{0xf0, 0x01, 0xc0}, DecodeStatus::Undefined},                          // LOCK on a register
      {{0xf0, 0x90}, DecodeStatus::Undefined},
      {{0x8e, 0xc8}, DecodeStatus::Undefined},                                // MOV CS, EAX
      {{}, DecodeStatus::NeedMoreBytes},
      {{0x66}, DecodeStatus::NeedMoreBytes},
      {{0x0f}, DecodeStatus::NeedMoreBytes},
      {{0xb8, 0, 0, 0}, DecodeStatus::NeedMoreBytes},
  };
  for (const Example& e : examples) {
    DecodedInst inst;
    EXPECT_EQ(decode(e.bytes, inst), e.status) << hex(e.bytes);
    if (e.status != DecodeStatus::Ok) continue;
    EXPECT_STREQ(mnemonic_name(inst.mnemonic), mnemonic_name(e.mnemonic)) << hex(e.bytes);
    EXPECT_EQ(inst.length, e.length) << hex(e.bytes);
  }
}

TEST(DecoderExamples, FifteenBytesAndNoMore) {
  DecodedInst inst;
  std::vector<uint8_t> bytes(14, 0x66);
  bytes.push_back(0x40);
  EXPECT_EQ(decode(bytes, inst), DecodeStatus::Ok);
  EXPECT_EQ(inst.length, 15);
  bytes.insert(bytes.begin(), 0x66);
  EXPECT_EQ(decode(bytes, inst), DecodeStatus::TooLong);
  EXPECT_EQ(decode(std::span(bytes).first(14), inst), DecodeStatus::NeedMoreBytes);
  bytes.assign(15, 0x66);
  EXPECT_EQ(decode(bytes, inst), DecodeStatus::TooLong);
}

}  // namespace
}  // namespace chrysalis::x86::test
