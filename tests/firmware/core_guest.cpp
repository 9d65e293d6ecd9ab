#include "tests/firmware/core_guest.h"

#include <cstring>

namespace chrysalis::test {
namespace {

class Port : public isa::PlatformPort {
 public:
  Port(isa::PhysicalMemory& memory, Guest& guest, CoreRun& run) : memory_(memory), guest_(guest), run_(run) {}

  isa::PlatformResult service(uint32_t number) override {
    copy_out();
    isa::PlatformResult result;
    const auto service = static_cast<fw::Service>(number);
    fw::Mailbox& mailbox = guest_.mailbox();
    if (service == fw::Service::Panic) {
      const uint8_t* const text = memory_.ram(mailbox.argument[0], mailbox.argument[1]);
      run_.failure = "panic: " + (text == nullptr ? "" : std::string(reinterpret_cast<const char*>(text), mailbox.argument[1]));
      result.stop = true;
      return result;
    }
    guest_.serve(service);
    result.stop = (mailbox.reply & fw::kReplyStop) != 0;
    copy_in();
    return result;
  }

  void copy_out() {
    std::memcpy(static_cast<void*>(&guest_.mailbox()), memory_.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)), sizeof(fw::Mailbox));
    std::memcpy(guest_.ram().data(), memory_.ram(0, guest_.ram().size()), guest_.ram().size());
  }
  void copy_in() {
    std::memcpy(memory_.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)), static_cast<void*>(&guest_.mailbox()), sizeof(fw::Mailbox));
    std::memcpy(memory_.ram(0, guest_.ram().size()), guest_.ram().data(), guest_.ram().size());
  }

 private:
  isa::PhysicalMemory& memory_;
  Guest& guest_;
  CoreRun& run_;
};

}  // namespace

CoreRun run_on_core(Guest& guest, const image::Image& image, const isa::MachineDescription& machine, uint64_t budget) {
  CoreRun run;
  isa::PhysicalMemory memory(guest.ram().size(), fw::kConcealedBase, fw::kConcealedSize);
  for (const image::Segment& segment : image.segments) {
    std::memcpy(memory.ram(segment.address, segment.bytes.size()), segment.bytes.data(), segment.bytes.size());
  }
  fw::Mailbox& mailbox = guest.mailbox();
  mailbox.heap_begin = image.heap_begin;
  mailbox.stack_top = fw::kConcealedBase + fw::kConcealedSize - 4096;
  mailbox.heap_end = mailbox.stack_top - (1 << 20);
  Port port(memory, guest, run);
  port.copy_in();
  isa::CoreConfig config;
  config.machine = machine;
  config.concealed_base = fw::kConcealedBase;
  config.concealed_size = fw::kConcealedSize;
  config.reset_vector = image.reset;
  isa::FunctionalExecutor executor(config, memory, port);
  if (executor.run(budget) == isa::StopReason::Budget) {
    run.failure = "the guest did not end; host pc in ";
    const image::ImageFunction* const function = image.function_at(executor.core().pc);
    run.failure += function == nullptr ? "no function" : function->name;
  }
  port.copy_out();
  run.molecules = executor.molecules();
  run.atoms = executor.atoms();
  run.instructions = executor.core().special[static_cast<unsigned>(isa::Special::Gcount)];
  return run;
}

}  // namespace chrysalis::test
