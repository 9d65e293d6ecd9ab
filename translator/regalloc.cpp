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
  // By the first scheduling, so that registers do not undo what it has found.
  uint16_t cycle = 0, latest = 0xffff;  // when it is made, and when it could be at the latest
  uint16_t free_from = 0;        // when its register can be written anew
  unsigned slot = 0;
};

}  // namespace

struct RegisterAllocator::State {
  AllocationStats run(Region& region, const isa::MachineDescription& machine, MachineCode& code, ExitStubs& stubs, PointReads& reads) {
    region_ = &region;
    machine_ = &machine;
    code_ = &code;
    stats_ = {};
    intervals_.clear();
    intervals_.resize(code.virtuals.size());
    holder_.clear();
    for (unsigned v = 0; v < code.virtuals.size(); ++v) holder_.push_back(v);
    last_map_.clear();
    for (const Delivery& delivery : code.last_map) last_map_.push_back({static_cast<ir::ValueId>(delivery.index), delivery.reg});
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

  std::span<const Binding> map_of(const MachOp& op) const {
    return op.point == code_->last_point ? std::span<const Binding>(last_map_) : region_->map(static_cast<size_t>(op.point));
  }
  /// Whether the map delivers a constant. In the last one all values have registers.
  bool is_constant(const MachOp& op, const Binding& binding) const {
    return op.point != code_->last_point && code_->virtuals[binding.value].is_const;
  }

  // -- lifetimes ---------------------------------------------------------------------------------------------

  void find_intervals() {
    intervals_.resize(code_->virtuals.size());
    for (Interval& interval : intervals_) {
      interval.start = 0x7fffffff;
      interval.end = -2;
      interval.fixed = interval.reg = kNowhere;
      interval.avoid = 0;
      interval.cycle = interval.free_from = 0;
      interval.latest = 0xffff;
    }
    for (const Binding& binding : region_->entry) {
      Interval& interval = intervals_[binding.value];
      if (interval.spilled) continue;  // stored at entry, from the entry register
      interval.start = kAtEntry;
      interval.end = kAtEntry;
      interval.fixed = binding.reg;
    }
    for (int at = 0; at < static_cast<int>(code_->ops.size()); ++at) {
      const MachOp& op = code_->ops[static_cast<size_t>(at)];
      const OpRegs regs = registers_of(op);
      for (unsigned i = 0; i < regs.read_count; ++i) {
        if (!is_virtual(regs.reads[i])) continue;
        Interval& interval = of(regs.reads[i]);
        interval.end = std::max(interval.end, 2 * at);
        interval.free_from = std::max(interval.free_from, op.cycle);
      }
      for (unsigned i = 0; i < regs.write_count; ++i) {
        if (!is_virtual(regs.writes[i])) continue;
        Interval& interval = of(regs.writes[i]);
        if (2 * at + 1 < interval.start) {
          interval.start = 2 * at + 1;
          interval.cycle = op.cycle;
          interval.latest = op.latest;
        }
        interval.end = std::max(interval.end, 2 * at + 1);
        interval.free_from = std::max<uint16_t>(interval.free_from, static_cast<uint16_t>(op.cycle + 1));
      }
      if (op.point >= 0) note_map(op, at);
    }
    find_avoided();
  }

  void note_map(const MachOp& op, int at) {
    const OpRegs regs = registers_of(op);
    for (const Binding& binding : map_of(op)) {
      Interval& interval = location(binding.value);
      const Reg reg = virtual_register(binding.value);
      if (is_constant(op, binding) || interval.spilled) continue;
      const bool own_result = std::find(regs.writes, regs.writes + regs.write_count, reg) != regs.writes + regs.write_count;
      if (own_result) interval.fixed = binding.reg;  // a call's return address
      else interval.end = std::max(interval.end, is_inline(op) ? 2 * at : 2 * at + 1);
      interval.free_from = std::max<uint16_t>(interval.free_from, static_cast<uint16_t>(op.cycle + 1));
    }
  }

  /// Registers that a commit's map fills, or that a rollback changes, while other values live on.
  void find_avoided() {
    for (int at = 0; at < static_cast<int>(code_->ops.size()); ++at) {
      const MachOp& op = code_->ops[static_cast<size_t>(at)];
      const bool rollback = isa::info(op.op).has(isa::kRollback);
      if (!rollback && !isa::info(op.op).has(isa::kCommit)) continue;
      uint64_t filled = rollback ? (uint64_t{1} << isa::kShadowedInt) - 1 : 0;
      if (op.point >= 0) {
        for (const Binding& binding : map_of(op)) filled |= uint64_t{1} << binding.reg;
      }
      for (unsigned v = 0; v < intervals_.size(); ++v) {
        Interval& interval = intervals_[v];
        if (interval.start >= 2 * at || interval.end <= 2 * at) continue;
        uint64_t mine = 0;
        if (op.point >= 0) {
          for (const Binding& binding : map_of(op)) {
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
    for (const Binding& binding : region_->entry) {
      const Interval& interval = intervals_[binding.value];
      if (interval.fixed == kNowhere || !(interval.avoid >> interval.fixed & 1)) continue;
      const Reg from = virtual_register(binding.value), to = new_register(code_->virtuals[binding.value].flags_class);
      for (MachOp& op : code_->ops) rename(op, from, to);
      MachOp copy;
      copy.op = isa::Op::Mov;
      copy.d = to;
      copy.a = from;
      code_->ops.insert(code_->ops.begin(), copy);
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
    return code_->new_virtual(flags_class);
  }

  // -- wishes ------------------------------------------------------------------------------------------------

  /// A register that a value would like to have; a value's wishes make a list, the most important first.
  struct Wish {
    uint32_t next;  ///< plus one
    uint8_t reg;
    Reg same_as;    ///< or: the register that this virtual register has
  };
  struct Wishes {
    uint32_t first = 0, last = 0;  ///< plus one
    uint64_t regs = 0;             ///< those wished for, a bit each
  };

  void append(Wishes& list, uint8_t reg, Reg same_as) {
    wish_list_.push_back({0, reg, same_as});
    const auto at = static_cast<uint32_t>(wish_list_.size());
    (list.last == 0 ? list.first : wish_list_[list.last - 1].next) = at;
    list.last = at;
  }

  void wish_all(const MachOp& op) {
    for (const Binding& binding : map_of(op)) {
      Wishes& list = wishes_[holder_[binding.value]];
      if (list.regs >> binding.reg & 1) continue;
      list.regs |= uint64_t{1} << binding.reg;
      append(list, binding.reg, kNoReg);
    }
  }

  void find_wishes() {
    wish_list_.clear();
    wishes_.assign(intervals_.size(), {});
    // Likely exits count most, then the last, whose moves are on the main path, then the others in order.
    for (const MachOp& op : code_->ops) {
      if (op.point >= 0 && region_->maps[static_cast<size_t>(op.point)].likely) wish_all(op);
    }
    const auto is_last = [this](const MachOp& op) { return op.point == code_->last_point; };
    for (const MachOp& op : code_->ops) {
      if (op.point >= 0 && is_last(op)) wish_all(op);
    }
    for (const MachOp& op : code_->ops) {
      if (op.point >= 0 && !is_last(op)) wish_all(op);
      if (op.op == isa::Op::Mov && is_virtual(op.d) && is_virtual(op.a)) append(wishes_[op.d - kFirstVirtual], kNowhere, op.a);
    }
  }

  // -- the scan ------------------------------------------------------------------------------------------------

  /// Virtual registers by start, those with a fixed register first; lists by start.
  void sort_by_start() {
    first_at_.assign(2 * code_->ops.size() + 2, 0);
    next_at_.assign(intervals_.size(), 0);
    for (const bool fixed : {false, true}) {
      for (unsigned v = static_cast<unsigned>(intervals_.size()); v-- > 0;) {
        const Interval& interval = intervals_[v];
        if (interval.end < interval.start || (interval.fixed != kNowhere) != fixed) continue;
        uint32_t& first = first_at_[static_cast<size_t>(interval.start - kAtEntry)];
        next_at_[v] = first;
        first = v + 1;
      }
    }
  }

  /// For each register, when values start that wish for it.
  void find_wanted() {
    wanted_any_ = 0;
    for (unsigned reg = 0; reg < 64; ++reg) {
      wanted_[reg].clear();
      wanted_next_[reg] = 0;
    }
    for (size_t at = 0; at < first_at_.size(); ++at) {
      for (uint32_t v = first_at_[at]; v != 0; v = next_at_[v - 1]) {
        wanted_any_ |= wishes_[v - 1].regs;
        for (uint64_t regs = wishes_[v - 1].regs; regs != 0; regs &= regs - 1) {
          wanted_[__builtin_ctzll(regs)].push_back(static_cast<int>(at) + kAtEntry);
        }
      }
    }
  }

  /// Assigns registers. Returns -1, or the virtual register that has to be spilled first.
  int scan() {
    sort_by_start();
    find_wanted();
    for (int& free_at : free_at_) free_at = -3;
    std::fill(std::begin(occupant_), std::end(occupant_), -1);
    ends_at_.assign(2 * code_->ops.size() + 2, 0);
    free_ = ~uint64_t{0};
    late_ = 0;
    cycle_ = 0;
    cursor_ = 0;
    for (size_t at = 0; at < first_at_.size(); ++at) {
      // What ended before is free; at the position itself both are alive.
      if (at != 0) release(ends_at_[at - 1]);
      for (uint32_t v = first_at_[at]; v != 0; v = next_at_[v - 1]) {
        const int chosen = choose(v - 1);
        if (chosen < 0) return victim_for(v - 1);
        take(v - 1, static_cast<unsigned>(chosen));
      }
    }
    return -1;
  }

  /// Registers whose values have ended at the last position are free. Late ones are not yet free in the cycle at hand.
  void release(uint64_t regs) {
    free_ |= regs;
    for (; regs != 0; regs &= regs - 1) {
      const auto reg = static_cast<unsigned>(__builtin_ctzll(regs));
      if (intervals_[static_cast<unsigned>(occupant_[reg])].free_from > cycle_) late_ |= uint64_t{1} << reg;
    }
  }

  /// Cycles never go back from one position to the next; spill code has none.
  void advance(unsigned cycle) {
    if (cycle <= cycle_) return;
    cycle_ = cycle;
    for (uint64_t regs = late_; regs != 0; regs &= regs - 1) {
      const auto reg = static_cast<unsigned>(__builtin_ctzll(regs));
      if (intervals_[static_cast<unsigned>(occupant_[reg])].free_from <= cycle_) late_ &= ~(uint64_t{1} << reg);
    }
  }

  void take(unsigned v, unsigned reg) {
    const uint64_t bit = uint64_t{1} << reg;
    intervals_[v].reg = static_cast<uint8_t>(reg);
    // An entry value's register may be another one's too, which has ended there: whoever ends last counts.
    if ((free_ & bit) == 0) ends_at_[static_cast<size_t>(free_at_[reg] - kAtEntry)] &= ~bit;
    free_at_[reg] = intervals_[v].end;
    occupant_[reg] = static_cast<int>(v);
    free_ &= ~bit;
    late_ &= ~bit;
    ends_at_[static_cast<size_t>(intervals_[v].end - kAtEntry)] |= bit;
  }

  uint64_t allowed(unsigned v) const {
    const uint64_t usable = region_->allocatable & ~intervals_[v].avoid;
    return code_->virtuals[v].flags_class ? usable & kFlagsRegisters : usable;
  }

  int choose(unsigned v) {
    const Interval& interval = intervals_[v];
    if (interval.fixed != kNowhere) {
      CHRYSALIS_ASSERT(!(interval.avoid >> interval.fixed & 1), v);
      return interval.fixed;
    }
    advance(interval.cycle);
    const uint64_t usable = allowed(v) & free_;
    for (uint32_t i = wishes_[v].first; i != 0; i = wish_list_[i - 1].next) {
      const Wish& wish = wish_list_[i - 1];
      const unsigned reg = wish.same_as == kNoReg ? wish.reg : intervals_[wish.same_as - kFirstVirtual].reg;
      if (reg >= 64 || (usable >> reg & 1) == 0) continue;
      if ((late_ >> reg & 1) == 0 || intervals_[static_cast<unsigned>(occupant_[reg])].free_from <= interval.latest) return static_cast<int>(reg);
    }
    // Otherwise one after the other in turn, so that a register is not written anew at once, preferring those that nobody will
    // want while this value lives, and leaving the flags registers to flags.
    uint64_t wanted = 0;
    for (uint64_t regs = usable & wanted_any_; regs != 0; regs &= regs - 1) {
      const auto reg = static_cast<unsigned>(__builtin_ctzll(regs));
      uint32_t& next = wanted_next_[reg];
      while (next < wanted_[reg].size() && wanted_[reg][next] < interval.start) ++next;
      if (next < wanted_[reg].size() && wanted_[reg][next] <= interval.end) wanted |= uint64_t{1} << reg;
    }
    uint64_t dear = 0;
    if (!code_->virtuals[v].flags_class) dear = kFlagsRegisters;
    const uint64_t ready = usable & ~late_;
    for (const uint64_t choice : {ready & ~wanted & ~dear, ready & ~dear, usable & ~wanted & ~dear, usable & ~dear, usable}) {
      if (choice == 0) continue;
      const uint64_t ahead = choice & ~uint64_t{0} << cursor_;
      const auto reg = static_cast<unsigned>(__builtin_ctzll(ahead != 0 ? ahead : choice));
      cursor_ = (reg + 1) % 64;
      return static_cast<int>(reg);
    }
    return -1;
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
    if (machine_->offset_addressing != 0) {
      op.imm = op.offset;
      op.mode = op.imm < 32 ? isa::Mode::Short : isa::Mode::Long;
    }
    return op;
  }

  /// Appends an access to `slot`; `address` may serve to form the address.
  void access_slot(std::vector<MachOp>& out, bool store, Reg reg, Reg address, unsigned slot, int32_t id) const {
    if (machine_->offset_addressing == 0) {
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
    for (const Binding& binding : region_->entry) {
      if (binding.value == v) access_slot(ops, true, binding.reg, kMoveScratch, slot, 0);
    }
    for (MachOp op : code_->ops) {
      const OpRegs regs = registers_of(op);
      const bool reads = std::find(regs.reads, regs.reads + regs.read_count, name) != regs.reads + regs.read_count;
      const bool writes = std::find(regs.writes, regs.writes + regs.write_count, name) != regs.writes + regs.write_count;
      if (!reads && !writes) {
        ops.push_back(op);
        continue;
      }
      const Reg local = new_local(code_->virtuals[v].flags_class);
      if (reads) access_slot(ops, false, local, scratch_address(), slot, op.id);
      rename(op, name, local);
      ops.push_back(op);
      if (writes) access_slot(ops, true, local, scratch_address(), slot, op.id);
    }
    code_->ops = std::move(ops);
  }

  Reg scratch_address() { return machine_->offset_addressing != 0 ? kNoReg : new_local(false); }

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
    moves_.clear();
    late_bindings_.clear();
    const OpRegs regs = registers_of(exit);
    for (const Binding& binding : map_of(exit)) {
      const Reg reg = virtual_register(binding.value);
      if (std::find(regs.writes, regs.writes + regs.write_count, reg) != regs.writes + regs.write_count) continue;
      const Interval& at = location(binding.value);
      if (is_constant(exit, binding) || at.spilled) late_bindings_.push_back(binding);
      else if (at.reg != binding.reg) moves_.push_back({at.reg, binding.reg});
    }
    const size_t first = out.size();
    sequence_moves(moves_, kMoveScratch, out);
    for (const Binding& binding : late_bindings_) {
      if (!is_constant(exit, binding)) {
        access_slot(out, false, binding.reg, binding.reg, location(binding.value).slot, exit.id);
        continue;
      }
      const int64_t value = code_->virtuals[binding.value].constant;
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
    for (const Binding& binding : map_of(op)) {
      const bool stays = location(binding.value).reg == target && !is_constant(op, binding);
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

  /// A path of a tree begins with its values where they are. What is in no register gets one that nothing else of the map has.
  void place_path(const MachOp& op) {
    const std::span<Binding> map = region_->map(static_cast<size_t>(op.point));
    uint64_t taken = 0, moved = 0;  // registers; places in the map
    for (size_t i = 0; i < map.size(); ++i) {
      const Interval& at = location(map[i].value);
      if (code_->virtuals[map[i].value].is_const || at.spilled) {
        moved |= uint64_t{1} << i;
        continue;
      }
      taken |= uint64_t{1} << at.reg;
      map[i].reg = at.reg;
    }
    for (; moved != 0; moved &= moved - 1) {
      Binding& binding = map[static_cast<size_t>(__builtin_ctzll(moved))];
      const uint64_t usable = region_->allocatable & ~taken;
      CHRYSALIS_ASSERT(usable != 0, binding.value);
      binding.reg = static_cast<uint8_t>(__builtin_ctzll(usable));
      taken |= uint64_t{1} << binding.reg;
    }
  }

  void note_reads(const MachOp& op, PointReads& reads) {
    PointReads::Range& range = reads.points[static_cast<size_t>(op.point)];
    range.first = static_cast<uint32_t>(reads.regs.size());
    for (const Binding& binding : map_of(op)) {
      if (is_inline(op)) reads.regs.push_back(binding.reg);
      else if (!is_constant(op, binding) && !location(binding.value).spilled) {
        reads.regs.push_back(location(binding.value).reg);
      }
    }
    range.count = static_cast<uint32_t>(reads.regs.size()) - range.first;
  }

  void finish(ExitStubs& stubs, PointReads& reads) {
    std::vector<MachOp>& out = finished_;
    out.clear();
    stubs.list.clear();
    stubs.ops.clear();
    out.reserve(code_->ops.size() + 16);
    reads.regs.clear();
    reads.points.assign(region_->maps.size(), {});
    for (MachOp op : code_->ops) {
      if (op.target_kind == Target::Path) place_path(op);
      if (op.point >= 0) note_reads(op, reads);
      if (op.point >= 0 && is_inline(op)) {
        protect_target(op, out);
        const size_t before = out.size();
        realize_map(op, out);
        stats_.moves += static_cast<uint32_t>(out.size() - before);
      } else if (op.point >= 0) {
        ExitStub stub{static_cast<uint32_t>(out.size()), static_cast<uint32_t>(stubs.ops.size()), 0};
        realize_map(op, stubs.ops);
        stub.count = static_cast<uint32_t>(stubs.ops.size()) - stub.first;
        stats_.stub_moves += stub.count;
        // Leaving for a guest address takes a stub anyway: it commits.
        const bool commits = op.target_kind == Target::GuestExit || op.target_kind == Target::GuestIndirect;
        if (stub.count != 0 || commits) stubs.list.push_back(stub);
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
    std::swap(code_->ops, out);
  }

  Region* region_ = nullptr;
  const isa::MachineDescription* machine_ = nullptr;
  MachineCode* code_ = nullptr;
  AllocationStats stats_;
  std::vector<Interval> intervals_;
  std::vector<unsigned> holder_;  // by value: the virtual register that maps read
  std::vector<Binding> last_map_; // MachineCode::last_map
  std::vector<MachOp> finished_;
  std::vector<Move> moves_;         // of the map at hand
  std::vector<Binding> late_bindings_;
  std::vector<Wish> wish_list_;
  std::vector<Wishes> wishes_;    // by virtual register
  std::vector<uint32_t> first_at_, next_at_;  // by position, from kAtEntry, and by virtual register; plus one
  std::vector<int> wanted_[64];   // by register: starts of values that wish for it, in order
  uint32_t wanted_next_[64] = {}; // the first of them that lies ahead
  uint64_t wanted_any_ = 0;       // registers that anybody wishes for
  uint64_t free_ = 0;             // registers that nobody has at the position at hand
  uint64_t late_ = 0;             // those of them that cannot be written in the cycle at hand
  unsigned cycle_ = 0;
  std::vector<uint64_t> ends_at_; // by position: registers that are free behind it
  unsigned cursor_ = 0;           // register to look at next
  int free_at_[64] = {};
  int occupant_[64] = {};
};

RegisterAllocator::RegisterAllocator() : state_(new State) {}
RegisterAllocator::~RegisterAllocator() { delete state_; }

AllocationStats RegisterAllocator::run(Region& region, const isa::MachineDescription& machine, MachineCode& code, ExitStubs& stubs,
                                       PointReads& reads) {
  return state_->run(region, machine, code, stubs, reads);
}

}  // namespace chrysalis::translator
