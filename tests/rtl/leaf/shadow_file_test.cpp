// The shadowed register file in SystemVerilog against what isa::Core does: every result is known when its molecule
// issues, commit and rollback copy (Core::commit(), Core::rollback()). Only registers that are ready are compared.
#include <gtest/gtest.h>

#include "Vshadow_file.h"
#include "tests/isa-host/random.h"
#include "tests/rtl/leaf/verilated.h"

namespace chrysalis::rtl::test {
namespace {

constexpr unsigned kRegs = LEAF_Regs, kShadowed = LEAF_Shadowed, kZero = LEAF_Zero, kWrites = LEAF_WritePorts,
                   kExpects = LEAF_ExpectPorts;

TEST(ShadowFileRtl, AgreesWithCommitAndRollback) {
  uint64_t late_commits = 0, late_rollbacks = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    isa::test::Random random(seed);
    Vshadow_file rtl;
    reset(rtl);
    uint64_t working[kRegs] = {}, shadow[kShadowed] = {};
    struct Late {
      bool outstanding = false;
      uint64_t value = 0;
      unsigned due = 0;
    };
    Late late[kRegs];
    for (unsigned cycle = 0; cycle < 1000; ++cycle) {
      for (unsigned r = 0; r < kRegs; ++r) set_field(rtl.read_reg_i, 3 * r, 3, r);
      rtl.write_valid_i = 0;
      rtl.expect_valid_i = 0;
      unsigned writes = 0, expects = 0;
      const auto write = [&](unsigned reg, uint64_t value) {
        set_field(rtl.write_valid_i, writes, 1, 1);
        set_field(rtl.write_reg_i, 3 * writes, 3, reg);
        set_bits(words(rtl.write_data_i), 64 * writes++, 64, value);
      };
      bool arrived[kRegs] = {};
      for (unsigned r = 0; r < kRegs && writes < kWrites; ++r) {
        if (!late[r].outstanding || late[r].due > cycle) continue;
        write(r, late[r].value);
        arrived[r] = true;
      }
      bool was_outstanding[kRegs];
      for (unsigned r = 0; r < kRegs; ++r) was_outstanding[r] = late[r].outstanding;
      const bool commit = random.chance(5), rollback = !commit && random.chance(7);
      for (unsigned r = 0; r < kRegs; ++r) {
        if (was_outstanding[r] || !random.chance(3)) continue;
        const uint64_t value = random.operand();
        if (random.chance(2) && expects < kExpects && r != kZero) {
          set_field(rtl.expect_valid_i, expects, 1, 1);
          set_field(rtl.expect_reg_i, 3 * expects++, 3, r);
          late[r] = {true, value, cycle + 1 + static_cast<unsigned>(random.below(6))};
        } else if (writes < kWrites) {
          write(r, value);
        } else {
          continue;
        }
        if (r != kZero) working[r] = value;
      }
      rtl.commit_i = commit;
      rtl.rollback_i = rollback;
      rtl.eval();
      for (unsigned r = 0; r < kRegs; ++r) {
        ASSERT_EQ((rtl.outstanding_o >> r & 1) != 0, was_outstanding[r]) << "seed " << seed << " cycle " << cycle << " r" << r;
      }
      for (unsigned r = 0; r < kRegs; ++r) {
        late_commits += commit && late[r].outstanding && r < kShadowed;
        late_rollbacks += rollback && late[r].outstanding && r < kShadowed;
        if (commit && r < kShadowed) shadow[r] = working[r];
        if (rollback && r < kShadowed) working[r] = shadow[r];
        if (arrived[r]) late[r].outstanding = false;
      }
      tick(rtl);
      for (unsigned r = 0; r < kRegs; ++r) {
        if (late[r].outstanding) continue;
        ASSERT_EQ(get_bits(words(rtl.read_data_o), 64 * r, 64), working[r]) << "seed " << seed << " cycle " << cycle << " r" << r;
        if (r < kShadowed) {
          ASSERT_EQ(get_bits(words(rtl.shadow_o), 64 * r, 64), shadow[r]) << "seed " << seed << " cycle " << cycle << " r" << r;
        }
      }
    }
  }
  EXPECT_GT(late_commits, 5'000u);
  EXPECT_GT(late_rollbacks, 5'000u);
}

}  // namespace
}  // namespace chrysalis::rtl::test
