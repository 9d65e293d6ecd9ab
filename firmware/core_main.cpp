// Entry points of the core form; the hosted form has hosted/hosted.cpp instead.
#include <new>

#include "firmware/monitor.h"
#include "firmware/panic.h"
#include "firmware/runtime/event_frame.h"
#include "firmware/runtime/jump.h"
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

void fw_event(chrysalis::fw::EventFrame*) {
  using namespace chrysalis::fw;
  if (monitor().event() == Monitor::Resume::Abandon) fw_long_jump(&g_resume, 1);
}

void fw_main() {
  using namespace chrysalis::fw;
  if (host::mailbox().magic != kMailboxMagic) panic("the mailbox is not filled in", 0);
  new (g_monitor) Monitor();
  fw_set_jump(&g_resume);
  for (;;) monitor().loop();  // after kReplyStop the platform executes nothing more
}
