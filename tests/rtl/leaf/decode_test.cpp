// The decoder in SystemVerilog against isa-host/codec.h: every field of what is a molecule of a machine, and of what is none which error.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "Vdecode_under_test.h"
#include "isa-host/codec.h"
#include "isa-host/functional.h"
#include "isa-host/machine.h"
#include "tests/isa-host/any_atom.h"
#include "tests/rtl/leaf/verilated.h"

namespace chrysalis::rtl::test {
namespace {

using isa::kMaxWords;

void strap(Vdecode_under_test& rtl, const isa::MachineDescription& machine) {
  rtl.width_i = machine.width;
  rtl.literal_slots_i = machine.literal_slots;
  rtl.offset_i = machine.offset_addressing;
  for (unsigned s = 0; s < kMaxWords; ++s) rtl.slot_units_i[s] = machine.slot_units[s];
  for (unsigned l = 0; l < isa::kLatencies; ++l) rtl.latency_i[l] = machine.latency[l];
}

/// Words that are a molecule, nearly one, or none at all.
void draw(isa::test::Random& random, uint32_t (&words)[kMaxWords]) {
  for (uint32_t& word : words) word = static_cast<uint32_t>(random.next());
  if (random.chance(8)) return;
  const unsigned count = 1 + static_cast<unsigned>(random.below(random.chance(4) ? kMaxWords : 3));
  if (random.chance(3)) {  // atoms that are legal, each for itself
    for (unsigned i = 0; i < count; ++i) words[i] = isa::encode_atom(isa::test::random_atom(random), i + 1 == count);
    return;
  }
  isa::Molecule molecule;
  do {
    molecule.count = static_cast<uint8_t>(count);
    for (unsigned i = 0; i < count; ++i) molecule.atoms[i] = isa::test::random_atom(random);
  } while (!isa::encode(molecule, words).ok() && !random.chance(50));
  if (random.chance(2)) return;
  for (unsigned flips = 1 + static_cast<unsigned>(random.below(3)); flips != 0; --flips) {
    words[random.below(std::max<unsigned>(1, molecule.bytes / 4))] ^= 1u << random.below(32);
  }
}

struct Needs {
  uint64_t registers[2] = {};
  uint32_t effects = 0;
  unsigned div = 0, fp_div = 0;
};

Needs needs(const isa::MachineDescription& machine, const isa::Molecule& molecule) {
  Needs result;
  for (unsigned i = 0; i < molecule.count; ++i) {
    const isa::AtomInfo& row = isa::info(molecule.atoms[i].op);
    const isa::RegUse use = isa::reg_use(molecule.atoms[i]);
    for (unsigned r = 0; r < use.read_count; ++r) result.registers[use.reads[r] >> 6] |= uint64_t{1} << (use.reads[r] & 63);
    for (unsigned w = 0; w < use.write_count; ++w) result.registers[use.writes[w] >> 6] |= uint64_t{1} << (use.writes[w] & 63);
    result.effects |= row.effects;
    const unsigned latency = machine.latency[static_cast<unsigned>(row.latency)];
    if (row.latency == isa::Latency::Div) result.div += latency;
    if (row.latency == isa::Latency::FpDiv || row.latency == isa::Latency::FpSqrt) result.fp_div += latency;
  }
  return result;
}

TEST(DecodeRtl, AgreesWithTheCodec) {
  std::map<unsigned, unsigned> seen;  // EINFO, or 0 for a molecule of the machine
  for (const char* name : {"crusoe", "efficeon", "denver"}) {
    const isa::MachineDescription machine = isa::load_machine(name).core;
    Vdecode_under_test rtl;
    strap(rtl, machine);
    isa::test::Random random(1);
    for (unsigned i = 0; i < 200'000; ++i) {
      uint32_t words[kMaxWords];
      draw(random, words);
      const unsigned available = random.chance(8) ? 1 + static_cast<unsigned>(random.below(kMaxWords)) : kMaxWords;
      for (unsigned w = 0; w < kMaxWords; ++w) rtl.word_i[w] = words[w];
      rtl.available_i = static_cast<uint8_t>(available);
      rtl.eval();

      isa::Molecule molecule;
      const isa::CodecResult result = isa::decode(words, available, 0x7000'0000, molecule);
      const uint64_t info = !result.ok() ? static_cast<uint64_t>(result.error) : isa::accepts(machine, molecule) ? 0 : isa::kInfoNotThisMachine;
      ++seen[static_cast<unsigned>(info)];
      SCOPED_TRACE(std::string(name) + ", words " + std::to_string(i));
      ASSERT_EQ(rtl.fault_o, info != 0) << (result.ok() ? "legal" : isa::message(result.error));
      if (info != 0) {
        ASSERT_EQ(rtl.fault_info_o, info) << isa::message(result.error);
        ASSERT_EQ(rtl.bytes_o, 4u);
        continue;
      }
      ASSERT_EQ(rtl.count_o, molecule.count);
      ASSERT_EQ(rtl.bytes_o, molecule.bytes);
      for (unsigned a = 0; a < molecule.count; ++a) {
        const isa::Atom& atom = molecule.atoms[a];
        SCOPED_TRACE(isa::info(atom.op).mnemonic);
        ASSERT_EQ(rtl.row_o[a], static_cast<unsigned>(atom.op));
        ASSERT_EQ(rtl.rd_o[a], atom.rd);
        ASSERT_EQ(rtl.ra_o[a], atom.ra);
        ASSERT_EQ(rtl.rb_o[a], atom.rb);
        ASSERT_EQ(rtl.rc_o[a], atom.rc);
        ASSERT_EQ(rtl.fd_o[a], atom.fd);
        ASSERT_EQ(rtl.literal_o[a], isa::info(atom.op).uses(isa::kReadsRm) && atom.mode != isa::Mode::Register);
        ASSERT_EQ(rtl.long_o[a], atom.mode == isa::Mode::Long);
        ASSERT_EQ(rtl.cond_o[a], static_cast<unsigned>(atom.cond));
        ASSERT_EQ(rtl.scale_o[a], atom.scale);
        ASSERT_EQ(rtl.alias_o[a], atom.alias);
        ASSERT_EQ(rtl.selector_o[a], atom.count);
        ASSERT_EQ(rtl.imm_o[a], static_cast<uint64_t>(atom.imm));
      }
      const Needs expected = needs(machine, molecule);
      for (unsigned half = 0; half < 2; ++half) ASSERT_EQ(get_bits(rtl.needs_o.data(), 64 * half, 64), expected.registers[half]);
      ASSERT_EQ(rtl.effects_o, expected.effects);
      ASSERT_EQ(rtl.div_cycles_o, std::min(expected.div, 255u));
      ASSERT_EQ(rtl.fp_div_cycles_o, std::min(expected.fp_div, 255u));
    }
  }
  using isa::CodecError;
  for (const CodecError error : {CodecError::None, CodecError::TooLong, CodecError::Truncated, CodecError::UnknownOpcode, CodecError::BadMode,
                                 CodecError::BadRegister, CodecError::BadField, CodecError::BadLiteral, CodecError::DoubleWrite,
                                 CodecError::TwoBranches, CodecError::TwoSerializing})
    EXPECT_GE(seen[static_cast<unsigned>(error)], 100u) << isa::message(error);
  EXPECT_GE(seen[isa::kInfoNotThisMachine], 100u);
  for (const auto& [info, count] : seen) RecordProperty("einfo_" + std::to_string(info), std::to_string(count));
}

TEST(DecodeRtl, NoCodeCanBeHere) {
  Vdecode_under_test rtl;
  strap(rtl, isa::load_machine("crusoe").core);
  rtl.available_i = 0;
  rtl.eval();
  EXPECT_EQ(rtl.fault_o, 1u);
  EXPECT_EQ(rtl.fault_info_o, static_cast<unsigned>(isa::CodecError::Misaligned));
}

}  // namespace
}  // namespace chrysalis::rtl::test
