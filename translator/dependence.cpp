#include "translator/dependence.h"

#include <utility>

#include "translator/assert.h"
#include "translator/order.h"
#include "translator/regalloc.h"

namespace chrysalis::translator {
namespace {

// Tracks: physical registers, alias entries, spill slots, then virtual registers.
constexpr uint32_t kAliasTrack = kFirstVirtual, kSlotTrack = kAliasTrack + 8, kVirtualTrack = kSlotTrack + kSpillSlotCount;
constexpr uint32_t track_of(Reg reg) { return is_virtual(reg) ? kVirtualTrack + (reg - kFirstVirtual) : reg; }

// How many of the latest accesses are looked at one by one. At twice as many, the older half goes behind a joint.
constexpr unsigned kLoadWindow = 8, kStoreWindow = 16;

constexpr int32_t kNoLimit = -1;  // of MachOp::hoist_limit: may pass every exit

bool accesses_memory(const isa::AtomInfo& row) { return row.has(isa::kLoad | isa::kStore | isa::kProbe); }
/// What a commit makes final: with it if they share a molecule.
bool is_committed(const isa::AtomInfo& row) { return accesses_memory(row) || row.has(isa::kUncount); }
bool is_barrier(const isa::AtomInfo& row) { return row.has(isa::kSerializing | isa::kCommit | isa::kRollback); }

/// Whether accesses through different bases may meet.
bool bases_meet(ir::ValueId a, ir::ValueId b, ir::ValueId stack) {
  if (a == kUnknownBase || b == kUnknownBase) return true;
  if (a == b) return false;
  if (stack == ir::kNoValue) return true;
  return !((a == stack && b == ir::kNoValue) || (b == stack && a == ir::kNoValue));
}

/// Stores that an access has been ordered behind. Older accesses that those wait for need no edge of their own.
class Cover {
 public:
  explicit Cover(ir::ValueId stack) : stack_(stack) {}

  void add(uint32_t op, ir::ValueId base) {
    if (count_ == 2 || (count_ == 1 && base == base_[0])) return;
    op_[count_] = op;
    base_[count_++] = base;
  }
  bool covers(uint32_t op, ir::ValueId base) const {
    for (unsigned i = 0; i < count_; ++i) {
      if (op < op_[i] && bases_meet(base, base_[i], stack_)) return true;
    }
    return false;
  }

 private:
  ir::ValueId stack_;
  unsigned count_ = 0;
  uint32_t op_[2] = {};
  ir::ValueId base_[2] = {};
};

}  // namespace

void DependenceGraph::build(std::span<const MachOp> ops, const PointReads& points, const isa::MachineDescription& machine,
                            const DependenceOptions& options) {
  CHRYSALIS_ASSERT(ops.size() < 50000, static_cast<long>(ops.size()));
  ops_ = ops;
  points_ = &points;
  machine_ = &machine;
  options_ = options;
  operations_ = static_cast<uint32_t>(ops.size());
  first_.assign(operations_, 0);
  predecessors_.assign(operations_, 0);
  number_of_.assign(operations_, kNone);
  passable_of_.assign(operations_, kNone);
  for (std::vector<uint16_t>* list :
       {&topological_, &store_of_, &stores_since_guest_, &since_barrier_, &exits_, &since_exit_}) {
    list->clear();
  }
  edges_.clear();
  passables_.clear();
  readers_.clear();
  ++build_;
  for (Space& space : spaces_) {
    for (Recent* recent : {&space.loads, &space.stores}) {
      recent->latest.clear();
      recent->joint = kNone;
    }
  }
  last_guest_ = last_barrier_ = kNone;

  for (const Homecoming& home : options_.homecomings) track(kVirtualTrack + home.entry).homecoming = home.op;
  for (uint32_t at = 0; at < operations_; ++at) {
    add_registers(at);
    if (row(at).has(isa::kProtect | isa::kMasked)) add_alias_entries(at);
    if (accesses_memory(row(at))) add_access(at);
    add_control(at);
    topological_.push_back(static_cast<uint16_t>(at));
  }
}

void DependenceGraph::edge(uint32_t from, uint32_t to, unsigned latency) {
  const uint32_t head = first_[from];
  if (head != 0 && edges_[head - 1].to == to) {
    Edge& known = edges_[head - 1];
    if (known.latency < latency) known.latency = static_cast<uint16_t>(latency);
    return;
  }
  edges_.push_back({head, static_cast<uint16_t>(to), static_cast<uint16_t>(latency)});
  first_[from] = static_cast<uint32_t>(edges_.size());
  ++predecessors_[to];
}

uint32_t DependenceGraph::new_node() {
  first_.push_back(0);
  predecessors_.push_back(0);
  topological_.push_back(static_cast<uint16_t>(first_.size() - 1));
  return static_cast<uint32_t>(first_.size()) - 1;
}

// -- registers ---------------------------------------------------------------------------------------------------

DependenceGraph::Track& DependenceGraph::track(uint32_t name) {
  if (name >= tracks_.size()) tracks_.resize(name + 64);
  Track& track = tracks_[name];
  if (track.build != build_) track = {build_, 0, kNone, kNone, 0};
  return track;
}

void DependenceGraph::read(uint32_t at, uint32_t name, bool at_end) {
  Track& state = track(name);
  if (state.writer == at) return;
  if (at < state.homecoming) edge(at, state.homecoming, 0);
  if (state.writer != kNone) edge(state.writer, at, at_end ? 0 : latency_of(state.writer));
  // A virtual register is written anew only by who has just read it: nobody else waits for its readers.
  if (name >= kVirtualTrack) return;
  readers_.push_back({state.readers, static_cast<uint16_t>(at), at_end});
  state.readers = static_cast<uint32_t>(readers_.size());
}

/// The same at the end of the molecule of a point. Points wait for each other, in order: what an earlier one has waited for, this one
/// has, and who waits for this one waits for those.
void DependenceGraph::read_at_point(uint32_t at, uint32_t name) {
  Track& state = track(name);
  if (state.writer == at) return;
  if (at < state.homecoming) edge(at, state.homecoming, 1);
  if (state.point == kNone && state.writer != kNone) edge(state.writer, at, 0);
  state.point = at;
}

void DependenceGraph::write(uint32_t at, uint32_t name) {
  Track& state = track(name);
  if (state.point != kNone && name < kVirtualTrack) edge(state.point, at, 1);
  for (uint32_t i = state.readers; i != 0; i = readers_[i - 1].next) {
    const Reader& reader = readers_[i - 1];
    if (reader.op != at) edge(reader.op, at, reader.at_end ? 1 : 0);
  }
  // Two writes of a register never share a molecule, even with a reader between them, and the later one waits for an outstanding
  // result (rule O3).
  const bool is_register = name < kAliasTrack || name >= kVirtualTrack;
  if (state.writer != kNone) edge(state.writer, at, is_register ? latency_of(state.writer) : 1);
  state.writer = at;
  state.readers = 0;
  state.point = kNone;
}

void DependenceGraph::add_registers(uint32_t at) {
  const MachOp& op = ops_[at];
  const OpRegs regs = registers_of(op);
  for (unsigned i = 0; i < regs.read_count; ++i) read(at, track_of(regs.reads[i]), false);
  for (unsigned i = 0; i < regs.write_count; ++i) write(at, track_of(regs.writes[i]));
  if (op.point >= 0) {
    for (const Reg reg : points_->at(op.point)) read_at_point(at, track_of(reg));
  } else if (row(at).has(isa::kCommit)) {  // without a map: a stub's
    for (Reg reg = 0; reg < isa::kShadowedInt; ++reg) read(at, reg, true);
  }
  if (row(at).has(isa::kRollback)) {
    for (Reg reg = 0; reg < isa::kShadowedInt; ++reg) write(at, reg);
  }
}

/// An entry is like a register that loads write before, and stores read after, everything else of their molecule.
void DependenceGraph::add_alias_entries(uint32_t at) {
  if (row(at).has(isa::kProtect)) return write(at, kAliasTrack + ops_[at].alias);
  for (unsigned entry = 0; entry < 8; ++entry) {
    if (ops_[at].alias >> entry & 1) read(at, kAliasTrack + entry, true);
  }
}

// -- memory --------------------------------------------------------------------------------------------------------

/// Region::in_order of the access.
uint8_t DependenceGraph::order_of(uint32_t at) const {
  const uint16_t guest = ops_[at].guest;
  return guest < options_.in_order.size() ? options_.in_order[guest] : uint8_t{0};
}

/// Where faults do not roll back, one abandons what comes after it, and only that. True if guest accesses need no other
/// order.
bool DependenceGraph::keeps_faults_in_order(uint32_t at) {
  if (row(at).has(isa::kGuest)) {
    if (last_guest_ != kNone) edge(last_guest_, at, 1);
    // If they shared its molecule, a fault would abandon them as well.
    for (const uint16_t store : stores_since_guest_) edge(store, at, 1);
    stores_since_guest_.clear();
    last_guest_ = at;
    return true;
  }
  if (row(at).has(isa::kStore)) {
    if (last_guest_ != kNone) edge(last_guest_, at, 1);
    stores_since_guest_.push_back(static_cast<uint16_t>(at));
  }
  return false;
}

void DependenceGraph::add_access(uint32_t at) {
  const isa::AtomInfo& self = row(at);
  if (ops_[at].base == kSpillSlots) {  // nothing else is there
    const uint32_t slot = kSlotTrack + static_cast<uint32_t>(ops_[at].offset) / 8;
    if (self.has(isa::kStore)) write(at, slot);
    else read(at, slot, false);
    return;
  }
  if (options_.accesses_in_order && keeps_faults_in_order(at)) return;
  // A load without a result is there for its faults alone.
  if (self.has(isa::kProbe) || (self.has(isa::kLoad) && ops_[at].d == isa::kZero)) return;
  Space& space = spaces_[self.has(isa::kGuest)];
  if (self.has(isa::kLoad)) order_load(at, space);
  else order_store(at, space);
}

void DependenceGraph::order_load(uint32_t at, Space& space) {
  const MachOp& load = ops_[at];
  const uint8_t order = order_of(at);
  const bool passes = options_.passing && can_protect(load) && (order & kWithAll) == 0;
  Passable passable{static_cast<uint16_t>(at), 0, {0, 0}};
  Cover cover(options_.stack);
  const std::vector<Access>& stores = space.stores.latest;
  for (size_t i = stores.size(); i-- > 0;) {
    const Access& store = stores[i];
    if (!may_overlap(ops_[store.op], load, options_.stack)) continue;
    // Through the same base they certainly meet.
    if (passes && store.number != kNone && store.base != load.base && (order & order_of(store.op)) == 0) {
      // The window spans fewer than 64 numbers, and the first one met is the highest.
      if ((passable.stores[0] | passable.stores[1]) == 0) passable.word = static_cast<uint16_t>(store.number / 64 == 0 ? 0 : store.number / 64 - 1);
      passable.stores[store.number / 64 - passable.word] |= uint64_t{1} << store.number % 64;
    } else if (!cover.covers(store.op, store.base)) {
      edge(store.op, at, 1);
      cover.add(store.op, store.base);
    }
  }
  if (space.stores.joint != kNone) edge(space.stores.joint, at, 0);
  if ((passable.stores[0] | passable.stores[1]) != 0) {
    passable_of_[at] = static_cast<uint16_t>(passables_.size());
    passables_.push_back(passable);
  }
  remember(space.loads, at, kNone, kLoadWindow, 0);
}

void DependenceGraph::order_store(uint32_t at, Space& space) {
  const MachOp& store = ops_[at];
  Cover cover(options_.stack);
  const auto follow = [&](const Recent& recent, unsigned latency, bool covers) {
    for (size_t i = recent.latest.size(); i-- > 0;) {
      const Access& other = recent.latest[i];
      if (cover.covers(other.op, other.base) || !may_overlap(ops_[other.op], store, options_.stack)) continue;
      edge(other.op, at, latency);
      if (covers) cover.add(other.op, other.base);
    }
    if (recent.joint != kNone) edge(recent.joint, at, 0);
  };
  follow(space.stores, 1, true);
  follow(space.loads, 0, false);
  uint32_t number = kNone;
  if (options_.passing && can_check(store) && (order_of(at) & kWithAll) == 0) {
    number = static_cast<uint32_t>(store_of_.size());
    store_of_.push_back(static_cast<uint16_t>(at));
    number_of_[at] = static_cast<uint16_t>(number);
  }
  remember(space.stores, at, number, kStoreWindow, 1);
}

void DependenceGraph::remember(Recent& recent, uint32_t at, uint32_t number, unsigned window, unsigned latency) {
  std::vector<Access>& latest = recent.latest;
  if (latest.size() == 2 * window) {
    const uint32_t joint = new_node();
    if (recent.joint != kNone) edge(recent.joint, joint, 0);
    for (unsigned i = 0; i < window; ++i) edge(latest[i].op, joint, latency);
    recent.joint = joint;
    latest.erase(latest.begin(), latest.begin() + window);
  }
  latest.push_back({static_cast<uint16_t>(at), static_cast<uint16_t>(number), ops_[at].base});
}

// -- exits, commits, serializing atoms -----------------------------------------------------------------------------

void DependenceGraph::add_barrier(uint32_t at) {
  if (last_barrier_ != kNone) edge(last_barrier_, at, 1);
  for (const uint16_t earlier : since_barrier_) {
    const bool shares = row(at).has(isa::kCommit) && is_committed(row(earlier));
    edge(earlier, at, shares ? 0 : 1);
  }
  since_barrier_.clear();
  if (!row(at).has(isa::kBranch)) since_exit_.push_back(static_cast<uint16_t>(at));
  last_barrier_ = at;
}

void DependenceGraph::add_exit(uint32_t at) {
  if (!exits_.empty()) edge(exits_.back(), at, 1);
  // A return address is pushed by the branch unit, which the exit needs then.
  for (const uint16_t earlier : since_exit_) edge(earlier, at, ops_[earlier].op == isa::Op::ReturnPush ? 1 : 0);
  since_exit_.clear();
  exits_.push_back(static_cast<uint16_t>(at));
  since_barrier_.push_back(static_cast<uint16_t>(at));
}

void DependenceGraph::add_control(uint32_t at) {
  const isa::AtomInfo& self = row(at);
  const bool memory = accesses_memory(self);
  if (is_barrier(self)) {
    add_barrier(at);
  } else if (is_committed(self) || self.has(isa::kFp)) {
    if (last_barrier_ != kNone) edge(last_barrier_, at, 1);
    since_barrier_.push_back(static_cast<uint16_t>(at));
  }
  if (self.has(isa::kBranch)) return add_exit(at);
  const bool stays_above = self.has(isa::kStore | isa::kProbe | isa::kGuest | isa::kUncount) || ops_[at].op == isa::Op::ReturnPush;
  if (stays_above && !is_barrier(self)) since_exit_.push_back(static_cast<uint16_t>(at));
  // Nothing with an effect passes an exit before it; what has none may, if it cannot fail. A return address that is
  // pushed on another path would be harmless, but of no use.
  int32_t limit = kNoLimit;
  if (memory) limit = ops_[at].hoist_limit;
  else if (self.has(isa::kUncount) || ops_[at].op == isa::Op::ReturnPush) limit = kNeverHoist;
  if (limit == kNoLimit) return;
  for (size_t i = exits_.size(); i-- > 0;) {
    if (limit != kNeverHoist && ops_[exits_[i]].id > limit) continue;
    edge(exits_[i], at, 1);
    break;
  }
}

}  // namespace chrysalis::translator
