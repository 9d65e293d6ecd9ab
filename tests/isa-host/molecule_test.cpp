// All atoms of a molecule read the old state, then all write; the prepared order and the careful path agree
// with that, whatever the molecule.

#include <gtest/gtest.h>

#include "any_atom.h"
#include "bench_core.h"

namespace chrysalis::isa::test {
namespace {

struct Registers {
  uint64_t r[64];
  V128 v[64];
  uint64_t next_pc = 0;
};

void save(const FunctionalCore& core, Registers& to) {
  std::memcpy(to.r, core.r, sizeof to.r);
  for (unsigned i = 0; i < 64; ++i) to.v[i] = core.v[i];
  to.next_pc = core.next_pc;
}
void restore(FunctionalCore& core, const Registers& from) {
  std::memcpy(core.r, from.r, sizeof from.r);
  for (unsigned i = 0; i < 64; ++i) core.v[i] = from.v[i];
}

/// An atom over few registers, so that molecules are full of dependences. Loads from [r30]; no stores, no system atoms.
Atom crowded_atom(Random& random) {
  for (;;) {
    Atom atom = random_atom(random);
    const AtomInfo& row = info(atom.op);
    const bool load = row.has(kLoad) && row.has(kGuest) && !row.has(kProtect);
    if (!load && row.has(kMayFault | kPrefetch | kSerializing | kCommit | kRollback)) continue;
    if (row.unit == Unit::Branch) continue;  // return stack and jump buffer are no registers
    for (uint8_t* field : {&atom.rd, &atom.ra, &atom.rb, &atom.rc})
      if (*field != 0) *field = static_cast<uint8_t>(9 + *field % 6);
    if (load) {
      atom.ra = 30, atom.rb = 0, atom.mode = Mode::Short;
      atom.imm = static_cast<int64_t>(random.below(32));
    }
    if (check_atom(atom) != CodecError::None) continue;
    return atom;
  }
}

TEST(Molecule, ReadsOldStateThenWrites) {
  Random random(41);
  BenchCore bench;
  FunctionalCore& core = bench.core;
  unsigned direct = 0, careful = 0, late = 0;
  bench.map(1, 1);
  for (unsigned i = 0; i < 64; ++i) *bench.memory.ram(0x1000 + i, 1) = static_cast<uint8_t>(random.next());
  for (unsigned trial = 0; trial < 60000; ++trial) {
    Molecule molecule;
    molecule.address = kConcealedBase;
    molecule.count = static_cast<uint8_t>(1 + random.below(5));
    for (unsigned i = 0; i < molecule.count; ++i) molecule.atoms[i] = crowded_atom(random);
    if (!check(molecule).ok()) continue;
    Registers old, want;
    for (unsigned i = 0; i < kZero; ++i) old.r[i] = random.operand();
    for (unsigned i = 9; i < 16; ++i) old.r[i] &= random.chance(2) ? kFlagsMask : ~uint64_t{0};
    old.r[kZero] = 0, old.r[30] = 0x1000;
    for (V128& v : old.v) v = {random.operand(), random.operand() & 0xffff};
    // The reference: each atom alone, on the old state.
    want = old;
    uint64_t fsr = 0;
    for (unsigned i = 0; i < molecule.count; ++i) {
      Molecule alone;
      alone.address = kConcealedBase;
      alone.count = 1;
      alone.atoms[0] = molecule.atoms[i];
      restore(core, old);
      core.special_ref(Special::Fsr) = fsr;
      ASSERT_TRUE(bench.execute(alone));
      fsr = core.special_ref(Special::Fsr);
      const RegUse use = reg_use(molecule.atoms[i]);
      for (unsigned w = 0; w < use.write_count; ++w) {
        const RegName reg = use.writes[w];
        if (reg < kFpFile) {
          want.r[reg] = core.r[reg];
        } else {
          want.v[reg - kFpFile] = core.v[reg - kFpFile];
        }
      }
    }
    Prepared<FunctionalCore> prepared(molecule);
    const bool crowded_load = prepared.plan.late_load;
    for (const bool force_careful : {false, true}) {
      if (force_careful && crowded_load) break;  // its order is not that of the general path
      if (force_careful) prepared.plan.direct = false;
      (prepared.plan.direct ? direct : prepared.plan.late_load ? late : careful)++;
      restore(core, old);
      core.special_ref(Special::Fsr) = 0;
      ASSERT_TRUE(isa::execute(core, prepared));
      for (unsigned i = 0; i < 64; ++i) {
        ASSERT_EQ(core.r[i], want.r[i]) << disassemble(molecule) << " r" << i;
        ASSERT_TRUE(core.v[i] == want.v[i]) << disassemble(molecule) << " f" << i;
      }
      ASSERT_EQ(core.special_ref(Special::Fsr), fsr) << disassemble(molecule);
    }
  }
  EXPECT_GT(direct, 5000u);
  EXPECT_GT(careful, 5000u);
  EXPECT_GT(late, 200u);
}

TEST(Molecule, ExchangeOfRegisters) {
  BenchCore bench;
  bench.core.r[1] = 1, bench.core.r[2] = 2;
  ASSERT_TRUE(bench.execute("{ mov r1,r2 | mov r2,r1 }"));
  EXPECT_EQ(bench.core.r[1], 2u);
  EXPECT_EQ(bench.core.r[2], 1u);
}

TEST(Molecule, OneFaultLeavesNothingDone) {
  // Every pair of memory atoms, the second of which faults, with a third atom that reads and writes registers.
  BenchCore bench;
  FunctionalCore& core = bench.core;
  bench.map(1, 1);
  const char* first[] = {"ldg.32u r2,[r5]", "stg.32 r3,[r5]", "ldgp.32 r2,[r5],1", "stgm.32 r3,[r5],0x1", "fldg.80 f2,[r5]", "pwg.8 [r5]"};
  const char* second[] = {"ldg.8u r6,[r7]", "stg.64 r3,[r7]", "fstg.128 f3,[r7]", "ldgp.8 r6,[r7],2", "pwg.32 [r7]"};
  for (const char* a : first)
    for (const char* b : second) {
      core.r[5] = 0x1010, core.r[7] = 0x9000;
      Registers old, now;
      save(core, old);
      const unsigned valid = core.alias.valid();
      ASSERT_FALSE(bench.execute(std::string("{ ") + a + " | " + b + " | add.64 r5,r5,1 f=r9 | br 0x1000100 }"));
      ASSERT_EQ(bench.take_cause(), Cause::TlbMiss) << a << b;
      save(core, now);
      ASSERT_EQ(std::memcmp(old.r, now.r, sizeof old.r), 0) << a << " | " << b;
      ASSERT_EQ(core.stores.size(), 0u);
      ASSERT_EQ(core.alias.valid(), valid);
    }
}

TEST(Molecule, LoadsComeBeforeStores) {
  BenchCore bench;
  bench.map(1, 1);
  bench.core.r[1] = 0x1100, bench.core.r[2] = 7;
  ASSERT_TRUE(bench.execute("{ stg.32 r2,[r1] | ldg.32u r3,[r1] }"));
  EXPECT_EQ(bench.core.r[3], 0u);
  ASSERT_TRUE(bench.execute("ldg.32u r3,[r1]"));
  EXPECT_EQ(bench.core.r[3], 7u);
  // A load hoisted into the molecule of the store that it passed is protected in time.
  ASSERT_FALSE(bench.execute("{ stgm.32 r2,[r1],0x4 | ldgp.32 r3,[r1],2 }"));
  EXPECT_EQ(bench.take_cause(), Cause::AliasFault);
  EXPECT_EQ(bench.core.alias.valid(), 0u);
}

TEST(Molecule, CommitAndRollbackActLast) {
  BenchCore bench;
  bench.map(1, 1);
  FunctionalCore& core = bench.core;
  core.r[1] = 0x1100, core.r[2] = 5;
  ASSERT_TRUE(bench.execute("{ stg.32 r2,[r1] | add.32 r3,r2,1 | commit 2,0x8048000 }"));
  EXPECT_EQ(core.shadow.r[3], 6u);
  EXPECT_EQ(core.stores.size(), 0u);
  EXPECT_EQ(bench.memory.ram(0x1100, 1)[0], 5);
  EXPECT_EQ(core.read_special(Special::Gcount), 2u);
  EXPECT_EQ(core.read_special(Special::Gpc), 0x804'8000u);
  ASSERT_TRUE(bench.execute("{ stg.32 r3,[r1] | add.32 r3,r2,9 | rollback | br 0x1000040 }"));
  EXPECT_EQ(core.r[3], 6u);
  EXPECT_EQ(core.next_pc, 0x100'0040u);
  EXPECT_EQ(bench.memory.ram(0x1100, 1)[0], 5);
  // r16 and up have no shadows.
  ASSERT_TRUE(bench.execute("{ movi r20,1 | movi r15,1 | rollback }"));
  EXPECT_EQ(core.r[20], 1u);
  EXPECT_EQ(core.r[15], 0u);
  // What acts last still reads old registers.
  core.r[4] = 0x300;
  ASSERT_TRUE(bench.execute("{ mts fcr,r4 | add.64 r4,r4,1 }"));
  EXPECT_EQ(core.read_special(Special::Fcr), 0x300u);
  ASSERT_TRUE(bench.execute("{ mts fcr,r4 | mov r4,r5 | mov r5,r4 }"));
  EXPECT_EQ(core.read_special(Special::Fcr), 0x301u);
  // A commit's register operand is no exception, though the commit includes the register's new contents.
  core.r[6] = 0x8048123;
  ASSERT_TRUE(bench.execute("{ commit.r 3,r6 | movi r6,77 }"));
  EXPECT_EQ(core.read_special(Special::Gpc), 0x804'8123u);
  EXPECT_EQ(core.shadow.r[6], 77u);
  EXPECT_EQ(core.read_special(Special::Gcount), 5u);
  core.r[1] = 0x1100;
  ASSERT_TRUE(bench.execute("{ ldg.32u r6,[r1] | commit.r 1,r6 }"));
  EXPECT_EQ(core.read_special(Special::Gpc), 77u);
  EXPECT_EQ(core.shadow.r[6], 5u);
}

TEST(Molecule, ShadowsOfEveryKind) {
  BenchCore bench;
  FunctionalCore& core = bench.core;
  for (unsigned i = 0; i < kZero; ++i) core.r[i] = 100 + i;
  for (unsigned i = 0; i < kFpRegs; ++i) core.set_v(i, {i, i});
  core.write_special(Special::Fcr, 0x37f), core.write_special(Special::Fsr, 1), core.write_special(Special::Gpc, 0x1234);
  ASSERT_TRUE(bench.execute("commit 0"));
  for (unsigned i = 0; i < kZero; ++i) core.r[i] = 0;
  for (unsigned i = 0; i < kFpRegs; ++i) core.set_v(i, {});
  core.write_special(Special::Fcr, 0), core.write_special(Special::Fsr, 0), core.write_special(Special::Gpc, 0);
  ASSERT_TRUE(bench.execute("rollback"));
  for (unsigned i = 0; i < kZero; ++i) EXPECT_EQ(core.r[i], i < kShadowedInt ? 100 + i : 0);
  for (unsigned i = 0; i < kFpRegs; ++i) EXPECT_EQ(core.v[i].low, i < kShadowedFp ? i : 0);
  EXPECT_EQ(core.read_special(Special::Fcr), 0x37fu);
  EXPECT_EQ(core.read_special(Special::Fsr), 1u);
  EXPECT_EQ(core.read_special(Special::Gpc), 0x1234u);
}

}  // namespace
}  // namespace chrysalis::isa::test
