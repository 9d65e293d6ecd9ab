#include "firmware/gears.h"

#include <algorithm>
#include <utility>

#include "firmware/check.h"
#include "firmware/code_stubs.h"
#include "firmware/counters.h"

namespace chrysalis::fw {
namespace {

using translator::Stage;

FaultKind kind_of(isa::Cause cause) {
  switch (cause) {
    case isa::Cause::TlbMiss:
    case isa::Cause::GuestFault: return FaultKind::Page;
    case isa::Cause::AliasFault: return FaultKind::Alias;
    case isa::Cause::StoreBufferFull: return FaultKind::StoreBuffer;
    case isa::Cause::TranslatedWrite: return FaultKind::Code;
    case isa::Cause::DeviceAccess: return FaultKind::Device;
    default: return FaultKind::Other;
  }
}

Counter counter_of(FaultKind kind) {
  constexpr Counter kCounters[] = {Counter::FaultsPage, Counter::FaultsAlias,  Counter::FaultsStores,
                                   Counter::FaultsCode, Counter::FaultsDevice, Counter::FaultsOther};
  return kCounters[static_cast<unsigned>(kind)];
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

/// Without samples the monitor has to see a translation until it is hot enough for the next gear.
bool chains_counted_blocks(const Mailbox& mailbox) { return mailbox.max_gear == 1 || mailbox.gears.sample_period != 0; }

}  // namespace

translator::QuickOptions quick_options(const Mailbox& mailbox) {
  translator::QuickOptions options;
  options.context = kMailboxAddress + offsetof(Mailbox, context);
  options.counters = kCounterBase;
  options.targets = kTargetBase;
  options.instrument = mailbox.max_gear > 1;
  options.loop_directly = chains_counted_blocks(mailbox) && (mailbox.gears.switches & kSwitchChaining) != 0;
  return options;
}

uint64_t resolve_target(void*, translator::Target kind, int64_t) {
  switch (kind) {
    case translator::Target::Leave: return address(CodeStub::Leave);
    case translator::Target::GuestIndirect: return address(CodeStub::Indirect);
    default: return address(CodeStub::Trap);
  }
}

Gears::Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox)
    : code_(code),
      machine_(mailbox.machine),
      options_(mailbox.gears),
      max_gear_(mailbox.max_gear),
      blocks_(blocks),
      adaptation_(mailbox.gears.misspeculations),
      cache_(code, adaptation_, mailbox.gears),
      former_(code, blocks, cache_, adaptation_, mailbox.gears, mailbox.machine.store_buffer_entries, clock_),
      quick_(mailbox.machine, quick_options(mailbox)),
      compiler_(mailbox.machine),
      chains_counted_blocks_(chains_counted_blocks(mailbox)) {}

/// What was hot once need not be. Profiles are looked at only when something is to be translated: that is soon enough.
void Gears::age_profiles() {
  if (options_.decay == 0) return;
  const uint64_t done = host::read_special<isa::Special::Gcount>();
  if (done - aged_ < options_.decay) return;
  aged_ = done;
  count(Counter::ProfileDecays);
  blocks_.decay();
  cache_.decay();
}

Translation* Gears::translate(uint32_t eip) {
  age_profiles();
  return make(eip, options_.first_gear);
}

Translation* Gears::make(uint32_t eip, unsigned gear) {
  const auto small = static_cast<uint8_t>(gear);
  notify({.kind = NoticeKind::Translating, .gear = small, .eip = eip});
  Translation* const made = gear == 1 ? translate_block(eip) : translate_region(eip, gear);
  if (made == nullptr) notify({.kind = NoticeKind::Refused, .gear = small, .eip = eip});
  return made;
}

/// Whether a commit has to stand before the instruction at `eip`: gear 1 commits only at a block's end.
bool Gears::needs_commit(uint32_t eip) {
  if ((options_.switches & kSwitchNoShadow) == 0) return false;
  FetchFault fault;
  if (!code_.fetch(eip, fetched_, fault)) return true;
  for (const ir::Inst& inst : code_.lifted().insts) {
    if ((ir::effects(inst) & ir::kMayFault) != 0) return true;
  }
  return false;
}

/// Adds to quick_ what stands from `at` on, at most `longest` instructions, and leaves `at` behind it. What ended it: Refused may be called out for.
translator::QuickTranslator::Step Gears::fill_block(uint32_t eip, uint32_t& at, uint32_t longest, bool& checks) {
  using Step = translator::QuickTranslator::Step;
  quick_.begin(at);
  Step step = Step::Continue;
  while (step == Step::Continue && quick_.instructions() < longest) {
    FetchFault fault;
    if (quick_.instructions() != 0 && needs_commit(at)) break;
    clock_.begin(Stage::Lift);
    if (adaptation_.care(at) == Care::Isolated || !code_.fetch(at, fetched_, fault, quick_.code(), fetch_for(at, checks)) || fetched_.unsupported) break;
    clock_.begin(Stage::Region);
    if (fetched_.checked && !checks) {
      if (at != eip) break;
      checks = true;  // its first instruction reaches into such code
      quick_.begin(eip);
      continue;
    }
    if (!source_.add(at, fetched_)) break;
    step = quick_.add(at + fetched_.length);
    if (step == Step::Continue || step == Step::End) at += fetched_.length;
  }
  return step;
}

/// Gear 1: a basic block, in parts with call-outs between.
Translation* Gears::translate_block(uint32_t eip) {
  using Step = translator::QuickTranslator::Step;
  constexpr uint32_t kMostExits = 64, kMostBytes = 1u << 14;
  const Translating translating(clock_, 1, Stage::Region);
  source_.clear();
  exits_.clear();
  words_.clear();
  bool checks = code_.checked(eip);
  const uint32_t longest = std::min(options_.max_instructions, adaptation_.limit(eip));
  TranslationCache::Place place = {};
  uint32_t instructions = 0, molecules = 0, at = eip;
  for (CallOut next;;) {
    const uint32_t part = at;
    const Step step = fill_block(eip, at, longest - instructions, checks);
    if (quick_.instructions() == 0) {
      if (instructions == 0) return nullptr;
      instructions -= next.instructions;  // there is nothing to come back to
      for (TranslationCache::NewExit& exit : exits_) {
        if (exit.kind == ExitKind::CalledOut && exit.resume == words_.size()) exit.kind = ExitKind::Interpreted;
      }
      break;
    }
    clock_.begin(Stage::Install);
    if (instructions == 0) place = cache_.reserve(1, eip, kMostExits, kMostBytes);
    if (place.address == 0) return nullptr;
    clock_.begin(Stage::Select);
    const auto base = static_cast<uint32_t>(words_.size());
    const uint32_t first_exit = place.first_exit + static_cast<uint32_t>(exits_.size());
    const translator::QuickCode& made =
        quick_.finish({place.address + 4 * base, address(CodeStub::Leave), first_exit, first_exit, translator::QuickLikely::Unknown});
    if ((options_.switches & kSwitchCheck) != 0) check_block(*this, code_, part, quick_.instructions(), checks, step == Step::Refused);
    words_.insert(words_.end(), made.words.begin(), made.words.end());
    const size_t exits = exits_.size() + made.exits.size();
    if (exits > kMostExits || 4 * words_.size() > kMostBytes) return nullptr;
    // So far and no further that another part still fits.
    const bool fits = exits <= kMostExits / 2 && 4 * words_.size() <= kMostBytes / 4;
    next = step == Step::Refused && fits ? find_call_out(code_, at, longest - instructions - quick_.instructions(), source_) : CallOut{};
    clock_.begin(Stage::Install);
    const auto resume = static_cast<uint32_t>(words_.size());
    for (const translator::QuickCode::Exit& exit : made.exits) {
      const bool calls_out = next.instructions != 0 && exit.kind == translator::QuickExitKind::Interpret;
      exits_.push_back({exit.target, base + exit.molecule, base + exit.branch, base + exit.stub, exit.op,
                        calls_out ? ExitKind::CalledOut : kind_of(exit.kind), false, exit.op != isa::Op::Nop,
                        static_cast<uint16_t>(instructions + exit.instructions), calls_out ? next.end : 0, calls_out ? resume : 0});
    }
    instructions += quick_.instructions() + next.instructions;
    molecules += made.molecules;
    if (next.instructions == 0) break;
    at = next.end;
  }
  clock_.begin(Stage::Install);
  Translation* const t = cache_.install({1, eip, instructions, place, words_, exits_, {}, checks}, source_);
  if (t == nullptr) return nullptr;
  ++stress_.made;
  count(Counter::Translations1);
  count(Counter::TranslatedInstructions1, instructions);
  count(Counter::TranslatedMolecules1, molecules);
  return t;
}

/// Gears 2 and 3: a region, optimised, in parts with call-outs between. One whose code becomes longer than its branches reach is formed
/// again with half the instructions: of those that check their own bytes, as many as a region can have are too many.
Translation* Gears::translate_region(uint32_t eip, unsigned gear) {
  const Translating translating(clock_, gear, Stage::Region);
  for (uint32_t most = options_.max_instructions;;) {
    clock_.begin(Stage::Region);
    const uint32_t instructions = former_.form(eip, gear, most);
    if (instructions == 0) return nullptr;
    bool too_long = false;
    Translation* const t = compile_region(eip, gear, instructions, too_long);
    if (!too_long || most == 1) return t;
    count(Counter::RegionsTooLong);
    most = std::max(std::min(most, instructions) / 2, 1u);
  }
}

/// Compiles what former_ has formed, of so many instructions, and installs it.
Translation* Gears::compile_region(uint32_t eip, unsigned gear, uint32_t instructions, bool& too_long) {
  const std::span<RegionFormer::Part> parts = former_.parts();
  clock_.begin(Stage::Install);
  // The longest that it can become is known before it is compiled only roughly.
  constexpr uint32_t kBytesPerOperation = 48;
  uint32_t points = 0, operations = 0, paths = 0;
  for (const RegionFormer::Part& part : parts) {
    for (const translator::Region& path : part.tree) {
      points += static_cast<uint32_t>(path.maps.size());
      operations += static_cast<uint32_t>(path.code.insts.size());
    }
    paths += static_cast<uint32_t>(part.tree.size());
  }
  const uint32_t bound = kBytesPerOperation * (operations + 16 * points);
  // A call at a path's end has an exit more.
  const TranslationCache::Place place = cache_.reserve(gear, eip, points + paths, bound);
  if (place.address == 0) return nullptr;
  exits_.clear();
  sites_.clear();
  translator::CodeLayout layout;
  std::vector<PartEnd> ends;
  uint32_t molecules = 0;
  for (uint32_t p = 0; p < parts.size(); ++p) {
    const uint32_t made = compile_part(parts[p], eip, gear, place);
    if (made == 0) {
      too_long = true;
      return nullptr;
    }
    molecules += made;
    layout.add(p, std::move(compiled_));
    ends.push_back({exits_.size(), sites_.size()});
  }
  const uint64_t bytes = layout.place(place.address, resolve_target);
  too_long = bytes == 0;
  if (too_long || bytes > bound) return nullptr;
  size_t exit = 0, site = 0;
  for (uint32_t p = 0; p < parts.size(); ++p) {
    const auto word_of = [&](uint32_t part, uint32_t molecule) { return static_cast<uint32_t>(layout.molecule_address(part, molecule) - place.address) / 4; };
    for (; site < ends[p].sites; ++site) sites_[site].offset = 4 * word_of(p, sites_[site].offset);
    for (; exit < ends[p].exits; ++exit) {
      TranslationCache::NewExit& e = exits_[exit];
      e.molecule = word_of(p, e.molecule);
      e.word += e.molecule;
      e.link = word_of(p, e.link);
      if (e.kind == ExitKind::CalledOut) e.resume = word_of(e.resume, 0);
    }
  }
  const std::vector<uint32_t> encoded = layout.encode();
  clock_.begin(Stage::Install);
  Translation* const t = cache_.install({gear, eip, instructions, place, encoded, exits_, sites_, former_.checks()}, former_.source());
  if (t == nullptr) return nullptr;
  ++stress_.made;
  count(gear == 2 ? Counter::Translations2 : Counter::Translations3);
  count(gear == 2 ? Counter::TranslatedInstructions2 : Counter::TranslatedInstructions3, instructions);
  count(gear == 2 ? Counter::TranslatedMolecules2 : Counter::TranslatedMolecules3, molecules);
  return t;
}

/// Compiles one part of the translation at `eip` into compiled_. Adds its exits and sites to those there are, with molecules for words and
/// parts for where they resume. Returns how many molecules it has; 0: it is too long.
uint32_t Gears::compile_part(RegionFormer::Part& part, uint32_t eip, unsigned gear, const TranslationCache::Place& place) {
  const std::span<translator::Region> tree = part.tree;
  translator::CompileOptions options;
  options.first_exit = place.first_exit + static_cast<uint32_t>(exits_.size());
  options.passes = options_.passes;
  options.pass_stores = (options_.switches & kSwitchPassStores) != 0;
  options.clock = &clock_;
  options.reschedule = gear > 2;
  const std::vector<uint32_t>& addresses = part.addresses;
  if ((options_.switches & kSwitchReorder) == 0 || (adapts() && adaptation_.throttled(eip))) {
    for (translator::Region& path : tree) path.in_order.assign(addresses.size(), 1);
  }
  notify({.kind = NoticeKind::Formed, .gear = static_cast<uint8_t>(gear), .eip = eip, .code = place.address,
          .formed = {reinterpret_cast<uint64_t>(tree.data()), reinterpret_cast<uint64_t>(&options), reinterpret_cast<uint64_t>(addresses.data()),
                     reinterpret_cast<uint64_t>(part.call_outs.data()), static_cast<uint32_t>(tree.size()), static_cast<uint32_t>(addresses.size()),
                     static_cast<uint32_t>(part.call_outs.size()), sizeof(translator::Region), sizeof options, sizeof(ir::Inst), sizeof(CallOut)}});
  const translator::CompileStats stats = compiler_.compile(tree, options, compiled_);
  if ((options_.switches & kSwitchCheck) != 0) check_translation(tree, machine_, compiled_, options.first_exit);

  clock_.begin(Stage::Layout);
  // The branch of any path's exit has to reach its stub, behind all of them.
  constexpr uint32_t kReach = 2048;
  uint32_t words = 0;
  for (const isa::Atom& atom : compiled_.atoms) words += isa::words(atom);
  if (tree.size() > 1 && words > kReach) return 0;
  for (uint32_t m = 0; m < compiled_.molecules.size(); ++m) {
    const auto& molecule = compiled_.molecules[m];
    for (uint32_t a = molecule.first; a < molecule.first + molecule.count; ++a) {
      const isa::AtomInfo& op = isa::info(compiled_.atoms[a].op);
      if (op.has(isa::kMayFault)) sites_.push_back({m, addresses[compiled_.guest[a]], op.has(isa::kStore), op.has(isa::kProtect) ? compiled_.atoms[a].alias : uint8_t{0xff}});
    }
  }
  for (const translator::CompiledRegion::Exit& exit : compiled_.exits) {
    const auto leads_there = [&](const CallOut& out) { return !exit.returns && out.eip == exit.target; };
    const auto out = std::find_if(part.call_outs.begin(), part.call_outs.end(), leads_there);
    const bool calls_out = out != part.call_outs.end();
    exits_.push_back({exit.target, exit.molecule, compiled_.patched_word(exit), exit.link, exit.returns ? isa::Op::ReturnPush : isa::Op::Br,
                      exit.returns ? ExitKind::Returned : calls_out ? ExitKind::CalledOut : ExitKind::Chained, exit.returns, false, 0,
                      calls_out ? out->end : 0, calls_out ? out->part : 0});
  }
  return static_cast<uint32_t>(stats.molecules);
}

/// Something else each time, of what has to be safe whenever the monitor runs. So that the guest gets on, it is paid for by
/// guest instructions executed: in units of what an interpreted instruction costs, as much is undone as is done.
void Gears::stress(const Exit* exit, uint32_t eip) {
  if ((options_.switches & kSwitchEvictionStress) == 0) return;
  constexpr uint64_t kForget = 100, kChain = 5, kDrop[kGears] = {16, 256, 512};  // the last for each instruction
  const uint64_t done = host::read_special<isa::Special::Gcount>();
  stress_.credit += done - stress_.seen;
  stress_.seen = done;
  const auto pay = [this](uint64_t cost) {
    if (stress_.credit < cost) return false;
    stress_.credit -= cost;
    ++stress_.act;
    count(Counter::StressActs);
    return true;
  };
  const auto drop = [&](Translation* t) {
    if (t == nullptr || !t->valid) ++stress_.act;
    else if (pay(kDrop[t->gear - 1] * t->instructions)) cache_.discard(*t, DropReason::Evicted);
  };
  switch (stress_.act % 6) {
    case 0: return drop(cache_.find(eip));
    case 1: return drop(exit == nullptr ? nullptr : exit->owner);
    case 2:
      if (pay(kForget)) cache_.forget_jumps();
      return;
    case 3:
      if (pay(kForget + kChain * stress_.made)) cache_.unchain_all();
      return;
    case 4:
      if (pay(kDrop[1] * 32)) cache_.drop_oldest();
      return;
    default:
      if (!pay(kDrop[0] * 8 * stress_.made)) return;
      cache_.clear();
      stress_.made = 0;
  }
}

void Gears::chain(Exit& exit, Translation& target) {
  if (counts_entries(*exit.owner)) return;
  cache_.chain(exit, target);
}

void Gears::consider(uint32_t eip, bool sampled) {
  // What could not be made anew may be so later. It is tried after twice as many samples each time: what fails costs as much as what does not.
  constexpr uint8_t kMostAttempts = 16;
  age_profiles();
  Translation* const t = cache_.find(eip);
  if (t == nullptr || t->gear >= max_gear_) return;
  if (t->gear == 1) {
    uint64_t executions = 0;
    for (uint32_t i = 0; i < t->exit_count; ++i) executions += cache_.times_left(*t, i);
    if (executions < options_.threshold[1]) return;
    make(eip, 2);
  } else if ((sampled || counts_entries(*t)) && ++t->samples == uint64_t{options_.threshold[2]} << t->attempts) {
    if (sampled) {
      t->samples = 0;
      if (t->attempts < kMostAttempts) ++t->attempts;
    }
    make(eip, 3);
  }
}

/// Saturating.
uint32_t Gears::note_fault(Translation& t, FaultKind kind) {
  uint16_t& times = t.faults[static_cast<unsigned>(kind)];
  if (times < UINT16_MAX) ++times;
  return times;
}

bool Gears::recheck(uint32_t eip) {
  constexpr uint32_t kPatience = 4;
  Translation* t = cache_.find(eip);
  // One that commits on the way leaves the address of its last commit.
  if (t == nullptr || !t->checks) t = cache_.checking(eip);
  if (t == nullptr) return false;
  if (cache_.recheck(*t)) return true;
  if (note_fault(*t, FaultKind::Check) == kPatience && adapts() && t->instructions > 1) {
    adaptation_.shorten(t->eip, t->instructions);
    count(Counter::Retranslations);
    cache_.discard(*t, DropReason::MadeAnew);
  }
  return false;
}

bool Gears::before_step(uint32_t eip) {
  constexpr int32_t kOftenEnough = 4, kNotSoon = -1000;  // each costs what a hundred interpreted instructions cost
  auto& known = stepped_[(eip ^ eip >> 6) % kStepped];
  if (known.eip != eip) known = {eip, 0};
  if (++known.times < kOftenEnough) return false;
  const bool translated = translate(eip) != nullptr;
  known.times = translated ? 0 : kNotSoon;
  return translated;
}

void Gears::fault(isa::Cause cause, uint32_t eip, uint64_t host, uint32_t address, uint64_t info) {
  count(Counter::TranslationFaults);
  count(counter_of(kind_of(cause)));
  Translation* t = cache_.find(eip);
  // One that commits on the way leaves the address of its last commit.
  if (t == nullptr || !t->holds(host)) t = cache_.holding(host);
  if (t == nullptr) return;
  eip = t->eip;
  note_fault(*t, kind_of(cause));
  const uint32_t instruction = cache_.instruction_at(*t, host, cause == isa::Cause::AliasFault || cause == isa::Cause::StoreBufferFull);
  switch (cause) {
    case isa::Cause::TranslatedWrite: return;  // interpretation comes to the store
    case isa::Cause::TlbMiss:
    case isa::Cause::GuestFault: suspect_ = {true, eip, instruction, address}; return;
    case isa::Cause::AliasFault:
      learn(cause, eip, instruction, cache_.protected_load(*t, host, info >> isa::kInfoEntriesShift & 0xff));
      return;
    default: learn(cause, eip, instruction); return;
  }
}

void Gears::confirm(uint32_t address, bool faults) {
  if (!suspect_.pending || suspect_.address >> isa::kPageShift != address >> isa::kPageShift) return;
  suspect_.pending = false;
  if (!faults || !adapts() || suspect_.instruction == Adaptation::kUnknown || !adaptation_.learn_fault(suspect_.instruction)) return;
  if (Translation* const t = cache_.find(suspect_.region)) {
    count(Counter::Retranslations);
    cache_.discard(*t, DropReason::MadeAnew);
  }
}

void Gears::misspeculated() {
  suspect_.pending = false;
  count(Counter::Misspeculations);
  learn(isa::Cause::GuestFault, suspect_.region, suspect_.instruction);
}

void Gears::learn(isa::Cause cause, uint32_t region, uint32_t instruction, uint32_t load) {
  Translation* const t = cache_.find(region);
  if (t == nullptr || !adapts() || !adaptation_.learn({cause, region, t->instructions, t->lessons, instruction, load})) return;
  count(Counter::Retranslations);
  notify({.kind = NoticeKind::Learned, .gear = t->gear, .cause = static_cast<uint8_t>(cause), .eip = region, .code = t->code});
  cache_.discard(*t, DropReason::MadeAnew);
}

}  // namespace chrysalis::fw
