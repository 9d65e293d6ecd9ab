// The architectural state of the host and everything that happens to it without time: registers and
// shadows, gated stores, alias entries, TLB, look-up help, events. The functional executor and the cycle
// model derive from Core<Bus>; `Bus` is what each puts behind it. Source: docs/host-isa.md.
//
// C++17.
#pragma once

#include <cstring>

#include "isa-host/events.h"
#include "isa-host/machine_description.h"
#include "isa-host/state/alias_unit.h"
#include "isa-host/state/lookup.h"
#include "isa-host/state/store_buffer.h"
#include "isa-host/state/tlb.h"

namespace chrysalis::isa {

/// Contents of a floating-point register. An 80-bit value has its significand in `low` and sign and
/// exponent in the low 16 bits of `high`.
struct alignas(16) V128 {
  uint64_t low = 0, high = 0;
  friend bool operator==(const V128& a, const V128& b) { return a.low == b.low && a.high == b.high; }
};

/// What a core is built from.
struct CoreConfig {
  MachineDescription machine;
  uint64_t concealed_base = 0, concealed_size = 0;  ///< guest accesses never reach this physical range
  uint64_t reset_vector = 0;
};

/// What the platform wants after a service.
struct PlatformResult {
  bool stop = false;           ///< execute nothing more
  bool raise_event = false;    ///< enter the firmware with Cause::PlatformReturn
  uint64_t value = 0;          ///< EINFO of that event
};

/// A memory access that was made, as the bus's note() hears of it.
enum class AccessKind : uint8_t { GuestLoad, GuestStore, ConcealedLoad, ConcealedStore, GuestPrefetch, ConcealedPrefetch };

inline constexpr unsigned kCountModulus = 1u << 12;  ///< of what a commit counts
inline constexpr unsigned kDiscard = 64;  ///< index of Core::r that absorbs writes to r63

struct Shadow {
  uint64_t r[kShadowedInt] = {};
  V128 v[kShadowedFp] = {};
  uint64_t fcr = 0, fsr = 0, gpc = 0;
};

/// Bus, all members non-virtual and inlinable where it matters:
///   uint8_t* ram(uint64_t physical, uint64_t size)      plain memory there, or null. Stays valid: the TLB keeps it
///   bool device_read(uint64_t physical, unsigned size, uint8_t* bytes)         false: bus error
///   bool device_write(uint64_t physical, unsigned size, const uint8_t* bytes)
///   void note(AccessKind, uint64_t physical, unsigned size)       each access made, page pieces apart
///   void note_atom(const Atom&, unsigned source)        execute_carefully() is about to run it; its place in the molecule
///   void note_forwarded(unsigned entries)               a guest load took bytes from so many gated stores
///   void note_commit(unsigned guest_instructions, unsigned stores)   before the stores are released
///   void note_rollback()
///   void code_written(uint64_t physical, unsigned size) a store hit a page for which marks_code() is true
///   bool marks_code(uint64_t physical)                  whether molecules of that page are held predecoded
///   uint64_t cycles(), molecules(), atoms()             for the counters
///   uint64_t interrupt_lines()
///   PlatformResult platform(uint32_t service)
template <class Bus>
class Core {
 public:
  Core(const CoreConfig& config, Bus& bus_)
      : bus(bus_), stores(config.machine.store_buffer_entries), alias(config.machine.alias_entries),
        tlb(config.machine.tlb_entries, config.machine.tlb_ways), jtb(config.machine.jtb_entries),
        returns(config.machine.return_stack_entries), config_(config) {
    reset();
  }

  /// Power on: everything 0, ECAUSE = Reset, execution from the reset vector.
  void reset() {
    std::memset(r, 0, sizeof r);
    for (V128& f : v) f = V128{};
    shadow = Shadow{};
    for (uint64_t& s : special) s = 0;
    special_ref(Special::Ecause) = static_cast<uint64_t>(Cause::Reset);
    special_ref(Special::Features) = config_.machine.features;
    stores.drop();
    alias.clear();
    tlb.flush(false);
    jtb.clear();
    jtb.reset_counts();
    returns.clear();
    returns.reset_counts();
    event = Event{};
    stopped = false;
    fp_changed = true;
    commits = rollbacks = 0;
    uncounted = 0;
    pc = next_pc = config_.reset_vector;
  }

  // -- state that semantics and executors touch directly --------------------------------------------------
  Bus& bus;
  uint64_t r[kDiscard + 1];            ///< r[63] is always 0
  V128 v[kFpRegs];
  uint64_t special[kSpecials];         ///< those that are stored; read through read_special()
  uint64_t pc = 0;                     ///< of the molecule being executed
  uint64_t next_pc = 0;                ///< executor: set to the following molecule before execution; branches: set
  Event event;                         ///< raised by the molecule being executed
  bool stopped = false;                ///< the platform asked to stop
  bool fp_changed = true;              ///< a shadowed f register may differ from its shadow
  Shadow shadow;
  StoreBuffer stores;
  AliasUnit alias;
  Tlb tlb;
  Jtb jtb;
  ReturnStack returns;
  unsigned uncounted = 0;  ///< guest instructions that the next commit counts less, modulo kCountModulus
  uint64_t commits = 0, rollbacks = 0;

  const CoreConfig& config() const { return config_; }
  uint64_t& special_ref(Special s) { return special[static_cast<unsigned>(s)]; }
  void set_v(unsigned index, const V128& value) {
    v[index] = value;
    fp_changed |= index < kShadowedFp;
  }

  // -- commit, rollback, events ---------------------------------------------------------------------------------
  void commit(unsigned guest_instructions, bool has_pc, uint64_t guest_pc) {
    guest_instructions = (guest_instructions - uncounted) % kCountModulus;
    uncounted = 0;
    bus.note_commit(guest_instructions, stores.size());
    release_stores();
    std::memcpy(shadow.r, r, sizeof shadow.r);
    if (fp_changed) {
      for (unsigned i = 0; i < kShadowedFp; ++i) shadow.v[i] = v[i];
      fp_changed = false;
    }
    if (has_pc) special_ref(Special::Gpc) = guest_pc;
    shadow.fcr = special_ref(Special::Fcr);
    shadow.fsr = special_ref(Special::Fsr);
    shadow.gpc = special_ref(Special::Gpc);
    special_ref(Special::Gcount) += guest_instructions;
    ++commits;
  }

  void rollback() {
    bus.note_rollback();
    uncounted = 0;
    stores.drop();
    alias.clear();
    std::memcpy(r, shadow.r, sizeof shadow.r);
    if (fp_changed) {
      for (unsigned i = 0; i < kShadowedFp; ++i) v[i] = shadow.v[i];
      fp_changed = false;
    }
    special_ref(Special::Fcr) = shadow.fcr;
    special_ref(Special::Fsr) = shadow.fsr;
    special_ref(Special::Gpc) = shadow.gpc;
    ++rollbacks;
  }

  void raise(Cause cause, uint64_t address, uint64_t info_) { event = Event{cause, address, info_}; }

  /// Enters the firmware for `event`, which it clears. EPC: the molecule at `pc`, or for PlatformReturn the
  /// following one.
  void enter_event() {
    if (rolls_back(event.cause)) rollback();
    special_ref(Special::Epc) = event.cause == Cause::PlatformReturn ? next_pc : pc;
    special_ref(Special::Ecause) = static_cast<uint64_t>(event.cause);
    special_ref(Special::Eaddr) = event.address;
    special_ref(Special::Einfo) = event.info;
    special_ref(Special::Esave) = special_ref(Special::Imask);
    special_ref(Special::Imask) = 0;
    event = Event{};
    pc = next_pc = special_ref(Special::Vbase);
  }

  /// What may come between two molecules: an interrupt or a sample, into `event`. `sample_due` is the
  /// executor's knowledge of its clock.
  bool poll_interrupts(bool sample_due) {
    if (special_ref(Special::Imask) == 0) return false;
    if (const uint64_t lines = pending_lines()) {
      raise(Cause::Interrupt, 0, lines);
      return true;
    }
    if (!sample_due) return false;
    special_ref(Special::SampleAddress) = pc;
    raise(Cause::Sample, pc, 0);
    return true;
  }
  uint64_t pending_lines() {
    const uint64_t compare = special_ref(Special::TimerCompare);
    return bus.interrupt_lines() | (compare != 0 && bus.cycles() >= compare ? 1 : 0);
  }

  void eret() {
    next_pc = special_ref(Special::Epc);
    special_ref(Special::Imask) = special_ref(Special::Esave);
  }

  void platform(uint32_t service) {
    const PlatformResult result = bus.platform(service);
    stopped |= result.stop;
    if (result.raise_event) raise(Cause::PlatformReturn, 0, result.value);
  }

  // -- special registers --------------------------------------------------------------------------------------------
  uint64_t read_special(Special s) {
    switch (s) {
      case Special::Ipending: return pending_lines();
      case Special::Cycles: return bus.cycles();
      case Special::Molecules: return bus.molecules();
      case Special::Atoms: return bus.atoms();
      case Special::Commits: return commits;
      case Special::Rollbacks: return rollbacks;
      case Special::Gated: return stores.size();
      default: return special_ref(s);
    }
  }
  void write_special(Special s, uint64_t value) {
    switch (s) {
      case Special::Ipending: case Special::Cycles: case Special::Molecules: case Special::Atoms: case Special::Commits:
      case Special::Rollbacks: case Special::Gated: case Special::Features: case Special::SampleAddress: return;
      case Special::Imask: case Special::Esave: case Special::UserMode: case Special::Iomode: value &= 1; break;
      case Special::Epc: case Special::Vbase: value &= ~uint64_t{3}; break;
      case Special::Gpc: value &= 0xffff'ffff; break;
      default: break;
    }
    special_ref(s) = value;
  }

  // -- TLB ---------------------------------------------------------------------------------------------------------------
  void tlb_write(uint64_t word0, uint64_t word1) {
    TlbSlot* slot = tlb.write(TlbEntry::unpack(word0, word1));
    if (slot == nullptr || (slot->flags & kTlbDevice) != 0) return;
    if (!reaches_concealed(slot->physical, kPageSize)) slot->host = bus.ram(slot->physical, kPageSize);
  }
  /// Word 1 of the entry that maps the address, or 0.
  uint64_t tlb_probe(uint32_t address) {
    const TlbSlot* slot = tlb.find(address >> kPageShift);
    return slot == nullptr ? 0 : slot->flags | slot->physical;
  }

  // -- guest memory ---------------------------------------------------------------------------------------------------------
  // Each returns false after raising an event; then nothing has changed.

  /// Loads `kSize` bytes, little-endian. `entry` below 8 protects them.
  template <unsigned kSize> bool guest_load(uint32_t address, uint64_t& value, unsigned entry = kMaxAlias) {
    const uint32_t offset = address & (kPageSize - 1);
    const TlbSlot* slot = tlb.find(address >> kPageShift);
    if (slot == nullptr || slot->host == nullptr || offset + kSize > kPageSize || !readable(slot->flags)) {
      uint8_t bytes[8] = {};
      if (!guest_load_slowly(address, kSize, bytes, entry)) return false;
      std::memcpy(&value, bytes, 8);
      return true;
    }
    value = 0;
    std::memcpy(&value, slot->host + offset, kSize);
    const uint64_t physical = slot->physical + offset;
    if (stores.may_hold(physical, kSize)) forward(physical, kSize, reinterpret_cast<uint8_t*>(&value));
    if (entry < kMaxAlias) alias.protect(entry, {{physical, 0}, {kSize, 0}});
    bus.note(AccessKind::GuestLoad, physical, kSize);
    return true;
  }

  /// Gates a store of `kSize` bytes, checked against the alias entries in `mask`.
  template <unsigned kSize> bool guest_store(uint32_t address, uint64_t value, unsigned mask = 0) {
    const uint32_t offset = address & (kPageSize - 1);
    const TlbSlot* slot = tlb.find(address >> kPageShift);
    if (slot == nullptr || slot->host == nullptr || mask != 0 || stores.room() == 0 || offset + kSize > kPageSize ||
        !writable(slot->flags))
      return guest_store_slowly(address, kSize, reinterpret_cast<const uint8_t*>(&value), mask);
    const uint64_t physical = slot->physical + offset;
    stores.push(physical, kSize, reinterpret_cast<const uint8_t*>(&value), false);
    bus.note(AccessKind::GuestStore, physical, kSize);
    return true;
  }

  /// The general forms, 1 to 16 bytes.
  bool guest_load_slowly(uint32_t address, unsigned size, uint8_t* bytes, unsigned entry = kMaxAlias);
  bool guest_store_slowly(uint32_t address, unsigned size, const uint8_t* bytes, unsigned mask = 0);
  /// Raises what a store would, but for alias and a full buffer.
  bool guest_probe(uint32_t address, unsigned size) {
    PhysicalRange range;
    bool device = false;
    return translate(address, size, true, range, device);
  }
  void guest_prefetch(uint32_t address) {
    const TlbSlot* slot = tlb.find(address >> kPageShift);
    if (slot != nullptr && slot->host != nullptr && readable(slot->flags))
      bus.note(AccessKind::GuestPrefetch, slot->physical + (address & (kPageSize - 1)), 1);
  }

  // -- concealed memory: physical addresses, at once; inlined for the sake of constant sizes -----------------------------------------------------------------------
  [[gnu::always_inline]] inline bool concealed_load(uint64_t address, unsigned size, uint8_t* bytes) {
    if (const uint8_t* memory = bus.ram(address, size)) {
      std::memcpy(bytes, memory, size);
    } else if (!bus.device_read(address, size, bytes)) {
      raise(Cause::BusError, address, size);
      return false;
    }
    bus.note(AccessKind::ConcealedLoad, address, size);
    return true;
  }
  [[gnu::always_inline]] inline bool concealed_store(uint64_t address, unsigned size, const uint8_t* bytes) {
    if (uint8_t* memory = bus.ram(address, size)) {
      std::memcpy(memory, bytes, size);
      if (bus.marks_code(address) || bus.marks_code(address + size - 1)) bus.code_written(address, size);
    } else if (!bus.device_write(address, size, bytes)) {
      raise(Cause::BusError, address, size | kInfoWrite);
      return false;
    }
    bus.note(AccessKind::ConcealedStore, address, size);
    return true;
  }
  void concealed_prefetch(uint64_t address) {
    if (bus.ram(address, 1) != nullptr) bus.note(AccessKind::ConcealedPrefetch, address, 1);
  }

  bool reaches_concealed(uint64_t physical, uint64_t size) const {
    return physical < config_.concealed_base + config_.concealed_size && config_.concealed_base < physical + size;
  }

 private:
  bool user() const { return special[static_cast<unsigned>(Special::UserMode)] != 0; }
  uint64_t access_info(unsigned size, bool write) const {
    return size | (write ? uint64_t{kInfoWrite} : 0) | (user() ? uint64_t{kInfoUser} : 0);
  }
  bool readable(uint32_t flags) const { return !user() || (flags & kTlbUser) != 0; }
  bool writable(uint32_t flags) const {
    const uint32_t need = kTlbWritable | kTlbDirty | (user() ? kTlbUser : 0u);
    return (flags & (need | kTlbTranslated)) == need;
  }

  bool translate(uint32_t address, unsigned size, bool write, PhysicalRange& range, bool& device);
  bool translate_piece(uint32_t address, unsigned size, bool write, uint64_t access, uint64_t& physical, bool& device);
  void release_stores();

  void forward(uint64_t physical, unsigned size, uint8_t* bytes) {
    const unsigned sources = stores.forward(physical, size, bytes);
    if (sources != 0) bus.note_forwarded(sources);
  }

  CoreConfig config_;
};

template <class Bus>
bool Core<Bus>::translate_piece(uint32_t address, unsigned size, bool write, uint64_t access, uint64_t& physical, bool& device) {
  const TlbSlot* slot = tlb.find(address >> kPageShift);
  if (slot == nullptr) {
    raise(Cause::TlbMiss, address, access);
    return false;
  }
  const uint32_t flags = slot->flags;
  if (!readable(flags)) {
    raise(Cause::GuestFault, address, access | kInfoSupervisor);
    return false;
  }
  if (write && (flags & kTlbWritable) == 0) {
    raise(Cause::GuestFault, address, access | kInfoReadOnly);
    return false;
  }
  if (write && (flags & kTlbDirty) == 0) {
    raise(Cause::GuestFault, address, access | kInfoClean);
    return false;
  }
  const uint32_t offset = address & (kPageSize - 1);
  physical = slot->physical + offset;
  if (reaches_concealed(physical, size)) {
    raise(Cause::ConcealedAccess, address, access);
    return false;
  }
  if (write && (flags & kTlbTranslated) != 0 && (slot->granules & granules_of(offset, size)) != 0) {
    raise(Cause::TranslatedWrite, address, access | slot->physical >> kPageShift << kInfoPageShift);
    return false;
  }
  device = (flags & kTlbDevice) != 0;
  if (device && (special_ref(Special::Iomode) == 0 || (!write && !stores.empty()))) {
    raise(Cause::DeviceAccess, address, access);
    return false;
  }
  if (!device && slot->host == nullptr && bus.ram(physical, size) == nullptr) {
    raise(Cause::BusError, address, access);
    return false;
  }
  return true;
}

template <class Bus>
bool Core<Bus>::translate(uint32_t address, unsigned size, bool write, PhysicalRange& range, bool& device) {
  const uint64_t access = access_info(size, write);
  const uint32_t left = static_cast<uint32_t>(kPageSize) - (address & (kPageSize - 1));
  const unsigned first = size < left ? size : left;
  bool devices[2] = {false, false};
  if (!translate_piece(address, first, write, access, range.address[0], devices[0])) return false;
  range.size[0] = static_cast<uint8_t>(first);
  if (first < size) {
    if (!translate_piece(address + first, size - first, write, access, range.address[1], devices[1])) return false;
    range.size[1] = static_cast<uint8_t>(size - first);
    if (devices[0] != devices[1]) {  // no order that a device could see would be right
      raise(Cause::BusError, address, access);
      return false;
    }
  }
  device = devices[0];
  return true;
}

template <class Bus>
bool Core<Bus>::guest_load_slowly(uint32_t address, unsigned size, uint8_t* bytes, unsigned entry) {
  PhysicalRange range;
  bool device = false;
  if (!translate(address, size, false, range, device)) return false;
  unsigned done = 0;
  for (unsigned i = 0; i < 2 && range.size[i] != 0; done += range.size[i++]) {
    const uint64_t physical = range.address[i];
    const unsigned piece = range.size[i];
    if (device) {
      if (!bus.device_read(physical, piece, bytes + done)) {
        raise(Cause::BusError, address, access_info(size, false));
        return false;
      }
    } else {
      std::memcpy(bytes + done, bus.ram(physical, piece), piece);
      if (stores.may_hold(physical, piece)) forward(physical, piece, bytes + done);
    }
    bus.note(AccessKind::GuestLoad, physical, piece);
  }
  if (entry < kMaxAlias) alias.protect(entry, range);
  return true;
}

template <class Bus>
bool Core<Bus>::guest_store_slowly(uint32_t address, unsigned size, const uint8_t* bytes, unsigned mask) {
  PhysicalRange range;
  bool device = false;
  if (!translate(address, size, true, range, device)) return false;
  const uint64_t access = access_info(size, true);
  if (mask != 0) {
    if (const unsigned hits = alias.check(mask, range)) {
      raise(Cause::AliasFault, address, access | uint64_t{hits} << kInfoEntriesShift);
      return false;
    }
  }
  if (stores.room() < (range.size[1] != 0 ? 2u : 1u)) {
    raise(Cause::StoreBufferFull, address, access);
    return false;
  }
  unsigned done = 0;
  for (unsigned i = 0; i < 2 && range.size[i] != 0; done += range.size[i++]) {
    stores.push(range.address[i], range.size[i], bytes + done, device);
    bus.note(AccessKind::GuestStore, range.address[i], range.size[i]);
  }
  return true;
}

// Every gated store was translated and checked when it was made: releasing one cannot fail. A device that
// refuses a write ignores it, as on a PC's bus.
template <class Bus>
void Core<Bus>::release_stores() {
  for (unsigned i = 0; i < stores.size(); ++i) {
    const GatedStore& entry = stores[i];
    if (entry.device) {
      bus.device_write(entry.address, entry.size, entry.bytes);
    } else {
      std::memcpy(bus.ram(entry.address, entry.size), entry.bytes, entry.size);
    }
  }
  if (!stores.empty()) stores.drop();
}

}  // namespace chrysalis::isa
