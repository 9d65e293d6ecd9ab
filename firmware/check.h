// Whether a translation does what its region says: the hosted form can have each one proved.
#pragma once

#include <span>

#include "firmware/guest_code.h"
#include "firmware/host.h"
#include "translator/compile.h"
#include "translator/region.h"

namespace chrysalis::fw {

class Gears;

#if FW_CORE_FORM
inline void check_translation(std::span<const translator::Region>, const isa::MachineDescription&, const translator::CompiledRegion&, uint32_t) {}
inline void check_block(const Gears&, GuestCode&, uint32_t, uint32_t, bool, bool) {}
#else
/// Runs the schedule checker. What it refuses is a bug: the findings, the region and the molecules are printed, and the run ends.
void check_translation(std::span<const translator::Region> tree, const isa::MachineDescription& machine, const translator::CompiledRegion& compiled,
                       uint32_t first_exit);
/// The same for gear 1: has the `instructions` from `eip` on translated once more, without counters, and that checked. `compares`: they compare
/// their source. `refused`: what stands behind them is what ends the block.
void check_block(const Gears& gears, GuestCode& code, uint32_t eip, uint32_t instructions, bool compares, bool refused);
#endif

}  // namespace chrysalis::fw
