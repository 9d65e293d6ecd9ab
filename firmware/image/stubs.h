// Host code that no compiler writes: where the core starts, where events enter, how translations are entered
// and left.
#pragma once

#include <cstdint>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/layout.h"

namespace chrysalis::image {

/// Labels of the stubs; kLabelEnterTranslation is the code generator's.
enum StubLabel : int64_t {
  kLabelReset = -2,             ///< where the core starts: stack, event vector, then fw_start()
  kLabelEvent = -3,             ///< Special::Vbase: saves registers, calls fw_event(), restores, eret
  kLabelEventReturn = -4,
  kLabelNestedEvent = -5,       ///< an event within fw_event(): panics
  kLabelLeaveTranslation = -6,  ///< translations come here: r0..r9 to the context, back to who entered
};

/// What the stubs need to know of the program.
struct StubTargets {
  int64_t start = 0, event = 0;  ///< labels of fw_start() and fw_event()
  uint64_t event_frame = 0, event_stack_end = 0, spill_slots = 0, event_spill_slots = 0;  ///< addresses
};

/// Appends all stubs to `layout`.
void add_stubs(const isa::MachineDescription& machine, const StubTargets& targets, translator::CodeLayout& layout);

}  // namespace chrysalis::image
