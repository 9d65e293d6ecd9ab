// How often guest code is stored to, and what follows: the ladder of protections.
//
// Code begins protected: a store to its granule raises an event. A granule that meets many such stores is handed over to
// its translations, which check their source themselves; from then on stores to it are free. Only which rung is
// cheapest is decided here. Each is right for any program.
#pragma once

#include <cstdint>

#include "firmware/abi.h"

namespace chrysalis::fw {

/// A store to bytes of one page that somebody holds, about to happen, or what the platform has done to a page.
struct CodeWrite {
  uint32_t page;      ///< physical
  uint32_t offset, size;
  bool done;          ///< the bytes are the new ones already, and may be the same as before
};

/// Counts stores to code by granule. Bounded: pages that share an entry displace each other, and begin anew.
class CodeChanges {
 public:
  explicit CodeChanges(const GearOptions& options);

  /// A store has met granules that hold code.
  void note(uint32_t page, uint32_t granules);
  /// Granules of the page whose code is checked by its translations, not protected.
  uint32_t checked(uint32_t page) const {
    if (all_checked_) return ~0u;
    if (!any_checked()) return 0;
    const Entry& entry = entries_[page % kEntries];
    return entry.page == page ? entry.checked : 0;
  }
  bool any_checked() const { return any_checked_; }

 private:
  static constexpr unsigned kEntries = 256, kGranules = 32;
  static constexpr uint32_t kNoPage = ~0u;
  /// Guest instructions, as a power of two, in which half of the count is forgotten: code that a loader or a compiler
  /// writes once in a while is not what checking is for.
  static constexpr unsigned kHalfLife = 20;

  struct Entry {
    uint32_t page = kNoPage;
    uint32_t checked = 0;
    uint32_t epoch = 0;
    uint8_t stores[kGranules] = {};
  };

  Entry& entry(uint32_t page);

  const uint32_t check_after_;  ///< events at one granule until its code is checked; 0: never
  const bool all_checked_, whole_pages_;
  bool any_checked_;
  Entry entries_[kEntries];
};

}  // namespace chrysalis::fw
