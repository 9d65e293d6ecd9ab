// What compiled firmware may use of its surroundings, in both forms. The core form has no libc: its runtime
// (this folder) supplies operator new and delete, memcpy and friends, and what the compiler calls. The hosted
// form takes them from the build machine; hosted.cpp supplies the rest.
#pragma once

#include <cstddef>
#include <cstdint>

#include "firmware/panic.h"

namespace chrysalis::fw {

/// Sends diagnostic text to the platform.
void console(const char* text, size_t length);

}  // namespace chrysalis::fw

extern "C" {

/// The firmware's own main function. Static constructors have run; it does not return until the platform stops.
void fw_main();
}
