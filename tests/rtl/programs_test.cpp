// The RTL core against the SystemC model on host programs: equal state, cycles and account.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>

#include "isa-host/machine.h"
#include "rtl/engine.h"
#include "rtl/model.h"
#include "tests/hw/host_program.h"
#include "tests/hw/random_program.h"
#include "tests/rtl/records.h"

namespace chrysalis::hw::test {
namespace {

std::vector<std::string> programs() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(CHRYSALIS_HW_TESTS "/timing"))
    if (entry.path().extension() == ".hasm") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

CycleRun run_rtl(const HostProgram& program, bool traced) {
  std::string why;
  EXPECT_NE(rtl::find_model(program.machine.core, why), "") << program.name << ": no RTL model was built for it: " << why;
  return run_cycles(program, traced, 10'000'000, rtl::make_engine);
}

/// Statistics that the RTL core counts as the SystemC model does.
constexpr const char* kCompared[] = {
    "guest.instructions", "host.cycles", "host.molecules", "host.atoms", "host.slots", "host.commits", "host.rollbacks", "host.rollbacks.atom",
    "host.branches_taken", "host.device_accesses", "host.l1i.hits", "host.l1i.misses", "host.l1i.invalidations", "host.l1d.load_hits",
    "host.l1d.load_misses", "host.l1d.store_hits", "host.l1d.store_misses", "host.l1d.line_crossings", "host.l1d.write_backs",
    "host.l1d.prefetches", "host.l1d.prefetches_dropped", "host.l2.instruction_hits", "host.l2.instruction_misses", "host.l2.data_hits",
    "host.l2.data_misses", "host.l2.write_backs_in", "host.l2.write_backs_out", "host.l2.queue_cycles", "host.memory.lines_read",
    "host.memory.lines_written", "host.memory.queue_cycles", "host.store_buffer.stores", "host.store_buffer.gated_peak",
    "host.store_buffer.forwarded_misses"};

void expect_equal(const CycleRun& model, const CycleRun& rtl, const std::string& name) {
  EXPECT_EQ(difference(model.state, rtl.state), "") << name;
  EXPECT_EQ(model.cycles, rtl.cycles) << name;
  EXPECT_TRUE(rtl.sums) << name << ": the account's leaves do not sum to the cycles";
  for (const auto& [leaf, cycles] : model.account) {
    if (rtl.account.at(leaf) != cycles) ADD_FAILURE() << name << ": account of " << leaf << ": SystemC " << cycles << ", RTL " << rtl.account.at(leaf);
  }
  for (const auto& [address, cycle] : model.ready) {
    const auto found = rtl.ready.find(address);
    ASSERT_TRUE(found != rtl.ready.end()) << name << ": 0x" << std::hex << address << " was never ready";
    EXPECT_EQ(found->second, cycle) << name << ": ready cycle of the molecule at 0x" << std::hex << address;
  }
  for (const char* statistic : kCompared) {
    ASSERT_EQ(model.statistics.count(statistic), 1u) << statistic;
    EXPECT_EQ(rtl.statistics.at(statistic), model.statistics.at(statistic)) << name << ": " << statistic;
  }
}

void expect_equal_records(const HostProgram& program) {
  std::vector<KeptRecord> expected = records_of(program, systemc_engine);
  EXPECT_FALSE(expected.empty()) << program.name;
  if (const auto d = compare_records(program, rtl::make_engine, expected))
    ADD_FAILURE() << program.name << ": record " << d->record << ", cycle " << d->cycle << ": " << d->what.field << ": SystemC " << d->what.leader
                  << ", RTL " << d->what.follower;
}

class RtlProgramTest : public testing::TestWithParam<std::string> {};

TEST_P(RtlProgramTest, TakesTheSystemCModelsCycles) {
  const HostProgram program = read_program_file(GetParam());
  ASSERT_TRUE(program.code.ok());
  const CycleRun model = run_cycles(program, true);
  const CycleRun rtl = run_rtl(program, true);
  expect_equal(model, rtl, program.name);
  expect_equal_records(program);
}

INSTANTIATE_TEST_SUITE_P(Programs, RtlProgramTest, testing::ValuesIn(programs()), [](const auto& parameter) {
  std::string name = std::filesystem::path(parameter.param).stem().string();
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

/// CHRYSALIS_RTL_RANDOM: how many random programs of each kind; docs/testing.md.
uint64_t random_programs() {
  const char* text = std::getenv("CHRYSALIS_RTL_RANDOM");
  return text == nullptr ? 60 : std::strtoull(text, nullptr, 10);
}

void expect_equal(const HostProgram& program) {
  const CycleRun model = run_cycles(program, false);
  const CycleRun rtl = run_rtl(program, false);
  expect_equal(model, rtl, program.name);
  expect_equal_records(program);
}

void expect_random_programs_equal(Interrupts interrupts) {
  for (uint64_t seed = 1; seed <= random_programs() && !testing::Test::HasFailure(); ++seed) expect_equal(random_program(seed, 60, 4, interrupts));
}

TEST(RtlRandomPrograms, WithoutInterrupts) { expect_random_programs_equal(Interrupts::None); }
TEST(RtlRandomPrograms, WithTheCoresTimer) { expect_random_programs_equal(Interrupts::CoreTimer); }
TEST(RtlRandomPrograms, WithADevicesTimer) { expect_random_programs_equal(Interrupts::Devices); }

/// The machines whose cores this build has.
std::vector<std::string> machines() {
  std::vector<std::string> names;
  for (const rtl::BuiltModel& built : rtl::built_models()) names.push_back(built.machine);
  return names;
}

class RtlMachineTest : public testing::TestWithParam<std::string> {
 protected:
  SystemParameters machine() const {
    if (GetParam() == "testbench") return test_machine();
    return system_parameters(isa::load_machine(GetParam()), kConcealedBase, kConcealedSize);
  }
};

TEST_P(RtlMachineTest, RandomProgramsAreEqual) {
  for (uint64_t seed = 1; seed <= random_programs() && !HasFailure(); ++seed)
    expect_equal(random_program_for(machine(), seed, 60, 4, static_cast<Interrupts>(seed % 3)));
}

// An interrupt in each cycle of random molecules: while one waits for a line, a register, a unit, a device or the store buffer, and upon
// each kind of event.
TEST_P(RtlMachineTest, InterruptsInEachCycleOfAWindow) {
  constexpr unsigned kSlots = 30;
  for (const Interrupts interrupts : {Interrupts::CoreTimer, Interrupts::Devices}) {
    const uint64_t seed = interrupts == Interrupts::CoreTimer ? 1 : 2;
    const HostProgram undisturbed = interrupted_program(machine(), seed, kSlots, interrupts, 1'000'000);
    const uint64_t slots = undisturbed.symbol("slots");
    uint64_t first = 0, last = 0;
    for (const KeptRecord& kept : records_of(undisturbed, systemc_engine)) {
      if (kept.observation.address < slots || kept.observation.address >= undisturbed.symbol("concealed_data")) continue;
      if (first == 0) first = kept.observation.up;
      last = kept.observation.done;
    }
    ASSERT_GT(last, first + 300);
    uint64_t taken = 0;
    const uint64_t window = std::min(last - first, 2 * random_programs());
    for (uint64_t cycle = first; cycle < first + window && !HasFailure(); ++cycle) {
      const HostProgram program = interrupted_program(machine(), seed, kSlots, interrupts, cycle);
      for (const KeptRecord& kept : records_of(program, systemc_engine)) taken += kept.observation.event == isa::Cause::Interrupt;
      expect_equal_records(program);
    }
    EXPECT_EQ(taken, window);
  }
}

// An event raised by the atom at each place of a molecule that can hold a memory atom: what the atoms before it did has to go.
TEST_P(RtlMachineTest, FaultsAtEachPlace) {
  std::map<unsigned, unsigned> raised;  // by place
  for (uint64_t seed = 1; seed <= (random_programs() + 9) / 10 && !HasFailure(); ++seed) {
    const FaultingProgram faulting = faulting_program(machine(), seed, 40);
    for (const auto& [address, place] : faulting.places) raised.emplace(place, 0);
    for (const KeptRecord& kept : records_of(faulting.program, systemc_engine)) {
      const auto found = faulting.places.find(kept.observation.address);
      if (found != faulting.places.end() && kept.observation.event != isa::Cause::None) ++raised[found->second];
    }
    expect_equal(faulting.program);
  }
  const isa::MachineDescription description = machine().core.config.machine;
  unsigned places = 0;
  for (unsigned slot = 0; slot < description.width; ++slot)
    if (isa::offers(description.slot_units[slot], isa::Unit::Load)) places = slot + 1;
  EXPECT_EQ(raised.size(), places);
  for (const auto& [place, events] : raised) EXPECT_GT(events, 0u) << "place " << place;
}

INSTANTIATE_TEST_SUITE_P(Machines, RtlMachineTest, testing::ValuesIn(machines()), [](const auto& parameter) { return parameter.param; });

// Saved amid a run, the state continues in a new model as it would have in its own: same records and cycles to the end.
TEST(RtlState, ContinuesInAnotherModel) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const HostProgram program = random_program(seed, 60, 4, static_cast<Interrupts>(seed % 3));
    const CycleRun whole = run_rtl(program, false);
    for (unsigned part = 1; part < 8; ++part) {
      CoreEngine* engine = nullptr;
      const auto make = [&engine](const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings) {
        std::unique_ptr<CoreEngine> made = rtl::make_engine(parameters, memory, surroundings);
        engine = made.get();
        return made;
      };
      const CycleRun parts = run_cycles(program, false, 10'000'000, make, [&](Platform& platform) {
        platform.run(whole.cycles * part / 8);
        rtl::restore(*engine, rtl::save(*engine));
      });
      expect_equal(whole, parts, program.name);
      EXPECT_EQ(whole.statistics, parts.statistics);
    }
  }
}

TEST(RtlState, IsWholeAndChangesWithTime) {
  const HostProgram program = random_program(1, 60, 4, Interrupts::None);
  CoreEngine* engine = nullptr;
  Platform platform(program.machine, kGuestRam, [&engine](const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings) {
    std::unique_ptr<CoreEngine> made = rtl::make_engine(parameters, memory, surroundings);
    engine = made.get();
    return made;
  });
  platform.load(kConcealedBase, program.code.bytes.data(), program.code.bytes.size());
  platform.run(1000);
  const std::vector<uint8_t> before = rtl::save(*engine);
  EXPECT_EQ(before, rtl::save(*engine));
  platform.run(1100);
  EXPECT_NE(before, rtl::save(*engine));
}

}  // namespace
}  // namespace chrysalis::hw::test
