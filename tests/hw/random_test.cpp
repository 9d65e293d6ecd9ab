// Random host programs: the cycle model against the functional executor, and quantum against quantum.
#include <gtest/gtest.h>
#include <map>
#include <string>

#include "tests/hw/random_program.h"

namespace chrysalis::hw::test {
namespace {

constexpr unsigned kSlots = 60, kRounds = 4;

TEST(RandomPrograms, CycleModelAndFunctionalExecutorAgree) {
  std::map<std::string, uint64_t> seen;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const HostProgram program = random_program(seed, kSlots, kRounds, Interrupts::None);
    const CycleRun run = run_cycles(program, seed % 20 == 0);
    EXPECT_TRUE(run.sums) << "seed " << seed << ": the account's leaves do not sum to the cycles";
    State functional = run_functional(program);
    State cycle = run.state;
    cycle.pc = functional.pc;  // the one stops before `platform`, the other behind it
    const std::string different = difference(functional, cycle);
    ASSERT_EQ(different, "") << "seed " << seed;
    for (const auto& [name, value] : run.statistics) seen[name] += value;
    for (const auto& [name, value] : run.account) seen["account." + name] += value;
  }
  // Agreement means little unless the programs went everywhere.
  for (const char* name :
       {"host.commits", "host.rollbacks.atom", "host.rollbacks.guest_fault", "host.rollbacks.alias", "host.rollbacks.store_buffer_full",
        "host.rollbacks.translated_write", "host.rollbacks.device", "host.rollbacks.concealed", "host.rollbacks.bus_error",
        "host.events.tlb_miss", "host.branches_taken", "host.l1d.load_misses", "host.l1d.store_misses", "host.l1d.line_crossings",
        "host.l1d.write_backs", "host.l1d.prefetches", "host.l2.write_backs_in", "host.store_buffer.stores", "host.store_buffer.forwards",
        "host.store_buffer.drain_conflicts", "account.operand", "account.data_l2", "account.data_memory", "account.fetch_memory",
        "account.unit", "account.alias"}) {
    EXPECT_GT(seen[name], 20u) << name;
  }
}

void expect_quantum_is_invisible(Interrupts interrupts, const char* counter) {
  uint64_t taken = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    HostProgram program = random_program(seed, kSlots, kRounds, interrupts);
    CycleRun reference;
    bool first = true;
    for (const char* quantum : {"quantum=1", "quantum=7", "quantum=1000000"}) {
      set_parameter(program.machine, quantum);
      CycleRun run = run_cycles(program, false);
      ASSERT_TRUE(run.sums) << "seed " << seed;
      ASSERT_LT(run.cycles, 10'000'000u) << "seed " << seed << " did not end";
      taken += run.statistics[counter];
      if (first) {
        reference = std::move(run);
        first = false;
        continue;
      }
      ASSERT_EQ(run.cycles, reference.cycles) << "seed " << seed << " " << quantum;
      ASSERT_EQ(run.account, reference.account) << "seed " << seed << " " << quantum;
      ASSERT_EQ(run.statistics, reference.statistics) << "seed " << seed << " " << quantum;
      ASSERT_EQ(difference(reference.state, run.state), "") << "seed " << seed << " " << quantum;
    }
  }
  EXPECT_GT(taken, 1000u) << "interrupts were to be active";
}

TEST(RandomPrograms, QuantumIsInvisibleWithTheCoresTimer) {
  expect_quantum_is_invisible(Interrupts::CoreTimer, "host.rollbacks.interrupt");
}

TEST(RandomPrograms, QuantumIsInvisibleWithADevicesTimer) {
  expect_quantum_is_invisible(Interrupts::Devices, "host.rollbacks.interrupt");
}

TEST(RandomPrograms, StoppingAndGoingOnIsInvisible) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const HostProgram program = random_program(seed, kSlots, 2, Interrupts::CoreTimer);
    const CycleRun whole = run_cycles(program, false);
    const CycleRun pieces = run_cycles(program, true);
    // The traced run stops in front of the last molecule, the other one behind it.
    EXPECT_EQ(pieces.cycles + 1, whole.cycles) << "seed " << seed;
  }
}

}  // namespace
}  // namespace chrysalis::hw::test
