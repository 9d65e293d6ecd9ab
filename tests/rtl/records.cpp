#include "tests/rtl/records.h"

#include <functional>
#include <utility>

namespace chrysalis::hw::test {
namespace {

class Keeper final : public Observer {
 public:
  void observe(const Observation& observation) override { kept.emplace_back(observation); }
  bool wants_records() const override { return true; }
  std::vector<KeptRecord> kept;
};

class Comparer final : public Observer {
 public:
  explicit Comparer(std::vector<KeptRecord>& expected) : expected_(expected) {}
  void observe(const Observation& observation) override {
    if (difference) return;
    if (seen_ == expected_.size()) {
      difference = RecordDifference{seen_, observation.issued, {"records", std::to_string(expected_.size()), "more"}};
    } else if (auto found = first_difference(expected_[seen_].view(), observation)) {
      difference = RecordDifference{seen_, observation.issued, *found};
    }
    ++seen_;
    if (difference && stop) stop();
  }
  bool wants_records() const override { return true; }
  uint64_t seen() const { return seen_; }

  std::optional<RecordDifference> difference;
  std::function<void()> stop;

 private:
  std::vector<KeptRecord>& expected_;
  uint64_t seen_ = 0;
};

uint64_t run(const HostProgram& program, const EngineFactory& engine, Observer& observer, uint64_t max_cycles, std::function<void()>* stop) {
  Platform platform(program.machine, kGuestRam, engine);
  platform.load(kConcealedBase, program.code.bytes.data(), program.code.bytes.size());
  platform.set_service([](uint32_t number, uint64_t) { return serve(number); });
  for (const HostProgram::ModeRange& range : program.modes)
    platform.set_mode(program.symbol(range.begin), program.symbol(range.end), range.mode);
  if (stop != nullptr) *stop = [&platform] { platform.stop(); };
  platform.observe(&observer);
  platform.run(max_cycles);
  platform.observe(nullptr);
  return platform.cycles();
}

}  // namespace

std::vector<KeptRecord> records_of(const HostProgram& program, const EngineFactory& engine, uint64_t max_cycles) {
  Keeper keeper;
  run(program, engine, keeper, max_cycles, nullptr);
  return std::move(keeper.kept);
}

std::optional<RecordDifference> compare_records(const HostProgram& program, const EngineFactory& engine, std::vector<KeptRecord>& expected,
                                                uint64_t max_cycles) {
  Comparer comparer(expected);
  const uint64_t cycles = run(program, engine, comparer, max_cycles, &comparer.stop);
  if (comparer.difference || comparer.seen() == expected.size()) return comparer.difference;
  return RecordDifference{comparer.seen(), cycles, {"records", std::to_string(expected.size()), std::to_string(comparer.seen())}};
}

}  // namespace chrysalis::hw::test
