// The firmware compiled for the build machine, with its cost model.
#include <algorithm>
#include <stdexcept>

#include "firmware/hosted/hosted.h"
#include "isa-host/physical_memory.h"
#include "sim/engine_core.h"

namespace chrysalis::sim {
namespace {

/// Host cycles per x86 instruction of each interpreter: what the core form needs on crusoe for the benchmark's
/// guest (`chrysalis bench`).
uint64_t modelled_cost(const Settings& settings) {
  if (settings.interpreter == "direct-threaded") return 19;
  return settings.interpreter == "indirect-threaded" ? 78 : 2110;
}

class HostedEngine final : public Engine {
 public:
  HostedEngine(const isa::MachineModel& machine, const Settings& settings)
      : cost_(modelled_cost(settings)), memory_(settings.guest_ram_mib << 20, fw::kConcealedBase, fw::kConcealedSize) {
    fill_mailbox(mailbox(), settings, machine, memory_.guest_size());
  }

  std::span<uint8_t> guest_ram() override { return {memory_.ram(0, memory_.guest_size()), memory_.guest_size()}; }
  fw::Mailbox& mailbox() override { return mailbox_in(memory_); }
  std::span<uint8_t> concealed() override { return {}; }
  std::span<const uint8_t> code_cache() override { return code_cache_in(memory_); }

  StopReason run(const Limits& limits, const ServiceHandler& service, const std::atomic<bool>& interrupt) override {
    if (!firmware_) {
      // Built here: its constructor reads the mailbox, which the personality fills first.
      firmware_ = std::make_unique<fw::hosted::HostedFirmware>(memory_, [this](fw::Service kind) { serve(kind); });
      firmware_->set_cycles_per_instruction(cost_);
    }
    limits_ = limits;
    service_ = &service;
    interrupt_ = &interrupt;
    set_limit();
    firmware_->run();
    return reason_;
  }

  uint64_t cycles() const override { return firmware_ ? firmware_->cycles() : 0; }
  uint64_t instructions() const override { return firmware_ ? firmware_->instructions() : 0; }

  void collect(Statistics& statistics) const override {
    statistics.add("host.cycles", "Cycle", "host cycles by the hosted form's cost model", cycles());
    const isa::FunctionalExecutor& executor = firmware_->executor();
    statistics.add("host.molecules", "Count", "molecules executed: those of translations and the stubs around them", executor.molecules());
    statistics.add("host.atoms", "Count", "atoms in them", executor.atoms());
    statistics.add("account.interpreter.issue", "Cycle", "the cost model's cycles for interpreted instructions",
                   cycles() - executor.molecules());
    statistics.add("account.translated.issue", "Cycle", "a cycle for each molecule of translated code", executor.molecules());
  }

  std::string fault() const override { return ""; }

 private:
  bool timer_due() { return mailbox().attention_cycle != 0 && cycles() >= mailbox().attention_cycle; }

  /// The firmware calls at least this often, for the interrupt flag's sake. A translation is given up for that, and its profile would
  /// tell: whoever compares translations has it run on.
  void set_limit() {
    const bool polls = (mailbox().gears.switches & fw::kSwitchAnnounce) == 0;
    firmware_->set_limits(polls ? std::min(limits_.instructions, instructions() + kPollCycles) : limits_.instructions, limits_.cycles);
  }

  void serve(fw::Service kind) {
    if (kind != fw::Service::Attention) {
      if (kind == fw::Service::Panic) {
        (*service_)(kind, cycles());
        throw std::runtime_error("the firmware stopped; its message stands above");
      }
      if (!(*service_)(kind, cycles())) stop(StopReason::Service);
      set_limit();
      return;
    }
    if (*interrupt_) {
      stop(StopReason::Interrupted);
    } else if (instructions() >= limits_.instructions) {
      stop(StopReason::Instructions);
    } else if (cycles() >= limits_.cycles) {
      stop(StopReason::Cycles);
    } else {
      if (timer_due() && !(*service_)(kind, cycles())) stop(StopReason::Service);
      set_limit();
    }
  }

  void stop(StopReason reason) {
    reason_ = reason;
    mailbox().reply |= fw::kReplyStop;
  }

  uint64_t cost_;
  isa::PhysicalMemory memory_;
  std::unique_ptr<fw::hosted::HostedFirmware> firmware_;
  Limits limits_;
  const ServiceHandler* service_ = nullptr;
  const std::atomic<bool>* interrupt_ = nullptr;
  StopReason reason_ = StopReason::Service;
};

}  // namespace

std::unique_ptr<Engine> make_hosted_engine(const isa::MachineModel& machine, const Settings& settings) {
  return std::make_unique<HostedEngine>(machine, settings);
}

}  // namespace chrysalis::sim
