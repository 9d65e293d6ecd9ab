#include "hw/l2_cache.h"

#include <algorithm>

namespace chrysalis::hw {

L2Cache::L2Cache(sc_core::sc_module_name name, const Clock& clock)
    : sc_module(name),
      instruction_socket("instruction_socket"),
      data_socket("data_socket"),
      memory_socket("memory_socket"),
      tags_({64, 1, 64}),
      clock_(clock) {
  instruction_socket.register_b_transport(this, &L2Cache::transport, kInstruction);
  data_socket.register_b_transport(this, &L2Cache::transport, kData);
  instruction_socket.register_transport_dbg(this, &L2Cache::transport_debug, kInstruction);
  data_socket.register_transport_dbg(this, &L2Cache::transport_debug, kData);
}

void L2Cache::configure(const CacheGeometry& geometry, const LevelTiming& timing) {
  tags_ = TagArray(geometry);
  timing_ = timing;
  next_start_ = 0;
  statistics_ = {};
}

void L2Cache::transport(int socket, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  LineRequest* request = payload.get_extension<LineRequest>();
  if (request == nullptr || payload.get_data_length() > tags_.line_size()) {
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
    return;
  }
  const Cycle arrival = clock_.arrival(delay);
  const Cycle start = std::max(arrival, next_start_);
  next_start_ = start + timing_.interval;
  statistics_.queue_cycles += start - arrival;
  const Cycle looked_up = start + timing_.latency;
  const uint64_t line = payload.get_address();
  payload.set_response_status(tlm::TLM_OK_RESPONSE);

  if (request->kind == LineRequest::Kind::WriteBack) {
    ++statistics_.write_backs_in;
    // A first-level line may be a part of ours, so one that we no longer hold cannot be allocated
    // without reading the rest: it goes on to memory.
    if (!tags_.access(line, true)) send_write_back(line, payload.get_data_length(), looked_up);
    delay = clock_.until(start);
    return;
  }
  const bool hit = tags_.access(line, false);
  ++(socket == kInstruction ? (hit ? statistics_.instruction_hits : statistics_.instruction_misses)
                            : (hit ? statistics_.data_hits : statistics_.data_misses));
  if (hit) {
    request->served_by = Level::L2;
    delay = clock_.until(looked_up);
    return;
  }
  // The fill goes out before the victim: the core waits for the one and not for the other.
  const Victim victim = tags_.allocate(line, false);
  tlm::tlm_generic_payload& fill =
      down_.prepare(LineRequest::Kind::Fill, tags_.line_of(line), tags_.line_size(), socket == kInstruction);
  delay = clock_.until(looked_up);
  memory_socket->b_transport(fill, delay);
  require_ok(fill, name());
  request->served_by = down_.request().served_by;
  if (victim.dirty) send_write_back(victim.address, tags_.line_size(), looked_up);
}

void L2Cache::send_write_back(uint64_t address, uint32_t bytes, Cycle when) {
  ++statistics_.write_backs_out;
  tlm::tlm_generic_payload& payload = down_.prepare(LineRequest::Kind::WriteBack, address, bytes, false);
  sc_core::sc_time delay = clock_.until(when);
  memory_socket->b_transport(payload, delay);
  require_ok(payload, name());
}

unsigned L2Cache::transport_debug(int, tlm::tlm_generic_payload& payload) {
  return memory_socket->transport_dbg(payload);
}

}  // namespace chrysalis::hw
