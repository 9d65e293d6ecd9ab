#include "translator/regalloc.h"

#include <algorithm>

#include "translator/assert.h"
#include "translator/parallel_move.h"

namespace chrysalis::translator {
namespace {

constexpr uint8_t kNowhere = 0xff;
constexpr uint64_t kFlagsRegisters = 0xfe00;  // r9..r15
constexpr int kAtEntry = -1;

// Positions: operation i reads at 2i and writes at 2i+1. The moves before a final exit or a commit read what
// they move at 2i; a side exit's stub reads at 2i+1.
struct Interval {
  int start = 0x7fffffff, end = -2;
  uint8_t fixed = kNowhere;      // register that it must have
  uint8_t reg = kNowhere;
  bool spilled = false;
  bool unspillable = false;
  uint64_t avoid = 0;            // registers that its life may not cross (commits, rollbacks)
  unsigned slot = 0;
};

class Allocator {
 public:
  Allocator(const Region& region, const isa::MachineDescription& machine, MachineCode& code)
      : region_(region), machine_(machine), code_(code) {}

  AllocationStats run(std::vector<ExitStub>& stubs, PointReads& reads) {
    intervals_.resize(code_.virtuals.size());
    for (unsigned v = 0; v < region_.code.next_value; ++v) holder_.push_back(v);
    for (;;) {
      do find_intervals();
      while (move_entry_values());
      find_wishes();
      const int victim = scan();
      if (victim < 0) break;
      spill(static_cast<unsigned>(victim));
    }
    finish(stubs, reads);
    return stats_;
  }

 private:
  static bool is_inline(const MachOp& op) { return !isa::info(op.op).has(isa::kConditional); }

  Interval& of(Reg reg) { return intervals_[reg - kFirstVirtual]; }

  /// Where a map finds the value: its own virtual register, or the copy that took its place.
  unsigned holder(ir::ValueId value) const { return holder_[value]; }
  Interval& location(ir::ValueId value) { return intervals_[holder(value)]; }

  // -- lifetimes ---------------------------------------------------------------------------------------------

  void find_intervals() {
    intervals_.resize(code_.virtuals.size());
    for (Interval& interval : intervals_) {
      interval.start = 0x7fffffff;
      interval.end = -2;
      interval.fixed = interval.reg = kNowhere;
      interval.avoid = 0;
    }
    for (const Binding& binding : region_.entry) {
      Interval& interval = intervals_[binding.value];
      if (interval.spilled) continue;  // stored at entry, from the entry register
      interval.start = kAtEntry;
      interval.end = kAtEntry;
      interval.fixed = binding.reg;
    }
    for (int at = 0; at < static_cast<int>(code_.ops.size()); ++at) {
      const MachOp& op = code_.ops[static_cast<size_t>(at)];
      const OpRegs regs = registers_of(op);
      for (unsigned i = 0; i < regs.read_count; ++i) {
        if (is_virtual(regs.reads[i])) of(regs.reads[i]).end = std::max(of(regs.reads[i]).end, 2 * at);
      }
      for (unsigned i = 0; i < regs.write_count; ++i) {
        if (!is_virtual(regs.writes[i])) continue;
        Interval& interval = of(regs.writes[i]);
        interval.start = std::min(interval.start, 2 * at + 1);
        interval.end = std::max(interval.end, 2 * at + 1);
      }
      if (op.point >= 0) note_map(op, at);
    }
    find_avoided();
  }

  void note_map(const MachOp& op, int at) {
    const OpRegs regs = registers_of(op);
    for (const Binding& binding : region_.map(static_cast<size_t>(op.point))) {
      Interval& interval = location(binding.value);
      const Reg reg = virtual_register(binding.value);
      if (code_.virtuals[binding.value].is_const || interval.spilled) continue;
      const bool own_result = std::find(regs.writes, regs.writes + regs.write_count, reg) != regs.writes + regs.write_count;
      if (own_result) interval.fixed = binding.reg;  // a call's return address
      else interval.end = std::max(interval.end, is_inline(op) ? 2 * at : 2 * at + 1);
    }
  }

  /// Registers that a commit's map fills, or that a rollback changes, while other values live on.
  void find_avoided() {
    for (int at = 0; at < static_cast<int>(code_.ops.size()); ++at) {
      const MachOp& op = code_.ops[static_cast<size_t>(at)];
      const bool rollback = isa::info(op.op).has(isa::kRollback);
      if (!rollback && !isa::info(op.op).has(isa::kCommit)) continue;
      uint64_t filled = rollback ? (uint64_t{1} << isa::kShadowedInt) - 1 : 0;
      if (op.point >= 0) {
        for (const Binding& binding : region_.map(static_cast<size_t>(op.point))) filled |= uint64_t{1} << binding.reg;
      }
      for (unsigned v = 0; v < intervals_.size(); ++v) {
        Interval& interval = intervals_[v];
        if (interval.start >= 2 * at || interval.end <= 2 * at) continue;
        uint64_t mine = 0;
        if (op.point >= 0) {
          for (const Binding& binding : region_.map(static_cast<size_t>(op.point))) {
            if (holder(binding.value) == v) mine |= uint64_t{1} << binding.reg;
          }
        }
        interval.avoid |= filled & ~mine;
      }
    }
  }

  /// An entry value whose register a commit's map gives to another value while it lives moves away at once.
  /// True if there was one: lifetimes have changed.
  bool move_entry_values() {
    for (const Binding& binding : region_.entry) {
      const Interval& interval = intervals_[binding.value];
      if (interval.fixed == kNowhere || !(interval.avoid >> interval.fixed & 1)) continue;
      const Reg from = virtual_register(binding.value), to = new_register(code_.virtuals[binding.value].flags_class);
      for (MachOp& op : code_.ops) rename(op, from, to);
      MachOp copy;
      copy.op = isa::Op::Mov;
      copy.d = to;
      copy.a = from;
      code_.ops.insert(code_.ops.begin(), copy);
      holder_[binding.value] = to - kFirstVirtual;
      return true;
    }
    return false;
  }

  static void rename(MachOp& op, Reg from, Reg to) {
    for (Reg* field : {&op.d, &op.a, &op.b, &op.c, &op.f}) {
      if (*field == from) *field = to;
    }
  }

  Reg new_register(bool flags_class) {
    intervals_.emplace_back();
    return code_.new_virtual(flags_class);
  }

  // -- wishes ------------------------------------------------------------------------------------------------

  struct Wish {
    unsigned value;
    uint8_t reg;
    Reg same_as;  // or: the register that this virtual register has
  };

  void find_wishes() {
    wishes_.clear();
    for (auto& starts : wanted_) starts.clear();
    const auto wish = [this](unsigned value, uint8_t reg) {
      wishes_.push_back({holder_[value], reg, kNoReg});
      wanted_[reg].push_back(intervals_[holder_[value]].start);
    };
    // Likely exits count most, then the last, whose moves are on the main path, then the others in order.
    const auto wish_all = [&](const MachOp& op) {
      for (const Binding& binding : region_.map(static_cast<size_t>(op.point))) wish(binding.value, binding.reg);
    };
    for (const MachOp& op : code_.ops) {
      if (op.point >= 0 && region_.maps[static_cast<size_t>(op.point)].likely) wish_all(op);
    }
    if (code_.ops.back().point >= 0) wish_all(code_.ops.back());
    for (const MachOp& op : code_.ops) {
      if (op.point >= 0 && &op != &code_.ops.back()) wish_all(op);
      if (op.op == isa::Op::Mov && is_virtual(op.d) && is_virtual(op.a)) {
        wishes_.push_back({static_cast<unsigned>(op.d - kFirstVirtual), kNowhere, op.a});
      }
    }
    std::stable_sort(wishes_.begin(), wishes_.end(), [](const Wish& a, const Wish& b) { return a.value < b.value; });
    for (auto& starts : wanted_) std::sort(starts.begin(), starts.end());
  }

  // -- the scan ------------------------------------------------------------------------------------------------

  /// Assigns registers. Returns -1, or the virtual register that has to be spilled first.
  int scan() {
    order_.clear();
    for (unsigned v = 0; v < intervals_.size(); ++v) {
      if (intervals_[v].end >= intervals_[v].start) order_.push_back(v);
    }
    std::stable_sort(order_.begin(), order_.end(), [this](unsigned a, unsigned b) {
      if (intervals_[a].start != intervals_[b].start) return intervals_[a].start < intervals_[b].start;
      return (intervals_[a].fixed != kNowhere) > (intervals_[b].fixed != kNowhere);
    });
    for (int& free_at : free_at_) free_at = -3;
    occupant_.assign(64, -1);
    for (const unsigned v : order_) {
      const int chosen = choose(v);
      if (chosen < 0) return victim_for(v);
      take(v, static_cast<unsigned>(chosen));
    }
    return -1;
  }

  void take(unsigned v, unsigned reg) {
    intervals_[v].reg = static_cast<uint8_t>(reg);
    free_at_[reg] = intervals_[v].end;
    occupant_[reg] = static_cast<int>(v);
  }

  uint64_t allowed(unsigned v) const {
    const uint64_t usable = region_.allocatable & ~intervals_[v].avoid;
    return code_.virtuals[v].flags_class ? usable & kFlagsRegisters : usable;
  }

  int choose(unsigned v) const {
    const Interval& interval = intervals_[v];
    if (interval.fixed != kNowhere) {
      CHRYSALIS_ASSERT(!(interval.avoid >> interval.fixed & 1), v);
      return interval.fixed;
    }
    const uint64_t mask = allowed(v);
    const auto is_free = [&](unsigned reg) { return (mask >> reg & 1) && free_at_[reg] < interval.start; };
    const auto first = std::lower_bound(wishes_.begin(), wishes_.end(), v,
                                        [](const Wish& wish, unsigned value) { return wish.value < value; });
    for (auto wish = first; wish != wishes_.end() && wish->value == v; ++wish) {
      const unsigned reg = wish->same_as == kNoReg ? wish->reg : intervals_[wish->same_as - kFirstVirtual].reg;
      if (reg < 64 && is_free(reg)) return static_cast<int>(reg);
    }
    // Otherwise the register that has been free for longest, preferring those that nobody will want while
    // this value lives, and leaving the flags registers to flags.
    int best = -1;
    int best_cost = 0;
    for (unsigned reg = 0; reg < 63; ++reg) {
      if (!is_free(reg)) continue;
      const std::vector<int>& wanted = wanted_[reg];
      const auto next = std::lower_bound(wanted.begin(), wanted.end(), interval.start);
      int cost = free_at_[reg];
      if (next != wanted.end() && *next <= interval.end) cost += 1 << 24;
      if (!code_.virtuals[v].flags_class && (kFlagsRegisters >> reg & 1)) cost += 1 << 25;
      if (best < 0 || cost < best_cost) {
        best = static_cast<int>(reg);
        best_cost = cost;
      }
    }
    return best;
  }

  /// The value alive at v's start whose register helps v and that is needed again last: v itself perhaps.
  int victim_for(unsigned v) const {
    int victim = intervals_[v].unspillable ? -1 : static_cast<int>(v);
    int end = victim < 0 ? -1 : intervals_[v].end;
    const uint64_t mask = allowed(v);
    for (unsigned reg = 0; reg < 63; ++reg) {
      if (!(mask >> reg & 1) || occupant_[reg] < 0 || free_at_[reg] < intervals_[v].start) continue;
      const Interval& other = intervals_[static_cast<unsigned>(occupant_[reg])];
      if (other.unspillable || other.end <= end) continue;
      victim = occupant_[reg];
      end = other.end;
    }
    CHRYSALIS_ASSERT(victim >= 0, v);
    return victim;
  }

  // -- spilling ------------------------------------------------------------------------------------------------

  MachOp slot_access(bool store, Reg reg, Reg address, unsigned slot, int32_t id) const {
    MachOp op;
    op.op = store ? isa::Op::StC64 : isa::Op::LdC64;
    op.d = reg;
    op.a = address;
    op.mode = isa::Mode::Short;
    op.base = kSpillSlots;
    op.offset = slot * 8;
    op.size = 8;
    op.id = id;
    op.hoist_limit = store ? kNeverHoist : -1;
    if (machine_.offset_addressing != 0) {
      op.imm = op.offset;
      op.mode = op.imm < 32 ? isa::Mode::Short : isa::Mode::Long;
    }
    return op;
  }

  /// Appends an access to `slot`; `address` may serve to form the address.
  void access_slot(std::vector<MachOp>& out, bool store, Reg reg, Reg address, unsigned slot, int32_t id) const {
    if (machine_.offset_addressing == 0) {
      MachOp op;
      op.op = isa::Op::Add64;
      op.d = address;
      op.a = kSpillBase;
      op.imm = slot * 8;
      op.mode = op.imm < 32 ? isa::Mode::Short : isa::Mode::Long;
      op.id = id;
      out.push_back(op);
    } else {
      address = kSpillBase;
    }
    out.push_back(slot_access(store, reg, address, slot, id));
  }

  Reg new_local(bool flags_class) {
    const Reg reg = new_register(flags_class);
    intervals_.back().unspillable = true;
    return reg;
  }

  /// Moves virtual register `v` to a slot: every operation that names it gets a register for itself.
  void spill(unsigned v) {
    Interval& interval = intervals_[v];
    interval.spilled = true;
    interval.slot = stats_.spilled++;
    CHRYSALIS_ASSERT(interval.slot < kSpillSlotCount, interval.slot);
    const unsigned slot = interval.slot;
    const Reg name = virtual_register(v);
    std::vector<MachOp> ops;
    for (const Binding& binding : region_.entry) {
      if (binding.value == v) access_slot(ops, true, binding.reg, kMoveScratch, slot, 0);
    }
    for (MachOp op : code_.ops) {
      const OpRegs regs = registers_of(op);
      const bool reads = std::find(regs.reads, regs.reads + regs.read_count, name) != regs.reads + regs.read_count;
      const bool writes = std::find(regs.writes, regs.writes + regs.write_count, name) != regs.writes + regs.write_count;
      if (!reads && !writes) {
        ops.push_back(op);
        continue;
      }
      const Reg local = new_local(code_.virtuals[v].flags_class);
      if (reads) access_slot(ops, false, local, scratch_address(), slot, op.id);
      rename(op, name, local);
      ops.push_back(op);
      if (writes) access_slot(ops, true, local, scratch_address(), slot, op.id);
    }
    code_.ops = std::move(ops);
  }

  Reg scratch_address() { return machine_.offset_addressing != 0 ? kNoReg : new_local(false); }

  // -- the result ------------------------------------------------------------------------------------------------

  Reg physical(Reg reg) { return is_virtual(reg) ? of(reg).reg : reg; }

  static MachOp constant_atom(Reg to, int64_t value) {
    MachOp op;
    op.op = isa::Op::MovImm;
    op.d = to;
    op.mode = value >= -(1 << 14) && value < (1 << 14) ? isa::Mode::Short : isa::Mode::Long;
    op.imm = static_cast<int32_t>(value);
    return op;
  }

  /// Appends what brings every value of the map to its register.
  void realize_map(const MachOp& exit, std::vector<MachOp>& out) {
    std::vector<Move> moves;
    std::vector<Binding> late;
    const OpRegs regs = registers_of(exit);
    for (const Binding& binding : region_.map(static_cast<size_t>(exit.point))) {
      const Reg reg = virtual_register(binding.value);
      if (std::find(regs.writes, regs.writes + regs.write_count, reg) != regs.writes + regs.write_count) continue;
      if (code_.virtuals[binding.value].is_const || location(binding.value).spilled) late.push_back(binding);
      else moves.push_back({location(binding.value).reg, binding.reg});
    }
    const size_t first = out.size();
    sequence_moves(moves, kMoveScratch, out);
    for (const Binding& binding : late) {
      if (!code_.virtuals[binding.value].is_const) {
        access_slot(out, false, binding.reg, binding.reg, location(binding.value).slot, exit.id);
        continue;
      }
      const int64_t value = code_.virtuals[binding.value].constant;
      out.push_back(constant_atom(binding.reg, value));
      if (value == static_cast<int32_t>(value)) continue;
      MachOp high;
      high.op = isa::Op::SetHigh;
      high.d = high.a = binding.reg;
      high.imm = value >> 32;
      high.mode = high.imm >= -32 && high.imm < 32 ? isa::Mode::Short : isa::Mode::Long;
      out.push_back(high);
    }
    for (size_t i = first; i < out.size(); ++i) out[i].id = exit.id, out[i].guest = exit.guest;
  }

  /// The moves before a final exit must not overwrite where it goes.
  void protect_target(MachOp& op, std::vector<MachOp>& out) {
    if (!isa::info(op.op).has(isa::kIndirect)) return;
    const Reg target = physical(op.a);
    for (const Binding& binding : region_.map(static_cast<size_t>(op.point))) {
      const bool stays = location(binding.value).reg == target && !code_.virtuals[binding.value].is_const;
      if (binding.reg != target || stays) continue;
      MachOp copy;
      copy.op = isa::Op::Mov;
      copy.d = kTargetScratch;
      copy.a = target;
      copy.id = op.id;
      copy.guest = op.guest;
      out.push_back(copy);
      op.a = kTargetScratch;
      return;
    }
  }

  void note_reads(const MachOp& op, PointReads& reads) {
    PointReads::Range& range = reads.points[static_cast<size_t>(op.point)];
    range.first = static_cast<uint32_t>(reads.regs.size());
    for (const Binding& binding : region_.map(static_cast<size_t>(op.point))) {
      if (is_inline(op)) reads.regs.push_back(binding.reg);
      else if (!code_.virtuals[binding.value].is_const && !location(binding.value).spilled) {
        reads.regs.push_back(location(binding.value).reg);
      }
    }
    range.count = static_cast<uint32_t>(reads.regs.size()) - range.first;
  }

  void finish(std::vector<ExitStub>& stubs, PointReads& reads) {
    std::vector<MachOp> out;
    reads.regs.clear();
    reads.points.assign(region_.maps.size(), {});
    for (MachOp op : code_.ops) {
      if (op.point >= 0) note_reads(op, reads);
      if (op.point >= 0 && is_inline(op)) {
        protect_target(op, out);
        const size_t before = out.size();
        realize_map(op, out);
        stats_.moves += static_cast<uint32_t>(out.size() - before);
      } else if (op.point >= 0) {
        ExitStub stub;
        realize_map(op, stub.ops);
        stats_.stub_moves += static_cast<uint32_t>(stub.ops.size());
        stub.op = static_cast<uint32_t>(out.size());
        // Leaving for a guest address takes a stub anyway: it commits.
        const bool commits = op.target_kind == Target::GuestExit || op.target_kind == Target::GuestIndirect;
        if (!stub.ops.empty() || commits) stubs.push_back(std::move(stub));
      }
      for (Reg* field : {&op.d, &op.a, &op.b, &op.c, &op.f}) {
        if (*field == kNoReg) continue;
        *field = physical(*field);
        CHRYSALIS_ASSERT(*field != kNowhere, op.id);
      }
      if (op.op == isa::Op::Mov && op.d == op.a) continue;
      out.push_back(op);
    }
    // Indices of stubs stay right: an identity move is dropped before the next index is taken.
    code_.ops = std::move(out);
  }

  const Region& region_;
  const isa::MachineDescription& machine_;
  MachineCode& code_;
  AllocationStats stats_;
  std::vector<Interval> intervals_;
  std::vector<unsigned> holder_;  // by value: the virtual register that maps read
  std::vector<Wish> wishes_;
  std::vector<int> wanted_[64];
  std::vector<unsigned> order_;
  int free_at_[64] = {};
  std::vector<int> occupant_;
};

}  // namespace

AllocationStats allocate_registers(const Region& region, const isa::MachineDescription& machine, MachineCode& code,
                                   std::vector<ExitStub>& stubs, PointReads& reads) {
  return Allocator(region, machine, code).run(stubs, reads);
}

}  // namespace chrysalis::translator
