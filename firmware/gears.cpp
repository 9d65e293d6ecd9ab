#include "firmware/gears.h"

#include <algorithm>
#include <utility>

#include "firmware/code_stubs.h"
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

ExitKind kind_of(translator::QuickExitKind kind) {
  using Kind = translator::QuickExitKind;
  switch (kind) {
    case Kind::Direct:
    case Kind::Repeat:
    case Kind::Call: return ExitKind::Chained;
    case Kind::ReturnPoint: return ExitKind::Returned;
    case Kind::Interpret: return ExitKind::Interpreted;
    case Kind::Trap: return ExitKind::Trapped;
    default: return ExitKind::Indirect;
  }
}

/// Without samples the monitor has to see a block of gear 1 until it is hot enough for the next gear.
bool chains_counted_blocks(const Mailbox& mailbox) { return mailbox.max_gear == 1 || mailbox.gears.sample_period != 0; }

translator::QuickOptions quick_options(const Mailbox& mailbox) {
  translator::QuickOptions options;
  options.context = kMailboxAddress + offsetof(Mailbox, context);
  options.counters = kCounterBase;
  options.instrument = mailbox.max_gear > 1;
  options.loop_directly = chains_counted_blocks(mailbox) && (mailbox.gears.switches & kSwitchChaining) != 0;
  return options;
}

uint64_t resolve(void*, translator::Target kind, int64_t) {
  switch (kind) {
    case translator::Target::Leave: return address(CodeStub::Leave);
    case translator::Target::GuestIndirect: return address(CodeStub::Indirect);
    default: return address(CodeStub::Trap);
  }
}

}  // namespace

Gears::Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox)
    : code_(code),
      machine_(mailbox.machine),
      options_(mailbox.gears),
      max_gear_(mailbox.max_gear),
      cache_(code, (mailbox.gears.switches & kSwitchFifo) != 0 ? Eviction::Fifo : Eviction::Flush,
             (mailbox.gears.switches & kSwitchChaining) != 0),
      former_(code, blocks, cache_, adaptation_, mailbox.gears),
      quick_(mailbox.machine, quick_options(mailbox)),
      chains_counted_blocks_(chains_counted_blocks(mailbox)) {}

Translation* Gears::translate(uint32_t eip) {
  stress();
  return options_.first_gear == 1 ? translate_block(eip) : translate_region(eip, 2);
}

/// Gear 1: a basic block.
Translation* Gears::translate_block(uint32_t eip) {
  using Step = translator::QuickTranslator::Step;
  quick_.begin(eip);
  spans_.count = 0;
  uint32_t at = eip;
  const uint32_t longest = std::min(options_.max_instructions, adaptation_.limit(eip));
  for (Step step = Step::Continue; step == Step::Continue && quick_.instructions() < longest;) {
    FetchFault fault;
    if (adaptation_.care(at) == Care::Isolated || !code_.fetch(at, fetched_, fault, quick_.code()) || fetched_.unsupported) break;
    if (!spans_.add(at, fetched_)) break;
    step = quick_.add(at + fetched_.length);
    if (step == Step::Continue || step == Step::End) at += fetched_.length;
  }
  const uint32_t instructions = quick_.instructions();
  if (instructions == 0) return nullptr;

  constexpr uint32_t kMostExits = 64, kMostBytes = 1u << 14;
  const TranslationCache::Place place = cache_.reserve(1, kMostExits, kMostBytes);
  const translator::QuickCode& made =
      quick_.finish({place.address, address(CodeStub::Leave), place.first_exit, place.first_exit, translator::QuickLikely::Unknown});
  if (made.exits.size() > kMostExits || made.words.size() * 4 > kMostBytes) return nullptr;
  exits_.clear();
  for (const translator::QuickCode::Exit& exit : made.exits) {
    exits_.push_back({exit.target, exit.molecule, exit.branch, exit.stub, exit.op, kind_of(exit.kind), false, exit.op != isa::Op::Nop,
                      exit.instructions});
  }
  Translation* const t = cache_.install({1, eip, instructions, place, made.words, exits_, {}}, spans_);
  if (t == nullptr) return nullptr;
  count(Counter::Translations1);
  count(Counter::TranslatedInstructions1, instructions);
  count(Counter::TranslatedMolecules1, made.molecules);
  return t;
}

/// Gears 2 and 3: a region, optimised.
Translation* Gears::translate_region(uint32_t eip, unsigned gear) {
  const unsigned instructions = former_.form(eip, gear);
  if (instructions == 0) return nullptr;
  translator::Region& region = former_.region();
  // The longest that it can become is known before it is compiled only roughly.
  constexpr uint32_t kBytesPerOperation = 48;
  const auto points = static_cast<uint32_t>(region.maps.size());
  const uint32_t bound = kBytesPerOperation * (static_cast<uint32_t>(region.code.insts.size()) + 16 * points);
  const TranslationCache::Place place = cache_.reserve(gear, points + 1, bound);  // a call at the end has an exit more
  if (place.address == 0) return nullptr;
  translator::CompileOptions options;
  options.first_exit = place.first_exit;
  options.passes = options_.passes;
  options.pass_stores = (options_.switches & kSwitchPassStores) != 0;
  const translator::CompileStats stats = translator::compile(region, machine_, options, compiled_);

  exits_.clear();
  sites_.clear();
  const std::span<const uint32_t> addresses = former_.addresses();
  for (uint32_t m = 0; m < compiled_.molecules.size(); ++m) {
    const auto& molecule = compiled_.molecules[m];
    for (uint32_t a = molecule.first; a < molecule.first + molecule.count; ++a) {
      if (!isa::info(compiled_.atoms[a].op).has(isa::kMayFault)) continue;
      sites_.push_back({m, addresses[compiled_.guest[a]]});
      break;
    }
  }
  for (const translator::CompiledRegion::Exit& exit : compiled_.exits) {
    exits_.push_back({exit.target, exit.molecule, compiled_.patched_word(exit), exit.link, exit.returns ? isa::Op::ReturnPush : isa::Op::Br,
                      exit.returns ? ExitKind::Returned : ExitKind::Chained, exit.returns, false, 0});
  }
  translator::CodeLayout layout;
  layout.add(0, std::move(compiled_));
  const uint64_t bytes = layout.place(place.address, resolve);
  if (bytes > bound) return nullptr;
  const auto word_of = [&](uint32_t molecule) { return static_cast<uint32_t>(layout.molecule_address(0, molecule) - place.address) / 4; };
  for (FaultSite& site : sites_) site.offset = 4 * word_of(site.offset);
  for (TranslationCache::NewExit& exit : exits_) {
    exit.molecule = word_of(exit.molecule);
    exit.word += exit.molecule;
    exit.link = word_of(exit.link);
  }
  const std::vector<uint32_t> words = layout.encode();
  Translation* const t = cache_.install({gear, eip, instructions, place, words, exits_, sites_}, former_.spans());
  if (t == nullptr) return nullptr;
  count(gear == 2 ? Counter::Translations2 : Counter::Translations3);
  count(gear == 2 ? Counter::TranslatedInstructions2 : Counter::TranslatedInstructions3, instructions);
  count(gear == 2 ? Counter::TranslatedMolecules2 : Counter::TranslatedMolecules3, stats.molecules);
  return t;
}

void Gears::stress() {
  constexpr unsigned kPeriod = 16;  // at every translation, two blocks of one loop would displace each other for ever
  if ((options_.switches & kSwitchEvictionStress) != 0 && ++translations_ % kPeriod == 0) cache_.clear();
}

void Gears::chain(Exit& exit, Translation& target) {
  if (exit.owner->gear == 1 && !chains_counted_blocks_) return;
  cache_.chain(exit, target);
}

void Gears::consider(uint32_t eip, bool sampled) {
  Translation* const t = cache_.find(eip);
  if (t == nullptr || t->gear >= max_gear_) return;
  if (t->gear == 1) {
    uint64_t executions = 0;
    for (uint32_t i = 0; i < t->exit_count; ++i) executions += cache_.times_left(*t, i);
    if (executions < options_.threshold[1]) return;
    stress();
    translate_region(eip, 2);
  } else if (sampled && ++t->samples >= options_.threshold[2]) {
    t->samples = 0;
    stress();
    translate_region(eip, 3);
  }
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
  if (t == nullptr || (options_.switches & kSwitchAdaptation) == 0 || !adaptation_.learn(cause, region, t->instructions, instruction)) return;
  count(Counter::Retranslations);
  cache_.discard(*t);
}

}  // namespace chrysalis::fw
