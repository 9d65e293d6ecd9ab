// Giving up what is under way: back to a place that a function on the stack below has marked.
#pragma once

#include <cstdint>

namespace chrysalis::fw {

/// ra, sp, s0..s11.
struct JumpBuffer {
  uint64_t kept[14];
};

}  // namespace chrysalis::fw

extern "C" {

/// Marks this place; returns 0, and again, with `result`, at each fw_long_jump().
__attribute__((returns_twice)) int fw_set_jump(chrysalis::fw::JumpBuffer* buffer);

/// Continues at the place that fw_set_jump() marked, which must be on the stack still. Not out of fw_event(), which
/// returns the place instead.
[[noreturn]] void fw_long_jump(chrysalis::fw::JumpBuffer* buffer, int result);
}
