// What stands behind isa::Core in the cycle model: the memory's bytes, and a record of what each molecule did
// there, from which the engine then computes time.
#pragma once

#include <cstdint>

#include "hw/code_marks.h"
#include "hw/data_side.h"
#include "isa-host/physical_memory.h"
#include "hw/types.h"
#include "isa-host/state/core.h"

namespace chrysalis::hw {

/// Index of a register in isa::RegName's numbering, or this.
inline constexpr uint8_t kNoRegister = 2 * 64;

/// The register that a load of a molecule or plan writes; kNoRegister if none, or if `atom` is no load.
inline uint8_t load_destination(const isa::Atom& atom) {
  const isa::AtomInfo& row = isa::info(atom.op);
  if (!row.has(isa::kLoad)) return kNoRegister;
  if (row.uses(isa::kWritesVd)) return static_cast<uint8_t>(isa::kFpFile + atom.rd);
  return atom.rd < isa::kZero ? atom.rd : kNoRegister;
}

/// The rare things that a molecule can do, which the engine handles at once.
class EngineHooks {
 public:
  virtual bool device(bool write, uint64_t physical, unsigned size, uint8_t* bytes) = 0;
  virtual void code_written(uint64_t physical, unsigned size) = 0;
  virtual void commit(unsigned guest_instructions) = 0;
  virtual void rollback() = 0;
  virtual isa::PlatformResult platform(uint32_t service) = 0;
  virtual uint64_t molecules() = 0;
  virtual uint64_t atoms() = 0;

 protected:
  ~EngineHooks() = default;
};

/// The `Bus` of isa::Core. Everything is in the present molecule, which began at `now`.
class EngineBus {
 public:
  EngineBus(const isa::PhysicalMemory& memory, const CodeMarks& code, EngineHooks& hooks)
      : memory_(memory), code_(code), hooks_(hooks) {}

  // -- what the engine sets and reads ---------------------------------------------------------------------
  Cycle now = 0;                 ///< cycle in which the molecule is ready
  DataAccess accesses[kMaxAccesses];  ///< its D accesses, page pieces apart
  uint32_t access_count = 0;
  uint32_t gated_stores = 0;     ///< its guest stores
  uint8_t destination = 0;       ///< register of the atom that runs, for molecules with several memory atoms
  uint8_t source = 0;            ///< and that atom's place in the molecule
  uint32_t lines = 0;            ///< interrupt lines as the core sees them
  uint64_t forwarded = 0;        ///< gated stores that loads took bytes from

  // -- isa::Core's side -------------------------------------------------------------------------------------
  uint8_t* ram(uint64_t physical, uint64_t size) const { return memory_.ram(physical, size); }
  bool device_read(uint64_t physical, unsigned size, uint8_t* bytes) { return hooks_.device(false, physical, size, bytes); }
  bool device_write(uint64_t physical, unsigned size, const uint8_t* bytes) {
    return hooks_.device(true, physical, size, const_cast<uint8_t*>(bytes));
  }
  void note(isa::AccessKind kind, uint64_t physical, unsigned size) {
    if (kind == isa::AccessKind::GuestStore) {
      ++gated_stores;
      return;
    }
    DataAccess& access = accesses[access_count++];
    access.address = physical;
    access.size = static_cast<uint8_t>(size);
    access.destination = destination;
    access.source = source;
    access.guest = kind == isa::AccessKind::GuestLoad || kind == isa::AccessKind::GuestPrefetch;
    access.kind = kind == isa::AccessKind::ConcealedStore ? DataUse::Store
                  : kind == isa::AccessKind::GuestPrefetch || kind == isa::AccessKind::ConcealedPrefetch
                      ? DataUse::Prefetch
                      : DataUse::Load;
  }
  void note_atom(const isa::Atom& atom, unsigned place) {
    destination = load_destination(atom);
    source = static_cast<uint8_t>(place);
  }
  void note_forwarded(unsigned entries) { forwarded += entries; }
  void note_commit(unsigned guest_instructions, unsigned) { hooks_.commit(guest_instructions); }
  void note_rollback() { hooks_.rollback(); }
  void code_written(uint64_t physical, unsigned size) { hooks_.code_written(physical, size); }
  bool marks_code(uint64_t physical) const { return code_.marks(physical); }
  uint64_t cycles() const { return now; }
  uint64_t molecules() { return hooks_.molecules(); }
  uint64_t atoms() { return hooks_.atoms(); }
  uint64_t interrupt_lines() const { return lines; }
  isa::PlatformResult platform(uint32_t service) { return hooks_.platform(service); }

 private:
  const isa::PhysicalMemory& memory_;
  const CodeMarks& code_;
  EngineHooks& hooks_;
};

}  // namespace chrysalis::hw
