// What a molecule does, for whoever compares cores: the retire record and the commit record (docs/verification.md).
// Part of hw/observer.h. Plain C++17, no SystemC.
#pragma once

#include <cstdint>

#include "isa-host/atom.h"
#include "isa-host/state/core.h"

namespace chrysalis::hw {

/// A register as its molecule leaves it, whenever the result arrives. Integer registers have their value in `low`.
struct RegisterWrite {
  uint8_t reg = 0;  ///< isa::RegName: 0..63 integer, 64..127 floating point
  isa::V128 value;
};

/// A memory access, in physical addresses; one that crosses a page is two. Loads have no value of their own: it is
/// in the register that they write.
struct MemoryAccess {
  isa::AccessKind kind = isa::AccessKind::GuestLoad;
  uint8_t size = 0;
  uint64_t address = 0;
  uint8_t bytes[isa::kMaxAccess] = {};  ///< guest stores
};

/// What a commit makes architectural.
struct CommitRecord {
  uint64_t guest_pc = 0;            ///< special register GPC
  uint64_t total_instructions = 0;  ///< x86 instructions completed since reset
  uint64_t digest = 0;              ///< of the shadow state, see digest_of()
  const isa::GatedStore* stores = nullptr;  ///< released by it, oldest first
  uint32_t store_count = 0;
};

inline constexpr unsigned kMaxRetireWrites = 2 * isa::kMaxWords;
inline constexpr unsigned kMaxRetireAccesses = 4 * isa::kMaxWords;

/// What one molecule did; nothing, if it raised an event before it issued.
struct RetireRecord {
  uint64_t event_address = 0, event_info = 0;  ///< EADDR and EINFO of that event
  uint32_t write_count = 0, access_count = 0;
  RegisterWrite writes[kMaxRetireWrites];      ///< in order of slots
  MemoryAccess accesses[kMaxRetireAccesses];   ///< guest stores last; otherwise in order of execution
  bool committed = false;
  CommitRecord commit;                         ///< if so
};

/// Digest of the shadow registers, FCR, FSR and GPC: FNV-1a over their 64-bit words in that order.
inline uint64_t digest_of(const isa::Shadow& shadow) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](uint64_t word) {
    for (unsigned i = 0; i < 64; i += 8) hash = (hash ^ (word >> i & 0xff)) * 0x100000001b3;
  };
  for (const uint64_t r : shadow.r) add(r);
  for (const isa::V128& v : shadow.v) {
    add(v.low);
    add(v.high);
  }
  add(shadow.fcr);
  add(shadow.fsr);
  add(shadow.gpc);
  return hash;
}

}  // namespace chrysalis::hw
