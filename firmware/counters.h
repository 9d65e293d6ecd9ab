// The firmware's own statistics by name.
#pragma once

#include <cstdint>

#include "firmware/host.h"

namespace chrysalis::fw {

enum class Counter : uint8_t {
#define FW_COUNTER(name, text, unit, description) name,
#include "firmware/counters.def"
#undef FW_COUNTER
  kCount
};
static_assert(static_cast<unsigned>(Counter::kCount) <= 128, "Mailbox::counter");

FW_INLINE void count(Counter counter, uint64_t n = 1) { host::mailbox().counter[static_cast<unsigned>(counter)] += n; }

}  // namespace chrysalis::fw
