// The simulated machine for those who run it: construct, load, run, read. SystemC stays behind this header,
// which is plain C++17.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hw/account.h"
#include "hw/core_engine.h"
#include "hw/observer.h"
#include "hw/parameters.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::hw {

/// Guest-physical places of the platform's devices; docs/timing.md, rule D11.
inline constexpr uint64_t kTimerBase = 0x6800'0000;    ///< hw/timer.h, interrupt line 1
inline constexpr uint64_t kScratchBase = 0x6801'0000;  ///< hw/scratch_device.h, interrupt line 2

/// The SystemC model of the core: hw/engine.h.
std::unique_ptr<CoreEngine> systemc_engine(const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings);

/// One statistic: names as in docs, values counted since the last reset.
struct Statistic {
  std::string name, unit, description;
  uint64_t value = 0;
};

/// Where a run ended.
enum class End : uint8_t {
  Cycles,        ///< the cycle limit
  Instructions,  ///< the limit of guest instructions
  Platform,      ///< the service handler asked to stop
  Stopped,       ///< stop()
};

/// Core, caches, memory and devices.
///
/// SystemC elaborates once per process and its time never goes back. So all platforms of a process share one
/// set of modules, and only one may exist at a time; constructing it, or reset(), starts everything anew:
/// cycle 0, cold caches, zero statistics. Results do not depend on what ran before.
///
/// Errors: std::runtime_error if the host cannot give the memory; misuse stops the process.
class Platform {
 public:
  /// Called when the core executes `platform`: the service number, and the cycle. The handler may read and
  /// write memory(); of code that it changes it tells code_written().
  using Service = std::function<isa::PlatformResult(uint32_t service, uint64_t cycle)>;

  /// `engine` makes the core.
  Platform(const SystemParameters& parameters, uint64_t guest_ram_size, EngineFactory engine = systemc_engine);
  ~Platform();
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  /// Guest RAM and concealed memory. Contents survive reset().
  isa::PhysicalMemory& memory();
  const isa::PhysicalMemory& memory() const { return *memory_; }
  const isa::CoreConfig& config() const { return parameters_.core.config; }
  /// Copies `size` bytes to physical memory. False if they are not all memory.
  bool load(uint64_t physical, const void* bytes, std::size_t size);
  void code_written(uint64_t physical, uint64_t size);

  void set_service(Service service);
  /// Cycles of molecules at host addresses [begin, end) are accounted to `mode`; a later call wins.
  void set_mode(uint64_t begin, uint64_t end, Mode mode);

  /// Tells `observer` of every molecule from now on; null: nobody. Costs nothing while nobody listens. Not within run().
  void observe(Observer* observer);
  /// From now on, what the firmware's modes (kFirmwareModes) would be charged goes to `mode`; Firmware: to each its own again.
  /// For a service handler, when the same code serves several purposes.
  void charge_firmware_to(Mode mode);

  void reset();
  /// Another core, in the state of reset, on the same memory; what observes stays behind.
  void rebuild(const SystemParameters& parameters, EngineFactory engine);
  /// Runs from where the last run ended until a limit, the service handler or stop() ends it. Between calls
  /// the state is that between two molecules.
  End run(uint64_t max_cycles = UINT64_MAX, uint64_t max_instructions = UINT64_MAX);
  /// Ends run(): at once for an observer, otherwise within a quantum. May be called from a service handler, another thread or a signal handler.
  void stop();

  uint64_t cycles() const;
  uint64_t instructions() const;
  Account account() const;
  /// In a fixed order. The account is not among them.
  std::vector<Statistic> statistics() const;
  CoreView core() const;

 private:
  struct Fabric;
  static Fabric& fabric();

  std::unique_ptr<isa::PhysicalMemory> memory_;
  SystemParameters parameters_;
  EngineFactory engine_;
  std::vector<std::pair<std::pair<uint64_t, uint64_t>, Mode>> modes_;  ///< to repeat after reset()
};

}  // namespace chrysalis::hw
