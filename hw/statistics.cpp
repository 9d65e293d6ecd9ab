#include "hw/statistics.h"

namespace chrysalis::hw {

std::vector<Statistic> collect_statistics(const CoreEngine& engine, const L2Cache& l2_cache, const Memory& main_memory) {
  const CoreCounters core = engine.counters();
  const L2Cache::Statistics& l2 = l2_cache.statistics();
  const Memory::Statistics& memory = main_memory.statistics();
  std::vector<Statistic> list = {
#define STATISTIC(name, unit, description, value) {name, unit, description, value},
#include "hw/statistics.def"
#undef STATISTIC
  };
  const Account accounts = engine.account();
  for (unsigned m = 0; m < kModes; ++m) {
    const ModeAccount& account = accounts[static_cast<Mode>(m)];
    if (account.instructions == 0) continue;
    list.push_back({std::string("guest.instructions.") + kModeName[m], "instructions",
                    std::string("x86 instructions committed: ") + kModeMeaning[m], account.instructions});
  }
  for (unsigned i = 0; i < isa::kCauses; ++i) {
    const auto cause = static_cast<isa::Cause>(i);
    if (cause == isa::Cause::None || cause == isa::Cause::Reset) continue;
    const bool rolls_back = isa::rolls_back(cause);
    list.push_back({std::string(rolls_back ? "host.rollbacks." : "host.events.") + isa::name(cause),
                    rolls_back ? "rollbacks" : "events",
                    std::string(rolls_back ? "rollbacks by event: " : "events without rollback: ") +
                        isa::kCauseMeaning[i],
                    core.events[i]});
  }
  return list;
}

}  // namespace chrysalis::hw
