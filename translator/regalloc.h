// Register assignment: linear scan over scheduled code, with the entry and exit maps as wishes and duties.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <span>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/machine_code.h"
#include "translator/region.h"
#include "translator/schedule.h"

namespace chrysalis::translator {

/// Code that restores what a side exit's map expects: it is branched to in place of the exit's target.
struct ExitStub {
  uint32_t op;            ///< index of the exit in MachineCode::ops
  uint32_t first, count;  ///< in ExitStubs::ops
};
struct ExitStubs {
  std::vector<ExitStub> list;
  std::vector<MachOp> ops;  ///< moves, without the final branches

  std::span<const MachOp> moves(const ExitStub& stub) const { return {ops.data() + stub.first, stub.count}; }
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

/// Assigns physical registers, to one region after the other; the object keeps its memory between them.
class RegisterAllocator {
 public:
  RegisterAllocator();
  ~RegisterAllocator();
  RegisterAllocator(const RegisterAllocator&) = delete;
  RegisterAllocator& operator=(const RegisterAllocator&) = delete;

  /// In:     `code.ops` in an order of execution that the scheduler found; `region` for the maps.
  /// Out:    `code.ops` over physical registers, with spill code, and with the moves that final exits and
  ///         commits need before them; `stubs` for the side exits whose values are elsewhere; `reads`: the
  ///         registers that each point, or its stub, reads.
  /// Keeps:  entry values stay in their entry registers; flags results are in r9..r15; what a map expects
  ///         (constants included) is in place when the exit's target is reached. The map of an exit to a path of a tree gets the registers
  ///         where the values are.
  /// Errors: none. Running out of registers spills; running out of spill slots is a bug.
  AllocationStats run(Region& region, const isa::MachineDescription& machine, MachineCode& code, ExitStubs& stubs,
                      PointReads& reads);

 private:
  struct State;
  State* state_;
};

}  // namespace chrysalis::translator
