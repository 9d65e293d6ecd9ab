#include "tests/firmware/guest_machine.h"

#include <cstring>
#include <stdexcept>
#include <vector>

#include "firmware/hosted/hosted.h"
#include "firmware/image/builder.h"
#include "isa-host/functional.h"
#include "isa-host/machine.h"

namespace chrysalis::test {
namespace {

class HostedMachine final : public GuestMachine {
 public:
  HostedMachine(uint64_t ram_size, std::function<void(fw::Service)> platform) : ram_(ram_size), platform_(std::move(platform)) {}
  uint8_t* ram() override { return ram_.data(); }
  fw::Mailbox& mailbox() override { return *mailbox_; }
  void run() override {
    prepare();
    firmware_->run();
  }
  uint64_t instructions() override {
    prepare();
    return firmware_->instructions();
  }
  void set_instruction_limit(uint64_t limit) override {
    prepare();
    firmware_->set_instruction_limit(limit);
  }

 private:
  /// The firmware boots from a mailbox that is filled in.
  void prepare() {
    if (!firmware_) firmware_ = std::make_unique<fw::hosted::HostedFirmware>(ram_.data(), ram_.size(), *mailbox_, platform_);
  }

  std::vector<uint8_t> ram_;
  std::unique_ptr<fw::Mailbox> mailbox_ = std::make_unique<fw::Mailbox>();
  std::function<void(fw::Service)> platform_;
  std::unique_ptr<fw::hosted::HostedFirmware> firmware_;
};

const isa::MachineModel& machine_model() {
  static const isa::MachineModel model = isa::load_machine("crusoe");
  return model;
}
const image::Image& monitor_image() {
  static const image::Image image = image::build_image(image::read_elf(CHRYSALIS_FIRMWARE_ELF), machine_model().core);
  return image;
}

class CoreMachine final : public GuestMachine, isa::PlatformPort {
 public:
  CoreMachine(uint64_t ram_size, std::function<void(fw::Service)> platform)
      : platform_(std::move(platform)),
        memory_(ram_size, fw::kConcealedBase, fw::kConcealedSize),
        executor_({machine_model().core, fw::kConcealedBase, fw::kConcealedSize, monitor_image().reset}, memory_, *this) {
    for (const image::Segment& segment : monitor_image().segments) {
      std::memcpy(memory_.ram(segment.address, segment.bytes.size()), segment.bytes.data(), segment.bytes.size());
    }
    const uint64_t end = fw::kConcealedBase + fw::kConcealedSize;
    mailbox().heap_begin = monitor_image().heap_begin;
    mailbox().heap_end = fw::kCodeCacheBase;
    mailbox().stack_top = end;
  }
  uint8_t* ram() override { return memory_.ram(0, memory_.guest_size()); }
  fw::Mailbox& mailbox() override {
    return *reinterpret_cast<fw::Mailbox*>(memory_.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)));
  }
  void run() override {
    executor_.core().stopped = false;
    for (uint64_t i = 0; executor_.run(1000) != isa::StopReason::Platform; ++i) {
      executor_.set_interrupt_lines(instructions() >= limit_ ? 1 : 0);
      if (i == 300'000) throw std::runtime_error("the guest does not come to an end");
    }
  }
  uint64_t instructions() override { return executor_.core().special[static_cast<unsigned>(isa::Special::Gcount)]; }
  void set_instruction_limit(uint64_t limit) override { limit_ = limit; }

 private:
  isa::PlatformResult service(uint32_t number) override {
    const auto service = static_cast<fw::Service>(number);
    if (service == fw::Service::Panic) {
      const fw::Mailbox& m = mailbox();
      const auto* text = reinterpret_cast<const char*>(memory_.ram(m.argument[0], m.argument[1]));
      throw std::runtime_error("firmware: " + (text == nullptr ? "?" : std::string(text, m.argument[1])));
    }
    platform_(service);
    isa::PlatformResult result;
    result.stop = (mailbox().reply & fw::kReplyStop) != 0;
    return result;
  }

  std::function<void(fw::Service)> platform_;
  isa::PhysicalMemory memory_;
  isa::FunctionalExecutor executor_;
  uint64_t limit_ = ~uint64_t{0};
};

}  // namespace

std::unique_ptr<GuestMachine> make_machine(Form form, uint64_t ram_size, std::function<void(fw::Service)> platform) {
  if (form == Form::Hosted) return std::make_unique<HostedMachine>(ram_size, std::move(platform));
  return std::make_unique<CoreMachine>(ram_size, std::move(platform));
}

}  // namespace chrysalis::test
