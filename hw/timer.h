// The timer behind the special register `tcompare`.
#pragma once

#include <cstdint>
#include <systemc>
#include <tlm>
#include <tlm_utils/simple_target_socket.h>

#include "hw/clock.h"
#include "hw/types.h"

namespace chrysalis::hw {

/// One 64-bit register at offset 0: the cycle from which on the line is raised; 0 is never. Rule T3.
/// Writing it lowers the line at once unless that cycle has come.
class Timer : public sc_core::sc_module {
 public:
  static constexpr uint64_t kSize = 8;

  tlm_utils::simple_target_socket<Timer> socket;
  sc_core::sc_out<bool> line;

  SC_HAS_PROCESS(Timer);
  Timer(sc_core::sc_module_name name, const Clock& clock);

  void reset();

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void update();

  const Clock& clock_;
  Cycle compare_ = 0;
  sc_core::sc_event changed_;
};

}  // namespace chrysalis::hw
