// Entry points of the core form; the hosted form has hosted/hosted.cpp instead.
#include <new>

#include "firmware/monitor.h"
#include "firmware/panic.h"
#include "firmware/runtime/event_frame.h"
#include "firmware/runtime/runtime.h"

namespace chrysalis::fw {
namespace {

// Not an object of static storage: its constructor needs the mailbox, and runs when fw_main() says.
alignas(Monitor) unsigned char g_monitor[sizeof(Monitor)];
/// Where an abandoned instruction continues.
JumpBuffer g_resume;

}  // namespace

Monitor& monitor() { return *std::launder(reinterpret_cast<Monitor*>(g_monitor)); }

}  // namespace chrysalis::fw

chrysalis::fw::JumpBuffer* fw_event(chrysalis::fw::EventFrame*) {
  using namespace chrysalis::fw;
  return monitor().event() == Monitor::Resume::Abandon ? &g_resume : nullptr;
}

void fw_main() {
  using namespace chrysalis::fw;
  if (host::mailbox().magic != kMailboxMagic) panic("the mailbox is not filled in", 0);
  new (g_monitor) Monitor();
  fw_set_jump(&g_resume);
  for (;;) run();  // after kReplyStop the platform executes nothing more
}
