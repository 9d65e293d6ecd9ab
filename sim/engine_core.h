// What the two engines that execute host code share: the firmware's image in concealed memory, and the mailbox.
#pragma once

#include "firmware/image/builder.h"
#include "isa-host/physical_memory.h"
#include "sim/engine.h"

namespace chrysalis::sim {

/// The firmware for `machine`. Throws UserError if it cannot be built.
image::Image firmware_image(const isa::MachineModel& machine);
/// The same, a region for each block, so that those who count blocks see them all.
image::Image build_firmware_by_blocks(const isa::MachineModel& machine, std::vector<image::RegionPlace>* places = nullptr);

/// Copies the image to memory and fills the mailbox as the firmware expects it at reset.
void load_firmware(const image::Image& image, const Settings& settings, const isa::MachineModel& machine, isa::PhysicalMemory& memory);

/// The part of the mailbox that every form of the firmware reads.
void fill_mailbox(fw::Mailbox& mailbox, const Settings& settings, const isa::MachineModel& machine, uint64_t guest_ram_size);

inline fw::Mailbox& mailbox_in(isa::PhysicalMemory& memory) {
  return *reinterpret_cast<fw::Mailbox*>(memory.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)));
}

inline std::span<const uint8_t> code_cache_in(isa::PhysicalMemory& memory) {
  constexpr uint64_t kSize = fw::kGearAreaBase[2] + fw::kGearAreaSize[2] - fw::kCodeCacheBase;
  return {memory.ram(fw::kCodeCacheBase, kSize), kSize};
}

/// Slice of a run after which the interrupt flag is looked at; no result depends on it.
inline constexpr uint64_t kPollCycles = 1'000'000;

std::unique_ptr<Engine> make_functional_engine(const isa::MachineModel& machine, const Settings& settings);
/// With the RTL core instead of the SystemC model, if `rtl`. Throws UserError if no such core was built for the machine.
std::unique_ptr<Engine> make_cycle_engine(const isa::MachineModel& machine, const Settings& settings, bool rtl, bool firmware_by_blocks);
std::unique_ptr<Engine> make_hosted_engine(const isa::MachineModel& machine, const Settings& settings);

}  // namespace chrysalis::sim
