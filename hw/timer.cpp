#include "hw/timer.h"

#include <cstring>

#include "hw/check.h"

namespace chrysalis::hw {

Timer::Timer(sc_core::sc_module_name name, const Clock& clock)
    : sc_module(name), socket("socket"), line("line"), clock_(clock) {
  socket.register_b_transport(this, &Timer::transport);
  SC_METHOD(update);
  sensitive << changed_;
  dont_initialize();
}

void Timer::reset() {
  compare_ = 0;
  changed_.cancel();
  changed_.notify(sc_core::SC_ZERO_TIME);
}

void Timer::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  // An accuracy contract: the core synchronises before it touches a device, so that the line moves in the
  // cycle of the access.
  check(delay == sc_core::SC_ZERO_TIME, "the timer is accessed in the present");
  if (payload.get_address() != 0 || payload.get_data_length() != kSize || payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }
  if (payload.is_write()) {
    std::memcpy(&compare_, payload.get_data_ptr(), kSize);
    changed_.notify(sc_core::SC_ZERO_TIME);
  } else {
    std::memcpy(payload.get_data_ptr(), &compare_, kSize);
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void Timer::update() {
  const Cycle now = clock_.now();
  const bool due = compare_ != 0 && now >= compare_;
  line.write(due);
  if (compare_ != 0 && !due && compare_ < clock_.last_cycle()) changed_.notify(clock_.until(compare_));
}

}  // namespace chrysalis::hw
