// List scheduling: packs atoms into molecules by critical path.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/machine_code.h"

namespace chrysalis::translator {

/// What each point's register map reads, once its molecule is complete.
struct PointReads {
  struct Range {
    uint32_t first = 0, count = 0;
  };
  std::vector<Reg> regs;
  std::vector<Range> points;

  std::span<const Reg> at(int32_t point) const {
    const Range range = points[static_cast<size_t>(point)];
    return {regs.data() + range.first, range.count};
  }
};

struct ScheduleOptions {
  bool faults_roll_back = false;    ///< Region::faults_roll_back
  ir::ValueId stack = ir::kNoValue; ///< Region::stack
  unsigned pressure_limit = 0;      ///< virtual registers alive at once that it tries to keep to; 0: no limit
  unsigned flags_limit = 0;         ///< the same for those of the flags class
};

struct Schedule {
  std::vector<uint32_t> sequence;   ///< operations in an order of execution one at a time
  std::vector<uint32_t> order;      ///< operations in issue order; within a molecule, in slot order
  std::vector<uint32_t> molecules;  ///< index into `order` of each molecule's first operation
  uint32_t cycles = 0;              ///< until the last molecule issues, if nothing misses
};

/// Schedules straight-line code.
///
/// In:     operations in program order, the last one a final exit; over virtual registers (to find an order
///         for register assignment) or physical ones (for the molecules that will run).
/// Out:    every operation once. A molecule's atoms, in the order given, fit the machine's slots greedily.
/// Keeps:  data dependences (an atom reads the state before its molecule); order of stores, commits and
///         serializing atoms against exits; order of loads and stores that may overlap; order of guest
///         accesses among themselves and with concealed stores unless faults roll back; what a point's map
///         reads is complete at its molecule's end and not yet overwritten.
/// Units:  latencies are the machine's, and serve only to choose: the core interlocks.
/// Ties:   program order; nothing depends on addresses or hashes.
Schedule schedule(std::span<const MachOp> ops, std::span<const VirtualRegister> virtuals, const PointReads& points,
                  const isa::MachineDescription& machine, const ScheduleOptions& options);

}  // namespace chrysalis::translator
