#include "hw/platform.h"

#include <cstring>
#include <systemc>

#include "hw/check.h"
#include "hw/clock.h"
#include "hw/core.h"
#include "hw/device_bus.h"
#include "hw/engine.h"
#include "hw/interrupt_controller.h"
#include "hw/l2_cache.h"
#include "hw/memory.h"
#include "hw/scratch_device.h"
#include "hw/statistics.h"
#include "hw/timer.h"

namespace chrysalis::hw {

/// The modules, bound once. Never destroyed: SystemC wants its objects until the process ends.
struct Platform::Fabric {
  Clock clock;
  Core core;
  L2Cache l2;
  Memory memory;
  DeviceBus devices;
  Timer timer;
  ScratchDevice scratch;
  InterruptController interrupts;
  sc_core::sc_signal<bool> unused_line, timer_line, scratch_line;
  sc_core::sc_signal<uint32_t> raised;
  bool in_use = false;

  Fabric()
      : clock(sc_core::sc_time(1, sc_core::SC_NS)),
        core("core", clock),
        l2("l2", clock),
        memory("memory", clock),
        devices("devices", 2),
        timer("timer", clock),
        scratch("scratch", clock),
        interrupts("interrupts"),
        unused_line("unused_line"),
        timer_line("timer_line"),
        scratch_line("scratch_line"),
        raised("raised") {
    core.instruction_socket.bind(l2.instruction_socket);
    core.data_socket.bind(l2.data_socket);
    core.device_socket.bind(devices.socket);
    l2.memory_socket.bind(memory.socket);
    devices.attach(kTimerBase, Timer::kSize, timer.socket);
    devices.attach(kScratchBase, ScratchDevice::kSize, scratch.socket);
    timer.line.bind(timer_line);
    scratch.line.bind(scratch_line);
    interrupts.lines[0].bind(unused_line);  // the core's own timer
    interrupts.lines[1].bind(timer_line);
    interrupts.lines[2].bind(scratch_line);
    interrupts.raised.bind(raised);
    core.interrupts.bind(raised);
  }

  void start(const SystemParameters& parameters, isa::PhysicalMemory& contents, const EngineFactory& engine) {
    clock.reset();
    l2.configure(parameters.l2, parameters.l2_timing);
    memory.configure(contents, parameters.memory_timing);
    core.configure(engine, parameters.core, contents, parameters.quantum);
    timer.reset();
    scratch.reset();
    // Lets the lines settle, and every thread reach its first wait; no time passes.
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    while (sc_core::sc_pending_activity_at_current_time()) sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
};

Platform::Fabric& Platform::fabric() {
  static Fabric* const instance = new Fabric;
  return *instance;
}

std::unique_ptr<CoreEngine> systemc_engine(const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings) {
  return std::make_unique<Engine>(parameters, memory, surroundings);
}

Platform::Platform(const SystemParameters& parameters, uint64_t guest_ram_size, EngineFactory engine)
    : parameters_(parameters), engine_(std::move(engine)) {
  check(!fabric().in_use, "one Platform at a time");
  const isa::CoreConfig& config = parameters.core.config;
  memory_ = std::make_unique<isa::PhysicalMemory>(guest_ram_size, config.concealed_base, config.concealed_size);
  fabric().in_use = true;
  fabric().start(parameters_, *memory_, engine_);
}

Platform::~Platform() {
  fabric().core.set_service({});
  fabric().core.engine().observe(nullptr);
  fabric().in_use = false;
}

isa::PhysicalMemory& Platform::memory() { return *memory_; }

bool Platform::load(uint64_t physical, const void* bytes, std::size_t size) {
  uint8_t* place = memory_->ram(physical, size);
  if (place == nullptr) return false;
  std::memcpy(place, bytes, size);
  code_written(physical, size);
  return true;
}

void Platform::code_written(uint64_t physical, uint64_t size) { fabric().core.engine().memory_written(physical, size); }

void Platform::set_service(Service service) { fabric().core.set_service(std::move(service)); }

void Platform::set_mode(uint64_t begin, uint64_t end, Mode mode) {
  modes_.push_back({{begin, end}, mode});
  fabric().core.engine().set_mode(begin, end, mode);
}

void Platform::observe(Observer* observer) { fabric().core.engine().observe(observer); }

void Platform::reset() {
  fabric().start(parameters_, *memory_, engine_);
  for (const auto& [range, mode] : modes_) fabric().core.engine().set_mode(range.first, range.second, mode);
}

void Platform::rebuild(const SystemParameters& parameters, EngineFactory engine) {
  parameters_ = parameters;
  engine_ = std::move(engine);
  reset();
}

End Platform::run(uint64_t max_cycles, uint64_t max_instructions) {
  Fabric& machine = fabric();
  machine.core.prepare_run({max_cycles, max_instructions});
  sc_core::sc_start();
  check(sc_core::sc_get_status() == sc_core::SC_PAUSED, "the core ends a run by pausing");
  switch (machine.core.run_end()) {
    case RunEnd::Cycles: return End::Cycles;
    case RunEnd::Instructions: return End::Instructions;
    case RunEnd::Platform: return End::Platform;
    case RunEnd::Stopped: break;
  }
  return End::Stopped;
}

void Platform::stop() { fabric().core.engine().stop(); }

uint64_t Platform::cycles() const { return fabric().core.engine().cycles(); }
uint64_t Platform::instructions() const { return fabric().core.engine().instructions(); }
void Platform::charge_firmware_to(Mode mode) { fabric().core.engine().charge_firmware_to(mode); }
Account Platform::account() const { return fabric().core.engine().account(); }

std::vector<Statistic> Platform::statistics() const {
  const Fabric& machine = fabric();
  return collect_statistics(machine.core.engine(), machine.l2, machine.memory);
}

CoreView Platform::core() const { return fabric().core.engine().view(); }

}  // namespace chrysalis::hw

/// SystemC's library wants one even where, as here, main() is ours.
int sc_main(int, char**) { return 0; }
