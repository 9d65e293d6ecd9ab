// Random molecules of every atom, in random states: nothing crashes, and what must hold always holds.

#include <gtest/gtest.h>

#include "any_atom.h"
#include "bench_core.h"

namespace chrysalis::isa::test {
namespace {

TEST(Random, MoleculesOfEveryAtomKeepTheInvariants) {
  Random random(81);
  BenchCore bench;
  FunctionalCore& core = bench.core;
  uint8_t* const concealed = bench.memory.ram(kConcealedBase, kConcealedSize);
  std::memset(concealed, 0x6b, 4096);
  unsigned executed = 0, events = 0;
  bool seen[kOps] = {};
  for (unsigned trial = 0; trial < 150000; ++trial) {
    if (random.chance(50)) {
      core.tlb.flush(false);
      for (uint32_t page = 0; page < 8; ++page) {
        static constexpr uint64_t kTargets[] = {1, 2, 3, 0xff, 0x100, kConcealedBase >> kPageShift, kDeviceBase >> kPageShift, (kConcealedBase >> kPageShift) + 5};
        bench.map(page, kTargets[random.below(8)], static_cast<uint32_t>(random.next()) & 0x3f, static_cast<uint32_t>(random.next()));
      }
    }
    for (unsigned i = 0; i < 4; ++i) core.r[random.below(kZero)] = random.chance(2) ? random.below(0x9000) : random.operand();
    Molecule molecule;
    molecule.address = kConcealedBase + 4 * random.below(16);
    molecule.count = static_cast<uint8_t>(1 + random.below(4));
    bool concealed_store = false;
    for (unsigned i = 0; i < molecule.count; ++i) {
      molecule.atoms[i] = random_atom(random);
      concealed_store |= info(molecule.atoms[i].op).has(kStore) && info(molecule.atoms[i].op).has(kConcealed);
    }
    if (!check(molecule).ok()) continue;
    molecule.bytes = 4;
    const Shadow shadow = core.shadow;
    const uint64_t commits = core.commits;
    const unsigned gated = core.stores.size();
    bool drains = false;
    for (unsigned i = 0; i < molecule.count; ++i) {
      seen[static_cast<unsigned>(molecule.atoms[i].op)] = true;
      drains |= info(molecule.atoms[i].op).has(kCommit | kRollback);
    }
    const bool done = bench.execute(molecule);
    ++executed;
    ASSERT_EQ(core.r[kZero], 0u) << disassemble(molecule);
    if (!done) {
      ++events;
      const Cause cause = bench.take_cause();
      ASSERT_NE(cause, Cause::None) << disassemble(molecule);
      if (cause != Cause::PlatformReturn) {
        ASSERT_EQ(core.stores.size(), gated) << disassemble(molecule);
        ASSERT_EQ(core.commits, commits);
      }
    }
    if (!drains) {
      ASSERT_EQ(std::memcmp(shadow.r, core.shadow.r, sizeof shadow.r), 0) << disassemble(molecule);
      ASSERT_EQ(core.commits, commits);
    }
    if (!concealed_store) {
      for (unsigned i = 0; i < 4096; i += 8) ASSERT_EQ(concealed[i], 0x6b) << disassemble(molecule);
    } else {
      std::memset(concealed, 0x6b, 4096);
    }
    core.stopped = false;
  }
  EXPECT_GT(executed, 50000u);
  EXPECT_GT(events, 5000u);
  for (unsigned i = 0; i < kOps; ++i) EXPECT_TRUE(seen[i]) << kAtomInfo[i].mnemonic;
}

TEST(Random, BytesAsCode) {
  Random random(82);
  for (unsigned trial = 0; trial < 60; ++trial) {
    BenchCore bench;
    for (uint64_t at = 0; at < 0x4000; at += 4) {
      uint32_t word = static_cast<uint32_t>(random.next());
      if (random.chance(2)) word = encode_atom(random_atom(random), random.chance(2));
      std::memcpy(bench.memory.ram(kConcealedBase + at, 4), &word, 4);
    }
    bench.core.write_special(Special::Vbase, kConcealedBase + 4 * random.below(0x800));
    bench.map(0, 1);
    for (unsigned i = 0; i < kZero; ++i) bench.core.r[i] = random.chance(2) ? kConcealedBase + random.below(0x4000) : random.operand();
    for (unsigned round = 0; round < 20; ++round) {
      bench.core.stopped = false;
      bench.executor.run(500);
      ASSERT_EQ(bench.core.r[kZero], 0u);
    }
  }
}

}  // namespace
}  // namespace chrysalis::isa::test
