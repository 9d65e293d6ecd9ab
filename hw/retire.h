// What a core tells about each molecule and each commit: the retire record and the commit record, by which two cores
// are compared (docs/verification.md). Plain C++17, no SystemC.
#pragma once

#include <cstdint>

#include "hw/types.h"
#include "isa-host/atom.h"
#include "isa-host/events.h"
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

inline constexpr unsigned kMaxRetireWrites = 2 * isa::kMaxWords;
inline constexpr unsigned kMaxRetireAccesses = 4 * isa::kMaxWords;

/// One per molecule, in order. A molecule that raises an event has no writes and no accesses. PlatformReturn follows its
/// molecule and has a record of its own; Interrupt and Sample name the molecule before which they came.
struct RetireRecord {
  Cycle ready = 0;       ///< in which it is ready (rule I2): what it reads as the time
  Cycle cycle = 0;       ///< in which it issues or raises its event
  uint64_t address = 0;  ///< host PC
  isa::Event event;      ///< cause None: the molecule has issued
  uint32_t write_count = 0, access_count = 0;
  RegisterWrite writes[kMaxRetireWrites];     ///< in order of slots
  MemoryAccess accesses[kMaxRetireAccesses];  ///< guest stores last; otherwise in order of execution
};

/// One per commit, behind its molecule's retire record.
struct CommitRecord {
  Cycle cycle = 0;
  uint64_t address = 0;             ///< host PC
  uint64_t guest_pc = 0;            ///< special register GPC
  uint32_t guest_instructions = 0;  ///< that it completes
  uint64_t total_instructions = 0;  ///< completed since reset
  uint64_t digest = 0;              ///< of the shadow state, see digest_of()
  const isa::GatedStore* stores = nullptr;  ///< released by it, oldest first; valid during the call
  uint32_t store_count = 0;
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

/// Told of everything that retires. The core's state during a call is that behind the molecule.
class Observer {
 public:
  virtual void retire(const RetireRecord& record) = 0;
  virtual void commit(const CommitRecord& record) = 0;

 protected:
  ~Observer() = default;
};

}  // namespace chrysalis::hw
