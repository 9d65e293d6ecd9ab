#include "firmware/translation_cache.h"

#include <new>

#include "firmware/adaptation.h"
#include "firmware/code_stubs.h"
#include "firmware/counters.h"
#include "firmware/host.h"
#include "isa-host/encoding.h"
#include "translator/quick.h"

namespace chrysalis::fw {
namespace {

constexpr unsigned sum(const unsigned (&capacity)[kGears]) { return capacity[0] + capacity[1] + capacity[2]; }

void announce(const Translation& t) {
  Mailbox& mailbox = host::mailbox();
  mailbox.installed = {t.code, t.bytes, t.eip, t.gear, t.instructions};
  mailbox.reply = 0;
  host::platform(Service::Installed);
}

/// Gear of a record whose exits and counters may be another's by now.
constexpr uint8_t kGone = 0;

}  // namespace

void notify(const Notice& notice) {
  host::mailbox().argument[0] = reinterpret_cast<uint64_t>(&notice);
  host::platform(Service::Notice);
}

TranslationCache::TranslationCache(GuestCode& code, Adaptation& adaptation, const GearOptions& options)
    : code_(code),
      adaptation_(adaptation),
      options_(options),
      exits_(sum(kExitCapacity)),
      sites_(sum(kSiteCapacity)),
      sources_(sum(kSourceCapacity)),
      records_(sum(kRecordCapacity)),
      buckets_(kBuckets) {
  uint32_t first_exit = 0, first_site = 0, first_source = 0, first_record = 0;
  const unsigned generations = options.eviction == Eviction::Generational ? 2 : 1;
  for (unsigned gear = 0; gear < kGears; ++gear) {
    const auto room = static_cast<uint32_t>(kGearAreaSize[gear]);
    const uint32_t bytes = options.area_bytes[gear] == 0 || options.area_bytes[gear] > room ? room : options.area_bytes[gear];
    uint64_t base = kGearAreaBase[gear];
    for (unsigned generation = 0; generation < generations; ++generation) {
      Area& area = areas_[gear][generation];
      area.base = base;
      area.bytes.capacity = bytes / generations & ~63u;
      area.exits.capacity = kExitCapacity[gear] / generations;
      area.sites.capacity = kSiteCapacity[gear] / generations;
      area.sources.capacity = kSourceCapacity[gear] / generations;
      area.records.capacity = kRecordCapacity[gear] / generations;
      area.first_exit = first_exit;
      area.first_site = first_site;
      area.first_source = first_source;
      area.first_record = first_record;
      base += area.bytes.capacity;
      first_exit += area.exits.capacity;
      first_site += area.sites.capacity;
      first_source += area.sources.capacity;
      first_record += area.records.capacity;
    }
  }
  for (unsigned i = 0; i < kBuckets; ++i) buckets_[i] = nullptr;
  for (unsigned i = 0; i < kJumpTableEntries; ++i) host::concealed<JumpTableEntry>(kJumpTableBase)[i].eip = kNoEip;
}

Translation* TranslationCache::active(uint32_t eip) {
  for (Translation* t = bucket(eip); t != nullptr; t = t->next_in_bucket) {
    if (t->eip == eip && t->key == code_.key() && t->life == Life::Active && code_.still_mapped(*t)) return t;
  }
  return nullptr;
}

Translation* TranslationCache::find(uint32_t eip) {
  Translation* const t = active(eip);
  return t != nullptr ? t : reactivate(eip);
}

Translation* TranslationCache::holding(uint64_t host) {
  for (unsigned i = 0; i < kBuckets; ++i) {
    for (Translation* t = buckets_[i]; t != nullptr; t = t->next_in_bucket) {
      if (t->holds(host)) return t;
    }
  }
  return nullptr;
}

// -- room ------------------------------------------------------------------------------------------------------

/// By what is known of it: gear 1 counts how often it was left; of the other gears, samples and what leads there tell.
bool TranslationCache::was_used(const Translation& t) const {
  constexpr uint32_t kLeast = 64;
  if (t.samples != 0 || t.entries >= kLeast || (t.gear > 1 && t.incoming != nullptr)) return true;
  uint64_t left = 0;
  for (uint32_t i = 0; t.gear == 1 && i < t.exit_count; ++i) left += times_left(t, i);
  return left >= kLeast;
}

void TranslationCache::drop_oldest(Area& area) {
  Translation& t = oldest(area);
  if (t.life != Life::Gone) {
    count(Counter::Evictions);
    if (options_.eviction == Eviction::Generational && t.life == Life::Active && was_used(t)) survivor(t.eip) = t.eip;
    discard(t, DropReason::Evicted);
  }
  code_.forget(t);
  t.gear = kGone;
  area.oldest = (area.oldest + 1) % area.records.capacity;
  --area.count;
}

/// A place for `size` units of a ring, the translations that were there gone.
uint32_t TranslationCache::make_room(Area& area, Ring& ring, uint32_t size, uint32_t (*begin)(const Translation&),
                                     uint32_t (*end)(const Translation&)) {
  if (ring.next + size > ring.capacity) {
    if (options_.eviction == Eviction::Flush) {
      count(Counter::CodeCacheFlushes);
      while (area.count != 0) drop_oldest(area);
    } else {
      while (area.count != 0 && begin(oldest(area)) >= ring.next) drop_oldest(area);
    }
    ring.next = 0;
  }
  while (area.count != 0 && begin(oldest(area)) < ring.next + size && end(oldest(area)) > ring.next) drop_oldest(area);
  return ring.next;
}

TranslationCache::Place TranslationCache::reserve(unsigned gear, uint32_t eip, uint32_t exits, uint32_t bytes) {
  const bool tenured = options_.eviction == Eviction::Generational && survivor(eip) == eip;
  Area& area = areas_[gear - 1][tenured];
  if (bytes > area.bytes.capacity) return {0, 0, false};
  const uint32_t exit = make_room(area, area.exits, exits, [](const Translation& t) { return t.first_exit; },
                                  [](const Translation& t) { return t.first_exit + t.exit_count; });
  const uint32_t place = make_room(area, area.bytes, bytes, [](const Translation& t) { return t.place; },
                                   [](const Translation& t) { return t.place + t.bytes; });
  if (tenured) count(Counter::Tenured);
  return {area.base + place, kFirstExit + area.first_exit + exit, tenured};
}

Translation* TranslationCache::install(const NewTranslation& made, const Source& source) {
  Area& area = areas_[made.gear - 1][made.place.tenured];
  if (!code_.has_room(source.count)) return nullptr;
  const uint64_t base = made.place.address;
  const auto site_count = static_cast<uint32_t>(made.sites.size());
  const uint32_t first_site = make_room(area, area.sites, site_count, [](const Translation& t) { return t.first_site; },
                                        [](const Translation& t) { return t.first_site + t.site_count; });
  const auto source_count = static_cast<uint32_t>(source.instructions.size());
  const uint32_t first_source = make_room(area, area.sources, source_count, [](const Translation& t) { return t.first_source; },
                                          [](const Translation& t) { return t.first_source + t.source_count; });
  if (area.count == area.records.capacity) drop_oldest(area);
  const Translation* counts = nullptr;
  if (Translation* const old = active(made.eip)) {
    counts = old->gear == 1 ? old : old->counts;
    discard(*old, DropReason::Replaced);
  }
  host::write_code(base, made.words.data(), made.words.size());

  Translation& t = records_[area.first_record + (area.oldest + area.count) % area.records.capacity];
  ++area.count;
  t.eip = made.eip;
  t.key = code_.key();
  t.gear = static_cast<uint8_t>(made.gear);
  t.life = Life::Active;
  t.tenured = made.place.tenured;
  t.checks = made.checks;
  t.instructions = static_cast<uint16_t>(made.instructions);
  t.code = base;
  t.place = static_cast<uint32_t>(base - area.base);
  t.bytes = static_cast<uint32_t>(made.words.size() * 4);
  t.first_exit = area.exits.next;
  t.exit_count = static_cast<uint32_t>(made.exits.size());
  t.first_site = first_site;
  t.site_count = site_count;
  t.first_source = first_source;
  t.source_count = source_count;
  for (uint16_t& faults : t.faults) faults = 0;
  t.samples = t.entries = 0;
  t.attempts = 0;
  t.lessons = adaptation_.lessons();
  t.counts = made.gear == 1 ? nullptr : counts;
  t.incoming = nullptr;
  area.bytes.next = t.place + ((t.bytes + 63) & ~63u);
  area.exits.next += t.exit_count;
  area.sites.next = first_site + site_count;
  area.sources.next = first_source + source_count;
  for (uint32_t i = 0; i < source_count; ++i) sources_[area.first_source + first_source + i] = source.instructions[i];
  for (uint32_t i = 0; i < site_count; ++i) sites_[area.first_site + first_site + i] = made.sites[i];
  const auto host_address = [base](uint32_t word) { return static_cast<uint32_t>(base) + 4 * word; };
  for (uint32_t i = 0; i < t.exit_count; ++i) {
    const NewExit& from = made.exits[i];
    exits_[area.first_exit + t.first_exit + i] = Exit{from.target, host_address(from.molecule), host_address(from.word), host_address(from.link),
                                                      from.op, from.kind, from.literal, from.bridged, false, from.completed,
                                                      from.resume_eip, host_address(from.resume), &t, nullptr, nullptr, nullptr};
    *host::concealed<uint32_t>(counter_address(made.place.first_exit + i)) = 0;
  }
  for (uint32_t i = 0; i < source.count; ++i) t.span[i] = source.span[i];
  t.owner = this;
  t.spans = t.span;
  t.span_count = source.count;
  if (t.checks) {
    count(Counter::SmcCheckedTranslations);
    code_.note_mapped(t);
  } else {
    code_.hold(t);
  }
  t.next_in_bucket = bucket(t.eip);
  bucket(t.eip) = &t;
  notify({.kind = NoticeKind::Installed, .gear = t.gear, .checks = t.checks, .eip = t.eip, .instructions = t.instructions, .code = t.code, .bytes = t.bytes,
          .key = t.key, .exits = reinterpret_cast<uint64_t>(&exits_[area.first_exit + t.first_exit]), .exit_count = t.exit_count,
          .first_exit = made.place.first_exit});
  if (has(kSwitchAnnounce)) announce(t);
  return &t;
}

const Translation* TranslationCache::counted(uint32_t eip) {
  const Translation* t = active(eip);
  if (t != nullptr && t->gear != 1) t = t->counts;
  return t != nullptr && t->gear == 1 && t->eip == eip ? t : nullptr;
}

uint32_t TranslationCache::times_left(const Translation& t, uint32_t index) const {
  if (exit_of(t, index).kind == ExitKind::CalledOut) return 0;  // it comes back
  return *host::concealed<const uint32_t>(counter_address(kFirstExit + area_of(t).first_exit + t.first_exit + index));
}

std::span<const uint32_t> TranslationCache::targets_of(const Translation& t, uint32_t index) const {
  constexpr uint32_t kSlots = translator::kQuickTargets;
  const uint64_t number = kFirstExit + area_of(t).first_exit + t.first_exit + index;
  // The first is noted in slot 1. Counts that were halved may say less than there is.
  const uint32_t* const slots = host::concealed<const uint32_t>(kTargetBase + 4 * kSlots * number);
  const uint32_t times = times_left(t, index);
  return times < kSlots ? std::span(slots + 1, times) : std::span(slots, kSlots);
}

void TranslationCache::decay() {
  for (const Area& area : areas_[0]) {
    for (uint32_t i = 0; i < area.exits.capacity; ++i) *host::concealed<uint32_t>(counter_address(kFirstExit + area.first_exit + i)) /= 2;
  }
}

uint32_t TranslationCache::instruction_at(const Translation& t, uint64_t host, bool stores) const {
  if (!t.holds(host)) return Adaptation::kUnknown;
  const FaultSite* const sites = sites_ + area_of(t).first_site + t.first_site;
  for (uint32_t i = 0; i < t.site_count; ++i) {
    if (sites[i].offset == host - t.code && (sites[i].stores || !stores)) return sites[i].eip;
  }
  return Adaptation::kUnknown;
}

uint32_t TranslationCache::protected_load(const Translation& t, uint64_t host, unsigned entries) const {
  if (!t.holds(host)) return Adaptation::kUnknown;
  const FaultSite* const sites = sites_ + area_of(t).first_site + t.first_site;
  for (uint32_t i = t.site_count; i-- > 0;) {
    if (sites[i].offset <= host - t.code && sites[i].entry != 0xff && (entries >> sites[i].entry & 1) != 0) return sites[i].eip;
  }
  return Adaptation::kUnknown;
}

// -- chaining --------------------------------------------------------------------------------------------------

/// Aims the branch of `exit` at host address `target`.
void TranslationCache::patch(Exit& exit, uint64_t target) {
  const auto write = [](uint64_t address, uint32_t word) { host::write_code(address, &word, 1); };
  const int64_t displacement = static_cast<int64_t>(target) - static_cast<int64_t>(exit.molecule);
  if (exit.literal) return write(exit.word, static_cast<uint32_t>(displacement));
  const bool reaches = isa::fits_short(exit.op, displacement);
  if (exit.bridged) {
    // The branch at the head of the link stub skips it, or serves the exit's own.
    const int64_t from_link = static_cast<int64_t>(target) - static_cast<int64_t>(exit.link);
    write(exit.link + 4, reaches ? 8 : static_cast<uint32_t>(from_link));
  }
  const int64_t near = reaches ? displacement : static_cast<int64_t>(exit.link) - static_cast<int64_t>(exit.molecule);
  const isa::Encoding& branch = isa::encoding(exit.op);
  const uint32_t field = isa::insert_field(branch, isa::Field::Target, ~0u, 0);
  const uint32_t word = *host::concealed<const uint32_t>(exit.word);
  write(exit.word, (word & ~field) | isa::insert_field(branch, isa::Field::Target, static_cast<uint32_t>(near / 4), 0));
}

void TranslationCache::chain(Exit& exit, Translation& target) {
  // The number may have been given to another exit meanwhile, or the owner's record to another translation.
  if (exit.target != target.eip) return;
  if (exit.owner->gear == kGone) return;
  const Exit* const first = exits_ + area_of(*exit.owner).first_exit + exit.owner->first_exit;
  if (&exit < first || &exit >= first + exit.owner->exit_count) return;
  if (!has(kSwitchChaining) || exit.kind > ExitKind::Returned || exit.leads_to != nullptr || !exit.owner->valid) return;
  patch(exit, target.code);
  exit.leads_to = &target;
  exit.crossing = exit.owner->span_count > 1 || target.span_count > 1 ||
                  exit.owner->eip >> isa::kPageShift != target.eip >> isa::kPageShift;
  exit.previous = nullptr;
  exit.next = target.incoming;
  if (exit.next != nullptr) exit.next->previous = &exit;
  target.incoming = &exit;
  count(Counter::Chains);
  notify({.kind = NoticeKind::Chained, .gear = exit.owner->gear, .eip = exit.owner->eip, .other = exit.target, .code = exit.owner->code});
}

void TranslationCache::unchain(Exit& exit) {
  Translation& target = *exit.leads_to;
  if (exit.previous != nullptr) exit.previous->next = exit.next;
  else target.incoming = exit.next;
  if (exit.next != nullptr) exit.next->previous = exit.previous;
  exit.leads_to = nullptr;
  patch(exit, exit.link);
  count(Counter::Unchains);
  notify({.kind = NoticeKind::Unchained, .gear = exit.owner->gear, .eip = exit.owner->eip, .other = exit.target, .code = exit.owner->code});
}

void TranslationCache::enter_jump(Translation& target) {
  host::jtb_write(target.eip, target.code);
  const uint32_t index = jump_table_index(target.eip);
  JumpTableEntry& entry = host::concealed<JumpTableEntry>(kJumpTableBase)[index];
  if (entry.eip == kNoEip) jumps_[jump_count_++] = static_cast<uint16_t>(index);
  entry = {target.eip, target.code};
}

void TranslationCache::forget_jumps() {
  while (jump_count_ != 0) host::concealed<JumpTableEntry>(kJumpTableBase)[jumps_[--jump_count_]].eip = kNoEip;
  host::jtb_clear();
  host::return_clear();
}

// -- leaving the cache -------------------------------------------------------------------------------------------

namespace {

void notify_dropped(const Translation& t, DropReason reason) {
  notify({.kind = NoticeKind::Dropped, .gear = t.gear, .reason = reason, .eip = t.eip, .code = t.code});
}

}  // namespace

/// Nothing leads to the translation any more, nor from it.
void TranslationCache::disconnect(Translation& t) {
  while (t.incoming != nullptr) unchain(*t.incoming);
  Area& area = area_of(t);
  for (uint32_t i = 0; i < t.exit_count; ++i) {
    Exit& exit = exits_[area.first_exit + t.first_exit + i];
    if (exit.leads_to != nullptr) unchain(exit);
  }
  forget_jumps();
}

void TranslationCache::discard(Translation& t, DropReason reason) {
  if (t.life == Life::Gone) return;
  if (t.life == Life::Active) notify_dropped(t, reason);
  t.life = Life::Gone;
  t.valid = false;
  disconnect(t);
  for (Translation** at = &bucket(t.eip); *at != nullptr; at = &(*at)->next_in_bucket) {
    if (*at != &t) continue;
    *at = t.next_in_bucket;
    break;
  }
  count(Counter::TranslationsDropped);
  if (has(kSwitchEvictionStress)) {
    // Whoever still comes here meets no code.
    for (uint32_t at = 0; at < t.bytes; at += 4) host::write_code(t.code + at, &kNoCode, 1);
  }
}

// -- code that changes -------------------------------------------------------------------------------------------

void TranslationCache::deactivate(Translation& t) {
  notify_dropped(t, DropReason::CodeChanged);
  t.valid = false;
  t.life = Life::Dormant;
  disconnect(t);
}

/// The source of `t`, which is dormant, is not what it was. It may come back.
void TranslationCache::lapse(Translation& t) {
  count(Counter::SmcLapsed);
  t.life = Life::Lapsed;
  // The newest is the first in its bucket.
  uint32_t versions = 0;
  for (Translation* other = bucket(t.eip); other != nullptr;) {
    Translation* const next = other->next_in_bucket;
    if (other->eip == t.eip && other->life == Life::Lapsed && ++versions > options_.versions) discard(*other, DropReason::CodeChanged);
    other = next;
  }
}

bool TranslationCache::source_is_back(Translation& t) {
  for (const SourceInstruction& instruction : source_of(t)) {
    if (changed_bytes(instruction, t.spans, t.span_count) != 0) return false;
  }
  return true;
}

/// A dormant translation of `eip` whose source is what it was when it was made, made active; or null.
Translation* TranslationCache::reactivate(uint32_t eip) {
  Translation* best = nullptr;
  for (Translation* t = bucket(eip); t != nullptr;) {
    Translation* const next = t->next_in_bucket;  // of one that has just gone, too
    if (t->eip == eip && t->life >= Life::Dormant && t->key == code_.key() && code_.still_mapped(*t)) {
      if (source_is_back(*t)) {
        if (best == nullptr || best->gear < t->gear) best = t;
      } else if (t->life == Life::Dormant) {
        learn(*t);
        if (has(kSwitchGroups)) lapse(*t);
        else discard(*t, DropReason::CodeChanged);
      }
    }
    t = next;
  }
  if (best != nullptr && best->life == Life::Gone) return nullptr;  // too many versions
  if (best == nullptr || !code_.has_room(best->span_count)) return nullptr;
  count(best->life == Life::Lapsed ? Counter::SmcReactivations : Counter::SmcRevalidations);
  best->life = Life::Active;
  notify({.kind = NoticeKind::Reactivated, .gear = best->gear, .eip = best->eip, .code = best->code});
  code_.forget(*best);
  if (best->checks) code_.note_mapped(*best);
  else code_.hold(*best);
  return best;
}

/// Some bytes of an instruction have changed. If that happens again, and nothing but immediates and displacements does, they
/// are loaded when they are used.
void TranslationCache::learn(const SourceInstruction& instruction, uint16_t changed) {
  if (changed == 0 || !has(kSwitchStylised)) return;
  adaptation_.note_change(instruction.eip, (changed & ~unsigned{reloadable_bytes(instruction)}) == 0);
}
void TranslationCache::learn(const Translation& t) {
  for (const SourceInstruction& instruction : source_of(t)) learn(instruction, changed_bytes(instruction, t.spans, t.span_count));
}

void TranslationCache::written(CodeHolder& holder, const CodeWrite& write) {
  auto& t = static_cast<Translation&>(holder);
  bool touched = false;
  for (const SourceInstruction& instruction : source_of(t)) {
    const uint16_t bytes = write.done ? changed_bytes(instruction, t.spans, t.span_count)
                                      : written_bytes(instruction, t.spans, t.span_count, write);
    if (bytes == 0) continue;
    touched = true;
    learn(instruction, bytes);
  }
  if (touched && write.done) {
    // The platform's writes to code count like stores; where on the page they were is not known.
    for (uint32_t i = 0; i < t.span_count; ++i) {
      if (t.spans[i].page == write.page) code_.changes().note(write.page, t.spans[i].granules);
    }
  }
  // Code that is to be checked from now on is made anew.
  for (uint32_t i = 0; i < t.span_count; ++i) {
    if ((code_.changes().checked(t.spans[i].page) & t.spans[i].granules) != 0) return discard(t, DropReason::CodeChanged);
  }
  if (!touched && write.done && has(kSwitchRevalidate)) {
    count(Counter::SmcRevalidations);
    return;
  }
  if (!has(kSwitchRevalidate) && !(touched && has(kSwitchGroups))) return discard(t, DropReason::CodeChanged);
  // A store that is about to happen need not change what it hits.
  deactivate(t);
  if (!touched || !write.done) return;
  if (has(kSwitchGroups)) lapse(t);
  else discard(t, DropReason::CodeChanged);
}

Translation* TranslationCache::checking(uint32_t eip) {
  if (!code_.changes().any_checked()) return nullptr;
  for (unsigned i = 0; i < kBuckets; ++i) {
    for (Translation* t = buckets_[i]; t != nullptr; t = t->next_in_bucket) {
      if (!t->valid || !t->checks || t->key != code_.key()) continue;
      for (const SourceInstruction& instruction : source_of(*t)) {
        if (instruction.eip == eip && code_.still_mapped(*t) && !source_is_back(*t)) return t;
      }
    }
  }
  return nullptr;
}

bool TranslationCache::recheck(Translation& t) {
  count(Counter::SmcCheckFailures);
  if (source_is_back(t)) return false;
  learn(t);
  if (!has(kSwitchGroups)) {
    discard(t, DropReason::CodeChanged);
  } else {
    deactivate(t);
    lapse(t);
  }
  return true;
}

void TranslationCache::remap() {
  forget_jumps();
  for_all([this](Exit& exit) {
    if (exit.crossing) unchain(exit);
  });
}

/// Visits the chained exits.
template <class Visit>
void TranslationCache::for_all(Visit visit) {
  for (auto& generations : areas_) {
    for (Area& area : generations) {
      for (uint32_t i = 0; i < area.count; ++i) {
        Translation& t = records_[area.first_record + (area.oldest + i) % area.records.capacity];
        for (uint32_t k = 0; t.valid && k < t.exit_count; ++k) {
          Exit& exit = exits_[area.first_exit + t.first_exit + k];
          if (exit.leads_to != nullptr) visit(exit);
        }
      }
    }
  }
}

void TranslationCache::unchain_all() {
  for_all([this](Exit& exit) { unchain(exit); });
}

void TranslationCache::drop_oldest() {
  for (auto& generations : areas_) {
    for (Area& area : generations) {
      if (area.count != 0) drop_oldest(area);
    }
  }
}

void TranslationCache::clear() {
  for (auto& generations : areas_) {
    for (Area& area : generations) {
      while (area.count != 0) drop_oldest(area);
      area.bytes.next = area.exits.next = area.sites.next = area.sources.next = 0;
    }
  }
}

}  // namespace chrysalis::fw
