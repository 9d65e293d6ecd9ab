// What the event stub of the core form saves and restores around fw_event().
#pragma once

#include <cstdint>

namespace chrysalis::fw {

/// The interrupted firmware's registers: RISC-V x1..x31 as r32..r62 hold them (x[0] is unused). The stub restores
/// them from here and continues at Special::Epc; fw_event() may change both.
struct EventFrame {
  uint64_t x[32];
};

}  // namespace chrysalis::fw

/// Entered by the stub for every event.
extern "C" void fw_event(chrysalis::fw::EventFrame* frame);
/// Entered by the reset stub with the stack of the mailbox, once static data is in place.
extern "C" [[noreturn]] void fw_main();
