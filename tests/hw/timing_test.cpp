// The programs of tests/hw/timing: each on both executors, with what it expects.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>

#include "tests/hw/host_program.h"

namespace chrysalis::hw::test {
namespace {

std::vector<std::string> programs() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(CHRYSALIS_HW_TESTS "/timing"))
    if (entry.path().extension() == ".hasm") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

class HostProgramTest : public testing::TestWithParam<std::string> {};

TEST_P(HostProgramTest, BehavesAsItsCommentsSay) {
  const HostProgram program = read_program_file(GetParam());
  ASSERT_TRUE(program.code.ok());
  EXPECT_TRUE(program.explained) << "no WHY line";
  const CycleRun run = run_cycles(program, true);
  ASSERT_EQ(run.state.pc, program.symbol("end")) << "did not reach `end`";
  EXPECT_TRUE(run.sums) << "the account's leaves do not sum to the cycles";

  for (const TimingExpectation& expectation : program.timing) {
    const auto later = run.ready.find(program.symbol(expectation.later));
    const auto earlier = run.ready.find(program.symbol(expectation.earlier));
    ASSERT_TRUE(later != run.ready.end()) << expectation.later << " was never ready";
    ASSERT_TRUE(earlier != run.ready.end()) << expectation.earlier << " was never ready";
    EXPECT_EQ(static_cast<int64_t>(later->second - earlier->second), expectation.cycles)
        << expectation.later << " - " << expectation.earlier;
  }
  for (const auto& [name, value] : program.account) {
    ASSERT_EQ(run.account.count(name), 1u) << name;
    EXPECT_EQ(run.account.at(name), value) << "account of " << name;
  }
  for (const auto& [name, value] : program.statistics) {
    ASSERT_EQ(run.statistics.count(name), 1u) << name;
    EXPECT_EQ(run.statistics.at(name), value) << name;
  }
  // In one run as well, where the engine looks at interrupts and limits only when it has to. It stops behind `end`, not in front of it.
  const CycleRun whole = run_cycles(program, false);
  EXPECT_EQ(whole.cycles, run.cycles + 1);
  for (const auto& [name, value] : program.registers) {
    const unsigned index = static_cast<unsigned>(std::stoul(name.substr(name[0] == 'r' ? 1 : 4)));
    for (const CycleRun* r : {&run, &whole}) EXPECT_EQ(r->state.registers[name[0] == 'r' ? index : 64 + 2 * index], value) << name;
  }
  if (program.cycle_only) return;
  EXPECT_EQ(difference(run_functional(program), run.state), "");
}

INSTANTIATE_TEST_SUITE_P(Programs, HostProgramTest, testing::ValuesIn(programs()), [](const auto& parameter) {
  std::string name = std::filesystem::path(parameter.param).stem().string();
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

/// The numbers of the rules that docs/timing.md states: "- **D8, victims.** ...".
std::set<std::string> stated_rules() {
  std::ifstream page(CHRYSALIS_TIMING_PAGE);
  std::set<std::string> rules;
  for (std::string line; std::getline(page, line);) {
    const std::string opening = "- **";
    const std::size_t comma = line.find(',');
    if (line.rfind(opening, 0) != 0 || comma == std::string::npos) continue;
    EXPECT_TRUE(rules.insert(line.substr(opening.size(), comma - opening.size())).second) << "stated twice: " << line;
  }
  return rules;
}

// A rule without both sides in some program, and a program that shows no rule or one that is not stated.
TEST(TimingRules, EachHasItsPairOfPrograms) {
  const std::set<std::string> rules = stated_rules();
  ASSERT_GT(rules.size(), 40u) << "the page's rules are not found";
  std::set<std::string> early, on_time;
  for (const std::string& path : programs()) {
    const HostProgram program = read_program_file(path);
    EXPECT_FALSE(program.early.empty() && program.on_time.empty()) << program.name << ": neither EARLY nor ON-TIME";
    EXPECT_FALSE(program.timing.empty() && program.account.empty() && program.statistics.empty() && program.registers.empty())
        << program.name << ": expects nothing";
    for (const auto* side : {&program.early, &program.on_time})
      for (const std::string& rule : *side) EXPECT_EQ(rules.count(rule), 1u) << program.name << ": no rule " << rule;
    early.insert(program.early.begin(), program.early.end());
    on_time.insert(program.on_time.begin(), program.on_time.end());
  }
  for (const std::string& rule : rules) {
    EXPECT_EQ(early.count(rule), 1u) << "no program shows the early side of rule " << rule;
    EXPECT_EQ(on_time.count(rule), 1u) << "no program shows the on-time side of rule " << rule;
  }
}

}  // namespace
}  // namespace chrysalis::hw::test
