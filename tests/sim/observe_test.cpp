// Watching runs: what is shown is what the core has, adds up with the account, and costs the run nothing.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sim/error.h"
#include "sim/explain/explanation.h"
#include "sim/explain/html.h"
#include "sim/observe/pipeline.h"
#include "sim/observe/timeline.h"
#include "sim/run.h"
#include "tests/sim/kanata.h"

namespace chrysalis::sim {
namespace {

RunRequest kernel(const std::string& name, const std::string& machine = "crusoe", const std::vector<std::string>& settings = {}) {
  RunRequest request;
  request.machine = machine;
  request.program = std::string(CHRYSALIS_KERNELS) + "/" + name;
  request.arguments = {"1"};
  request.quiet = true;
  // Everything becomes hot soon.
  for (const char* setting : {"firmware.max_gear=3", "firmware.gear1_threshold=2", "firmware.gear2_threshold=10", "firmware.gear3_threshold=2",
                              "firmware.sample_period=5000", "guest.ram=64"})
    apply_assignment(request.settings, setting);
  for (const std::string& setting : settings) apply_assignment(request.settings, setting);
  request.limits.instructions = 250'000;
  return request;
}

uint64_t sum(const Statistics& statistics, const std::string& prefix) {
  uint64_t total = 0;
  for (const Statistic& statistic : statistics.list())
    if (statistic.name.starts_with(prefix)) total += std::get<uint64_t>(statistic.value);
  return total;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class TemporaryPath {
 public:
  explicit TemporaryPath(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("chrysalis-observe-" + std::to_string(::getpid()) + "-" + name)) {}
  ~TemporaryPath() { std::filesystem::remove(path_); }
  std::string string() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// -- explain ------------------------------------------------------------------------------------------------------

class Explain : public testing::TestWithParam<const char*> {};

TEST_P(Explain, EveryTranslationCompiledAgainIsTheCoresCode) {
  for (const char* program : {"quicksort-O2", "interpreter-O2", "hashtable-O3"}) {
    RunRequest request = kernel(program, GetParam());
    TranslationLog log;
    request.observers.push_back(&log);
    std::map<unsigned, unsigned> gears;
    request.at_end = [&](const RunResult&) {
      for (const auto& record : log.translations()) {
        const Explanation explanation = explain(*record, log);  // throws if it is not
        ++gears[record->gear];
        ASSERT_FALSE(explanation.molecules.empty());
        EXPECT_EQ(explanation.source.size(), record->source.size());
        // Along each path of gears 2 and 3 cycles rise.
        unsigned last = 0;
        PathOf path;
        for (const MoleculeView& row : explanation.molecules) {
          if (row.part != MoleculePart::Main) break;
          if (row.where.part != path.part || row.where.path != path.path) last = 0;
          path = row.where;
          EXPECT_TRUE(row.cycle >= last) << "cycles go back";
          last = row.cycle + 1;
        }
      }
    };
    run_program(request);
    EXPECT_GT(gears[1], 10u) << program;
    EXPECT_GT(gears[2], 3u) << program;
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, Explain, testing::Values("crusoe", "efficeon", "denver"));

TEST(ExplainProfile, CountsAddUpToTheAccount) {
  RunRequest request = kernel("quicksort-O2");
  TranslationLog log;
  request.observers.push_back(&log);
  const RunResult result = run_program(request);
  uint64_t cycles = 0, instructions = 0, made[4] = {};
  for (const auto& record : log.translations()) {
    cycles += record->cycles();
    instructions += record->committed;
    ++made[record->gear];
  }
  EXPECT_GT(cycles, 10'000u);
  EXPECT_EQ(cycles, sum(result.statistics, "account.translated_"));
  EXPECT_EQ(instructions, sum(result.statistics, "guest.instructions.translated_"));
  for (unsigned gear = 1; gear <= 3; ++gear)
    EXPECT_EQ(made[gear], result.statistics.count("firmware.translations.gear" + std::to_string(gear))) << gear;
}

TEST(ExplainProfile, LookUpHelpIsCounted) {
  const RunResult jumps = run_program(kernel("interpreter-O2", "efficeon"));
  EXPECT_GT(jumps.statistics.count("host.jtb.hits"), 100u);
  EXPECT_LE(jumps.statistics.count("host.jtb.hits"), jumps.statistics.count("host.jtb.lookups"));
  const RunResult returns = run_program(kernel("recursion-O2", "efficeon"));
  EXPECT_GT(returns.statistics.count("host.return_stack.hits"), 100u);
  EXPECT_LE(returns.statistics.count("host.return_stack.hits"), returns.statistics.count("host.return_stack.pops"));
}

TEST(ExplainProfile, ExitsAreAsManyAsEntries) {
  // Whatever enters a region leaves it: by an exit or by an event.
  RunRequest request = kernel("quicksort-O2");
  TranslationLog log;
  request.observers.push_back(&log);
  request.at_end = [&](const RunResult& result) {
    unsigned checked = 0;
    for (const TranslationRecord* record : hottest(log, 20, std::nullopt)) {
      if (record->parts.empty()) continue;
      const Explanation explanation = explain(*record, log);
      uint64_t left = 0, events = 0;
      for (const ExitView& exit : explanation.exits) left += exit.times;
      for (const auto& [where, times] : record->events) events += times;
      EXPECT_LE(record->executions(), left + events + 1);  // one may be under way
      EXPECT_GE(record->executions(), left);
      ++checked;
    }
    EXPECT_GT(checked, 2u);
    (void)result;
  };
  run_program(request);
}

TEST(ExplainReport, PageAndTextHoldTheRegionAndFetchNothing) {
  RunRequest request = kernel("quicksort-O2");
  TranslationLog log;
  request.observers.push_back(&log);
  request.at_end = [&](const RunResult&) {
    std::vector<Explanation> regions;
    for (const TranslationRecord* record : hottest(log, 2, std::nullopt)) regions.push_back(explain(*record, log));
    ASSERT_EQ(regions.size(), 2u);
    const ExplainedRun facts{"crusoe", "quicksort <1>", 1000, 500, {1, 2, 3}};
    const std::string page = explanation_html(facts, regions), text = explanation_text(facts, regions);
    EXPECT_NE(page.find("quicksort &lt;1&gt;"), std::string::npos);
    for (const char* fetched : {"http", "src=", "<link", "url(", "@import"}) EXPECT_EQ(page.find(fetched), std::string::npos) << fetched;
    for (const Explanation& region : regions) {
      for (const InstructionView& instruction : region.source) {
        EXPECT_NE(text.find(instruction.text), std::string::npos);
        EXPECT_NE(text.find(instruction.bytes), std::string::npos);
      }
      for (const MoleculeView& row : region.molecules)
        for (const AtomView& atom : row.atoms) EXPECT_NE(text.find(atom.text), std::string::npos);
    }
    for (const char* tag : {"table", "section", "tr", "td", "span", "div"}) {
      size_t opened = 0, closed = 0;
      for (size_t at = 0; (at = page.find(std::string("<") + tag, at)) != std::string::npos; ++at)
        opened += page[at + 1 + std::string(tag).size()] == '>' || page[at + 1 + std::string(tag).size()] == ' ';
      for (size_t at = 0; (at = page.find(std::string("</") + tag + ">", at)) != std::string::npos; ++at) ++closed;
      EXPECT_EQ(opened, closed) << tag;
    }
  };
  run_program(request);
}

TEST(Watching, ChangesNothing) {
  const RunResult alone = run_program(kernel("interpreter-O2"));
  RunRequest request = kernel("interpreter-O2");
  const TemporaryPath json("watched.json"), kanata("watched.kanata");
  TranslationLog log;
  Timeline timeline(json.string(), {});
  Pipeline pipeline(kanata.string(), parse_window("cycles=1000:2000"));
  request.observers = {&log, &timeline, &pipeline};
  const RunResult watched = run_program(request);
  ASSERT_EQ(alone.statistics.list().size(), watched.statistics.list().size());
  for (const Statistic& statistic : alone.statistics.list()) {
    if (statistic.name.starts_with("sim.")) continue;
    EXPECT_EQ(statistic.value, watched.statistics.find(statistic.name)->value) << statistic.name;
  }
}

TEST(Watching, NeedsTheCycleModel) {
  RunRequest request = kernel("quicksort-O2");
  request.fidelity = Fidelity::Functional;
  TranslationLog log;
  request.observers.push_back(&log);
  EXPECT_THROW(run_program(request), UserError);
}

// -- the timeline -------------------------------------------------------------------------------------------------

/// Slices of one track lie within each other or apart.
void expect_nesting(const nlohmann::json& events) {
  std::map<int, std::vector<std::pair<uint64_t, uint64_t>>> tracks;
  for (const auto& event : events)
    if (event["ph"] == "X") tracks[event["tid"].get<int>()].emplace_back(event["ts"].get<uint64_t>(), event["ts"].get<uint64_t>() + event["dur"].get<uint64_t>());
  for (auto& [track, slices] : tracks) {
    std::sort(slices.begin(), slices.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : a.second > b.second; });
    std::vector<uint64_t> open;
    for (const auto& [begin, end] : slices) {
      EXPECT_LT(begin, end);
      while (!open.empty() && open.back() <= begin) open.pop_back();
      if (!open.empty()) {
        EXPECT_LE(end, open.back()) << "track " << track << " at " << begin;
      }
      open.push_back(end);
    }
  }
}

TEST(TimelineFile, AddsUpToTheAccount) {
  const TemporaryPath path("timeline.json");
  RunRequest request = kernel("quicksort-O2");
  Timeline timeline(path.string(), {});
  request.observers.push_back(&timeline);
  const RunResult result = run_program(request);
  const nlohmann::json events = nlohmann::json::parse(contents(path.string()))["traceEvents"];
  expect_nesting(events);
  std::map<std::string, uint64_t> cycles;
  std::map<std::string, uint64_t> made;
  uint64_t rollbacks = 0, dropped = 0, chained = 0;
  for (const auto& event : events) {
    const std::string category = event.value("cat", "");
    if (category == "mode") cycles[event["name"].get<std::string>()] += event["dur"].get<uint64_t>();
    if (category == "translate" && !event["args"].contains("refused")) ++made[event["name"].get<std::string>().substr(0, 6)];
    rollbacks += category == "rollback";
    dropped += category == "drop";
    chained += event.value("name", "") == "chained";
  }
  uint64_t all = 0;
  for (unsigned mode = 0; mode < hw::kModes; ++mode) {
    const std::string name = hw::kModeName[mode];
    const uint64_t account = sum(result.statistics, "account." + name + ".");
    if (name.starts_with("translated")) {
      EXPECT_EQ(cycles[name], account) << name;
    } else {
      // The molecule in which the account of the firmware changes hands is shown whole.
      EXPECT_NEAR(static_cast<double>(cycles[name]), static_cast<double>(account), 0.01 * static_cast<double>(result.statistics.count("host.cycles"))) << name;
    }
    all += cycles[name];
  }
  EXPECT_EQ(all, result.statistics.count("host.cycles"));
  for (const char* gear : {"1", "2", "3"})
    EXPECT_EQ(made[std::string("gear ") + gear], result.statistics.count(std::string("firmware.translations.gear") + gear)) << gear;
  EXPECT_EQ(rollbacks, sum(result.statistics, "host.rollbacks.") - result.statistics.count("host.rollbacks.atom"));
  EXPECT_EQ(dropped, result.statistics.count("firmware.translations_dropped"));
  EXPECT_EQ(chained, result.statistics.count("firmware.chained_exits"));
}

TEST(TimelineFile, AWindowHoldsWhatLiesInIt) {
  for (const char* window : {"cycles=200000:260000", "instructions=20000:40000"}) {
    const TemporaryPath path("window.json");
    RunRequest request = kernel("quicksort-O2");
    Timeline timeline(path.string(), parse_window(window));
    request.observers.push_back(&timeline);
    run_program(request);
    const nlohmann::json events = nlohmann::json::parse(contents(path.string()))["traceEvents"];
    expect_nesting(events);
    uint64_t first = UINT64_MAX, last = 0;
    for (const auto& event : events) {
      if (!event.contains("ts")) continue;
      first = std::min(first, event["ts"].get<uint64_t>());
      last = std::max(last, event["ts"].get<uint64_t>() + event.value("dur", uint64_t{0}));
    }
    ASSERT_LT(first, last) << window;
    if (std::string(window).starts_with("cycles")) {
      EXPECT_GE(first, 200'000u);
      EXPECT_LT(last, 260'500u) << "a molecule under way at the end is shown whole";
    }
  }
}

// -- the pipeline -------------------------------------------------------------------------------------------------

TEST(PipelineFile, KeepsTheFormatsRules) {
  for (const char* window : {"cycles=200000:203000", "instructions=60000:61500"}) {
    const TemporaryPath path("pipeline.kanata");
    RunRequest request = kernel("hashtable-O2", "denver");
    Pipeline pipeline(path.string(), parse_window(window));
    request.observers.push_back(&pipeline);
    run_program(request);
    const std::string text = contents(path.string());
    const test::KanataLog log = test::check_kanata(text);
    EXPECT_TRUE(log.problems.empty()) << window << ": " << log.problems.front();
    EXPECT_GT(log.records, 300u) << window;
    EXPECT_GT(log.arrows, 50u) << window;
    EXPECT_EQ(log.records, log.retired + log.flushed);
  }
}

TEST(PipelineFile, TheCheckerRefusesWhatBreaksTheRules) {
  const std::string head = "Kanata\t0004\nC=\t5\n", record = "I\t0\t0\t1\n";
  EXPECT_TRUE(test::check_kanata(head + record + "S\t0\t0\tF\nC\t2\nR\t0\t0\t0\n").problems.empty());
  for (const char* wrong : {"I\t0\t0\t1\n", "I\t0\t0\t1\nI\t0\t0\t1\nR\t0\t0\t0\n", "S\t0\t0\tF\n", "I\t0\t0\t1\nR\t0\t0\t0\nS\t0\t0\tX\n",
                            "I\t0\t0\t1\nE\t0\t0\tX\nR\t0\t0\t0\n", "C\t0\n", "I\t0\t0\t1\nW\t0\t7\t0\nR\t0\t0\t0\n", "X\t0\t0\t0\n",
                            "I\t0\t0\t1\nS\t0\t2\tF\nR\t0\t0\t0\n"})
    EXPECT_FALSE(test::check_kanata(head + wrong).problems.empty()) << wrong;
  EXPECT_FALSE(test::check_kanata("Kanata\t0003\nC=\t0\n").problems.empty());
}

TEST(WindowOption, ReadsAndRefuses) {
  const Window cycles = parse_window("cycles=10:20"), open = parse_window("instructions=:7");
  EXPECT_TRUE(!cycles.by_instructions && cycles.begin == 10 && cycles.end == 20);
  EXPECT_TRUE(open.by_instructions && open.begin == 0 && open.end == 7);
  EXPECT_TRUE(parse_window("cycles=5:").contains(1'000'000'000, 0));
  for (const char* wrong : {"10:20", "cycles", "cycles=20:10", "cycles=5:5", "cycles=a:b", "molecules=1:2", "cycles=1", "cycles=1:2x"})
    EXPECT_THROW(parse_window(wrong), UserError) << wrong;
}

// -- Ctrl-C ---------------------------------------------------------------------------------------------------------

TEST(Interrupt, EndsTheRunWithItsStatistics) {
  class Interrupter final : public RunObserver {
    void notice(const fw::Notice&, uint64_t) override {
      if (++count_ == 5) std::raise(SIGINT);
    }
    unsigned count_ = 0;
  } interrupter;
  RunRequest request = kernel("quicksort-O2");
  request.limits.instructions = UINT64_MAX;
  request.arguments = {"1000000"};
  request.observers.push_back(&interrupter);
  const RunResult result = run_program(request);
  EXPECT_EQ(result.reason, StopReason::Interrupted);
  EXPECT_EQ(result.exit_code, kExitInterrupted);
  EXPECT_GT(result.statistics.count("host.cycles"), 0u);
  EXPECT_LT(result.statistics.count("host.cycles"), 20'000'000u);
}

}  // namespace
}  // namespace chrysalis::sim
