// The gated store buffer: guest stores wait here, in order, until commit releases them or rollback drops
// them. Loads see the newest byte. Source: docs/host-isa.md, "Gated stores".
//
// C++17, no time: the functional executor and the cycle model share it.
#pragma once

#include <cstdint>
#include <cstring>

namespace chrysalis::isa {

inline constexpr unsigned kMaxStoreBuffer = 256;   ///< largest that a machine may ask for
inline constexpr unsigned kMinStoreBuffer = 36;    ///< one x86 instruction always fits
inline constexpr unsigned kMaxAccess = 16;         ///< bytes

/// One gated store: bytes that are contiguous in physical memory. A store that crosses a page takes two.
struct GatedStore {
  uint64_t address = 0;  ///< physical
  uint8_t size = 0;
  bool device = false;
  uint8_t bytes[kMaxAccess] = {};
};

class StoreBuffer {
 public:
  explicit StoreBuffer(unsigned capacity = kMinStoreBuffer) : capacity_(capacity) {}

  unsigned size() const { return size_; }
  unsigned capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  unsigned room() const { return capacity_ - size_; }
  const GatedStore& operator[](unsigned i) const { return entries_[i]; }

  /// Requires room().
  void push(uint64_t address, unsigned size, const uint8_t* bytes, bool device) {
    GatedStore& entry = entries_[size_++];
    entry.address = address;
    entry.size = static_cast<uint8_t>(size);
    entry.device = device;
    std::memcpy(entry.bytes, bytes, size);
    filter_ |= filter_bits(address, size);
  }

  /// Whether some gated byte may lie in the range: false is certain.
  bool may_hold(uint64_t address, unsigned size) const { return (filter_ & filter_bits(address, size)) != 0; }

  /// Lays gated bytes over `bytes`, the memory's contents of the range. Oldest first, so the newest wins.
  /// Returns how many entries contributed.
  unsigned forward(uint64_t address, unsigned size, uint8_t* bytes) const {
    unsigned sources = 0;
    for (unsigned i = 0; i < size_; ++i) {
      const GatedStore& entry = entries_[i];
      const uint64_t first = address > entry.address ? address : entry.address;
      const uint64_t end_a = address + size, end_b = entry.address + entry.size;
      const uint64_t end = end_a < end_b ? end_a : end_b;
      if (first >= end) continue;
      std::memcpy(bytes + (first - address), entry.bytes + (first - entry.address), end - first);
      ++sources;
    }
    return sources;
  }

  /// Drops everything, or everything but the oldest `keep` entries.
  void drop(unsigned keep = 0) {
    size_ = keep;
    filter_ = 0;
    for (unsigned i = 0; i < keep; ++i) filter_ |= filter_bits(entries_[i].address, entries_[i].size);
  }

 private:
  // A bit per 16-byte granule, modulo 64: an access touches at most two.
  static uint64_t filter_bits(uint64_t address, unsigned size) {
    return uint64_t{1} << (address >> 4 & 63) | uint64_t{1} << ((address + size - 1) >> 4 & 63);
  }

  unsigned capacity_;
  unsigned size_ = 0;
  uint64_t filter_ = 0;
  GatedStore entries_[kMaxStoreBuffer];
};

}  // namespace chrysalis::isa
