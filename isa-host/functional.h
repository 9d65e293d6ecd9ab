// The functional executor: the host's semantics without time. One molecule counts as one cycle.
//
// C++17.
#pragma once

#include <atomic>

#include "isa-host/codec.h"
#include "isa-host/physical_memory.h"
#include "isa-host/predecode.h"
#include "isa-host/semantics.h"

namespace chrysalis::isa {

/// What serves the `platform` atom.
class PlatformPort {
 public:
  virtual ~PlatformPort() = default;
  virtual PlatformResult service(uint32_t number) = 0;
};

class FunctionalExecutor;

/// What the functional executor puts behind a Core.
struct FunctionalBus {
  PhysicalMemory& memory;
  FunctionalExecutor& executor;

  uint8_t* ram(uint64_t physical, uint64_t size) const { return memory.ram(physical, size); }
  bool device_read(uint64_t physical, unsigned size, uint8_t* bytes) { return memory.device_read(physical, size, bytes); }
  bool device_write(uint64_t physical, unsigned size, const uint8_t* bytes) { return memory.device_write(physical, size, bytes); }
  void note(AccessKind, uint64_t, unsigned) {}
  void note_atom(const Atom&, unsigned) {}
  void note_forwarded(unsigned) {}
  void note_commit(unsigned, unsigned) {}
  void note_rollback() {}
  inline bool marks_code(uint64_t physical) const;
  inline void code_written(uint64_t physical, unsigned size);
  inline uint64_t cycles() const;
  inline uint64_t molecules() const;
  inline uint64_t atoms() const;
  inline uint64_t interrupt_lines() const;
  inline PlatformResult platform(uint32_t service);
};

using FunctionalCore = Core<FunctionalBus>;

/// Added to EINFO's CodecError of an IllegalMolecule: well formed, but not for this machine.
inline constexpr uint64_t kInfoNotThisMachine = 0x100;

enum class StopReason : uint8_t { Budget, Platform, Event, Returned };

class FunctionalExecutor {
 public:
  /// `memory` and `port` outlive the executor.
  FunctionalExecutor(const CoreConfig& config, PhysicalMemory& memory, PlatformPort& port)
      : memory_(memory), port_(port), bus_{memory, *this}, core_(config, bus_), code_(config.concealed_base, config.concealed_size) {}
  FunctionalExecutor(const FunctionalExecutor&) = delete;
  FunctionalExecutor& operator=(const FunctionalExecutor&) = delete;

  FunctionalCore& core() { return core_; }
  const FunctionalCore& core() const { return core_; }

  /// Executes until `molecules` more have been executed (events taken count as one) or the platform stops.
  StopReason run(uint64_t molecules);
  /// One molecule, or the entry into an event that comes first.
  void step() { run(1); }
  /// For firmware that lives outside the core: executes until control comes to `return_address` (Returned), the
  /// core has entered the event vector, where nothing need be (Event), or the platform stops.
  StopReason run_until(uint64_t return_address);

  /// Special::Cycles: the molecules, and what pass() has added.
  uint64_t cycles() const { return molecules_ + passed_; }
  /// Lets time pass in which nothing is executed.
  void pass(uint64_t cycles) { passed_ += cycles; }
  uint64_t molecules() const { return molecules_; }
  uint64_t atoms() const { return atoms_; }
  uint64_t events(Cause cause) const { return events_[static_cast<unsigned>(cause)]; }

  /// From now on interrupts and samples come only by interrupt(): for an executor that follows another core.
  void follow() { following_ = true; }
  /// What programs read as molecules and atoms executed, while it follows.
  void tell(uint64_t molecules, uint64_t atoms) {
    told_molecules_ = molecules;
    told_atoms_ = atoms;
  }
  uint64_t molecules_read() const { return following_ ? told_molecules_ : molecules_; }
  uint64_t atoms_read() const { return following_ ? told_atoms_ : atoms_; }
  /// Enters the handler of an Interrupt or Sample before the next molecule.
  void interrupt(const Event& event);

  /// May be called from a signal handler.
  void set_interrupt_lines(uint64_t lines) { lines_.store(lines, std::memory_order_relaxed); }
  /// Line 0 is raised while so many guest instructions are committed, or so many cycles have gone by.
  void set_alarm(uint64_t instructions, uint64_t cycles = ~uint64_t{0}) {
    alarm_instructions_ = instructions;
    alarm_cycles_ = cycles;
  }
  uint64_t interrupt_lines() const {
    const bool alarm = core_.special[static_cast<unsigned>(Special::Gcount)] >= alarm_instructions_ || cycles() >= alarm_cycles_;
    return lines_.load(std::memory_order_relaxed) | (alarm ? 1 : 0);
  }
  /// To be called when somebody other than the core's own stores changes concealed memory.
  void code_written(uint64_t physical, uint64_t size) { code_.invalidate(physical, size); }
  bool marks_code(uint64_t physical) const { return code_.marks(physical); }
  PlatformResult platform(uint32_t number) { return port_.service(number); }

 private:
  struct Entry {
    Prepared<FunctionalCore> prepared;
    uint64_t next = 0;
  };
  /// `kCall`: for run_until().
  template <bool kCall> StopReason go(uint64_t molecules, uint64_t return_address);
  Entry* predecode(uint64_t pc);
  bool sample_due();
  void enter_event();

  PhysicalMemory& memory_;
  PlatformPort& port_;
  FunctionalBus bus_;
  FunctionalCore core_;
  PredecodeCache<Entry> code_;
  uint64_t molecules_ = 0, atoms_ = 0, passed_ = 0, last_sample_ = 0;
  bool following_ = false;
  uint64_t told_molecules_ = 0, told_atoms_ = 0;
  std::atomic<uint64_t> lines_ = 0;
  uint64_t alarm_instructions_ = ~uint64_t{0}, alarm_cycles_ = ~uint64_t{0};
  uint64_t events_[kCauses] = {};
};

bool FunctionalBus::marks_code(uint64_t physical) const { return executor.marks_code(physical); }
void FunctionalBus::code_written(uint64_t physical, unsigned size) { executor.code_written(physical, size); }
uint64_t FunctionalBus::cycles() const { return executor.cycles(); }
uint64_t FunctionalBus::molecules() const { return executor.molecules_read(); }
uint64_t FunctionalBus::atoms() const { return executor.atoms_read(); }
uint64_t FunctionalBus::interrupt_lines() const { return executor.interrupt_lines(); }
PlatformResult FunctionalBus::platform(uint32_t service) { return executor.platform(service); }

}  // namespace chrysalis::isa
