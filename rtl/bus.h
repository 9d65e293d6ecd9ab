// What the RTL core finds behind platform_pkg.sv: the calls that it makes into C++.
#pragma once

#include <cstdint>

#include "isa-host/state/core.h"

namespace chrysalis::rtl {

/// 16 bytes, little-endian.
struct Bytes16 {
  uint64_t low = 0, high = 0;
};

/// The strap numbers of platform_pkg.sv.
enum class Strap : unsigned {
  ConcealedBase, ConcealedSize, GuestSize, ResetVector, Features, Width, LiteralSlots, Offset, AliasEntries, StoreEntries, MissRegisters,
  Ports, JtbEntries, ReturnEntries, Branch, Indirect, Return, Rollback, Event, Eret,
  Slots = 32,
  Latencies = 64,
};

/// One implementation is current at a time; the calls of whichever model is evaluated go to it.
///
/// Calls come while the model is clocked. Those marked "comb" are made for the cycle that begins, once per cycle and
/// use; the others for the cycle that ends, in the order of docs/timing.md.
class Bus {
 public:
  static void set_current(Bus* bus);

  /// comb: up to 8 words of code at `pc`; returns how many there are, 0 where no code can be.
  virtual unsigned code(uint64_t pc, uint64_t (&words)[4]) = 0;
  /// comb: `size` bytes of plain memory.
  virtual Bytes16 load(uint64_t address, unsigned size) = 0;
  /// A concealed store.
  virtual void store(uint64_t address, unsigned size, const Bytes16& bytes) = 0;
  /// A gated store, in order. comb for stores to devices in a molecule that commits.
  virtual void gate(uint64_t address, unsigned size, bool device, const Bytes16& bytes) = 0;
  /// Gated stores to memory are made now: the core's own buffer has them until they drain, but the
  /// platform sees memory as it is after the commit.
  virtual void commit(unsigned guest_instructions) = 0;
  virtual void rollback() = 0;

  /// comb: false if no device answers. `delay`: cycles until it has.
  virtual bool device_load(uint64_t address, unsigned size, Bytes16& bytes, unsigned& delay) = 0;
  virtual bool device_store(uint64_t address, unsigned size, const Bytes16& bytes, unsigned& delay) = 0;
  /// comb: sends the gated stores to devices; returns the longest delay.
  virtual unsigned device_commit() = 0;

  /// A request for a line, received by the second level in cycle `received`; returns the cycle of its arrival.
  virtual uint64_t fill(bool instruction, uint64_t line, uint64_t received, bool& from_memory) = 0;
  virtual void write_back(uint64_t line, uint64_t received) = 0;

  struct PlatformAnswer {
    bool raise_event = false;
    uint64_t value = 0;
    uint64_t written_begin = 0, written_end = 0;  ///< concealed memory that the service has written; empty if 0
  };
  virtual PlatformAnswer platform(uint32_t service, uint64_t ready) = 0;

  virtual uint64_t strap(unsigned index) = 0;

  /// For retire records, where they are wanted: an access other than a guest store, in order of execution.
  virtual void record_access(isa::AccessKind kind, uint64_t address, unsigned size) = 0;

 protected:
  ~Bus() = default;
};

}  // namespace chrysalis::rtl
