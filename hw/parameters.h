// What the core and its memory system are built from: the machine file's numbers in the shapes used here.
#pragma once

#include "hw/data_side.h"
#include "hw/level_timing.h"
#include "hw/tag_array.h"
#include "isa-host/state/core.h"

namespace chrysalis::hw {

/// The core with its first-level caches.
struct CoreParameters {
  isa::CoreConfig config;
  CacheGeometry l1i;
  DataSideParameters data;
};

/// Everything.
struct SystemParameters {
  CoreParameters core;
  CacheGeometry l2;
  LevelTiming l2_timing;
  LevelTiming memory_timing;
  uint32_t quantum = 10'000;        ///< most cycles between two synchronisations
};

}  // namespace chrysalis::hw
