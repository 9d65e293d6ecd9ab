#include "hw/core.h"

#include <algorithm>

namespace chrysalis::hw {
namespace {

/// For the thread that runs the engine: the code of a verilated core keeps much on its stack.
constexpr std::size_t kStackBytes = 1 << 20;

}  // namespace

Core::Core(sc_core::sc_module_name name, const Clock& clock)
    : sc_module(name),
      instruction_socket("instruction_socket"),
      data_socket("data_socket"),
      device_socket("device_socket"),
      interrupts("interrupts"),
      clock_(clock) {
  SC_THREAD(execute);
  set_stack_size(kStackBytes);
}

Core::~Core() = default;

void Core::configure(const EngineFactory& build, const CoreParameters& parameters, isa::PhysicalMemory& memory, uint32_t quantum) {
  engine_.reset();  // before another: an engine may be the only one of its kind
  engine_ = build(parameters, memory, *this);
  quantum_ = quantum;
}

void Core::prepare_run(const RunLimits& limits) {
  limits_ = limits;
  resume_.notify(sc_core::SC_ZERO_TIME);
}

void Core::execute() {
  for (;;) {
    wait(resume_);
    end_ = engine_->run(limits_);
    sc_core::sc_pause();
  }
}

void Core::advance_to(Cycle now) {
  const Cycle present = clock_.now();
  if (now > present) wait(clock_.time(now - present));
}

// Everything that other processes do in cycles before `now` has been done when the wait ends. What they do in
// `now` itself reaches the interrupt lines through at least one delta cycle, so it is not yet in what
// interrupt_lines() reads: rule T1, whatever the order of processes.
Cycle Core::synchronise(Cycle now) {
  advance_to(now);
  const sc_core::sc_time ahead = sc_core::sc_time_to_pending_activity();
  const Cycle activity = clock_.cycles(sc_core::sc_time_stamp() + std::min(ahead, sc_core::sc_max_time() - sc_core::sc_time_stamp()));
  return std::min<Cycle>(activity, now + quantum_ - 1);
}

LineSource::Reply Core::fill(bool instruction, uint64_t line, uint32_t bytes, Cycle received) {
  tlm::tlm_generic_payload& payload = line_.prepare(LineRequest::Kind::Fill, line, bytes, instruction);
  sc_core::sc_time delay = clock_.until(received);
  (instruction ? instruction_socket : data_socket)->b_transport(payload, delay);
  require_ok(payload, name());
  return {clock_.arrival(delay), line_.request().served_by};
}

void Core::write_back(uint64_t line, uint32_t bytes, Cycle received) {
  tlm::tlm_generic_payload& payload = line_.prepare(LineRequest::Kind::WriteBack, line, bytes, false);
  sc_core::sc_time delay = clock_.until(received);
  data_socket->b_transport(payload, delay);
  require_ok(payload, name());
}

bool Core::device_access(bool write, uint64_t physical, unsigned size, uint8_t* bytes, Cycle now, Cycle& answered) {
  advance_to(now);
  device_payload_.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  device_payload_.set_address(physical);
  device_payload_.set_data_ptr(bytes);
  device_payload_.set_data_length(size);
  device_payload_.set_streaming_width(size);
  device_payload_.set_byte_enable_ptr(nullptr);
  device_payload_.set_dmi_allowed(false);
  device_payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  device_socket->b_transport(device_payload_, delay);
  if (device_payload_.get_response_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE) return false;
  require_ok(device_payload_, name());
  answered = clock_.arrival(delay);
  return true;
}

}  // namespace chrysalis::hw
