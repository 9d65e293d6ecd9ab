// Registers with shadows in SystemVerilog against what isa::Core does: writes, Core::commit(), Core::rollback().
#include <algorithm>

#include <gtest/gtest.h>

#include "Vshadow_file.h"
#include "Vshadow_file___024root.h"
#include "tests/isa-host/random.h"
#include "tests/rtl/leaf/verilated.h"

namespace chrysalis::rtl::test {
namespace {

constexpr unsigned kRegs = LEAF_Regs, kShadowed = LEAF_Shadowed, kWrites = LEAF_WritePorts;

TEST(ShadowFileRtl, AgreesWithCommitAndRollback) {
  uint64_t commits_with_writes = 0, rollbacks_with_writes = 0, written_twice = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    isa::test::Random random(seed);
    Vshadow_file rtl;
    reset(rtl);
    uint64_t working[kRegs] = {}, shadow[kShadowed] = {};
    for (unsigned r = 0; r < kRegs; ++r) set_field(rtl.read_reg_i, 3 * r, 3, r);
    for (unsigned cycle = 0; cycle < 1000; ++cycle) {
      const bool commit = random.chance(5), rollback = !commit && random.chance(7), reads = !random.chance(4);
      rtl.read_i = reads;
      rtl.eval();
      for (unsigned r = 0; r < kRegs; ++r)
        ASSERT_EQ(get_bits(words(rtl.read_data_o), 64 * r, 64), reads ? working[r] : 0) << "seed " << seed << " cycle " << cycle << " r" << r;
      bool written[kRegs] = {};
      rtl.write_valid_i = 0;
      for (unsigned p = 0; p < kWrites; ++p) {
        const unsigned reg = static_cast<unsigned>(random.below(kRegs));
        const uint64_t value = random.operand();
        set_field(rtl.write_reg_i, 3 * p, 3, reg);
        set_bits(words(rtl.write_data_i), 64 * p, 64, value);
        if (random.chance(2)) continue;
        set_field(rtl.write_valid_i, p, 1, 1);
        written_twice += written[reg];
        written[reg] = true;
        working[reg] = value;
        commits_with_writes += commit && reg < kShadowed;
        rollbacks_with_writes += rollback && reg < kShadowed;
      }
      rtl.commit_i = commit;
      rtl.rollback_i = rollback;
      if (commit) std::copy_n(working, kShadowed, shadow);
      if (rollback) std::copy_n(shadow, kShadowed, working);
      tick(rtl);
      for (unsigned r = 0; r < kShadowed; ++r)
        ASSERT_EQ(rtl.rootp->shadow_file__DOT__shadow_q[r], shadow[r]) << "seed " << seed << " cycle " << cycle << " r" << r;
    }
  }
  EXPECT_GT(commits_with_writes, 20'000u);
  EXPECT_GT(rollbacks_with_writes, 10'000u);
  EXPECT_GT(written_twice, 20'000u);
}

}  // namespace
}  // namespace chrysalis::rtl::test
