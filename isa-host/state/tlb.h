// The TLB: an array that the firmware fills. Sets are chosen by the low bits of the virtual page; within a
// set, entries are replaced in turn (first in, first out), except that a page already present is
// overwritten in place. So a look-up changes nothing. Source: docs/host-isa.md, "TLB".
//
// C++17, no time.
#pragma once

#include <cstdint>

#include "isa-host/tlb_entry.h"

namespace chrysalis::isa {

inline constexpr unsigned kMaxTlb = 1024;

/// An entry as the model keeps it. `host` is the page in the simulator's memory if guest accesses may go
/// there directly: plain memory, not concealed; the executor that writes the entry finds out.
struct TlbSlot {
  uint32_t tag = kNoTag;   ///< virtual page, or kNoTag
  uint32_t flags = 0;
  uint32_t granules = 0;
  uint64_t physical = 0;   ///< address of the page
  uint8_t* host = nullptr;

  static constexpr uint32_t kNoTag = 0xffff'ffff;
};

class Tlb {
 public:
  /// `entries` and `ways` are powers of two, ways <= entries <= kMaxTlb; ways == entries: fully associative.
  explicit Tlb(unsigned entries = 64, unsigned ways = 64) : entries_(entries), ways_(ways), set_mask_(entries / ways - 1) {
    for (TlbSlot*& hint : hint_) hint = &slot_[0];
  }
  Tlb(const Tlb&) = delete;  // hints point into the object
  Tlb& operator=(const Tlb&) = delete;

  unsigned entries() const { return entries_; }
  unsigned ways() const { return ways_; }
  const TlbSlot& slot(unsigned i) const { return slot_[i]; }

  /// The entry that maps `virtual_page`, or null.
  TlbSlot* find(uint32_t virtual_page) {
    TlbSlot*& hint = hint_[virtual_page & (kHints - 1)];
    if (hint->tag == virtual_page) return hint;
    TlbSlot* set = set_of(virtual_page);
    for (unsigned way = 0; way < ways_; ++way)
      if (set[way].tag == virtual_page) return hint = &set[way];
    return nullptr;
  }

  /// Writes `entry` and returns its slot. An entry that is not valid removes the page instead.
  TlbSlot* write(const TlbEntry& entry) {
    TlbSlot* slot = find(entry.virtual_page);
    if (!entry.has(kTlbValid)) {
      if (slot != nullptr) *slot = TlbSlot{};
      return nullptr;
    }
    if (slot == nullptr) {
      const unsigned set = entry.virtual_page & set_mask_;
      slot = set_of(entry.virtual_page) + next_[set];
      next_[set] = static_cast<uint16_t>((next_[set] + 1) % ways_);
    }
    slot->tag = entry.virtual_page;
    slot->flags = entry.flags;
    slot->granules = entry.granules;
    slot->physical = entry.physical_page << kPageShift;
    slot->host = nullptr;
    return slot;
  }

  /// Removes all entries, or all but the global ones. Replacement starts anew with the first way.
  void flush(bool keep_global) {
    for (unsigned i = 0; i < entries_; ++i)
      if (!keep_global || (slot_[i].flags & kTlbGlobal) == 0) slot_[i] = TlbSlot{};
    for (uint16_t& next : next_) next = 0;
  }

  void flush_page(uint32_t virtual_page) {
    if (TlbSlot* slot = find(virtual_page)) *slot = TlbSlot{};
  }

 private:
  static constexpr unsigned kHints = 256;

  TlbSlot* set_of(uint32_t virtual_page) { return slot_ + (virtual_page & set_mask_) * ways_; }

  unsigned entries_, ways_;
  uint32_t set_mask_;
  uint16_t next_[kMaxTlb] = {};
  TlbSlot slot_[kMaxTlb];
  TlbSlot* hint_[kHints];  // speeds find() up; verified on use
};

}  // namespace chrysalis::isa
