// What the stimulus of the RTL reaches: functional coverage from retire records and statistics, and Verilator's of lines and toggles.
//
//   rtl_coverage [SEEDS] [--data FILE] [--functional FILE]
//
// Runs random programs, docs/timing.md's and those of ../faults/programs on a core that was verilated with coverage. FILE of --data is Verilator's; that of
// --functional has a line "group | bin | count" for each bin. coverage.py makes the report.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hw/account.h"
#include "rtl/engine.h"
#include "rtl/model.h"
#include "tests/hw/random_program.h"
#include "tests/rtl/records.h"

namespace chrysalis::rtl {
BuiltModel covered_model();  // generated, as built_models()' rows are
}

namespace chrysalis::hw::test {
namespace {

/// Hands one model out again and again: what it has covered adds up, and each program begins with its reset.
class Lent final : public rtl::Model {
 public:
  explicit Lent(rtl::Model& model) : model_(model) { model_.records(false); }
  void reset() override { model_.reset(); }
  void clock(uint32_t lines, bool written, uint64_t begin, uint64_t end) override { model_.clock(lines, written, begin, end); }
  const rtl::Outputs& outputs() const override { return model_.outputs(); }
  void counters(uint64_t (&values)[rtl::kCounters]) const override { model_.counters(values); }
  void registers(rtl::Registers& registers) const override { model_.registers(registers); }
  isa::V128 value_of(unsigned reg) const override { return model_.value_of(reg); }
  uint64_t special(isa::Special special) const override { return model_.special(special); }
  void records(bool wanted) override { model_.records(wanted); }
  bool waves(const std::string& file) override { return model_.waves(file); }
  void write_coverage(const std::string& file) override { model_.write_coverage(file); }
  std::vector<uint8_t> save() override { return model_.save(); }
  void restore(const std::vector<uint8_t>& state) override { model_.restore(state); }

 private:
  rtl::Model& model_;
};

/// What a molecule may have waited for when events are decided (rule I2), and after.
constexpr Charge kBefore[] = {Charge::FetchL2, Charge::FetchMemory, Charge::Operand, Charge::DataL2, Charge::DataMemory, Charge::Unit};
constexpr Charge kAfter[] = {Charge::Device, Charge::DataL2, Charge::DataMemory, Charge::StoreBuffer};

const char* name(Charge charge) { return kChargeName[static_cast<unsigned>(charge)]; }

/// Whether `cause` can come upon a molecule that has waited for `charge`.
bool possible(isa::Cause cause, Charge charge) {
  // B8: decided as soon as its bits are there.
  return cause != isa::Cause::IllegalMolecule || charge == Charge::FetchL2 || charge == Charge::FetchMemory;
}

/// Whether `cause` can come upon the molecule behind one that `before` says. The machine has one slot for loads and stores.
bool possible_behind(isa::Cause cause, const std::string& before) {
  switch (cause) {
    // An event takes away interrupts and samples.
    case isa::Cause::Interrupt:
    case isa::Cause::Sample: return before != "event";
    // The handler would come to its first molecule again for ever.
    case isa::Cause::IllegalMolecule:
    case isa::Cause::TlbMiss: return before != "event";
    // Behind these nothing is gated, and no alias entry is set.
    case isa::Cause::StoreBufferFull:
    case isa::Cause::AliasFault: return before != "commit" && before != "rollback";
    default: return true;
  }
}

class Coverage final : public Observer {
 public:
  Coverage() {
    for (unsigned c = 0; c < isa::kCauses; ++c) {
      const auto cause = static_cast<isa::Cause>(c);
      if (cause == isa::Cause::None || cause == isa::Cause::Reset || cause == isa::Cause::PlatformReturn) continue;  // no records of these
      const std::string event = isa::name(cause);
      bins_["event without a wait"][event];
      for (const Charge charge : kBefore)
        if (possible(cause, charge)) bins_["event upon a wait"][event + ", " + name(charge)];
      for (const char* before : {"commit", "rollback", "redirect", "event", "other"})
        if (possible_behind(cause, before)) bins_["event by the molecule before"][event + ", " + before];
      for (const char* gated : {"0", "1", "more"})
        if (cause != isa::Cause::StoreBufferFull || *gated != '0') bins_["event by stores gated"][event + ", " + gated];
    }
    for (unsigned i = 0; i < std::size(kBefore); ++i) {
      bins_["wait before issue"][name(kBefore[i])];
      for (unsigned k = i + 1; k < std::size(kBefore); ++k) bins_["two waits of a molecule"][std::string(name(kBefore[i])) + ", " + name(kBefore[k])];
      for (const Charge after : {Charge::Device, Charge::StoreBuffer})
        bins_["two waits of a molecule"][std::string(name(kBefore[i])) + ", " + name(after)];
    }
    for (const Charge charge : kAfter) bins_["wait after readiness"][name(charge)];
    for (const char* stores : {"0", "1", "more"})
      for (const char* what : {"commit", "rollback by atom"}) bins_["gated stores at the end"][std::string(what) + ", " + stores];
  }

  void begin_program() { before_ = "other", gated_ = 0; }

  void observe(const Observation& o) override {
    const bool raised = o.event != isa::Cause::None;
    const auto charged = [&o](Charge charge) { return o.charged[static_cast<unsigned>(charge)] != 0; };
    const std::string stores = gated_ == 0 ? "0" : gated_ == 1 ? "1" : "more";
    std::vector<Charge> waits;
    if (o.ready > o.up)
      for (const Charge charge : kBefore)
        if (charged(charge)) waits.push_back(charge);
    if (raised) {
      const std::string event = isa::name(o.event);
      if (waits.empty()) hit("event without a wait", event);
      for (const Charge charge : waits) hit("event upon a wait", event + ", " + name(charge));
      hit("event by the molecule before", event + ", " + before_);
      hit("event by stores gated", event + ", " + stores);
    } else {
      for (const Charge charge : waits) hit("wait before issue", name(charge));
      if (o.issued > o.ready)
        for (const Charge charge : kAfter)
          if (charged(charge) && std::find(waits.begin(), waits.end(), charge) == waits.end()) hit("wait after readiness", name(charge));
      for (const Charge charge : {Charge::Device, Charge::StoreBuffer})
        if (charged(charge)) waits.push_back(charge);
      for (std::size_t i = 0; i < waits.size(); ++i)
        for (std::size_t k = i + 1; k < waits.size(); ++k) hit("two waits of a molecule", std::string(name(waits[i])) + ", " + name(waits[k]));
    }
    if (!raised) {
      for (unsigned i = 0; i < o.record->access_count; ++i) gated_ += o.record->accesses[i].kind == isa::AccessKind::GuestStore;
      const std::string at_end = gated_ == 0 ? "0" : gated_ == 1 ? "1" : "more";
      if (o.commits) hit("gated stores at the end", "commit, " + at_end);
      if (o.rolls_back) hit("gated stores at the end", "rollback by atom, " + at_end);
    }
    if (o.commits || o.rolls_back) gated_ = 0;
    before_ = raised ? "event" : o.commits ? "commit" : o.rolls_back ? "rollback" : o.next != o.end ? "redirect" : "other";
  }
  bool wants_records() const override { return true; }

  /// Which sides of rules that records do not show, by statistics of a whole run.
  void count(const std::map<std::string, uint64_t>& statistics) {
    static constexpr std::pair<const char*, const char*> kRules[] = {
        {"D2 a load in two lines", "host.l1d.line_crossings"}, {"D7 prefetch", "host.l1d.prefetches"}, {"D7 prefetch dropped", "host.l1d.prefetches_dropped"},
        {"D8 dirty victim", "host.l1d.write_backs"},           {"D9 forwarded miss", "host.store_buffer.forwarded_misses"}, {"D11 device", "host.device_accesses"},
        {"F5 miss", "host.l1i.misses"},                        {"F6 written code", "host.l1i.invalidations"},      {"M1 entry busy", "host.l2.queue_cycles"},
        {"M3 channel busy", "host.memory.queue_cycles"},       {"M4 dirty victim of L2", "host.l2.write_backs_out"}, {"S4 no port", "host.store_buffer.drain_conflicts"},
        {"S4, S5 drain hits", "host.l1d.store_hits"},          {"S5 drain misses", "host.l1d.store_misses"},       {"B4 return stack matches", "host.return_stack.hits"},
        {"B7 JTB hits", "host.jtb.hits"}};
    for (const auto& [rule, statistic] : kRules) bins_["side of a rule"][rule] += statistics.at(statistic) != 0;
    bins_["side of a rule"]["B4 return stack does not match"] += statistics.at("host.return_stack.pops") > statistics.at("host.return_stack.hits");
    bins_["side of a rule"]["B7 JTB misses"] += statistics.at("host.jtb.lookups") > statistics.at("host.jtb.hits");
  }

  void write(const char* path) const {
    std::ofstream out(path);
    for (const auto& [group, bins] : bins_)
      for (const auto& [bin, count] : bins) out << group << " | " << bin << " | " << count << "\n";
  }
  std::pair<std::size_t, std::size_t> hits() const {
    std::size_t all = 0, hit = 0;
    for (const auto& [group, bins] : bins_)
      for (const auto& [bin, count] : bins) ++all, hit += count != 0;
    return {hit, all};
  }

 private:
  /// Bins exist already, or the list of what is possible is wrong.
  void hit(const char* group, const std::string& bin) {
    const auto found = bins_[group].find(bin);
    if (found == bins_[group].end()) {
      std::fprintf(stderr, "rtl_coverage: %s: %s was thought impossible\n", group, bin.c_str());
      std::exit(1);
    }
    ++found->second;
  }

  std::map<std::string, std::map<std::string, uint64_t>> bins_;
  std::string before_;
  unsigned gated_ = 0;
};

void cover(const HostProgram& program, const EngineFactory& engine, Coverage& coverage) {
  coverage.begin_program();
  const CycleRun run = run_cycles(program, false, 200'000, engine, [&](Platform& platform) { platform.observe(&coverage); });
  coverage.count(run.statistics);
}

int main_of(uint64_t seeds, const char* data, const char* functional) {
  rtl::BuiltModel built = rtl::covered_model();
  const std::unique_ptr<rtl::Model> model = built.make();
  built.make = [&model] { return std::make_unique<Lent>(*model); };
  const EngineFactory engine = [&built](const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings) {
    return rtl::make_engine_of(built, parameters, memory, surroundings);
  };
  Coverage coverage;
  for (uint64_t seed = 1; seed <= seeds; ++seed) cover(random_program(seed, 60, 4, static_cast<Interrupts>(seed % 3)), engine, coverage);
  for (uint64_t seed = 1; seed <= seeds / 4; ++seed) cover(faulting_program(test_machine(), seed, 40).program, engine, coverage);
  // An interrupt in each of some cycles (the first of them fall into the frame before the random molecules).
  for (uint64_t cycle = 1; cycle <= 2 * seeds; ++cycle) {
    const Interrupts timer = cycle % 2 == 0 ? Interrupts::CoreTimer : Interrupts::Devices;
    cover(interrupted_program(test_machine(), 1 + cycle % 7, 30, timer, 1'000 + cycle), engine, coverage);
  }
  std::vector<std::filesystem::path> files;
  for (const char* folder : {CHRYSALIS_HW_TESTS "/timing", CHRYSALIS_RTL_FAULTS "/programs"})
    for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) cover(read_program_file(file.string()), engine, coverage);
  if (data != nullptr) model->write_coverage(data);
  if (functional != nullptr) coverage.write(functional);
  const auto [hit, all] = coverage.hits();
  std::printf("functional coverage: %zu of %zu bins\n", hit, all);
  return 0;
}

}  // namespace
}  // namespace chrysalis::hw::test

int main(int argc, char** argv) {
  const char *data = nullptr, *functional = nullptr;
  uint64_t seeds = 60;
  for (int i = 1; i < argc; ++i) {
    char* end = nullptr;
    if (std::strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
      data = argv[++i];
    } else if (std::strcmp(argv[i], "--functional") == 0 && i + 1 < argc) {
      functional = argv[++i];
    } else if (seeds = std::strtoull(argv[i], &end, 10); *end != 0 || end == argv[i]) {
      std::fprintf(stderr, "usage: rtl_coverage [SEEDS] [--data FILE] [--functional FILE]\n");
      return 2;
    }
  }
  return chrysalis::hw::test::main_of(seeds, data, functional);
}
