// For whoever watches molecules go by: profiles, timelines, pipeline records, lockstep.
#pragma once

#include <cstdint>

#include "hw/account.h"
#include "hw/retire.h"
#include "hw/types.h"
#include "isa-host/events.h"

namespace chrysalis::hw {

/// One molecule's way through the core.
struct Observation {
  uint64_t address = 0, end = 0;  ///< of the molecule; end: of the one behind it
  uint64_t next = 0;              ///< of the molecule that comes next
  Mode mode = Mode::Firmware;
  isa::Cause event = isa::Cause::None;  ///< raised before it issued, so that nothing of it happened
  bool commits = false;
  bool rolls_back = false;        ///< by itself, or by the event
  uint16_t instructions = 0;      ///< x86 instructions that it has committed
  Cycle up = 0;                   ///< it came up
  Cycle ready = 0;                ///< it was fetched, its registers were ready, and it did its work
  Cycle issued = 0;               ///< it issued, or raised its event
  Cycle done = 0;                 ///< the next one comes up
  uint64_t charged[kCharges] = {};  ///< the cycles from `up` to `done` as the account has them
  const RetireRecord* record = nullptr;  ///< what it did, for observers that want records; valid during the call
};

class Observer {
 public:
  /// Called for each molecule, and for each event between two, in order.
  /// The core's state is that behind the molecule. Of an event that a platform service raises nothing is said but `next`.
  virtual void observe(const Observation& observation) = 0;
  /// Records cost time. Asked when observing begins.
  virtual bool wants_records() const { return false; }

 protected:
  ~Observer() = default;
};

}  // namespace chrysalis::hw
