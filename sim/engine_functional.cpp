// Host code without time: one molecule is one cycle.
#include <algorithm>

#include <fmt/format.h>

#include "isa-host/functional.h"
#include "sim/engine_core.h"

namespace chrysalis::sim {
namespace {

class FunctionalEngine final : public Engine, isa::PlatformPort {
 public:
  FunctionalEngine(const isa::MachineModel& machine, const Settings& settings)
      : image_(firmware_image(machine)),
        memory_(settings.guest_ram_mib << 20, fw::kConcealedBase, fw::kConcealedSize),
        executor_({machine.core, fw::kConcealedBase, fw::kConcealedSize, image_.reset}, memory_, *this) {
    load_firmware(image_, settings, machine, memory_);
  }

  std::span<uint8_t> guest_ram() override { return {memory_.ram(0, memory_.guest_size()), memory_.guest_size()}; }
  fw::Mailbox& mailbox() override { return mailbox_in(memory_); }
  std::span<uint8_t> concealed() override { return {memory_.ram(fw::kConcealedBase, fw::kConcealedSize), fw::kConcealedSize}; }
  std::span<const uint8_t> code_cache() override { return code_cache_in(memory_); }

  StopReason run(const Limits& limits, const ServiceHandler& service, const std::atomic<bool>& interrupt) override {
    service_ = &service;
    while (!interrupt) {
      if (instructions() >= limits.instructions) return StopReason::Instructions;
      if (cycles() >= limits.cycles) return StopReason::Cycles;
      // A molecule of the interpreter completes at most one x86 instruction, so no slice passes the limit.
      const uint64_t slice = std::min({kPollCycles, limits.cycles - cycles(), limits.instructions - instructions()});
      if (executor_.run(slice) == isa::StopReason::Platform) return StopReason::Service;
    }
    return StopReason::Interrupted;
  }

  uint64_t cycles() const override { return executor_.molecules(); }
  uint64_t instructions() const override { return executor_.core().special[static_cast<unsigned>(isa::Special::Gcount)]; }

  void collect(Statistics& statistics) const override {
    statistics.add("host.cycles", "Cycle", "host cycles; functional fidelity counts one per molecule", executor_.molecules());
    statistics.add("host.molecules", "Count", "molecules executed", executor_.molecules());
    statistics.add("host.atoms", "Count", "atoms executed", executor_.atoms());
    statistics.add("host.commits", "Count", "commits", executor_.core().commits);
    statistics.add("host.rollbacks", "Count", "rollbacks, all causes", executor_.core().rollbacks);
    for (unsigned i = 1; i < isa::kCauses; ++i) {
      const auto cause = static_cast<isa::Cause>(i);
      if (isa::rolls_back(cause))
        statistics.add(fmt::format("host.rollbacks.{}", isa::name(cause)), "Count", "rollbacks by this event", executor_.events(cause));
    }
    statistics.add("account.firmware.issue", "Cycle", "functional fidelity has no account: every cycle is a molecule", executor_.molecules());
  }

  std::string fault() const override { return ""; }

 private:
  isa::PlatformResult service(uint32_t number) override {
    isa::PlatformResult result;
    result.stop = !(*service_)(static_cast<fw::Service>(number), executor_.molecules());
    return result;
  }

  image::Image image_;
  isa::PhysicalMemory memory_;
  isa::FunctionalExecutor executor_;
  const ServiceHandler* service_ = nullptr;
};

}  // namespace

std::unique_ptr<Engine> make_functional_engine(const isa::MachineModel& machine, const Settings& settings) {
  return std::make_unique<FunctionalEngine>(machine, settings);
}

}  // namespace chrysalis::sim
