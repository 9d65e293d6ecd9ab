#include "hw/memory.h"

#include <algorithm>
#include <cstring>

namespace chrysalis::hw {

Memory::Memory(sc_core::sc_module_name name, const Clock& clock)
    : sc_module(name), socket("socket"), clock_(clock) {
  socket.register_b_transport(this, &Memory::transport);
  socket.register_transport_dbg(this, &Memory::transport_debug);
}

void Memory::configure(isa::PhysicalMemory& contents, const LevelTiming& timing) {
  contents_ = &contents;
  timing_ = timing;
  next_start_ = 0;
  statistics_ = {};
}

void Memory::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  LineRequest* request = payload.get_extension<LineRequest>();
  if (request == nullptr) {
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
    return;
  }
  const Cycle arrival = clock_.arrival(delay);
  const Cycle start = std::max(arrival, next_start_);
  next_start_ = start + timing_.interval;
  statistics_.queue_cycles += start - arrival;
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  if (request->kind == LineRequest::Kind::WriteBack) {
    ++statistics_.lines_written;
    delay = clock_.until(start);
    return;
  }
  ++statistics_.lines_read;
  request->served_by = Level::Memory;
  delay = clock_.until(start + timing_.latency);
}

unsigned Memory::transport_debug(tlm::tlm_generic_payload& payload) {
  unsigned char* bytes = contents_->ram(payload.get_address(), payload.get_data_length());
  if (bytes == nullptr) return 0;
  if (payload.is_write()) {
    std::memcpy(bytes, payload.get_data_ptr(), payload.get_data_length());
  } else if (payload.is_read()) {
    std::memcpy(payload.get_data_ptr(), bytes, payload.get_data_length());
  }
  return payload.get_data_length();
}

}  // namespace chrysalis::hw
