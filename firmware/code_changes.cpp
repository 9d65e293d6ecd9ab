#include "firmware/code_changes.h"

#include "firmware/counters.h"
#include "firmware/host.h"

namespace chrysalis::fw {

CodeChanges::CodeChanges(const GearOptions& options)
    : check_after_((options.switches & kSwitchSelfCheck) != 0 ? options.check_after : 0),
      all_checked_((options.switches & kSwitchUnprotected) != 0),
      whole_pages_((options.switches & kSwitchWholePages) != 0),
      any_checked_(all_checked_) {}

CodeChanges::Entry& CodeChanges::entry(uint32_t page) {
  Entry& entry = entries_[page % kEntries];
  const auto epoch = static_cast<uint32_t>(host::read_special<isa::Special::Gcount>() >> kHalfLife);
  if (entry.page != page) {
    entry = Entry{};
    entry.page = page;
  } else if (entry.epoch != epoch) {
    const uint32_t halvings = epoch - entry.epoch < 8 ? epoch - entry.epoch : 8;
    for (uint8_t& stores : entry.stores) stores = static_cast<uint8_t>(stores >> halvings);
  }
  entry.epoch = epoch;
  return entry;
}

void CodeChanges::note(uint32_t page, uint32_t granules) {
  if (check_after_ == 0) return;
  Entry& counts = entry(page);
  for (uint32_t left = (whole_pages_ ? ~0u : granules) & ~counts.checked; left != 0; left &= left - 1) {
    const auto granule = static_cast<unsigned>(__builtin_ctz(left));
    uint8_t& stores = counts.stores[granule];
    if (stores < UINT8_MAX) ++stores;
    if (stores < check_after_) continue;
    count(Counter::SmcCheckedGranules);
    counts.checked |= 1u << granule;
    any_checked_ = true;
  }
}

}  // namespace chrysalis::fw
