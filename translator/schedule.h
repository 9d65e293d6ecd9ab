// List scheduling: packs atoms into molecules by critical path.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/dependence.h"
#include "translator/machine_code.h"
#include "translator/packer.h"
#include "translator/stage.h"

namespace chrysalis::translator {

struct ScheduleOptions {
  bool accesses_in_order = true;     ///< guest accesses keep their order: Region::accesses_in_order()
  ir::ValueId stack = ir::kNoValue;  ///< Region::stack
  unsigned pressure_limit = 0;       ///< virtual registers alive at once that it tries to keep to; 0: no limit
  unsigned flags_limit = 0;          ///< the same for those of the flags class
  /// Alias entries from first_alias_entry to alias_entries - 1 serve loads that pass stores. None: no load passes a store.
  unsigned first_alias_entry = 0, alias_entries = 0;
  std::span<const uint8_t> in_order; ///< Region::in_order
  std::span<const Homecoming> homecomings;
  StageClock* clock = nullptr;       ///< hears of Dependence and Schedule
};

struct Schedule {
  std::vector<uint16_t> sequence;   ///< operations in an order of execution one at a time
  std::vector<uint16_t> order;      ///< operations in issue order; within a molecule, in slot order
  std::vector<uint32_t> molecules;  ///< index into `order` of each molecule's first operation
  std::vector<uint32_t> cycle;      ///< by operation: when it issues, if nothing misses
  std::vector<uint32_t> latest;     ///< by operation: when it has to if the last one is to be on time
  uint32_t cycles = 0;              ///< until the last molecule issues, if nothing misses
  uint32_t passing_loads = 0;       ///< loads that passed a store
};

/// Schedules straight-line code. The object keeps its memory from one run() to the next.
class Scheduler {
 public:
  explicit Scheduler(const isa::MachineDescription& machine) : machine_(machine), packer_(machine) {}

  /// In:     operations in program order, the last one a final exit; over virtual registers (to find an order
  ///         for register assignment) or physical ones (for the molecules that will run).
  /// Out:    every operation once. A molecule's atoms, in the order given, fit the machine's slots greedily.
  /// Does:   lets loads pass stores that may overlap, by giving `ops` the forms that use the alias hardware.
  /// Keeps:  what DependenceGraph says; the last operation is in the last molecule.
  /// Units:  latencies are the machine's, and serve only to choose: the core interlocks.
  /// Ties:   program order; nothing depends on addresses or hashes.
  void run(std::span<MachOp> ops, std::span<const VirtualRegister> virtuals, const PointReads& points,
           const ScheduleOptions& options, Schedule& out);

  /// Makes the result of the last run(), over physical registers, denser without making it longer: a molecule before idle cycles goes into the
  /// one behind them if nothing waits for it and the atoms fit, and the last exit's commit into the molecule of its branch if that makes the room.
  void compact(Schedule& plan);
  /// Packs atoms over physical registers in the order given: an atom goes into the molecule at hand unless it needs what is made
  /// there, overwrites what an exit there reads, finds no slot, or belongs to another cycle of the first scheduling. For a
  /// fraction of what run() costs. `points`: what the points read; null: there are none, as in an exit's stub.
  void pack_in_order(std::span<const MachOp> ops, const PointReads* points, Schedule& out);

  const DependenceGraph& graph() const { return graph_; }

 private:
  void measure_heights();
  void rank_operations();
  void reset(Schedule& out);
  void issue_all(Schedule& out);
  void fill(uint32_t cycle);
  uint32_t* iterative_unit(const isa::AtomInfo& row);
  bool try_issue(uint32_t at, uint32_t cycle);
  void issue(uint32_t at, uint32_t cycle);
  void close_molecule(uint32_t cycle, Schedule& out);
  void release(uint32_t node, uint32_t cycle);
  void become_ready(uint32_t at, uint32_t cycle);
  void make_ready(uint32_t at);
  void wake(uint32_t cycle);

  struct Passing {
    uint64_t stores[2];
    unsigned entry = 0;
    unsigned literals = 0;  ///< that stores of the molecule at hand need for it
  };
  bool may_pass(uint32_t at, const DependenceGraph::Passable& passable, Passing& out) const;
  void pass(uint32_t at, const DependenceGraph::Passable& passable, const Passing& passing);
  void apply_passes();
  /// Whether no store has yet to check `entry`.
  bool is_free(unsigned entry) const { return (pending(watched_[entry], 0) | pending(watched_[entry], 1)) == 0; }
  uint64_t pending(const DependenceGraph::Passable& range, unsigned half) const {
    const size_t word = range.word + size_t{half};
    return word < pending_stores_.size() ? pending_stores_[word] & range.stores[half] : 0;
  }

  bool may_wait(uint32_t op, uint32_t cycle, const Schedule& plan);
  bool pack(std::vector<uint16_t>& atoms);

  void count_uses();
  bool exceeds_registers(const MachOp& op) const;
  void count_registers(const MachOp& op);
  template <class Visit> void for_each_read(const MachOp& op, const OpRegs& regs, Visit visit) const;
  bool counts_registers() const { return options_.pressure_limit != 0; }

  const isa::MachineDescription& machine_;
  Packer packer_;
  DependenceGraph graph_;

  std::span<MachOp> ops_;
  std::span<const VirtualRegister> virtuals_;
  const PointReads* points_ = nullptr;
  ScheduleOptions options_;

  std::vector<uint32_t> height_;                 // by node: cycles from its issue to the last one's
  std::vector<uint16_t> rank_, by_rank_;         // operations by priority
  std::vector<uint64_t> ready_;                  // bits by rank
  std::vector<uint16_t> predecessors_;           // by node: those that have not been issued
  std::vector<uint32_t> earliest_;               // by node
  std::vector<uint16_t> released_;               // joints to pass on
  static constexpr unsigned kRing = 256;         // cycles ahead: more than any latency
  uint16_t due_[kRing] = {};                     // operations that become ready in a cycle: heads of lists, plus one
  std::vector<uint16_t> next_due_;
  uint32_t waiting_ = 0;                         // operations in those lists
  uint32_t lowest_ready_ = 0;                    // rank of the first operation made ready since the last look
  uint32_t left_ = 0, oldest_ = 0;
  std::vector<uint8_t> done_;
  std::vector<uint16_t> molecule_;               // operations of the molecule at hand, as they were placed
  uint32_t available_[kFirstVirtual] = {};       // by register: when its outstanding result is there
  uint32_t unit_free_[2] = {};                   // divider; floating-point divide and root unit

  static constexpr uint8_t kNoEntry = 0xff;
  std::vector<uint64_t> pending_stores_;         // bits by number: not issued in an earlier cycle
  std::vector<uint8_t> entry_, mask_;            // by operation: what passing adds
  DependenceGraph::Passable watched_[8] = {};    // by entry: the stores that check it

  std::vector<uint16_t> uses_, uses_left_;       // by virtual register
  std::vector<uint8_t> alive_, alive_at_entry_;
  unsigned live_ = 0, live_flags_ = 0;
};

}  // namespace chrysalis::translator
