#include "sim/engine.h"

#include <cstring>

#include <fmt/format.h>

#include "firmware/image/error.h"
#include "firmware/image/monitor.h"
#include "firmware/region_shape.h"
#include "sim/engine_core.h"
#include "sim/error.h"
#include "translator/passes/passes.h"

namespace chrysalis::sim {

std::unique_ptr<Engine> make_engine(Fidelity fidelity, FirmwareForm form, const isa::MachineModel& machine, const Settings& settings,
                                    bool firmware_by_blocks) {
  if (form == FirmwareForm::Hosted) return make_hosted_engine(machine, settings);
  if (fidelity == Fidelity::Functional) return make_functional_engine(machine, settings);
  return make_cycle_engine(machine, settings, fidelity == Fidelity::Rtl, firmware_by_blocks);
}

void Engine::check_rtl(const isa::MachineModel&) const { throw UserError("an RTL core needs --fidelity cycle and --firmware core"); }

namespace {

template <class Make>
image::Image made_for(const isa::MachineModel& machine, Make make) {
  try {
    return make();
  } catch (const image::ImageError& error) {
    throw UserError(fmt::format("machine {}: the firmware cannot be built for it: {}", machine.name, error.what()));
  }
}

}  // namespace

image::Image firmware_image(const isa::MachineModel& machine) {
  return made_for(machine, [&] { return image::monitor_image(machine.core); });
}

image::Image build_firmware_by_blocks(const isa::MachineModel& machine, std::vector<image::RegionPlace>* places) {
  image::BuildOptions options;
  options.superblocks.max_blocks = 1;
  return made_for(machine, [&] { return image::build_monitor(machine.core, options, places); });
}

void fill_mailbox(fw::Mailbox& mailbox, const Settings& settings, const isa::MachineModel& machine, uint64_t guest_ram_size) {
  mailbox.magic = fw::kMailboxMagic;
  mailbox.machine = machine.core;
  mailbox.guest_ram_size = guest_ram_size;
  mailbox.interpreter = settings.interpreter == "decode-dispatch"     ? fw::Interpreter::DecodeDispatch
                        : settings.interpreter == "indirect-threaded" ? fw::Interpreter::IndirectThreaded
                                                                      : fw::Interpreter::DirectThreaded;
  mailbox.max_gear = static_cast<uint32_t>(settings.max_gear);
  const auto small = [](uint64_t value) { return static_cast<uint32_t>(value); };
  mailbox.gears.threshold[0] = small(settings.gear1_threshold);
  mailbox.gears.threshold[1] = small(settings.gear2_threshold);
  mailbox.gears.threshold[2] = small(settings.gear3_threshold);
  mailbox.gears.first_gear = small(settings.max_gear == 1 ? 1 : settings.first_gear);
  mailbox.gears.sample_period = settings.profiling == "sampling" ? small(settings.sample_period) : 0;
  mailbox.gears.max_instructions = small(settings.region_instructions);
  mailbox.gears.unroll_instructions = small(settings.unroll_instructions);
  mailbox.gears.if_convert_instructions = small(settings.if_convert_instructions);
  const auto on = [](bool flag, uint32_t value) { return flag ? uint32_t{value} : 0u; };
  mailbox.gears.switches = on(settings.chaining, fw::kSwitchChaining) |
                           on(settings.eviction_stress, fw::kSwitchEvictionStress) | on(settings.pass_stores, fw::kSwitchPassStores) |
                           on(settings.adaptation, fw::kSwitchAdaptation) | on(settings.follow_calls, fw::kSwitchFollowCalls) |
                           on(settings.loop_versions, fw::kSwitchVersions) |
                           on(settings.region == "block", fw::kSwitchBlocks) | on(settings.region == "tree", fw::kSwitchTrees) |
                           on(settings.reorder, fw::kSwitchReorder) |
                           on(!settings.smc_fine_grain, fw::kSwitchWholePages) |
                           on(!settings.smc_page, fw::kSwitchUnprotected) |
                           on(settings.smc_revalidate, fw::kSwitchRevalidate) | on(settings.smc_self_check, fw::kSwitchSelfCheck) |
                           on(settings.smc_stylised, fw::kSwitchStylised) | on(settings.smc_groups, fw::kSwitchGroups) |
                           on(settings.check, fw::kSwitchCheck) | on(!settings.shadow, fw::kSwitchNoShadow);
  mailbox.gears.eviction = settings.eviction == "flush"  ? fw::Eviction::Flush
                           : settings.eviction == "fifo" ? fw::Eviction::Fifo
                                                         : fw::Eviction::Generational;
  mailbox.gears.area_bytes[0] = small(settings.code_cache_gear1 << 10);
  mailbox.gears.area_bytes[1] = small(settings.code_cache_gear2 << 10);
  mailbox.gears.area_bytes[2] = small(settings.code_cache_gear3 << 10);
  mailbox.gears.force_rollback = small(settings.force_rollback);
  mailbox.gears.misspeculations = small(settings.misspeculations);
  mailbox.gears.decay = small(settings.profile_decay);
  mailbox.gears.check_after = small(settings.smc_check_after);
  mailbox.gears.versions = small(settings.smc_versions);
  mailbox.gears.passes = 0;
  const auto pass_on = [&mailbox](bool flag, translator::Pass pass) { mailbox.gears.passes |= flag ? translator::bit(pass) : 0; };
#define TRANSLATOR_PASS(name, text, call, usual, does) pass_on(settings.pass_##name, translator::Pass::name);
#define TRANSLATOR_STEP(name, text, usual, does) TRANSLATOR_PASS(name, text, , usual, does)
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
  mailbox.tsc_scale = uint64_t{1} << 32;  // the guest's TSC counts host cycles
}

void load_firmware(const image::Image& image, const Settings& settings, const isa::MachineModel& machine, isa::PhysicalMemory& memory) {
  for (const image::Segment& segment : image.segments) {
    uint8_t* at = memory.ram(segment.address, segment.bytes.size());
    if (!at) throw std::logic_error("the firmware's image does not fit into concealed memory");
    std::memcpy(at, segment.bytes.data(), segment.bytes.size());
  }
  fw::Mailbox& mailbox = mailbox_in(memory);
  fill_mailbox(mailbox, settings, machine, memory.guest_size());
  const uint64_t end = fw::kConcealedBase + fw::kConcealedSize;
  mailbox.heap_begin = image.heap_begin;
  mailbox.heap_end = fw::kCodeCacheBase;
  mailbox.stack_top = end;
}

}  // namespace chrysalis::sim
