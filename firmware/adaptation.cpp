#include "firmware/adaptation.h"

#include "firmware/counters.h"
#include "firmware/host.h"
#include "translator/order.h"

namespace chrysalis::fw {
namespace {

/// Events at one instruction that are taken as they come before more care is taken. A misspeculation costs a rollback and some
/// interpreted instructions; a translation costs thousands of cycles.
constexpr unsigned patience(isa::Cause cause) {
  switch (cause) {
    case isa::Cause::AliasFault: return 2;
    case isa::Cause::DeviceAccess:
    case isa::Cause::StoreBufferFull: return 1;
    default: return 4;
  }
}

/// Changes of an instruction's operands after which they are loaded when it executes. One change to anything else stops
/// that for a while: the translation would have to be made anew all the same.
constexpr int8_t kReloadAfter = 2, kOtherChange = -8;

/// Misspeculations in quick succession after which a region stops speculating, whatever its instructions have learnt.
constexpr uint8_t kThrottleAfter = 12;
/// What happens more rarely than this, in guest instructions, costs less than more care would.
constexpr uint64_t kQuickly = 50'000;
constexpr uint64_t kMillion = 1'000'000;

constexpr bool misspeculates(isa::Cause cause) { return cause == isa::Cause::AliasFault || cause == isa::Cause::GuestFault; }

constexpr uint32_t slot_of(uint32_t address) { return address ^ address >> 10; }

/// Counts an event that may be one in a quick succession.
void count_again(uint8_t& times, uint64_t& last, uint64_t within) {
  const uint64_t now = host::read_special<isa::Special::Gcount>();
  times = now - last < within ? static_cast<uint8_t>(times + 1) : 1;
  last = now;
}

}  // namespace

// A misspeculation costs a millionth of what there is for each of them: credit_ is in guest instructions times the rate.
Adaptation::Adaptation(uint32_t misspeculations) : budget_(uint64_t{misspeculations} * kMillion), credit_(budget_) { clear(); }

/// Guest instructions executed pay for misspeculations; no more than a million of them can be saved up.
void Adaptation::earn() {
  const uint64_t done = host::read_special<isa::Special::Gcount>();
  const uint64_t earned = (done - seen_) * (budget_ / kMillion);
  seen_ = done;
  credit_ = earned > budget_ - credit_ ? budget_ : credit_ + earned;
}

bool Adaptation::throttled(uint32_t eip) {
  earn();
  if (credit_ < kMillion) {
    count(Counter::ThrottledByBudget);
    return true;
  }
  const Entry* known = used_ == 0 ? nullptr : find(eip);
  if (known == nullptr || known->misspeculations < kThrottleAfter) return false;
  count(Counter::ThrottledRegions);
  return true;
}

// Most faults of a guest bring a page in, once for each page. Leaving those to the interpreter would cost more than they do.
bool Adaptation::learn_fault(uint32_t eip) {
  constexpr uint64_t kSoon = 5'000;
  constexpr uint8_t kInARow = 6;
  Entry& known = entry(eip);
  count_again(known.faults, known.faulted, kSoon);
  if (known.faults < kInARow || known.care == Care::Isolated) return false;
  change(known, Care::Isolated);
  return true;
}

void Adaptation::shorten(uint32_t region, uint32_t instructions) {
  entry(region).limit = instructions / 2;
  count(Counter::RegionsShortened);
}

void Adaptation::clear() {
  for (Entry& entry : entries_) entry = {kUnknown, kUnknown, 0, Care::None, 0, 0, 0, 0, 0, 0};
  used_ = 0;
}

const Adaptation::Entry* Adaptation::find(uint32_t address) const {
  for (uint32_t i = slot_of(address);; ++i) {
    const Entry& entry = entries_[i % kEntries];
    if (entry.address == address) return &entry;
    if (entry.address == kUnknown) return nullptr;
  }
}

Adaptation::Entry& Adaptation::entry(uint32_t address) {
  if (used_ == kEntries / 2) clear();
  for (uint32_t i = slot_of(address);; ++i) {
    Entry& entry = entries_[i % kEntries];
    if (entry.address == address) return entry;
    if (entry.address != kUnknown) continue;
    ++used_;
    entry.address = address;
    return entry;
  }
}

Care Adaptation::care(uint32_t eip) const {
  if (used_ == 0) return Care::None;
  const Entry* known = find(eip);
  return known == nullptr ? Care::None : known->care;
}

uint8_t Adaptation::order(uint32_t eip) const {
  const Entry* known = used_ == 0 ? nullptr : find(eip);
  if (known == nullptr) return 0;
  return static_cast<uint8_t>(known->order | (known->care == Care::InOrder ? translator::kWithAll : 0));
}

uint32_t Adaptation::limit(uint32_t eip) const {
  if (used_ == 0) return kUnknown;
  const Entry* known = find(eip);
  return known == nullptr ? kUnknown : known->limit;
}

void Adaptation::note_change(uint32_t eip, bool operands_only) {
  Entry& known = entry(eip);
  if (!operands_only) {
    known.changes = kOtherChange;
  } else if (known.changes < kReloadAfter && ++known.changes == kReloadAfter) {
    count(Counter::SmcStylised);
  }
}

bool Adaptation::reloads(uint32_t eip) const {
  if (used_ == 0) return false;
  const Entry* known = find(eip);
  return known != nullptr && known->changes == kReloadAfter;
}

void Adaptation::change(Entry& known, Care care) {
  known.faults = 0;
  known.care = care;
  known.learnt = ++lessons_;
  count(care == Care::InOrder ? Counter::InstructionsOrdered : Counter::InstructionsIsolated);
}

/// The accesses of the two keep their order from now on. There are few bits, so some pairs share one: nothing is wrong with more order.
void Adaptation::separate(uint32_t store, uint32_t load) {
  constexpr unsigned kPairBits = 7;
  const auto lowest = [](uint8_t bits) { return static_cast<uint8_t>(bits & -bits); };
  uint8_t bit = lowest(entry(store).order);
  if (bit == 0) bit = lowest(entry(load).order);
  if (bit == 0) bit = static_cast<uint8_t>(2u << pairs_++ % kPairBits);
  ++lessons_;
  for (const uint32_t eip : {store, load}) {
    Entry& known = entry(eip);
    known.order |= bit;
    known.faults = 0;
    known.learnt = lessons_;
  }
  count(Counter::InstructionsOrdered);
}

bool Adaptation::learn(const Abandoned& abandoned) {
  const isa::Cause cause = abandoned.cause;
  if (cause == isa::Cause::StoreBufferFull && abandoned.instructions > 1) {
    shorten(abandoned.region, abandoned.instructions);
    return true;
  }
  if (misspeculates(cause)) {
    earn();
    credit_ -= credit_ < kMillion ? credit_ : kMillion;
    Entry& region = entry(abandoned.region);
    if (region.misspeculations < kThrottleAfter) {
      count_again(region.misspeculations, region.misspeculated, kQuickly);
      if (region.misspeculations == kThrottleAfter) return true;
    }
  }
  Entry& known = entry(abandoned.eip == kUnknown ? abandoned.region : abandoned.eip);
  bool is_pair = cause == isa::Cause::AliasFault && abandoned.load != kUnknown;
  const bool known_pair = is_pair && translator::keep_order(order(abandoned.eip), order(abandoned.load));
  // The lesson has been learnt from another translation.
  if (abandoned.lessons < known.learnt && (!is_pair || known_pair)) return true;
  if (known_pair) is_pair = false;  // another load was meant
  count_again(known.faults, known.faulted, kQuickly);
  if (known.faults < patience(cause)) return false;
  if (is_pair) {
    separate(abandoned.eip, abandoned.load);
    return true;
  }
  const bool orders = known.care == Care::None && cause != isa::Cause::DeviceAccess && cause != isa::Cause::StoreBufferFull;
  change(known, orders ? Care::InOrder : Care::Isolated);
  return true;
}

}  // namespace chrysalis::fw
