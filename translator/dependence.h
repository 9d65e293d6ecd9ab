// The dependence graph of straight-line code, for the scheduler.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "translator/schedule.h"

namespace chrysalis::translator {

/// Edges from earlier to later operations. An edge of latency 0 lets both share a molecule.
struct DependenceGraph {
  struct Edge {
    uint32_t to;
    uint32_t next;  ///< index of the next edge of the same origin plus one; 0: none
    uint16_t latency;
  };
  std::vector<uint32_t> first;         ///< by operation: its first edge plus one; 0: none
  std::vector<Edge> edges;
  std::vector<uint32_t> predecessors;  ///< by operation: incoming edges
};

/// Builds the graph that schedule.h describes under "Keeps".
DependenceGraph build_dependences(std::span<const MachOp> ops, const PointReads& points, const isa::MachineDescription& machine,
                                  const ScheduleOptions& options);

}  // namespace chrysalis::translator
