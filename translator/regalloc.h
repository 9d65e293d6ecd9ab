// Register assignment: linear scan over scheduled code, with the entry and exit maps as wishes and duties.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "isa-host/machine_description.h"
#include "translator/machine_code.h"
#include "translator/region.h"
#include "translator/schedule.h"

namespace chrysalis::translator {

/// Code that restores what a side exit's map expects: it is branched to in place of the exit's target.
struct ExitStub {
  uint32_t op;                ///< index of the exit in MachineCode::ops
  std::vector<MachOp> ops;    ///< moves, without the final branch
};

struct AllocationStats {
  uint32_t spilled = 0;  ///< virtual registers that live in spill slots
  uint32_t moves = 0;    ///< inserted for maps, on the main path
  uint32_t stub_moves = 0;
};

/// Host register that points to the running context's spill slots, 8 bytes each (kSpillSlotCount of them).
inline constexpr Reg kSpillBase = 31;
inline constexpr unsigned kSpillSlotCount = 256;

/// Scratch registers of map moves; nothing is in them between two moves of one map.
inline constexpr Reg kMoveScratch = 28, kTargetScratch = 29;

/// Assigns physical registers.
///
/// In:     `code.ops` in an order of execution that the scheduler found; `region` for the maps.
/// Out:    `code.ops` over physical registers, with spill code, and with the moves that final exits and
///         commits need before them; `stubs` for the side exits whose values are elsewhere; `reads`: the
///         registers that each point, or its stub, reads.
/// Keeps:  entry values stay in their entry registers; flags results are in r9..r15; what a map expects
///         (constants included) is in place when the exit's target is reached.
/// Errors: none. Running out of registers spills; running out of spill slots is a bug.
AllocationStats allocate_registers(const Region& region, const isa::MachineDescription& machine, MachineCode& code,
                                   std::vector<ExitStub>& stubs, PointReads& reads);

}  // namespace chrysalis::translator
