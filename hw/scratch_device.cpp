#include "hw/scratch_device.h"

#include <algorithm>
#include <cstring>

namespace chrysalis::hw {

ScratchDevice::ScratchDevice(sc_core::sc_module_name name, const Clock& clock)
    : sc_module(name), socket("socket"), line("line"), clock_(clock) {
  socket.register_b_transport(this, &ScratchDevice::transport);
  socket.register_transport_dbg(this, &ScratchDevice::transport_debug);
  SC_METHOD(drive);
  sensitive << line_changed_;
}

void ScratchDevice::reset() {
  std::fill(std::begin(registers_), std::end(registers_), 0);
  line_changed_.notify(sc_core::SC_ZERO_TIME);
}

/// Moves the bytes; false if they are not within one register.
bool ScratchDevice::move(tlm::tlm_generic_payload& payload) {
  const uint64_t address = payload.get_address();
  const unsigned size = payload.get_data_length();
  if (size == 0 || size > 8 || address >= kEnd || address % 8 + size > 8) return false;
  unsigned char* place = reinterpret_cast<unsigned char*>(registers_) + address;
  if (payload.is_write()) {
    std::memcpy(place, payload.get_data_ptr(), size);
  } else if (payload.is_read()) {
    std::memcpy(payload.get_data_ptr(), place, size);
  }
  return true;
}

void ScratchDevice::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (payload.get_byte_enable_ptr() != nullptr || !move(payload)) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  const uint64_t which = payload.get_address() & ~uint64_t{7};
  if (which == kData) {
    ++registers_[(payload.is_write() ? kWrites : kReads) / 8];
    registers_[kLast / 8] = clock_.arrival(delay);
    delay += clock_.time(registers_[kDelay / 8]);
  } else if (which == kLine && payload.is_write()) {
    line_changed_.notify(sc_core::SC_ZERO_TIME);
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

unsigned ScratchDevice::transport_debug(tlm::tlm_generic_payload& payload) {
  return move(payload) ? payload.get_data_length() : 0;
}

}  // namespace chrysalis::hw
