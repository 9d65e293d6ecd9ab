// From the reset stub to fw_main().
#include "firmware/abi.h"
#include "firmware/runtime/runtime.h"

extern "C" {

using Constructor = void (*)();
extern Constructor __init_array_start[];
extern Constructor __init_array_end[];

/// The stack is set up, memory outside the image is 0.
[[noreturn]] void fw_start() {
  for (Constructor* constructor = __init_array_start; constructor != __init_array_end; ++constructor) (*constructor)();
  fw_main();
  chrysalis::fw::panic("fw_main() has returned", 0);
}
}
