#include "tests/firmware/programs/program.h"

#include "firmware/runtime/event_frame.h"

extern "C" {

void fw_main() {
  program();
  // An empty text is the end: the test's platform stops.
  for (;;) chrysalis::fw::console("", 0);
}

chrysalis::fw::JumpBuffer* fw_event(chrysalis::fw::EventFrame*) { chrysalis::fw::panic("unexpected event", 0); }
}
