#include "isa-host/codec.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "any_atom.h"
#include "isa-host/assembler.h"

namespace chrysalis::isa::test {
namespace {

TEST(Table, PatternsAreWellFormedAndDoNotOverlap) {
  for (unsigned i = 0; i < kOps; ++i) {
    const Encoding& row = kEncodings[i];
    EXPECT_TRUE(row.well_formed) << kAtomInfo[i].pattern;
    EXPECT_EQ(row.width(Field::Stop), 1u) << kAtomInfo[i].pattern;
    uint32_t covered = row.fixed_mask;
    for (unsigned p = 0; p < row.pieces; ++p) {
      const uint32_t bits = ((1u << row.piece[p].width) - 1) << row.piece[p].word_bit;
      EXPECT_EQ(covered & bits, 0u);
      covered |= bits;
    }
    EXPECT_EQ(covered, ~0u) << "unassigned bits in " << kAtomInfo[i].pattern;
    for (unsigned j = 0; j < i; ++j) {
      const uint32_t common = row.fixed_mask & kEncodings[j].fixed_mask;
      EXPECT_NE(row.fixed_bits & common, kEncodings[j].fixed_bits & common) << kAtomInfo[i].name << " overlaps " << kAtomInfo[j].name;
    }
  }
}

TEST(Table, MnemonicsAreUnique) {
  std::set<std::string> seen;
  for (const AtomInfo& row : kAtomInfo) EXPECT_TRUE(seen.insert(row.mnemonic).second) << row.mnemonic;
}

TEST(Table, OperandsMatchFields) {
  for (unsigned i = 0; i < kOps; ++i) {
    const AtomInfo& row = kAtomInfo[i];
    const Encoding& fields = kEncodings[i];
    EXPECT_EQ(row.uses(kReadsRa | kReadsVa), fields.width(Field::Ra) != 0) << row.name;
    EXPECT_EQ(row.uses(kReadsRb | kReadsRm | kReadsVb), fields.width(Field::Rb) != 0) << row.name;
    EXPECT_EQ(row.uses(kReadsRc), fields.width(Field::Rc) != 0) << row.name;
    EXPECT_EQ(row.uses(kReadsRd | kWritesRd | kReadsVd | kWritesVd), fields.width(Field::Rd) != 0) << row.name;
    EXPECT_EQ(row.has(kWritesFd), fields.width(Field::Fd) != 0) << row.name;
    EXPECT_EQ(row.uses(kTarget), fields.width(Field::Target) != 0) << row.name;
    EXPECT_EQ(row.has(kProtect), fields.width(Field::Entry) != 0) << row.name;
    EXPECT_EQ(row.has(kMasked), fields.width(Field::Mask) == 8) << row.name;
  }
}

TEST(Table, WidthFamiliesFollowEachOther) {
  EXPECT_EQ(at_width(Op::Add8, 32), Op::Add32);
  EXPECT_EQ(at_width(Op::RemS8, 64), Op::RemS64);
  EXPECT_EQ(at_width(Op::Shld16, 64, 16), Op::Shld64);
  EXPECT_EQ(at_width(Op::StG8, 64), Op::StG64);
  EXPECT_EQ(at_width(Op::LdC8U, 16), Op::LdC16U);
  EXPECT_EQ(at_width(Op::ProbeG8, 16), Op::ProbeG16);
}

void expect_round_trip(const Atom& atom) {
  Molecule molecule, back;
  molecule.atoms[0] = atom;
  molecule.count = 1;
  molecule.address = 0x7000'1000;
  uint32_t words[kMaxWords] = {}, again[kMaxWords] = {};
  const CodecResult encoded = encode(molecule, words);
  ASSERT_TRUE(encoded.ok()) << disassemble(atom, molecule.address) << ": " << message(encoded.error);
  ASSERT_EQ(molecule.bytes, 4 * isa::words(atom));
  const CodecResult decoded = decode(words, molecule.bytes / 4u, molecule.address, back);
  ASSERT_TRUE(decoded.ok()) << disassemble(atom, molecule.address) << ": " << message(decoded.error);
  ASSERT_TRUE(same(atom, back.atoms[0])) << disassemble(molecule) << " came back as " << disassemble(back);
  ASSERT_TRUE(encode(back, again).ok());
  for (unsigned i = 0; i < kMaxWords; ++i) ASSERT_EQ(words[i], again[i]);
  const std::string text = disassemble(molecule);
  const Assembly assembly = assemble(text, molecule.address);
  ASSERT_TRUE(assembly.ok()) << text << "\n" << assembly.error_text("asm");
  ASSERT_EQ(assembly.bytes.size(), molecule.bytes) << text;
  ASSERT_EQ(std::memcmp(assembly.bytes.data(), words, molecule.bytes), 0) << text;
}

TEST(Codec, EveryFieldOfEveryRowAtEveryValue) {
  Random random(1);
  for (unsigned i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    for (unsigned mode = 0; mode < 3; ++mode) {
      if ((accepted_modes(op) >> mode & 1) == 0) continue;
      expect_round_trip(random_atom(random, op, static_cast<Mode>(mode)));
      for (const Field field : kPlainFields) {
        const unsigned limit = field_values(op, field);
        for (unsigned value = 0; value < limit && limit != 1; ++value) {
          Atom atom = random_atom(random, op, static_cast<Mode>(mode));
          put_field(atom, field, value);
          if (info(op).uses(kReadsRm) && mode != 0) atom.rb = 0;
          if (atom.fd != 0 && info(op).uses(kWritesRd) && atom.rd == flags_register(atom.fd)) continue;
          expect_round_trip(atom);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(Codec, EveryShortLiteralAndTheEdgesOfLongOnes) {
  for (unsigned i = 0; i < kOps; ++i) {
    Atom atom;
    atom.op = static_cast<Op>(i);
    const unsigned modes = accepted_modes(atom.op), bits = short_literal_bits(atom.op);
    const int64_t scale = info(atom.op).uses(kTarget) ? 4 : 1;
    if ((modes & 2) != 0) {
      atom.mode = Mode::Short;
      const int64_t limit = int64_t{1} << (bits - 1), step = bits > 8 ? limit / 64 - 1 : 1;
      for (int64_t value = -limit; value < limit; value += step) {
        atom.imm = value * scale;
        expect_round_trip(atom);
        if (HasFatalFailure()) return;
      }
      for (const int64_t beyond : {limit, -limit - 1}) {
        atom.imm = beyond * scale;
        EXPECT_EQ(check_atom(atom), CodecError::BadLiteral);
      }
    }
    if ((modes & 4) != 0) {
      atom.mode = Mode::Long;
      static const std::vector<int64_t> kPcs = {0, 1, 0x8000'0000, 0xffff'ffff}, kLiterals = {0, 4, -4, 0x7fff'fffc, -0x8000'0000ll};
      for (const int64_t value : atom.op == Op::Commit ? kPcs : kLiterals) {
        atom.imm = value;
        expect_round_trip(atom);
        if (HasFatalFailure()) return;
      }
      atom.imm = 0x1'0000'0000;
      EXPECT_EQ(check_atom(atom), CodecError::BadLiteral);
    }
  }
}

TEST(Codec, RandomMoleculesRoundTrip) {
  Random random(2);
  unsigned good = 0;
  for (unsigned i = 0; i < 20000; ++i) {
    Molecule molecule;
    molecule.address = 0x7000'0000 + 4 * random.below(1000);
    molecule.count = static_cast<uint8_t>(1 + random.below(kMaxWords));
    for (unsigned a = 0; a < molecule.count; ++a) molecule.atoms[a] = random_atom(random);
    uint32_t words[kMaxWords] = {};
    if (!encode(molecule, words).ok()) continue;
    ++good;
    Molecule back;
    ASSERT_TRUE(decode(words, kMaxWords, molecule.address, back).ok());
    ASSERT_EQ(back.count, molecule.count);
    ASSERT_EQ(back.bytes, molecule.bytes);
    for (unsigned a = 0; a < molecule.count; ++a) ASSERT_TRUE(same(back.atoms[a], molecule.atoms[a]));
    ASSERT_EQ(decode(words, molecule.bytes / 4u - 1, molecule.address, back).error, CodecError::Truncated);
  }
  EXPECT_GT(good, 3000u);
}

TEST(Codec, RandomWordsNeverConfuse) {
  Random random(3);
  for (unsigned i = 0; i < 300000; ++i) {
    uint32_t words[kMaxWords], again[kMaxWords] = {};
    for (uint32_t& word : words) word = static_cast<uint32_t>(random.next());
    Molecule molecule;
    if (!decode(words, kMaxWords, 0x7000'0000, molecule).ok()) continue;
    ASSERT_TRUE(encode(molecule, again).ok());
    for (unsigned w = 0; w < molecule.bytes / 4u; ++w) ASSERT_EQ(words[w], again[w]);
  }
}

CodecError error_of(const std::vector<Atom>& atoms) {
  Molecule molecule;
  molecule.count = static_cast<uint8_t>(atoms.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) molecule.atoms[i] = atoms[i];
  return check(molecule).error;
}

Atom atom_of(const std::string& text) {
  const Assembly assembly = assemble(text, 0);
  EXPECT_TRUE(assembly.ok()) << text;
  Molecule molecule;
  uint32_t words[kMaxWords] = {};
  std::memcpy(words, assembly.bytes.data(), assembly.bytes.size());
  EXPECT_TRUE(decode(words, static_cast<unsigned>(assembly.bytes.size() / 4), 0, molecule).ok());
  return molecule.atoms[0];
}

TEST(Codec, WhatAMoleculeMustNotBe) {
  EXPECT_EQ(error_of({}), CodecError::Empty);
  EXPECT_EQ(error_of({atom_of("add.32 r1,r2,r3"), atom_of("sub.32 r1,r2,r3")}), CodecError::DoubleWrite);
  EXPECT_EQ(error_of({atom_of("add.32 r1,r2,r3 f=r9"), atom_of("sub.32 r2,r2,r3 f=r9")}), CodecError::DoubleWrite);
  EXPECT_EQ(error_of({atom_of("add.32 zero,r2,r3"), atom_of("sub.32 zero,r2,r3")}), CodecError::None);
  EXPECT_EQ(error_of({atom_of("add.32 r1,r2,r3"), atom_of("fadd.80 f1,f2,f3")}), CodecError::None);
  EXPECT_EQ(error_of({atom_of("ldgp.32 r1,[r2],3"), atom_of("ldgp.32 r3,[r2],3")}), CodecError::DoubleWrite);
  EXPECT_EQ(error_of({atom_of("br 0x10"), atom_of("brz r1,0x10")}), CodecError::TwoBranches);
  EXPECT_EQ(error_of({atom_of("commit 1"), atom_of("rollback")}), CodecError::TwoSerializing);
  EXPECT_EQ(error_of({atom_of("commit 1"), atom_of("mfs r1,fsr")}), CodecError::TwoSerializing);
  EXPECT_EQ(error_of({atom_of("commit 1"), atom_of("br 0x10")}), CodecError::None);
  EXPECT_EQ(error_of(std::vector<Atom>(5, atom_of("movi zero,0x12345678"))), CodecError::TooLong);
  Molecule molecule;
  const uint32_t zero[kMaxWords] = {};
  EXPECT_EQ(decode(zero, kMaxWords, 0, molecule).error, CodecError::UnknownOpcode);
  EXPECT_EQ(decode(zero, kMaxWords, 2, molecule).error, CodecError::Misaligned);
  EXPECT_EQ(decode(zero, 0, 0, molecule).error, CodecError::Truncated);
  uint32_t nops[kMaxWords];
  for (uint32_t& word : nops) word = encode_atom(Atom{}, false);
  EXPECT_EQ(decode(nops, kMaxWords, 0, molecule).error, CodecError::TooLong);
}

TEST(Codec, EveryErrorHasAMessage) {
  for (unsigned i = 0; i <= static_cast<unsigned>(CodecError::TwoSerializing); ++i) EXPECT_STRNE(message(static_cast<CodecError>(i)), "");
}

}  // namespace
}  // namespace chrysalis::isa::test
