#include "firmware/gears.h"

#include <utility>

#include "firmware/counters.h"

namespace chrysalis::fw {

Gears::Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox)
    : machine_(mailbox.machine),
      former_(code, blocks, mailbox.gears),
      cache_(code, mailbox.machine, (mailbox.gears.switches & kSwitchFifo) != 0 ? Eviction::Fifo : Eviction::Flush,
             (mailbox.gears.switches & kSwitchChaining) != 0) {}

Translation* Gears::translate(uint32_t eip) {
  constexpr unsigned kGear = 2;
  const unsigned instructions = former_.form(eip);
  if (instructions == 0) return nullptr;
  // A call at the end has an exit more.
  const auto exits = static_cast<uint32_t>(former_.region().maps.size()) + 1;
  translator::CompileOptions options;
  options.first_exit = cache_.reserve_exits(kGear, exits);
  const translator::CompileStats stats = translator::compile(former_.region(), machine_, options, compiled_);
  Translation* const t = cache_.install(kGear, eip, instructions, former_.spans(), std::move(compiled_));
  if (t == nullptr) return nullptr;
  count(Counter::Translations);
  count(Counter::TranslatedInstructions, instructions);
  count(Counter::TranslatedMolecules, stats.molecules);
  return t;
}

}  // namespace chrysalis::fw
