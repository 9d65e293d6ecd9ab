// What the event stub of the core form saves, and what it calls. The image builder writes that stub
// (firmware/image/stubs.cpp) and uses the objects declared here by name.
#pragma once

#include <cstdint>

#include "firmware/runtime/jump.h"

namespace chrysalis::fw {

/// Host registers as the event met them, by number: r0..r27, r31, and of the firmware's registers those that
/// a call may change (x1, x2, x5..x7, x10..x17, x28..x31 in r(31+n)). When the molecule is to be repeated, all but
/// r0..r8 are loaded again.
struct EventFrame {
  uint64_t r[64];
  uint64_t active;  ///< 1 while fw_event() runs: an event that comes then is a bug, and panics
};

inline constexpr unsigned kSpillBytes = 256 * 8;  ///< spill slots of one context; translator/regalloc.h

}  // namespace chrysalis::fw

extern "C" {

/// Handles the event whose cause the special registers tell. Null: the molecule at Special::Epc is repeated;
/// otherwise execution goes on at the place that fw_set_jump() has marked there.
chrysalis::fw::JumpBuffer* fw_event(chrysalis::fw::EventFrame* frame);

/// Objects of runtime/event.cpp that the stubs use.
extern chrysalis::fw::EventFrame fw_event_frame;
extern uint8_t fw_event_stack[];
extern uint8_t fw_event_stack_end[];
extern uint8_t fw_spill_slots[];        ///< of ordinary code
extern uint8_t fw_event_spill_slots[];  ///< of fw_event() and what it calls
}
