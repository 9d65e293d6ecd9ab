// What the core and its memory system are built from: the machine file's numbers in the shapes used here.
#pragma once

#include "hw/data_side.h"
#include "hw/level_timing.h"
#include "hw/tag_array.h"
#include "isa-host/machine.h"
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

/// What `machine` says, with concealed memory at `concealed_base` and the reset vector at its start.
SystemParameters system_parameters(const isa::MachineModel& machine, uint64_t concealed_base, uint64_t concealed_size);

}  // namespace chrysalis::hw
