#include "translator/schedule.h"

#include <algorithm>

#include "translator/assert.h"
#include "translator/dependence.h"

namespace chrysalis::translator {
namespace {

/// The molecule being filled: finds slots for its atoms such that the core's greedy matching agrees.
class Packer {
 public:
  explicit Packer(const isa::MachineDescription& machine) : machine_(machine) { clear(); }

  void clear() {
    count_ = literals_ = 0;
    branch_ = last_acting_ = false;
    for (uint8_t& owner : owner_) owner = kFree;
  }

  /// Adds the atom, moving others to other slots if that makes room. False: it does not fit.
  bool add(uint32_t index, const MachOp& op) {
    const isa::AtomInfo& row = isa::info(op.op);
    const bool acts_last = row.has(isa::kCommit | isa::kRollback | isa::kSerializing);
    const unsigned literal = op.mode == isa::Mode::Long ? 1 : 0;
    if (count_ + 1u + literals_ + literal > machine_.width || literals_ + literal > machine_.literal_slots) return false;
    if ((row.has(isa::kBranch) && branch_) || (acts_last && last_acting_)) return false;
    unit_[count_] = row.unit;
    uint32_t visited = 0;
    if (!place(count_, visited)) return false;
    index_[count_++] = index;
    literals_ += literal;
    branch_ |= row.has(isa::kBranch);
    last_acting_ |= acts_last;
    return true;
  }

  bool empty() const { return count_ == 0; }

  /// Appends the atoms in slot order.
  void flush(std::vector<uint32_t>& order) const {
    for (unsigned slot = 0; slot < machine_.width; ++slot) {
      if (owner_[slot] != kFree) order.push_back(index_[owner_[slot]]);
    }
  }

 private:
  static constexpr uint8_t kFree = 0xff;

  /// One step of bipartite matching: a slot for `atom`, evicting an atom that finds another.
  bool place(unsigned atom, uint32_t& visited) {
    for (unsigned slot = 0; slot < machine_.width; ++slot) {
      if ((visited >> slot & 1) || !isa::offers(machine_.slot_units[slot], unit_[atom])) continue;
      visited |= 1u << slot;
      const uint8_t owner = owner_[slot];
      if (owner != kFree && !place(owner, visited)) continue;
      owner_[slot] = static_cast<uint8_t>(atom);
      return true;
    }
    return false;
  }

  const isa::MachineDescription& machine_;
  uint32_t index_[isa::kMaxWords] = {};
  isa::Unit unit_[isa::kMaxWords] = {};
  uint8_t owner_[isa::kMaxWords] = {};
  unsigned count_ = 0, literals_ = 0;
  bool branch_ = false, last_acting_ = false;
};

/// Counts virtual registers alive, so that the order found does not need more than there are.
class Pressure {
 public:
  Pressure(std::span<const MachOp> ops, std::span<const VirtualRegister> virtuals, const PointReads& points,
           const ScheduleOptions& options)
      : virtuals_(virtuals), options_(options), uses_(virtuals.size(), 0), alive_(virtuals.size(), false) {
    if (!active()) return;
    std::vector<bool> defined(virtuals.size(), false);
    for (const MachOp& op : ops) {
      for_each_read(op, points, [&](unsigned v) {
        ++uses_[v];
        if (!defined[v]) start(v);
      });
      const OpRegs regs = registers_of(op);
      for (unsigned i = 0; i < regs.write_count; ++i) {
        if (is_virtual(regs.writes[i])) defined[regs.writes[i] - kFirstVirtual] = true;
      }
    }
  }

  /// Whether issuing `op` now would exceed a limit.
  bool refuses(const MachOp& op, const PointReads& points) const {
    if (!active() || (count_ < options_.pressure_limit && flags_count_ < options_.flags_limit)) return false;
    int change = 0, flags_change = 0;
    for_each_read(op, points, [&](unsigned v) {
      if (uses_[v] == 1 && alive_[v]) --(virtuals_[v].flags_class ? flags_change : change);
    });
    const OpRegs regs = registers_of(op);
    for (unsigned i = 0; i < regs.write_count; ++i) {
      if (!is_virtual(regs.writes[i]) || alive_[regs.writes[i] - kFirstVirtual]) continue;
      ++(virtuals_[regs.writes[i] - kFirstVirtual].flags_class ? flags_change : change);
    }
    return (change > 0 && count_ >= options_.pressure_limit) || (flags_change > 0 && flags_count_ >= options_.flags_limit);
  }

  void issue(const MachOp& op, const PointReads& points) {
    if (!active()) return;
    for_each_read(op, points, [&](unsigned v) {
      if (uses_[v] > 0 && --uses_[v] == 0 && alive_[v]) stop(v);
    });
    const OpRegs regs = registers_of(op);
    for (unsigned i = 0; i < regs.write_count; ++i) {
      if (!is_virtual(regs.writes[i])) continue;
      const unsigned v = regs.writes[i] - kFirstVirtual;
      if (uses_[v] > 0) start(v);
    }
  }

 private:
  bool active() const { return options_.pressure_limit != 0; }

  template <class Function>
  static void for_each_read(const MachOp& op, const PointReads& points, Function function) {
    const OpRegs regs = registers_of(op);
    for (unsigned i = 0; i < regs.read_count; ++i) {
      if (is_virtual(regs.reads[i])) function(regs.reads[i] - kFirstVirtual);
    }
    if (op.point < 0) return;
    for (const Reg reg : points.at(op.point)) {
      if (is_virtual(reg)) function(reg - kFirstVirtual);
    }
  }

  void start(unsigned v) {
    if (alive_[v]) return;
    alive_[v] = true;
    ++(virtuals_[v].flags_class ? flags_count_ : count_);
  }
  void stop(unsigned v) {
    alive_[v] = false;
    --(virtuals_[v].flags_class ? flags_count_ : count_);
  }

  std::span<const VirtualRegister> virtuals_;
  const ScheduleOptions& options_;
  std::vector<uint32_t> uses_;
  std::vector<bool> alive_;
  unsigned count_ = 0, flags_count_ = 0;
};

class Scheduler {
 public:
  Scheduler(std::span<const MachOp> ops, std::span<const VirtualRegister> virtuals, const PointReads& points,
            const isa::MachineDescription& machine, const ScheduleOptions& options)
      : ops_(ops), points_(points), machine_(machine), graph_(build_dependences(ops, points, machine, options)),
        pressure_(ops, virtuals, points, options), packer_(machine) {}

  Schedule run() {
    measure_heights();
    earliest_.assign(ops_.size(), 0);
    done_.assign(ops_.size(), false);
    for (uint32_t at = 0; at < ops_.size(); ++at) {
      if (graph_.predecessors[at] == 0) make_ready(at);
    }
    Schedule result;
    uint32_t cycle = 0;
    uint32_t issued = 0;
    while (issued < ops_.size()) {
      packer_.clear();
      // Placing one atom can make another ready for the same molecule: start over after each.
      for (size_t i = 0; i < ready_.size();) {
        const uint32_t at = ready_[i];
        const bool refused = at != oldest_ && pressure_.refuses(ops_[at], points_);
        if (earliest_[at] > cycle || refused || !packer_.add(at, ops_[at])) {
          ++i;
          continue;
        }
        ready_.erase(ready_.begin() + static_cast<ptrdiff_t>(i));
        issue(at, cycle);
        result.sequence.push_back(at);
        ++issued;
        i = 0;
      }
      if (!packer_.empty()) {
        result.molecules.push_back(static_cast<uint32_t>(result.order.size()));
        packer_.flush(result.order);
        result.cycles = cycle + 1;
        ++cycle;
      } else {
        cycle = next_cycle(cycle);
      }
    }
    return result;
  }

 private:
  void measure_heights() {
    height_.assign(ops_.size(), 0);
    for (uint32_t at = static_cast<uint32_t>(ops_.size()); at-- > 0;) {
      for (uint32_t i = graph_.first[at]; i != 0; i = graph_.edges[i - 1].next) {
        const DependenceGraph::Edge& edge = graph_.edges[i - 1];
        height_[at] = std::max(height_[at], height_[edge.to] + edge.latency);
      }
    }
  }

  /// The ready list is kept by height, then program order.
  void make_ready(uint32_t at) {
    const auto before = [this](uint32_t a, uint32_t b) { return height_[a] != height_[b] ? height_[a] > height_[b] : a < b; };
    ready_.insert(std::upper_bound(ready_.begin(), ready_.end(), at, before), at);
  }

  void issue(uint32_t at, uint32_t cycle) {
    done_[at] = true;
    while (oldest_ < ops_.size() && done_[oldest_]) ++oldest_;
    pressure_.issue(ops_[at], points_);
    for (uint32_t i = graph_.first[at]; i != 0; i = graph_.edges[i - 1].next) {
      const DependenceGraph::Edge& edge = graph_.edges[i - 1];
      earliest_[edge.to] = std::max(earliest_[edge.to], cycle + edge.latency);
      if (--graph_.predecessors[edge.to] == 0) make_ready(edge.to);
    }
  }

  uint32_t next_cycle(uint32_t cycle) const {
    uint32_t next = 0xffffffff;
    for (const uint32_t at : ready_) {
      if (earliest_[at] > cycle) next = std::min(next, earliest_[at]);
    }
    // Only an atom that no slot of the machine offers, or a cycle in the graph, leaves nothing to wait for.
    CHRYSALIS_ASSERT(next != 0xffffffff, ready_.empty() ? -1 : static_cast<long>(ops_[ready_[0]].op));
    return next;
  }

  std::span<const MachOp> ops_;
  const PointReads& points_;
  const isa::MachineDescription& machine_;
  DependenceGraph graph_;
  Pressure pressure_;
  Packer packer_;
  std::vector<uint32_t> height_, earliest_, ready_;
  std::vector<bool> done_;
  uint32_t oldest_ = 0;
};

}  // namespace

Schedule schedule(std::span<const MachOp> ops, std::span<const VirtualRegister> virtuals, const PointReads& points,
                  const isa::MachineDescription& machine, const ScheduleOptions& options) {
  return Scheduler(ops, virtuals, points, machine, options).run();
}

}  // namespace chrysalis::translator
