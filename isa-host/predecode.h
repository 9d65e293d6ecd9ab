// Molecules kept ready for execution, found by host address. Concealed memory is their only home; a store
// to it drops the molecules that it touches.
//
// C++17. `Entry` is what an executor keeps per molecule.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "isa-host/atom.h"

namespace chrysalis::isa {

template <class Entry> class PredecodeCache {
 public:
  PredecodeCache(uint64_t base, uint64_t size) : base_(base), size_(size), pages_(size / kPage + 1) {}

  bool holds(uint64_t address) const { return address - base_ < size_; }

  /// The molecule at `address`, or null.
  Entry* find(uint64_t address) const {
    const uint64_t offset = address - base_;
    if (offset >= size_ || (offset & 3) != 0) return nullptr;
    const Page* page = pages_[offset / kPage].get();
    return page == nullptr ? nullptr : page->at[offset % kPage / 4];
  }

  /// Room for the molecule at `address` (4-aligned, within range), `bytes` long.
  Entry& insert(uint64_t address, unsigned bytes) {
    Entry* entry;
    if (free_.empty()) {
      entries_.push_back(std::make_unique<Entry>());
      entry = entries_.back().get();
    } else {
      entry = free_.back();
      free_.pop_back();
    }
    const uint64_t offset = address - base_;
    page(offset).at[offset % kPage / 4] = entry;
    page(offset + bytes - 1);  // so that marks() knows
    return *entry;
  }

  /// Whether a store there may touch a molecule.
  bool marks(uint64_t address) const {
    const uint64_t offset = address - base_;
    return offset < size_ && pages_[offset / kPage] != nullptr;
  }

  /// Drops the molecules that overlap the bytes. They stay in existence until collect(): one of them may be
  /// executing.
  void invalidate(uint64_t address, uint64_t bytes) {
    const uint64_t reach = 4 * (kMaxWords - 1);
    uint64_t first = address > base_ + reach ? (address - base_ - reach) & ~uint64_t{3} : 0;
    const uint64_t end = address + bytes > base_ ? address + bytes - base_ : 0;
    for (; first < end && first < size_; first += 4) {
      Page* page = pages_[first / kPage].get();
      if (page == nullptr) {
        first = (first / kPage + 1) * kPage - 4;
        continue;
      }
      Entry*& entry = page->at[first % kPage / 4];
      if (entry == nullptr) continue;
      retired_.push_back(entry);
      entry = nullptr;
      changed_ = true;
    }
  }

  /// Whether something was dropped since collect().
  bool changed() const { return changed_; }
  void collect() {
    free_.insert(free_.end(), retired_.begin(), retired_.end());
    retired_.clear();
    changed_ = false;
  }

 private:
  static constexpr uint64_t kPage = 4096;
  struct Page {
    Entry* at[kPage / 4] = {};
  };
  Page& page(uint64_t offset) {
    std::unique_ptr<Page>& page = pages_[offset / kPage];
    if (page == nullptr) page = std::make_unique<Page>();
    return *page;
  }

  uint64_t base_, size_;
  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> free_, retired_;
  bool changed_ = false;
};

}  // namespace chrysalis::isa
