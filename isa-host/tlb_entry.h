// One entry of the host's TLB, as `tlbw` takes it: two packed words that the firmware fills.
// Source: docs/host-isa.md, "TLB".
//
// Freestanding C++17.
#pragma once

#include <cstdint>

namespace chrysalis::isa {

inline constexpr unsigned kPageShift = 12;
inline constexpr uint64_t kPageSize = 1u << kPageShift;
inline constexpr unsigned kGranuleShift = 7;                             ///< granules of 128 bytes
inline constexpr unsigned kGranules = 1u << (kPageShift - kGranuleShift);  ///< 32 per page

/// Flags of an entry, bits of word 1.
enum TlbFlag : uint32_t {
  kTlbUser = 1,        ///< accessible with user rights
  kTlbWritable = 2,    ///< stores allowed (the firmware folds CR0.WP in)
  kTlbTranslated = 4,  ///< some granule holds translated code: stores to set granules fault
  kTlbDevice = 8,      ///< accesses must be in order and not speculative
  kTlbDirty = 16,      ///< the page table's dirty bit is set; a store without it is a GuestFault
  kTlbGlobal = 32,     ///< survives tlbfll
  kTlbValid = 64,
};

/// Word 0: bits 0..19 virtual page, 32..63 granules (bit n: granule n holds translated code).
/// Word 1: bits 0..6 TlbFlag, 12..63 physical page address (its low 12 bits dropped).
struct TlbEntry {
  uint32_t virtual_page = 0;
  uint32_t granules = 0;
  uint32_t flags = 0;
  uint64_t physical_page = 0;

  constexpr bool has(uint32_t flag) const { return (flags & flag) != 0; }
  constexpr uint64_t word0() const { return virtual_page | uint64_t{granules} << 32; }
  constexpr uint64_t word1() const { return flags | physical_page << kPageShift; }
  static constexpr TlbEntry unpack(uint64_t word0, uint64_t word1) {
    TlbEntry entry;
    entry.virtual_page = static_cast<uint32_t>(word0) & 0xfffff;
    entry.granules = static_cast<uint32_t>(word0 >> 32);
    entry.flags = static_cast<uint32_t>(word1) & 0x7f;
    entry.physical_page = word1 >> kPageShift;
    return entry;
  }
};

/// Granules that the bytes [offset, offset+size) of one page touch.
constexpr uint32_t granules_of(uint32_t offset, uint32_t size) {
  const uint32_t first = offset >> kGranuleShift, last = (offset + size - 1) >> kGranuleShift;
  const uint32_t upto_last = last >= 31 ? ~0u : (1u << (last + 1)) - 1;
  return upto_last & ~((1u << first) - 1);
}

}  // namespace chrysalis::isa
