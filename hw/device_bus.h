// Address decoding between the core and the devices.
#pragma once

#include <deque>
#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

namespace chrysalis::hw {

/// Passes each access to the device whose range holds all of it, with the address made relative to the
/// range. Anything else is answered TLM_ADDRESS_ERROR_RESPONSE, which the core turns into a BusError event.
class DeviceBus : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<DeviceBus> socket;

  /// With room for exactly so many devices: SystemC wants every socket bound.
  DeviceBus(sc_core::sc_module_name name, unsigned devices);

  /// Before elaboration ends: maps [base, base+size) to `target`. Ranges must not overlap.
  void attach(uint64_t base, uint64_t size, tlm::tlm_target_socket<>& target);

 private:
  struct Range {
    explicit Range(const char* socket_name) : socket(socket_name) {}
    uint64_t base = 0, size = 0;
    tlm_utils::simple_initiator_socket<DeviceBus> socket;
  };

  Range* find(uint64_t address, uint64_t size);
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_debug(tlm::tlm_generic_payload& payload);

  std::deque<Range> ranges_;  // sockets cannot move
  unsigned attached_ = 0;
};

}  // namespace chrysalis::hw
