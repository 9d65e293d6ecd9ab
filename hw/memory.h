// Main memory: its timing, and the TLM-2.0 debug and direct-memory views of the bytes.
#pragma once

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_target_socket.h>

#include "hw/clock.h"
#include "hw/level_timing.h"
#include "hw/line_request.h"
#include "hw/types.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::hw {

/// One channel: a line that is read arrives `latency` cycles after its start, and each line read or
/// written occupies the channel for `interval` cycles.
class Memory : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Memory> socket;

  struct Statistics {
    uint64_t lines_read = 0, lines_written = 0;
    uint64_t queue_cycles = 0;
  };

  Memory(sc_core::sc_module_name name, const Clock& clock);

  /// Starts anew with `contents`, guest RAM and concealed memory, which must live until the next call.
  void configure(isa::PhysicalMemory& contents, const LevelTiming& timing);
  const Statistics& statistics() const { return statistics_; }

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_debug(tlm::tlm_generic_payload& payload);

  isa::PhysicalMemory* contents_ = nullptr;
  LevelTiming timing_;
  const Clock& clock_;
  Cycle next_start_ = 0;
  Statistics statistics_;
};

}  // namespace chrysalis::hw
