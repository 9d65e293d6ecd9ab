#include "firmware/adaptation.h"

#include "firmware/counters.h"

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

constexpr uint32_t slot_of(uint32_t address) { return address ^ address >> 10; }

}  // namespace

Adaptation::Adaptation() { clear(); }

void Adaptation::clear() {
  for (Entry& entry : entries_) entry = {kUnknown, kUnknown, Care::None, 0};
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

uint32_t Adaptation::limit(uint32_t eip) const {
  if (used_ == 0) return kUnknown;
  const Entry* known = find(eip);
  return known == nullptr ? kUnknown : known->limit;
}

bool Adaptation::learn(isa::Cause cause, uint32_t region, uint32_t instructions, uint32_t eip) {
  if (cause == isa::Cause::StoreBufferFull && instructions > 1) {
    entry(region).limit = instructions / 2;
    count(Counter::RegionsShortened);
    return true;
  }
  Entry& known = entry(eip == kUnknown ? region : eip);
  if (++known.faults < patience(cause)) return false;
  known.faults = 0;
  const bool orders = known.care == Care::None && cause != isa::Cause::DeviceAccess && cause != isa::Cause::StoreBufferFull;
  known.care = orders ? Care::InOrder : Care::Isolated;
  count(orders ? Counter::InstructionsOrdered : Counter::InstructionsIsolated);
  return true;
}

}  // namespace chrysalis::fw
