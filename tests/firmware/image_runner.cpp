#include "tests/firmware/image_runner.h"

#include <cstring>

#include "firmware/abi.h"
#include "isa-host/functional.h"

namespace chrysalis::test {
namespace {

class Port : public isa::PlatformPort {
 public:
  Port(isa::PhysicalMemory& memory, ImageRun& run) : memory_(memory), run_(run) {}

  isa::PlatformResult service(uint32_t number) override {
    const auto& mailbox = *reinterpret_cast<const fw::Mailbox*>(memory_.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)));
    const uint8_t* const text = memory_.ram(mailbox.argument[0], mailbox.argument[1]);
    const std::string words = text == nullptr ? "" : std::string(reinterpret_cast<const char*>(text), mailbox.argument[1]);
    isa::PlatformResult result;
    if (number == static_cast<uint32_t>(fw::Service::Console)) {
      run_.output += words;
      result.stop = words.empty();
    } else {
      run_.failure = "service " + std::to_string(number) + ": " + words;
      result.stop = true;
    }
    return result;
  }

 private:
  isa::PhysicalMemory& memory_;
  ImageRun& run_;
};

}  // namespace

ImageRun run_image(const image::Image& image, const isa::MachineDescription& machine, uint64_t budget) {
  ImageRun run;
  isa::PhysicalMemory memory(1 << 20, fw::kConcealedBase, fw::kConcealedSize);
  for (const image::Segment& segment : image.segments) {
    std::memcpy(memory.ram(segment.address, segment.bytes.size()), segment.bytes.data(), segment.bytes.size());
  }
  auto& mailbox = *reinterpret_cast<fw::Mailbox*>(memory.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)));
  mailbox.magic = fw::kMailboxMagic;
  mailbox.guest_ram_size = memory.guest_size();
  mailbox.heap_begin = image.heap_begin;
  mailbox.stack_top = fw::kConcealedBase + fw::kConcealedSize - 4096;
  mailbox.heap_end = mailbox.stack_top - (1 << 20);
  Port port(memory, run);
  isa::CoreConfig config;
  config.machine = machine;
  config.concealed_base = fw::kConcealedBase;
  config.concealed_size = fw::kConcealedSize;
  config.reset_vector = image.reset;
  isa::FunctionalExecutor executor(config, memory, port);
  if (executor.run(budget) == isa::StopReason::Budget) run.failure = "the program did not end";
  for (unsigned cause = 2; cause < isa::kCauses; ++cause) {
    if (executor.events(static_cast<isa::Cause>(cause)) == 0 || run.failure.empty()) continue;
    run.failure += std::string("; event ") + isa::name(static_cast<isa::Cause>(cause));
    const auto& core = executor.core();
    run.failure += " EPC " + std::to_string(core.special[static_cast<unsigned>(isa::Special::Epc)]) + " EADDR " +
                   std::to_string(core.special[static_cast<unsigned>(isa::Special::Eaddr)]);
    if (const image::ImageFunction* f = image.function_at(core.special[static_cast<unsigned>(isa::Special::Epc)])) run.failure += " in " + f->name;
  }
  run.molecules = executor.molecules();
  run.atoms = executor.atoms();
  return run;
}

}  // namespace chrysalis::test
