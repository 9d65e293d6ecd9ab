// The end of the run when the monitor itself is wrong.
#pragma once

#include <cstdint>

namespace chrysalis::fw {

/// Tells the platform `text` and the guest address concerned, and stops. For bugs of ours only.
[[noreturn]] void panic(const char* text, uint32_t address);

}  // namespace chrysalis::fw
