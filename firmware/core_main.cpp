// Entry points of the core form: reset, events, and what the hosted form has from its library.
#include <new>

#include "firmware/event_frame.h"
#include "firmware/monitor.h"
#include "firmware/panic.h"

namespace chrysalis::fw {
namespace {

// Not an object of static storage: its constructor needs the mailbox, and runs when fw_main() says.
alignas(Monitor) unsigned char g_monitor[sizeof(Monitor)];

/// Where an abandoned instruction continues, on an empty stack.
extern "C" [[noreturn]] void fw_resume() {
  for (;;) monitor().loop();  // after kReplyStop the platform executes nothing more
}

}  // namespace

Monitor& monitor() { return *std::launder(reinterpret_cast<Monitor*>(g_monitor)); }

void panic(const char* text, uint32_t address) {
  uint64_t length = 0;
  while (text[length] != 0) ++length;
  Mailbox& mailbox = host::mailbox();
  mailbox.argument[0] = reinterpret_cast<uintptr_t>(text);
  mailbox.argument[1] = length;
  mailbox.context.cr2 = address;
  for (;;) host::platform(Service::Panic);
}

}  // namespace chrysalis::fw

extern "C" void fw_event(chrysalis::fw::EventFrame* frame) {
  using namespace chrysalis::fw;
  if (monitor().event() == Monitor::Resume::Repeat) return;
  frame->x[2] = host::mailbox().stack_top;
  host::write_special<chrysalis::isa::Special::Epc>(reinterpret_cast<uintptr_t>(&fw_resume));
}

extern "C" void fw_main() {
  using namespace chrysalis::fw;
  if (host::mailbox().magic != kMailboxMagic) panic("the mailbox is not filled in", 0);
  new (g_monitor) Monitor();
  fw_resume();
}
