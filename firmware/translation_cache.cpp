#include "firmware/translation_cache.h"

#include <new>

#include "firmware/adaptation.h"
#include "firmware/code_stubs.h"
#include "firmware/counters.h"
#include "firmware/host.h"
#include "isa-host/encoding.h"

namespace chrysalis::fw {
namespace {

template <class T>
T* allocate(size_t count) {
  return static_cast<T*>(::operator new(count * sizeof(T)));
}

constexpr uint32_t kPageMask = isa::kPageSize - 1;

/// Gear of a record whose exits and counters may be another's by now.
constexpr uint8_t kGone = 0;

}  // namespace

bool SourceSpans::add(uint32_t eip, const Fetched& fetched) {
  const uint32_t offset = eip & kPageMask;
  const bool two = fetched.page[1] != fetched.page[0];
  const uint32_t in_first = two ? static_cast<uint32_t>(isa::kPageSize) - offset : fetched.length;
  for (uint32_t i = 0; i < (two ? 2u : 1u); ++i) {
    const uint32_t linear = (eip >> isa::kPageShift) + i;
    const uint32_t granules = i == 0 ? isa::granules_of(offset, in_first) : isa::granules_of(0, fetched.length - in_first);
    uint32_t at = 0;
    while (at < count && (span[at].linear_page != linear || span[at].page != fetched.page[i])) ++at;
    if (at == count) {
      if (count == kMaxSpans) return false;
      span[count++] = {fetched.page[i], linear, 0, nullptr, nullptr};
    }
    span[at].granules |= granules;
  }
  return true;
}

TranslationCache::TranslationCache(GuestCode& code, Eviction eviction, bool chaining)
    : code_(code),
      eviction_(eviction),
      chaining_(chaining),
      exits_(allocate<Exit>(kExitCapacity[0] + kExitCapacity[1] + kExitCapacity[2])),
      sites_(allocate<FaultSite>(kSiteCapacity[0] + kSiteCapacity[1] + kSiteCapacity[2])),
      records_(allocate<Translation>(kRecordCapacity[0] + kRecordCapacity[1] + kRecordCapacity[2])),
      buckets_(allocate<Translation*>(kBuckets)) {
  uint32_t first_exit = 0, first_site = 0, first_record = 0;
  for (unsigned gear = 0; gear < kGears; ++gear) {
    Area& area = areas_[gear];
    area.base = kGearAreaBase[gear];
    area.bytes.capacity = static_cast<uint32_t>(kGearAreaSize[gear]);
    area.exits.capacity = kExitCapacity[gear];
    area.sites.capacity = kSiteCapacity[gear];
    area.records.capacity = kRecordCapacity[gear];
    area.first_exit = first_exit;
    area.first_site = first_site;
    area.first_record = first_record;
    first_exit += kExitCapacity[gear];
    first_site += kSiteCapacity[gear];
    first_record += kRecordCapacity[gear];
  }
  for (unsigned i = 0; i < kBuckets; ++i) buckets_[i] = nullptr;
  for (unsigned i = 0; i < kJumpTableEntries; ++i) host::concealed<JumpTableEntry>(kJumpTableBase)[i].eip = kNoEip;
}

TranslationCache::~TranslationCache() {
  ::operator delete(exits_);
  ::operator delete(sites_);
  ::operator delete(records_);
  ::operator delete(buckets_);
}

Translation* TranslationCache::find(uint32_t eip) {
  for (Translation* t = bucket(eip); t != nullptr; t = t->next_in_bucket) {
    if (t->eip == eip && t->key == code_.key() && code_.still_mapped(*t)) return t;
  }
  return nullptr;
}

// -- room ------------------------------------------------------------------------------------------------------

void TranslationCache::drop_oldest(Area& area) {
  Translation& t = oldest(area);
  if (t.valid) {
    count(Counter::Evictions);
    discard(t);
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
    if (eviction_ == Eviction::Flush) {
      while (area.count != 0) drop_oldest(area);
    } else {
      while (area.count != 0 && begin(oldest(area)) >= ring.next) drop_oldest(area);
    }
    ring.next = 0;
  }
  while (area.count != 0 && begin(oldest(area)) < ring.next + size && end(oldest(area)) > ring.next) drop_oldest(area);
  return ring.next;
}

TranslationCache::Place TranslationCache::reserve(unsigned gear, uint32_t exits, uint32_t bytes) {
  Area& area = areas_[gear - 1];
  if (bytes > area.bytes.capacity / 4) return {0, 0};
  const uint32_t exit = make_room(area, area.exits, exits, [](const Translation& t) { return t.first_exit; },
                                  [](const Translation& t) { return t.first_exit + t.exit_count; });
  const uint32_t place = make_room(area, area.bytes, bytes, [](const Translation& t) { return t.place; },
                                   [](const Translation& t) { return t.place + t.bytes; });
  return {area.base + place, kFirstExit + area.first_exit + exit};
}

Translation* TranslationCache::install(const NewTranslation& made, const SourceSpans& spans) {
  Area& area = areas_[made.gear - 1];
  if (!code_.has_room(spans.count)) return nullptr;
  const uint64_t base = made.place.address;
  const auto site_count = static_cast<uint32_t>(made.sites.size());
  const uint32_t first_site = make_room(area, area.sites, site_count, [](const Translation& t) { return t.first_site; },
                                        [](const Translation& t) { return t.first_site + t.site_count; });
  if (area.count == area.records.capacity) drop_oldest(area);
  const Translation* counts = nullptr;
  if (Translation* const old = find(made.eip)) {
    counts = old->gear == 1 ? old : old->counts;
    discard(*old);
  }
  host::write_code(base, made.words.data(), made.words.size());

  Translation& t = records_[area.first_record + (area.oldest + area.count) % area.records.capacity];
  ++area.count;
  t.eip = made.eip;
  t.key = code_.key();
  t.gear = static_cast<uint8_t>(made.gear);
  t.instructions = static_cast<uint16_t>(made.instructions);
  t.code = base;
  t.place = static_cast<uint32_t>(base - area.base);
  t.bytes = static_cast<uint32_t>(made.words.size() * 4);
  t.first_exit = area.exits.next;
  t.exit_count = static_cast<uint32_t>(made.exits.size());
  t.first_site = first_site;
  t.site_count = site_count;
  t.faults = t.samples = 0;
  t.counts = made.gear == 1 ? nullptr : counts;
  t.incoming = nullptr;
  area.bytes.next = t.place + ((t.bytes + 63) & ~63u);
  area.exits.next += t.exit_count;
  area.sites.next = first_site + site_count;
  for (uint32_t i = 0; i < site_count; ++i) sites_[area.first_site + first_site + i] = made.sites[i];
  const auto host_address = [base](uint32_t word) { return static_cast<uint32_t>(base) + 4 * word; };
  for (uint32_t i = 0; i < t.exit_count; ++i) {
    const NewExit& from = made.exits[i];
    exits_[area.first_exit + t.first_exit + i] = Exit{from.target, host_address(from.molecule), host_address(from.word), host_address(from.link),
                                                      from.op, from.kind, from.literal, from.bridged, false, from.completed,
                                                      &t, nullptr, nullptr, nullptr};
    *host::concealed<uint32_t>(counter_address(made.place.first_exit + i)) = 0;
  }
  for (uint32_t i = 0; i < spans.count; ++i) t.span[i] = spans.span[i];
  t.owner = this;
  t.spans = t.span;
  t.span_count = spans.count;
  code_.hold(t);
  t.next_in_bucket = bucket(t.eip);
  bucket(t.eip) = &t;
  return &t;
}

const Translation* TranslationCache::counted(uint32_t eip) {
  const Translation* t = find(eip);
  if (t != nullptr && t->gear != 1) t = t->counts;
  return t != nullptr && t->gear == 1 && t->eip == eip ? t : nullptr;
}

uint32_t TranslationCache::times_left(const Translation& t, uint32_t index) const {
  return *host::concealed<const uint32_t>(counter_address(kFirstExit + areas_[t.gear - 1].first_exit + t.first_exit + index));
}

uint32_t TranslationCache::instruction_at(const Translation& t, uint64_t host) const {
  if (!t.holds(host)) return Adaptation::kUnknown;
  const FaultSite* const sites = sites_ + areas_[t.gear - 1].first_site + t.first_site;
  for (uint32_t i = 0; i < t.site_count; ++i) {
    if (sites[i].offset == host - t.code) return sites[i].eip;
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
  // The number may have been given to another exit meanwhile.
  if (exit.target != target.eip) return;
  if (!chaining_ || exit.kind > ExitKind::Returned || exit.leads_to != nullptr || !exit.owner->valid) return;
  patch(exit, target.code);
  exit.leads_to = &target;
  exit.crossing = exit.owner->span_count > 1 || target.span_count > 1 ||
                  exit.owner->eip >> isa::kPageShift != target.eip >> isa::kPageShift;
  exit.previous = nullptr;
  exit.next = target.incoming;
  if (exit.next != nullptr) exit.next->previous = &exit;
  target.incoming = &exit;
  count(Counter::Chains);
}

void TranslationCache::unchain(Exit& exit) {
  Translation& target = *exit.leads_to;
  if (exit.previous != nullptr) exit.previous->next = exit.next;
  else target.incoming = exit.next;
  if (exit.next != nullptr) exit.next->previous = exit.previous;
  exit.leads_to = nullptr;
  patch(exit, exit.link);
  count(Counter::Unchains);
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

void TranslationCache::discard(CodeHolder& holder) {
  auto& t = static_cast<Translation&>(holder);
  if (!t.valid) return;
  t.valid = false;
  while (t.incoming != nullptr) unchain(*t.incoming);
  Area& area = areas_[t.gear - 1];
  for (uint32_t i = 0; i < t.exit_count; ++i) {
    Exit& exit = exits_[area.first_exit + t.first_exit + i];
    if (exit.leads_to != nullptr) unchain(exit);
  }
  for (Translation** at = &bucket(t.eip); *at != nullptr; at = &(*at)->next_in_bucket) {
    if (*at != &t) continue;
    *at = t.next_in_bucket;
    break;
  }
  forget_jumps();
  count(Counter::TranslationsDropped);
}

void TranslationCache::remap() {
  forget_jumps();
  for (Area& area : areas_) {
    for (uint32_t i = 0; i < area.count; ++i) {
      Translation& t = records_[area.first_record + (area.oldest + i) % area.records.capacity];
      if (!t.valid) continue;
      for (uint32_t k = 0; k < t.exit_count; ++k) {
        Exit& exit = exits_[area.first_exit + t.first_exit + k];
        if (exit.leads_to != nullptr && exit.crossing) unchain(exit);
      }
    }
  }
}

void TranslationCache::clear() {
  for (Area& area : areas_) {
    while (area.count != 0) drop_oldest(area);
    area.bytes.next = area.exits.next = 0;
  }
}

}  // namespace chrysalis::fw
