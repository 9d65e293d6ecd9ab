#include "tests/firmware/guest_machine.h"

#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "firmware/hosted/hosted.h"
#include "firmware/image/image.h"
#include "isa-host/functional.h"
#include "isa-host/machine.h"
#include "translator/regalloc.h"

namespace chrysalis::test {
namespace {

/// What both forms have in common: the machine's memory.
class Memory : public GuestMachine {
 public:
  Memory(uint64_t ram_size, const isa::MachineModel& machine) : memory_(ram_size, fw::kConcealedBase, fw::kConcealedSize) {
    mailbox().machine = machine.core;
  }
  isa::PhysicalMemory& memory() override { return memory_; }

 protected:
  isa::PhysicalMemory memory_;
};

class HostedMachine final : public Memory {
 public:
  HostedMachine(uint64_t ram_size, const isa::MachineModel& machine, std::function<void(fw::Service)> platform)
      : Memory(ram_size, machine), platform_(std::move(platform)) {}
  void run() override {
    prepare();
    firmware_->run();
  }
  uint64_t instructions() override {
    prepare();
    return firmware_->instructions();
  }
  uint64_t cycles() override {
    prepare();
    return firmware_->cycles();
  }
  void set_instruction_limit(uint64_t limit) override {
    prepare();
    firmware_->set_limits(limit);
  }

 private:
  /// The firmware boots from a mailbox that is filled in.
  void prepare() {
    if (!firmware_) firmware_ = std::make_unique<fw::hosted::HostedFirmware>(memory_, platform_);
  }

  std::function<void(fw::Service)> platform_;
  std::unique_ptr<fw::hosted::HostedFirmware> firmware_;
};

/// Of a machine that comes with us.
const image::Image& image_for(const isa::MachineModel& machine) {
  static std::map<std::string, image::Image> images;
  const auto found = images.find(machine.name);
  if (found != images.end()) return found->second;
  return images.emplace(machine.name, image::read_image(CHRYSALIS_FIRMWARE_IMAGES "." + machine.name + ".image")).first->second;
}

class CoreMachine final : public Memory, isa::PlatformPort {
 public:
  CoreMachine(uint64_t ram_size, const isa::MachineModel& machine, std::function<void(fw::Service)> platform)
      : Memory(ram_size, machine),
        image_(image_for(machine)),
        platform_(std::move(platform)),
        executor_({machine.core, fw::kConcealedBase, fw::kConcealedSize, image_.reset}, memory_, *this) {
    for (const image::Segment& segment : image_.segments) {
      std::memcpy(memory_.ram(segment.address, segment.bytes.size()), segment.bytes.data(), segment.bytes.size());
    }
    const uint64_t end = fw::kConcealedBase + fw::kConcealedSize;
    mailbox().heap_begin = image_.heap_begin;
    mailbox().heap_end = fw::kCodeCacheBase;
    mailbox().stack_top = end;
  }
  void run() override {
    executor_.core().stopped = false;
    if (executor_.run(300'000'000) != isa::StopReason::Platform) throw std::runtime_error("the guest does not come to an end");
  }
  uint64_t instructions() override { return executor_.core().special[static_cast<unsigned>(isa::Special::Gcount)]; }
  uint64_t cycles() override { return executor_.cycles(); }
  void set_instruction_limit(uint64_t limit) override { executor_.set_alarm(limit); }

 private:
  isa::PlatformResult service(uint32_t number) override {
    const auto service = static_cast<fw::Service>(number);
    if (service == fw::Service::Panic) {
      const fw::Mailbox& m = mailbox();
      const auto* text = reinterpret_cast<const char*>(memory_.ram(m.argument[0], m.argument[1]));
      throw std::runtime_error("firmware: " + (text == nullptr ? "?" : std::string(text, m.argument[1])));
    }
    if (service == fw::Service::Notice) return {};  // may come from the event handler
    // Ordinary code must not have the event handler's spill slots, however it has got here.
    if (executor_.core().r[translator::kSpillBase] != image_.symbol("fw_spill_slots")) throw std::runtime_error("r31 is not the spill slots'");
    platform_(service);
    isa::PlatformResult result;
    result.stop = (mailbox().reply & fw::kReplyStop) != 0;
    return result;
  }

  const image::Image& image_;
  std::function<void(fw::Service)> platform_;
  isa::FunctionalExecutor executor_;
};

}  // namespace

std::unique_ptr<GuestMachine> make_machine(Form form, uint64_t ram_size, std::function<void(fw::Service)> platform, const char* machine) {
  const isa::MachineModel model = isa::load_machine(machine);
  if (form == Form::Hosted) return std::make_unique<HostedMachine>(ram_size, model, std::move(platform));
  return std::make_unique<CoreMachine>(ram_size, model, std::move(platform));
}

}  // namespace chrysalis::test
