// The SystemC machine, with the SystemC model or the RTL as its core.
#include <algorithm>

#include <fmt/format.h>

#include "hw/platform.h"
#include "rtl/engine.h"
#include "sim/engine_core.h"
#include "sim/error.h"

namespace chrysalis::sim {
namespace {

hw::Mode mode_of(image::AccountMode mode) {
  switch (mode) {
    case image::AccountMode::Interpreter: return hw::Mode::Interpreter;
    case image::AccountMode::Dispatch: return hw::Mode::Dispatch;
    case image::AccountMode::Recovery: return hw::Mode::Recovery;
    default: return hw::Mode::Firmware;
  }
}

void require_rtl(const isa::MachineModel& machine) {
  std::string why;
  if (!rtl::find_model(hw::system_parameters(machine, fw::kConcealedBase, fw::kConcealedSize).core, why).empty()) return;
  throw UserError(fmt::format(
      "--fidelity rtl: no RTL core of this build has the geometry of machine {}: {}. What a core is built for is chosen when the "
      "project is configured: cmake -DCHRYSALIS_RTL_MACHINES=\"crusoe;/path/to/machine.toml\"; latencies and penalties may "
      "differ from the machine that it was built for",
      machine.name, why));
}

class CycleEngine final : public Engine {
 public:
  CycleEngine(const isa::MachineModel& machine, const Settings& settings, const hw::EngineFactory& core, bool by_blocks)
      : image_(by_blocks ? build_firmware_by_blocks(machine) : firmware_image(machine)), quantum_(static_cast<uint32_t>(settings.quantum)),
        platform_(parameters(machine, quantum_, image_), settings.guest_ram_mib << 20, core) {
    load_firmware(image_, settings, machine, platform_.memory());
    for (const image::CodeRange& range : image_.ranges)
      platform_.set_mode(range.begin, range.end, mode_of(image_.functions[range.function].mode));
    platform_.set_mode(fw::kCodeCacheBase, fw::kGearAreaBase[0], hw::Mode::Dispatch);
    constexpr hw::Mode kTranslated[] = {hw::Mode::Translated1, hw::Mode::Translated2, hw::Mode::Translated3};
    for (unsigned gear = 0; gear < 3; ++gear)
      platform_.set_mode(fw::kGearAreaBase[gear], fw::kGearAreaBase[gear] + fw::kGearAreaSize[gear], kTranslated[gear]);
    platform_.set_service([this](uint32_t service, uint64_t cycle) {
      if (service == static_cast<uint32_t>(fw::Service::Translating)) charge_translator(mailbox().argument[0]);
      isa::PlatformResult result;
      result.stop = !(*service_)(static_cast<fw::Service>(service), cycle);
      return result;
    });
    platform_.reset();
  }

  std::span<uint8_t> guest_ram() override {
    isa::PhysicalMemory& memory = platform_.memory();
    return {memory.ram(0, memory.guest_size()), memory.guest_size()};
  }
  fw::Mailbox& mailbox() override { return mailbox_in(platform_.memory()); }
  std::span<uint8_t> concealed() override { return {platform_.memory().ram(fw::kConcealedBase, fw::kConcealedSize), fw::kConcealedSize}; }
  std::span<const uint8_t> code_cache() override { return code_cache_in(platform_.memory()); }

  bool observe(hw::Observer* observer) override {
    platform_.observe(observer);
    return true;
  }

  const isa::PhysicalMemory* physical_memory() const override { return &platform_.memory(); }
  const isa::CoreConfig* core_config() const override { return &platform_.config(); }
  void stop() override { platform_.stop(); }

  void check_rtl(const isa::MachineModel& machine) const override { require_rtl(machine); }
  void use_rtl(const isa::MachineModel& machine) override {
    platform_.rebuild(parameters(machine, quantum_, image_), [this](const hw::CoreParameters& core, isa::PhysicalMemory& memory, hw::Surroundings& around) {
      std::unique_ptr<hw::CoreEngine> made = rtl::make_engine(core, memory, around);
      rtl_ = made.get();
      return made;
    });
  }
  bool waves(const std::string& file) override { return rtl_ != nullptr && rtl::waves(*rtl_, file); }

  StopReason run(const Limits& limits, const ServiceHandler& service, const std::atomic<bool>& interrupt) override {
    service_ = &service;
    while (!interrupt) {
      if (instructions() >= limits.instructions) return StopReason::Instructions;
      if (cycles() >= limits.cycles) return StopReason::Cycles;
      const uint64_t end = std::min(limits.cycles - cycles(), kPollCycles) + cycles();
      const hw::End reason = platform_.run(end, limits.instructions);
      if (reason == hw::End::Platform) return StopReason::Service;
      if (reason == hw::End::Stopped) return StopReason::Stopped;
    }
    return StopReason::Interrupted;
  }

  uint64_t cycles() const override { return platform_.cycles(); }
  uint64_t instructions() const override { return platform_.instructions(); }

  std::optional<GearMix> gear_mix() const override {
    const hw::Account& account = platform_.account();
    GearMix mix{{0, account[hw::Mode::Translated1].instructions, account[hw::Mode::Translated2].instructions,
                 account[hw::Mode::Translated3].instructions}};
    mix.instructions[0] = instructions() - mix.instructions[1] - mix.instructions[2] - mix.instructions[3];
    return mix;
  }

  void collect(Statistics& statistics) const override {
    for (const hw::Statistic& s : platform_.statistics())
      if (!statistics.find(s.name)) statistics.add(s.name, s.unit, s.description, s.value);
    const hw::Account& account = platform_.account();
    for (unsigned mode = 0; mode < hw::kModes; ++mode) {
      const hw::ModeAccount& part = account.mode[mode];
      uint64_t cycles = 0;
      for (const uint64_t charged : part.cycles) cycles += charged;
      if (part.instructions != 0)
        statistics.add(fmt::format("guest.ipc.{}", hw::kModeName[mode]), "Ratio",
                       fmt::format("x86 instructions per host cycle of the mode: {}", hw::kModeMeaning[mode]),
                       static_cast<double>(part.instructions) / static_cast<double>(cycles));
    }
    for (unsigned mode = 0; mode < hw::kModes; ++mode)
      for (unsigned charge = 0; charge < hw::kCharges; ++charge)
        statistics.add(fmt::format("account.{}.{}", hw::kModeName[mode], hw::kChargeName[charge]), "Cycle",
                       fmt::format("{}: {}", hw::kModeMeaning[mode], hw::kChargeMeaning[charge]), account.mode[mode].cycles[charge]);
  }

  std::string fault() const override { return ""; }

 private:
  /// The firmware's code is the same for all gears: it says for which one it is at work.
  void charge_translator(uint64_t gear) {
    constexpr hw::Mode kModes[] = {hw::Mode::Firmware, hw::Mode::Translator1, hw::Mode::Translator2, hw::Mode::Translator3};
    platform_.charge_firmware_to(kModes[std::min<uint64_t>(gear, 3)]);
  }

  static hw::SystemParameters parameters(const isa::MachineModel& machine, uint32_t quantum, const image::Image& image) {
    hw::SystemParameters result = hw::system_parameters(machine, fw::kConcealedBase, fw::kConcealedSize);
    result.core.config.reset_vector = image.reset;
    result.quantum = quantum;
    return result;
  }

  image::Image image_;
  uint32_t quantum_;
  hw::Platform platform_;
  const ServiceHandler* service_ = nullptr;
  hw::CoreEngine* rtl_ = nullptr;  ///< after use_rtl()
};

}  // namespace

std::unique_ptr<Engine> make_cycle_engine(const isa::MachineModel& machine, const Settings& settings, bool rtl, bool firmware_by_blocks) {
  if (!rtl) return std::make_unique<CycleEngine>(machine, settings, hw::systemc_engine, firmware_by_blocks);
  require_rtl(machine);
  return std::make_unique<CycleEngine>(machine, settings, rtl::make_engine, firmware_by_blocks);
}

}  // namespace chrysalis::sim
