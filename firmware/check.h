// Whether a translation does what its region says: the hosted form can have each one proved.
#pragma once

#include <span>

#include "firmware/host.h"
#include "translator/compile.h"
#include "translator/region.h"

namespace chrysalis::fw {

#if FW_CORE_FORM
inline void check_translation(std::span<const translator::Region>, const isa::MachineDescription&, const translator::CompiledRegion&, uint32_t) {}
#else
/// Runs the schedule checker. What it refuses is a bug: the findings, the region and the molecules are printed, and the run ends.
void check_translation(std::span<const translator::Region> tree, const isa::MachineDescription& machine, const translator::CompiledRegion& compiled,
                       uint32_t first_exit);
#endif

}  // namespace chrysalis::fw
