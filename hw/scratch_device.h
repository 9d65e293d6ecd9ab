// A small device with visible side effects: the example of a device region, and what the tests of device
// accesses observe.
#pragma once

#include <cstdint>
#include <systemc>
#include <tlm>
#include <tlm_utils/simple_target_socket.h>

#include "hw/clock.h"
#include "hw/types.h"

namespace chrysalis::hw {

/// Registers of 8 bytes, accessible in 1, 2, 4 or 8 bytes within one register:
///
///   0x00 data       read: the value, and counts the read; write: sets it, and counts the write
///   0x08 reads      reads of data so far
///   0x10 writes     writes of data so far
///   0x18 delay      cycles that an access to data takes
///   0x20 line       bit 0 drives the interrupt line
///   0x28 last       cycle of the last access to data
class ScratchDevice : public sc_core::sc_module {
 public:
  static constexpr uint64_t kSize = 0x1000;
  enum Register : uint64_t { kData = 0, kReads = 8, kWrites = 16, kDelay = 24, kLine = 32, kLast = 40, kEnd = 48 };

  tlm_utils::simple_target_socket<ScratchDevice> socket;
  sc_core::sc_out<bool> line;

  SC_HAS_PROCESS(ScratchDevice);
  ScratchDevice(sc_core::sc_module_name name, const Clock& clock);

  void reset();

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_debug(tlm::tlm_generic_payload& payload);
  bool move(tlm::tlm_generic_payload& payload);
  void drive() { line.write((registers_[kLine / 8] & 1) != 0); }

  const Clock& clock_;
  uint64_t registers_[kEnd / 8] = {};
  sc_core::sc_event line_changed_;
};

}  // namespace chrysalis::hw
