#include "firmware/runtime/event_frame.h"

namespace {
constexpr unsigned kEventStackBytes = 64 * 1024;
}

extern "C" {

chrysalis::fw::EventFrame fw_event_frame;
alignas(16) uint8_t fw_spill_slots[chrysalis::fw::kSpillBytes];
alignas(16) uint8_t fw_event_spill_slots[chrysalis::fw::kSpillBytes];

// One object, so that the end directly follows the stack.
alignas(16) uint8_t fw_event_stack[kEventStackBytes];
}

asm(R"(
  .globl fw_event_stack_end
  .set fw_event_stack_end, fw_event_stack + 65536
)");

static_assert(kEventStackBytes == 65536, "fw_event_stack_end");
