// Whether a translation does what its region says: the hosted form can have each one proved.
#pragma once

#include <span>

#include "firmware/adaptation.h"
#include "firmware/guest_code.h"
#include "firmware/host.h"
#include "translator/compile.h"
#include "translator/region.h"

namespace chrysalis::fw {

#if FW_CORE_FORM
inline void check_translation(std::span<const translator::Region>, const isa::MachineDescription&, const translator::CompiledRegion&, uint32_t) {}
inline void check_block(GuestCode&, const Adaptation&, uint32_t, uint32_t, bool, bool) {}
#else
/// Runs the schedule checker. What it refuses is a bug: the findings, the region and the molecules are printed, and the run ends.
void check_translation(std::span<const translator::Region> tree, const isa::MachineDescription& machine, const translator::CompiledRegion& compiled,
                       uint32_t first_exit);
/// The same for gear 1: has the `instructions` from `eip` on translated once more, without counters, and that checked. `checks`: the block
/// compares its source; `refused`: what stands behind it is what ends it.
void check_block(GuestCode& code, const Adaptation& adaptation, uint32_t eip, uint32_t instructions, bool checks, bool refused);
#endif

}  // namespace chrysalis::fw
