#include "translator/dependence.h"

namespace chrysalis::translator {
namespace {

constexpr uint32_t kNone = 0xffffffff;

class Builder {
 public:
  Builder(std::span<const MachOp> ops, const PointReads& points, const isa::MachineDescription& machine,
          const ScheduleOptions& options)
      : ops_(ops), points_(points), machine_(machine), options_(options) {}

  DependenceGraph run() {
    graph_.first.assign(ops_.size(), 0);
    graph_.predecessors.assign(ops_.size(), 0);
    for (uint32_t at = 0; at < ops_.size(); ++at) {
      add_register_edges(at);
      add_memory_edges(at);
      add_control_edges(at);
    }
    // Control leaves with the last operation: nothing may come after it.
    const uint32_t last = static_cast<uint32_t>(ops_.size()) - 1;
    for (uint32_t at = 0; at < last; ++at) edge(at, last, 0);
    return std::move(graph_);
  }

 private:
  struct Reader {
    uint32_t op;
    uint32_t next;    // plus one
    bool at_end;      // reads when its molecule is complete
  };
  struct Track {
    uint32_t writer = kNone;
    uint32_t readers = 0;  // plus one
  };

  unsigned latency(isa::Op op) const { return machine_.latency[static_cast<unsigned>(isa::info(op).latency)]; }
  const isa::AtomInfo& row(uint32_t at) const { return isa::info(ops_[at].op); }

  void edge(uint32_t from, uint32_t to, unsigned latency) {
    graph_.edges.push_back({to, graph_.first[from], static_cast<uint16_t>(latency)});
    graph_.first[from] = static_cast<uint32_t>(graph_.edges.size());
    ++graph_.predecessors[to];
  }

  Track& track(Reg reg) {
    if (reg >= tracks_.size()) tracks_.resize(reg + 1u);
    return tracks_[reg];
  }

  void read(uint32_t at, Reg reg, bool at_end) {
    Track& state = track(reg);
    if (state.writer == at) return;
    if (state.writer != kNone) edge(state.writer, at, at_end ? 0 : latency(ops_[state.writer].op));
    readers_.push_back({at, state.readers, at_end});
    state.readers = static_cast<uint32_t>(readers_.size());
  }

  void write(uint32_t at, Reg reg) {
    Track& state = track(reg);
    for (uint32_t i = state.readers; i != 0; i = readers_[i - 1].next) {
      const Reader& reader = readers_[i - 1];
      if (reader.op == at) continue;
      edge(reader.op, at, reader.at_end ? 1 : 0);
    }
    // Two writes of a register never share a molecule, even with a reader between them.
    if (state.writer != kNone) edge(state.writer, at, 1);
    state.writer = at;
    state.readers = 0;
  }

  void add_register_edges(uint32_t at) {
    const OpRegs regs = registers_of(ops_[at]);
    for (unsigned i = 0; i < regs.read_count; ++i) read(at, regs.reads[i], false);
    for (unsigned i = 0; i < regs.write_count; ++i) write(at, regs.writes[i]);
    if (ops_[at].point >= 0) {
      for (const Reg reg : points_.at(ops_[at].point)) read(at, reg, true);
    }
    if (row(at).has(isa::kCommit) && ops_[at].point < 0) {  // without a map: a stub's
      for (Reg reg = 0; reg < isa::kShadowedInt; ++reg) read(at, reg, true);
    }
    if (row(at).has(isa::kRollback)) {
      for (Reg reg = 0; reg < isa::kShadowedInt; ++reg) write(at, reg);
    }
  }

  // -- memory ----------------------------------------------------------------------------------------------

  static bool accesses_memory(const isa::AtomInfo& row) {
    return row.has(isa::kLoad | isa::kStore | isa::kProbe);
  }

  /// False only if the two accesses certainly touch different bytes.
  bool may_overlap(const MachOp& a, const MachOp& b) const {
    if (a.base == kUnknownBase || b.base == kUnknownBase) return true;
    if (a.base == b.base) {
      return (a.offset < b.offset + b.size && b.offset < a.offset + a.size);
    }
    if (a.base == kSpillSlots || b.base == kSpillSlots) return false;
    if (options_.stack == ir::kNoValue) return true;
    const bool stack_and_absolute = (a.base == options_.stack && b.base == ir::kNoValue) ||
                                    (b.base == options_.stack && a.base == ir::kNoValue);
    return !stack_and_absolute;
  }

  void order_memory(uint32_t earlier, uint32_t later) {
    const MachOp &a = ops_[earlier], &b = ops_[later];
    const isa::AtomInfo &ra = isa::info(a.op), &rb = isa::info(b.op);
    const bool guest_a = ra.has(isa::kGuest), guest_b = rb.has(isa::kGuest);
    const bool writes_a = ra.has(isa::kStore), writes_b = rb.has(isa::kStore);
    if (!options_.faults_roll_back) {
      // A fault abandons what comes after it, and only that.
      if (guest_a && guest_b) return edge(earlier, later, 1);
      if (guest_a && writes_b) return edge(earlier, later, 1);
      if (writes_a && guest_b) return edge(earlier, later, 0);
    }
    if (guest_a != guest_b || (!writes_a && !writes_b)) return;
    if (may_overlap(a, b)) edge(earlier, later, writes_a ? 1 : 0);
  }

  void add_memory_edges(uint32_t at) {
    if (!accesses_memory(row(at))) return;
    for (const uint32_t earlier : memory_) order_memory(earlier, at);
    for (const uint32_t barrier : barriers_) edge(barrier, at, 1);
    memory_.push_back(at);
  }

  // -- exits, commits, serializing atoms ---------------------------------------------------------------------

  static bool is_barrier(const isa::AtomInfo& row) {
    return row.has(isa::kSerializing | isa::kCommit | isa::kRollback);
  }

  void add_control_edges(uint32_t at) {
    const isa::AtomInfo& self = row(at);
    if (is_barrier(self)) {
      for (const uint32_t earlier : memory_) edge(earlier, at, self.has(isa::kCommit) ? 0 : 1);
      for (const uint32_t earlier : fp_) edge(earlier, at, 1);
      for (const uint32_t earlier : barriers_) edge(earlier, at, 1);
      for (const uint32_t earlier : exits_) edge(earlier, at, 1);
      barriers_.push_back(at);
    }
    if (self.has(isa::kFp)) {
      for (const uint32_t barrier : barriers_) edge(barrier, at, 1);
      fp_.push_back(at);
    }
    // Nothing with an effect passes an exit before it; what has none may, if it cannot fail.
    if (!self.has(isa::kBranch)) {
      // On another path the push would be wrong: harmless, but useless.
      if (ops_[at].op == isa::Op::ReturnPush) {
        for (const uint32_t exit : exits_) edge(exit, at, 1);
      }
      for (const uint32_t exit : exits_) {
        if (exit_limits(exit, at)) edge(exit, at, 1);
      }
      return;
    }
    for (uint32_t earlier = 0; earlier < at; ++earlier) {
      const isa::AtomInfo& other = row(earlier);
      if (other.has(isa::kStore | isa::kProbe | isa::kGuest) || is_barrier(other)) edge(earlier, at, 0);
    }
    for (const uint32_t exit : exits_) edge(exit, at, 1);
    exits_.push_back(at);
  }

  bool exit_limits(uint32_t exit, uint32_t at) const {
    const isa::AtomInfo& self = row(at);
    if (!accesses_memory(self)) return false;
    return ops_[at].hoist_limit == kNeverHoist || ops_[exit].id <= ops_[at].hoist_limit;
  }

  std::span<const MachOp> ops_;
  const PointReads& points_;
  const isa::MachineDescription& machine_;
  const ScheduleOptions& options_;
  DependenceGraph graph_;
  std::vector<Track> tracks_;
  std::vector<Reader> readers_;
  std::vector<uint32_t> memory_, barriers_, fp_, exits_;
};

}  // namespace

DependenceGraph build_dependences(std::span<const MachOp> ops, const PointReads& points, const isa::MachineDescription& machine,
                                  const ScheduleOptions& options) {
  return Builder(ops, points, machine, options).run();
}

}  // namespace chrysalis::translator
