// The core as a SystemC module: its sockets, its place in simulated time.
#pragma once

#include <cstdint>
#include <functional>
#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>

#include "hw/clock.h"
#include "hw/core_engine.h"
#include "hw/line_request.h"
#include "hw/surroundings.h"

namespace chrysalis::hw {

/// Runs a CoreEngine in a thread. Misses leave through the instruction and data sockets, with the time of the
/// request as annotated delay: the thread does not wait for them. It waits only to synchronise, once per
/// quantum, and before accesses to devices.
class Core : public sc_core::sc_module, private Surroundings {
 public:
  tlm_utils::simple_initiator_socket<Core> instruction_socket;
  tlm_utils::simple_initiator_socket<Core> data_socket;
  tlm_utils::simple_initiator_socket<Core> device_socket;
  sc_core::sc_in<uint32_t> interrupts;

  using Service = std::function<isa::PlatformResult(uint32_t service, Cycle now)>;

  SC_HAS_PROCESS(Core);
  Core(sc_core::sc_module_name name, const Clock& clock);
  ~Core() override;

  /// Another machine, in the state of reset, with cold caches; `build` makes its engine. Time is at the clock's
  /// cycle 0. Not while running.
  void configure(const EngineFactory& build, const CoreParameters& parameters, isa::PhysicalMemory& memory, uint32_t quantum);
  void set_service(Service service) { service_ = std::move(service); }

  /// What the next sc_start() runs; that returns, by sc_pause(), when the engine has ended.
  void prepare_run(const RunLimits& limits);
  RunEnd run_end() const { return end_; }

  CoreEngine& engine() { return *engine_; }
  const CoreEngine& engine() const { return *engine_; }

 private:
  void execute();

  // Surroundings
  Reply fill(bool instruction, uint64_t line, uint32_t bytes, Cycle received) override;
  void write_back(uint64_t line, uint32_t bytes, Cycle received) override;
  Cycle synchronise(Cycle now) override;
  uint32_t interrupt_lines() override { return interrupts.read(); }
  bool device_access(bool write, uint64_t physical, unsigned size, uint8_t* bytes, Cycle now, Cycle& answered) override;
  isa::PlatformResult service(uint32_t service, Cycle now) override { return service_(service, now); }

  void advance_to(Cycle now);

  const Clock& clock_;
  std::unique_ptr<CoreEngine> engine_;
  uint32_t quantum_ = 1;
  Service service_;
  RunLimits limits_;
  RunEnd end_ = RunEnd::Cycles;
  sc_core::sc_event resume_;
  LinePayload line_;
  tlm::tlm_generic_payload device_payload_;
};

}  // namespace chrysalis::hw
