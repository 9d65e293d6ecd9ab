// The unified second-level cache.
#pragma once

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "hw/clock.h"
#include "hw/level_timing.h"
#include "hw/line_request.h"
#include "hw/tag_array.h"
#include "hw/types.h"

namespace chrysalis::hw {

/// Unified, write-back, write-allocate, neither inclusive nor exclusive; LRU; not blocked by its own
/// misses. Rules: docs/timing.md, "Second level and memory".
///
/// Lines of the first level may be shorter than ours. Requests must arrive in order of time over both sockets together, which holds because one core, in
/// order, drives them both.
class L2Cache : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket_tagged<L2Cache> instruction_socket;
  tlm_utils::simple_target_socket_tagged<L2Cache> data_socket;
  tlm_utils::simple_initiator_socket<L2Cache> memory_socket;

  struct Statistics {
    uint64_t instruction_hits = 0, instruction_misses = 0;
    uint64_t data_hits = 0, data_misses = 0;
    uint64_t write_backs_in = 0;   ///< dirty lines received from L1D
    uint64_t write_backs_out = 0;  ///< dirty lines sent to memory
    uint64_t queue_cycles = 0;     ///< cycles requests waited for the entry
  };

  L2Cache(sc_core::sc_module_name name, const Clock& clock);

  /// Empties the cache and gives it another shape.
  void configure(const CacheGeometry& geometry, const LevelTiming& timing);
  const Statistics& statistics() const { return statistics_; }

 private:
  enum SocketId { kInstruction, kData };

  void transport(int socket, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_debug(int socket, tlm::tlm_generic_payload& payload);
  void send_write_back(uint64_t address, uint32_t bytes, Cycle when);

  TagArray tags_;
  LevelTiming timing_;
  const Clock& clock_;
  Cycle next_start_ = 0;
  LinePayload down_;
  Statistics statistics_;
};

}  // namespace chrysalis::hw
