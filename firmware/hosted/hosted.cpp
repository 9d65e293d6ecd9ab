#include "firmware/hosted/hosted.h"

#include <cstdio>
#include <cstdlib>

#include "firmware/hosted/machine.h"
#include "firmware/monitor.h"
#include "firmware/panic.h"

namespace chrysalis::fw {

namespace {
Monitor* g_monitor = nullptr;
}

Monitor& monitor() { return *g_monitor; }

void panic(const char* text, uint32_t address) {
  char line[200];
  const int length = std::snprintf(line, sizeof line, "%s (guest address 0x%08x)", text, address);
  hosted::machine().mailbox().argument[0] = reinterpret_cast<uintptr_t>(line);
  hosted::machine().mailbox().argument[1] = static_cast<uint64_t>(length);
  hosted::machine().platform(Service::Panic);
  std::fprintf(stderr, "firmware: %s\n", line);
  std::abort();
}

}  // namespace chrysalis::fw

namespace chrysalis::fw::hosted {

struct HostedFirmware::Impl {
  Impl(isa::PhysicalMemory& memory, std::function<void(Service)> platform)
      : machine(memory, serve(std::move(platform)), [] { return monitor().event() == Monitor::Resume::Repeat; }) {
    if (g_machine != nullptr) {
      std::fprintf(stderr, "firmware: a second hosted monitor while one exists\n");
      std::abort();
    }
    g_machine = &machine;
    monitor_ = std::make_unique<Monitor>();
    g_monitor = monitor_.get();
  }
  ~Impl() {
    g_monitor = nullptr;
    monitor_.reset();
    g_machine = nullptr;
  }

  /// A request is met by serving it.
  std::function<void(Service)> serve(std::function<void(Service)> platform) {
    return [this, platform = std::move(platform)](Service service) {
      if (service == Service::Attention) machine.set_attention(false);
      platform(service);
    };
  }

  Machine machine;
  std::unique_ptr<Monitor> monitor_;
};

HostedFirmware::HostedFirmware(isa::PhysicalMemory& memory, std::function<void(Service)> platform)
    : impl_(std::make_unique<Impl>(memory, std::move(platform))) {}
HostedFirmware::~HostedFirmware() = default;

void HostedFirmware::run() {
  // An abandoned instruction comes back here, as the core form comes back to a fresh stack.
  (void)setjmp(impl_->machine.resume);
  fw::run();
}

void HostedFirmware::request_attention() { impl_->machine.set_attention(true); }
void HostedFirmware::set_limits(uint64_t instructions, uint64_t cycles) { impl_->machine.set_limits(instructions, cycles); }
uint64_t HostedFirmware::instructions() const { return impl_->machine.instructions(); }
void HostedFirmware::set_cycles_per_instruction(uint64_t cycles) { impl_->machine.set_cycles_per_instruction(cycles); }
uint64_t HostedFirmware::cycles() const { return impl_->machine.cycles(); }
const isa::FunctionalExecutor& HostedFirmware::executor() const { return impl_->machine.executor(); }

}  // namespace chrysalis::fw::hosted
