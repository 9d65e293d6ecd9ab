// The dependence graph of straight-line code, for the scheduler.
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
  void clear() {
    regs.clear();
    points.clear();
  }
};

struct DependenceOptions {
  bool accesses_in_order = true;     ///< guest accesses keep their order: Region::accesses_in_order()
  bool passing = false;              ///< loads may pass stores under the protection of the alias hardware
  ir::ValueId stack = ir::kNoValue;  ///< Region::stack
  std::span<const uint8_t> in_order; ///< Region::in_order
  std::span<const Homecoming> homecomings;  ///< these wait for whoever needs the entry value
};

/// Who waits for whom. Nodes are the operations, by index, and behind them joints: nodes without an operation,
/// which many edges go by way of, so that their number stays linear. An edge leads to what comes later in the program.
/// The object keeps its memory from one build() to the next.
///
/// Keeps: data dependences (an atom reads the state before its molecule); order of stores, commits, what changes a commit's count
/// and serializing atoms against exits; order of loads and stores that may overlap; order of guest accesses among themselves and with
/// concealed stores unless faults roll back; what a point's map reads is complete at its molecule's end and not yet
/// overwritten; a store that checks an alias entry comes after the load that fills it, and before the next one.
/// Not among the edges: the last operation comes last; a load that passes a store (see Passable).
class DependenceGraph {
 public:
  static constexpr uint32_t kNone = 0xffff;

  struct Edge {
    uint32_t next;     ///< index of the next edge of the same origin plus one; 0: none
    uint16_t to;
    uint16_t latency;  ///< 0 lets both share a molecule
  };
  /// A load, and the stores before it that it may pass if the alias hardware checks them against it: numbers 64 * word
  /// to 64 * word + 127, a bit each.
  struct Passable {
    uint16_t load;
    uint16_t word;
    uint64_t stores[2];
  };

  /// Requires: fewer than 50,000 operations, the last of which is a final exit.
  void build(std::span<const MachOp> ops, const PointReads& points, const isa::MachineDescription& machine,
             const DependenceOptions& options);

  uint32_t operations() const { return operations_; }
  uint32_t nodes() const { return static_cast<uint32_t>(first_.size()); }
  const std::vector<uint16_t>& predecessors() const { return predecessors_; }

  template <class Visit>
  void for_each_successor(uint32_t node, Visit visit) const {
    for (uint32_t i = first_[node]; i != 0; i = edges_[i - 1].next) visit(uint32_t{edges_[i - 1].to}, uint32_t{edges_[i - 1].latency});
  }

  /// Nodes in an order in which edges lead forward.
  const std::vector<uint16_t>& topological() const { return topological_; }

  /// Null: the load passes nothing.
  const Passable* passable(uint32_t load) const {
    return passable_of_[load] == kNone ? nullptr : &passables_[passable_of_[load]];
  }
  const std::vector<Passable>& passables() const { return passables_; }
  /// Stores that may be passed, by number.
  const std::vector<uint16_t>& passed_stores() const { return store_of_; }
  /// By operation: its number among those stores, or kNone.
  uint32_t store_number(uint32_t op) const { return number_of_[op]; }

 private:
  struct Reader {
    uint32_t next;  ///< plus one
    uint16_t op;
    bool at_end;    ///< reads when its molecule is complete
  };
  struct Track {
    uint32_t build = 0;  ///< the other members count only for this build
    uint32_t readers = 0;
    uint32_t writer = kNone;
    uint32_t point = kNone;  ///< the last one since `writer` whose map reads it
    uint32_t homecoming = 0; ///< operation that waits for its readers; 0: none
  };
  struct Access {
    uint16_t op;
    uint16_t number;     ///< of a store that may be passed, or kNone
    ir::ValueId base;
  };
  /// Accesses of one kind to one address space: the latest, one by one, and a joint behind all others.
  struct Recent {
    std::vector<Access> latest;
    uint32_t joint = kNone;
  };
  struct Space {
    Recent loads, stores;
  };

  const isa::AtomInfo& row(uint32_t at) const { return isa::info(ops_[at].op); }
  unsigned latency_of(uint32_t at) const { return machine_->latency[static_cast<unsigned>(row(at).latency)]; }

  void edge(uint32_t from, uint32_t to, unsigned latency);
  uint32_t new_node();

  Track& track(uint32_t name);
  void read(uint32_t at, uint32_t name, bool at_end);
  void read_at_point(uint32_t at, uint32_t name);
  void write(uint32_t at, uint32_t name);
  void add_registers(uint32_t at);
  void add_alias_entries(uint32_t at);

  void add_access(uint32_t at);
  void order_load(uint32_t at, Space& space);
  void order_store(uint32_t at, Space& space);
  void remember(Recent& recent, uint32_t at, uint32_t number, unsigned window, unsigned latency);
  uint8_t order_of(uint32_t at) const;
  bool keeps_faults_in_order(uint32_t at);

  void add_barrier(uint32_t at);
  void add_exit(uint32_t at);
  void add_control(uint32_t at);

  std::span<const MachOp> ops_;
  const PointReads* points_ = nullptr;
  const isa::MachineDescription* machine_ = nullptr;
  DependenceOptions options_;

  uint32_t operations_ = 0;
  std::vector<uint32_t> first_;  // by node: its first edge plus one
  std::vector<Edge> edges_;
  std::vector<uint16_t> predecessors_, topological_;
  std::vector<Passable> passables_;
  std::vector<uint16_t> passable_of_, number_of_, store_of_;

  uint32_t build_ = 0;
  std::vector<Track> tracks_;
  std::vector<Reader> readers_;
  Space spaces_[2];                           // concealed, guest
  uint32_t last_guest_ = kNone;
  std::vector<uint16_t> stores_since_guest_;  // concealed ones
  uint32_t last_barrier_ = kNone;
  std::vector<uint16_t> since_barrier_;       // what the next barrier waits for
  std::vector<uint16_t> exits_, since_exit_;  // what the next exit waits for
};

}  // namespace chrysalis::translator
