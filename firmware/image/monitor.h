// The firmware, part of whatever links this: its program, its profile, and its image for each machine of ours, so that a run need
// not build one.
#pragma once

#include <vector>

#include "firmware/image/builder.h"

namespace chrysalis::image {

/// The program.
ElfFile monitor_program();

/// Its image for `machine`, by the profile: the one that was built with the project, or for any other machine a new one. ImageError
/// if it cannot be built.
Image monitor_image(const isa::MachineDescription& machine);

/// The same, new, as `options` want it.
Image build_monitor(const isa::MachineDescription& machine, const BuildOptions& options, std::vector<RegionPlace>* places = nullptr);

}  // namespace chrysalis::image
