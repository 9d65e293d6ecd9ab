#include "hw/device_bus.h"

#include "hw/check.h"

namespace chrysalis::hw {

DeviceBus::DeviceBus(sc_core::sc_module_name name, unsigned devices) : sc_module(name), socket("socket") {
  for (unsigned i = 0; i < devices; ++i) ranges_.emplace_back(sc_core::sc_gen_unique_name("device"));
  socket.register_b_transport(this, &DeviceBus::transport);
  socket.register_transport_dbg(this, &DeviceBus::transport_debug);
}

void DeviceBus::attach(uint64_t base, uint64_t size, tlm::tlm_target_socket<>& target) {
  for (const Range& range : ranges_) {
    check(base + size <= range.base || range.base + range.size <= base, "device ranges overlap");
  }
  check(attached_ < ranges_.size(), "no more devices than announced");
  Range& range = ranges_[attached_++];
  range.base = base;
  range.size = size;
  range.socket.bind(target);
}

DeviceBus::Range* DeviceBus::find(uint64_t address, uint64_t size) {
  for (Range& range : ranges_) {
    if (address >= range.base && size <= range.size && address - range.base <= range.size - size) return &range;
  }
  return nullptr;
}

void DeviceBus::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const uint64_t address = payload.get_address();
  Range* range = find(address, payload.get_data_length());
  if (range == nullptr) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  payload.set_address(address - range->base);
  range->socket->b_transport(payload, delay);
  payload.set_address(address);
}

unsigned DeviceBus::transport_debug(tlm::tlm_generic_payload& payload) {
  const uint64_t address = payload.get_address();
  Range* range = find(address, payload.get_data_length());
  if (range == nullptr) return 0;
  payload.set_address(address - range->base);
  const unsigned moved = range->socket->transport_dbg(payload);
  payload.set_address(address);
  return moved;
}

}  // namespace chrysalis::hw
