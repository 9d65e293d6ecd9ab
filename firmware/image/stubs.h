// Host code that no compiler writes: where the core starts, and where events enter. How translations are entered and
// left is firmware/code_stubs.h.
#pragma once

#include <cstdint>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/layout.h"

namespace chrysalis::image {

/// Labels of the stubs; no block has them.
enum StubLabel : int64_t {
  kLabelReset = -2,             ///< where the core starts: stack, event vector, then fw_start()
  kLabelEvent = -3,             ///< Special::Vbase: saves registers, calls fw_event(), restores, eret
  kLabelEventReturn = -4,       ///< fw_event() has returned
  kLabelEventAbandon = -5,      ///< a place to go on at: to fw_long_jump()
  kLabelNestedEvent = -6,       ///< an event within fw_event(): panics
};

/// What the stubs need to know of the program.
struct StubTargets {
  int64_t start = 0, event = 0, long_jump = 0;  ///< labels of fw_start(), fw_event() and fw_long_jump()
  uint64_t event_frame = 0, event_stack_end = 0, spill_slots = 0, event_spill_slots = 0;  ///< addresses
};

/// Appends all stubs to `layout`.
void add_stubs(const isa::MachineDescription& machine, const StubTargets& targets, translator::CodeLayout& layout);

}  // namespace chrysalis::image
