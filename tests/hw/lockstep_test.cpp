// Retire and commit records: the functional executor follows the cycle model through the timing programs and through
// random programs; and what the records themselves hold.
#include <filesystem>
#include <gtest/gtest.h>

#include "tests/hw/random_program.h"

namespace chrysalis::hw::test {
namespace {

std::string text(const Difference& difference) {
  return "record " + std::to_string(difference.record) + ", cycle " + std::to_string(difference.cycle) + ": " + difference.field + ": " +
         difference.leader + ", follower " + difference.follower;
}

void expect_agreement(uint64_t first, uint64_t last, Interrupts interrupts) {
  uint64_t commits = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    const LockstepRun run = run_lockstep(random_program(seed, 60, 4, interrupts));
    ASSERT_FALSE(run.difference) << "seed " << seed << ": " << text(*run.difference);
    commits += run.commits;
  }
  EXPECT_GT(commits, 15 * (last - first + 1));
}

TEST(Lockstep, RandomPrograms) { expect_agreement(1, 300, Interrupts::None); }
TEST(Lockstep, RandomProgramsWithTheCoresTimer) { expect_agreement(1, 100, Interrupts::CoreTimer); }
TEST(Lockstep, RandomProgramsWithADevicesTimer) { expect_agreement(1, 100, Interrupts::Devices); }

TEST(Lockstep, TimingPrograms) {
  unsigned programs = 0;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(CHRYSALIS_HW_TESTS) / "timing")) {
    const HostProgram program = read_program_file(file.path());
    if (program.text.find("0x68010000") != std::string::npos && program.cycle_only) continue;  // the device's answers depend on time
    const LockstepRun run = run_lockstep(program, 1'000'000);
    EXPECT_FALSE(run.difference) << program.name << ": " << text(*run.difference);
    ++programs;
  }
  EXPECT_GT(programs, 100u);
}

struct Collector final : Observer {
  struct Step : RetireRecord {
    uint64_t address, cycle;
    isa::Cause event;
  };
  std::vector<Step> retired;
  std::vector<CommitRecord> committed;
  std::vector<isa::GatedStore> released;
  bool wants_records() const override { return true; }
  void observe(const Observation& o) override {
    retired.push_back({*o.record, o.address, o.issued, o.event});
    if (!o.record->committed) return;
    EXPECT_TRUE(o.commits);
    EXPECT_EQ(o.instructions, 5u);
    committed.push_back(o.record->commit);
    released.insert(released.end(), o.record->commit.stores, o.record->commit.stores + o.record->commit.store_count);
  }
};

constexpr const char* kSmall = R"(
  ; WHY: one of each kind of record
  movi r28,handler
  mts vbase,r28
  { movi r29,0x01 | movi r30,0x1073 }
  tlbw r29,r30
  movi r1,0x1234
  movi r2,0x1000
work:
  stg.32 r1,[r2+4]
  { add.64 r3,r1,1 | commit 5 }
  ldg.32u r4,[r2+4]
miss:
  ldg.32u r4,[r2+4096]
  nop
handler:
end:
  platform r1
)";

TEST(Lockstep, RecordsHoldWhatHappened) {
  const HostProgram program = read_program("small", kSmall);
  Platform platform(program.machine, kGuestRam);
  ASSERT_TRUE(platform.load(kConcealedBase, program.code.bytes.data(), program.code.bytes.size()));
  platform.set_service([](uint32_t, uint64_t) { return isa::PlatformResult{true, false, 0}; });
  Collector seen;
  platform.observe(&seen);
  platform.run(10'000);
  platform.observe(nullptr);
  ASSERT_EQ(seen.committed.size(), 1u);
  EXPECT_EQ(seen.committed[0].total_instructions, 5u);
  ASSERT_EQ(seen.released.size(), 1u);
  EXPECT_EQ(seen.released[0].address, 0x1004u);
  EXPECT_EQ(seen.released[0].size, 4u);
  EXPECT_EQ(seen.released[0].bytes[0], 0x34);
  EXPECT_EQ(seen.committed[0].digest, digest_of(*platform.core().shadow));
  // Newest last: the platform atom, the event, the load, the commit, the store.
  ASSERT_GE(seen.retired.size(), 11u);
  const Collector::Step* const last = &seen.retired.back();
  EXPECT_EQ(last->address, program.symbol("end"));
  EXPECT_EQ(last[-1].address, program.symbol("miss"));
  EXPECT_EQ(last[-1].event, isa::Cause::TlbMiss);
  EXPECT_EQ(last[-1].event_address, 0x2000u);
  EXPECT_EQ(last[-1].write_count + last[-1].access_count, 0u);
  EXPECT_EQ(last[-2].event, isa::Cause::None);
  ASSERT_EQ(last[-2].write_count, 1u);
  EXPECT_EQ(last[-2].writes[0].reg, 4);
  EXPECT_EQ(last[-2].writes[0].value.low, 0x1234u);
  ASSERT_EQ(last[-2].access_count, 1u);
  EXPECT_EQ(last[-2].accesses[0].address, 0x1004u);
  EXPECT_EQ(last[-2].accesses[0].kind, isa::AccessKind::GuestLoad);
  EXPECT_EQ(last[-3].writes[0].value.low, 0x1235u);
  EXPECT_EQ(last[-4].address, program.symbol("work"));
  ASSERT_EQ(last[-4].access_count, 1u);
  EXPECT_EQ(last[-4].accesses[0].kind, isa::AccessKind::GuestStore);
  EXPECT_EQ(last[-4].accesses[0].bytes[1], 0x12);
  for (std::size_t i = 1; i < seen.retired.size(); ++i) EXPECT_GT(seen.retired[i].cycle, seen.retired[i - 1].cycle);
}

TEST(Lockstep, ObservingChangesNoCycle) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const HostProgram program = random_program(seed, 60, 4, Interrupts::CoreTimer);
    EXPECT_EQ(run_lockstep(program).cycles, run_cycles(program, false).cycles) << "seed " << seed;
  }
}

}  // namespace
}  // namespace chrysalis::hw::test
