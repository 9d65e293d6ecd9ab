// What executes molecules, as the core's SystemC module and the platform see it: hw/engine.h, or the RTL core.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "hw/account.h"
#include "hw/data_side.h"
#include "hw/fetch_side.h"
#include "hw/observer.h"
#include "hw/parameters.h"
#include "hw/surroundings.h"
#include "hw/types.h"
#include "isa-host/events.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::hw {

/// How far a run may go.
struct RunLimits {
  Cycle cycles = kNever;              ///< no molecule is ready in this cycle or later
  uint64_t instructions = kNever;     ///< no molecule begins once so many guest instructions are committed
};

enum class RunEnd : uint8_t {
  Cycles,        ///< RunLimits::cycles
  Instructions,  ///< RunLimits::instructions
  Platform,      ///< the service asked to stop
  Stopped,       ///< stop() was called
};

/// The architectural state, for tests and lockstep.
struct CoreView {
  const uint64_t* integer = nullptr;     ///< 64
  const isa::V128* vector = nullptr;     ///< 64
  const uint64_t* special = nullptr;     ///< isa::kSpecials; those that are stored
  const isa::Shadow* shadow = nullptr;
  uint64_t pc = 0;                       ///< of the next molecule
  uint32_t gated_stores = 0;
};

/// What a core has counted since reset: the values behind hw/statistics.def.
struct CoreCounters {
  Cycle cycles = 0;
  uint64_t molecules = 0, atoms = 0;
  uint64_t slots = 0;                ///< rule A3: what `atoms` would be with every slot used
  uint64_t instructions = 0;         ///< x86 instructions committed
  uint64_t commits = 0, rollbacks = 0;
  uint64_t rollback_atoms = 0;       ///< rollbacks by the atom; by event: `events`
  uint64_t events[isa::kCauses] = {};
  uint64_t guest_stores = 0;         ///< gated stores released
  uint64_t gated_peak = 0;           ///< most stores ever gated at a commit
  uint64_t forwards = 0;             ///< gated stores that loads took bytes from
  uint64_t device_accesses = 0;
  uint64_t branches_taken = 0;
  uint64_t jtb_lookups = 0, jtb_hits = 0;
  uint64_t return_pops = 0, return_hits = 0;
  uint64_t decodings = 0;            ///< molecules predecoded; 0 where none are
  DataSide::Statistics data;
  FetchSide::Statistics fetch;
};

class CoreEngine {
 public:
  virtual ~CoreEngine() = default;

  /// Power on; caches cold, statistics zero. Memory keeps its contents.
  virtual void reset() = 0;
  /// Executes from where the last run ended.
  virtual RunEnd run(const RunLimits& limits) = 0;
  /// Makes run() return: at once for an observer, at its next synchronisation otherwise. May be called from anywhere, a signal
  /// handler too.
  virtual void stop() = 0;

  /// Cycles passed: the next molecule comes up in this one, or its waiting so far has been charged.
  virtual Cycle cycles() const = 0;
  /// x86 instructions committed.
  virtual uint64_t instructions() const = 0;
  virtual Account account() const = 0;
  virtual CoreCounters counters() const = 0;
  /// Valid until the engine runs again. Between runs.
  virtual CoreView view() const = 0;

  /// Tells `observer` of every molecule from now on; null: nobody. Not while running.
  virtual void observe(Observer* observer) = 0;
  /// What the firmware's modes (kFirmwareModes) would be charged from now on goes to `mode`; Firmware: to each its own again.
  virtual void charge_firmware_to(Mode mode) = 0;
  /// Molecules in [begin, end) count for `mode`.
  virtual void set_mode(uint64_t begin, uint64_t end, Mode mode) = 0;
  /// Somebody other than the core has written memory.
  virtual void memory_written(uint64_t address, uint64_t size) = 0;
};

/// Builds an engine in the state of reset. Its arguments outlive it.
using EngineFactory =
    std::function<std::unique_ptr<CoreEngine>(const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings)>;

}  // namespace chrysalis::hw
