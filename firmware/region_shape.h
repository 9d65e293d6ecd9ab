// Which shape the regions of gear 3 have: `firmware.region`, of which the other values are in GearSwitch.
#pragma once

#include <cstdint>

namespace chrysalis::fw {

/// A bit of GearOptions::switches, beside those of GearSwitch: gear 3 follows both sides of branches.
inline constexpr uint32_t kSwitchTrees = 512;
/// Gear 3 makes two versions of unrolled loops: translator/versions.h.
inline constexpr uint32_t kSwitchVersions = 1024;

}  // namespace chrysalis::fw
