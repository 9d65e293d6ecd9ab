#include "firmware/gears.h"

#include <utility>

#include "firmware/counters.h"

namespace chrysalis::fw {
namespace {

Counter counter_of(isa::Cause cause) {
  switch (cause) {
    case isa::Cause::TlbMiss:
    case isa::Cause::GuestFault: return Counter::FaultsPage;
    case isa::Cause::AliasFault: return Counter::FaultsAlias;
    case isa::Cause::StoreBufferFull: return Counter::FaultsStores;
    case isa::Cause::TranslatedWrite: return Counter::FaultsCode;
    case isa::Cause::DeviceAccess: return Counter::FaultsDevice;
    default: return Counter::FaultsOther;
  }
}

}  // namespace

Gears::Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox)
    : machine_(mailbox.machine),
      former_(code, blocks, adaptation_, mailbox.gears),
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
  Translation* const t = cache_.install(kGear, eip, former_.addresses(), former_.spans(), std::move(compiled_));
  if (t == nullptr) return nullptr;
  count(Counter::Translations);
  count(Counter::TranslatedInstructions, instructions);
  count(Counter::TranslatedMolecules, stats.molecules);
  return t;
}

void Gears::fault(isa::Cause cause, uint32_t eip, uint64_t host, uint32_t address) {
  count(Counter::TranslationFaults);
  count(counter_of(cause));
  Translation* const t = cache_.find(eip);
  if (t == nullptr) return;
  ++t->faults;
  const uint32_t instruction = cache_.instruction_at(*t, host);
  switch (cause) {
    case isa::Cause::TranslatedWrite: return;  // interpretation comes to the store
    case isa::Cause::TlbMiss:
    case isa::Cause::GuestFault: suspect_ = {true, eip, instruction, address}; return;
    default: learn(cause, eip, instruction); return;
  }
}

void Gears::misspeculated() {
  suspect_.pending = false;
  count(Counter::Misspeculations);
  learn(isa::Cause::GuestFault, suspect_.region, suspect_.instruction);
}

void Gears::learn(isa::Cause cause, uint32_t region, uint32_t instruction) {
  Translation* const t = cache_.find(region);
  if (t == nullptr || !adaptation_.learn(cause, region, t->instructions, instruction)) return;
  count(Counter::Retranslations);
  cache_.discard(*t);
}

}  // namespace chrysalis::fw
