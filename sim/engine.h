// An engine executes the machine: firmware, guest memory, mailbox. Five kinds behind one interface, so that the
// process personality and the command know nothing of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "firmware/abi.h"
#include "hw/observer.h"
#include "isa-host/physical_memory.h"
#include "isa-host/machine.h"
#include "sim/settings.h"
#include "sim/statistics.h"

namespace chrysalis::sim {

enum class Fidelity { Functional, Cycle, Rtl };
enum class FirmwareForm { Core, Hosted };

struct Limits {
  uint64_t instructions = UINT64_MAX;
  uint64_t cycles = UINT64_MAX;
};

enum class StopReason {
  Service,       ///< the service handler asked to stop
  Instructions,  ///< Limits::instructions reached
  Cycles,        ///< Limits::cycles reached
  Interrupted,   ///< `interrupt` became true
  Stopped,       ///< Engine::stop()
  Fault,         ///< the machine cannot go on: a bug of ours; see Engine::fault()
};

/// x86 instructions committed by interpretation and by gears 1 to 3.
struct GearMix {
  uint64_t instructions[4] = {};
};

class Engine {
 public:
  /// Called when the firmware executes `platform`; the mailbox holds the details. `cycle` is the current host cycle.
  /// Returns false to stop the run.
  using ServiceHandler = std::function<bool(fw::Service service, uint64_t cycle)>;

  virtual ~Engine() = default;
  virtual std::span<uint8_t> guest_ram() = 0;
  virtual fw::Mailbox& mailbox() = 0;
  /// Bytes of concealed memory, for diagnostic text; empty in the hosted form.
  virtual std::span<uint8_t> concealed() = 0;
  /// Tells `observer` of every molecule from now on; null: nobody. False if this kind of execution has no molecules in time.
  virtual bool observe(hw::Observer* observer) { return observer == nullptr; }
  /// For observers, where there is a core: its memory, and what it was built from.
  virtual const isa::PhysicalMemory* physical_memory() const { return nullptr; }
  virtual const isa::CoreConfig* core_config() const { return nullptr; }
  /// For observers: the run ends soon, with StopReason::Stopped.
  virtual void stop() {}
  /// Throws UserError unless use_rtl() can be called.
  virtual void check_rtl(const isa::MachineModel& machine) const;
  /// Starts anew, memory as it is, with the RTL core built for `machine`.
  virtual void use_rtl(const isa::MachineModel&) {}
  /// With the RTL core, and within its run: an FST of the cycles from now on; empty: ends it. False if it cannot be written.
  virtual bool waves(const std::string&) { return false; }
  /// The code cache.
  virtual std::span<const uint8_t> code_cache() = 0;
  /// Runs from reset, or from where the last call stopped at a limit.
  virtual StopReason run(const Limits& limits, const ServiceHandler& service, const std::atomic<bool>& interrupt) = 0;
  virtual uint64_t cycles() const = 0;
  virtual uint64_t instructions() const = 0;
  /// Where the account has modes.
  virtual std::optional<GearMix> gear_mix() const { return std::nullopt; }
  /// Adds the statistics of core, memory system and firmware, the cycle account included.
  virtual void collect(Statistics& statistics) const = 0;
  /// What went wrong, after StopReason::Fault.
  virtual std::string fault() const = 0;
};

/// Builds the machine and loads the firmware, whose blocks are not joined if `firmware_by_blocks` (only at cycle fidelity). Throws UserError for a machine that the firmware cannot be built for.
std::unique_ptr<Engine> make_engine(Fidelity fidelity, FirmwareForm form, const isa::MachineModel& machine,
                                    const Settings& settings, bool firmware_by_blocks = false);

}  // namespace chrysalis::sim
