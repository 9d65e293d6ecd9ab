#include "translator/quick_block.h"

#include "isa-host/registers.h"

namespace chrysalis::translator {

using ir::GuestReg;
using ir::Inst;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;

namespace {

/// Guest registers that have a host register, as bits.
constexpr uint32_t kHeld = 0xff | 1u << isa::kGuestFlags;
static_assert(static_cast<unsigned>(GuestReg::Flags) == isa::kGuestFlags && static_cast<unsigned>(GuestReg::Eip) == isa::kGuestEip);

/// The backward walk over one instruction.
class Walk {
 public:
  Walk(Inst* insts, QuickBlock::Value* values, QuickBlock::Work* work, bool offsets)
      : insts_(insts), values_(values), first_work_(work), work_(work), offsets_(offsets) {}

  void visit(unsigned i);

  // What was found.
  bool refused = false, reads_flags = false, exits = false, ends = false;
  bool suspicious = false;  ///< is_refused() has to look
  unsigned stores = 0, side_exits = 0;
  uint32_t flags_set = 0xffffffff;
  QuickBlock::Work* flags_work = nullptr;
  QuickBlock::Work* end() const { return work_; }

 private:
  using Value = QuickBlock::Value;

  void push(unsigned i, QuickAction action) { *work_++ = {static_cast<uint16_t>(i), action}; }

  void use(ValueId v, unsigned i) {
    if (v == kNoValue) return;
    Value& value = values_[v];
    if (value.last_use != 0) value.bits |= QuickBlock::kShared;
    else value.last_use = QuickBlock::stamp(i);
    value.bits |= QuickBlock::kNeeded;
  }

  /// Operation i accesses memory at source 0 plus its displacement.
  void use_address(const Inst& inst, unsigned i) {
    Value& value = values_[inst.src[0]];
    if (value.last_use == 0) value.last_use = QuickBlock::stamp(i);
    else if (insts_[value.last_use / 2 - 1].imm != inst.imm) value.bits |= QuickBlock::kNeeded;
  }

  /// Operation i makes the value: if a SetReg still waits for it, it is made in that register.
  void settle(Value& value, unsigned i) {
    if (value.home == 0) return;
    const unsigned reg = value.home - 1u;
    waiting_ &= ~(1u << reg);
    write_at_[reg] = QuickBlock::stamp(i);
    sets_[reg]->action = QuickAction::Skip;
  }

  void visit_get(const Inst& inst, unsigned i);
  void visit_set(const Inst& inst, unsigned i);
  void visit_store(const Inst& inst, unsigned i);
  void visit_pure(Inst& inst, const QuickRule& rule, unsigned i);
  void forget_homes();

  Inst* const insts_;
  Value* const values_;
  QuickBlock::Work* const first_work_;
  QuickBlock::Work* work_;
  const bool offsets_;

  uint32_t overwritten_ = 0;  ///< guest registers that are written before they are read or anybody leaves
  uint32_t waiting_ = 0;      ///< those whose value is still to be met
  uint16_t write_at_[isa::kGuestFlags + 1] = {};  ///< stamp of the next write; 0: none
  ValueId awaited_[isa::kGuestFlags + 1];
  QuickBlock::Work* sets_[isa::kGuestFlags + 1];
  QuickBlock::Work discarded_;
};

void Walk::visit_get(const Inst& inst, unsigned i) {
  Value& value = values_[inst.value];
  if (value.last_use == 0) return;
  const unsigned reg = inst.aux;
  value.home = 0;  // the SetReg moves it
  if ((kHeld >> reg & 1) == 0) {
    push(i, QuickAction::GetContext);
    return;
  }
  value.where = static_cast<uint8_t>(reg);
  overwritten_ &= ~(1u << reg);
  if (reg == isa::kGuestFlags) reads_flags = true;
  if (waiting_ >> reg & 1) {
    values_[awaited_[reg]].home = 0;
    waiting_ &= ~(1u << reg);
  }
  if (write_at_[reg] != 0 && write_at_[reg] < value.last_use) push(i, QuickAction::Copy);
}

void Walk::visit_set(const Inst& inst, unsigned i) {
  const unsigned reg = inst.aux;
  const ValueId v = inst.src[0];
  if ((kHeld >> reg & 1) == 0) {
    suspicious = true;
    use(v, i);
    push(i, QuickAction::Guard);
    return;
  }
  if (overwritten_ >> reg & 1) return;
  overwritten_ |= 1u << reg;
  Value& value = values_[v];
  const bool outlives = write_at_[reg] != 0 && value.last_use > write_at_[reg];
  use(v, i);
  if (value.home == 0 && !outlives) {
    value.home = static_cast<uint8_t>(reg + 1);
    awaited_[reg] = v;
    waiting_ |= 1u << reg;
    sets_[reg] = work_;
  }
  write_at_[reg] = QuickBlock::stamp(i);
  if (reg == isa::kGuestFlags) {
    flags_set = i;
    flags_work = work_;
  }
  push(i, QuickAction::Set);
}

/// Whoever leaves finds the guest registers as they are.
void Walk::forget_homes() {
  for (; waiting_ != 0; waiting_ &= waiting_ - 1) values_[awaited_[__builtin_ctz(waiting_)]].home = 0;
  overwritten_ = 0;
  exits = true;
}

void Walk::visit_store(const Inst& inst, unsigned i) {
  ++stores;
  use(inst.src[1], i);
  if (!offsets_ && inst.imm != 0 && work_ != first_work_ && work_[-1].operation == i + 1 && work_[-1].action == QuickAction::Lea) {
    // PUSH stores below the stack pointer and then moves it. Where addresses have to be computed, moving it first
    // saves an atom: its new value is the address.
    const Inst& lea = insts_[i + 1];
    Value& base = values_[inst.src[0]];
    if (lea.src[0] == inst.src[0] && lea.src[1] == kNoValue && lea.imm == inst.imm && values_[lea.value].home != 0 &&
        base.last_use == QuickBlock::stamp(i + 1)) {
      base.last_use = write_at_[values_[lea.value].home - 1] = static_cast<uint16_t>(QuickBlock::stamp(i) - 1);
      const QuickBlock::Work moved = work_[-1];
      work_[-1] = {static_cast<uint16_t>(i), QuickAction::StoreAtLea};
      *work_++ = moved;
      return;
    }
  }
  use_address(inst, i);
  push(i, QuickAction::Store);
}

void Walk::visit_pure(Inst& inst, const QuickRule& rule, unsigned i) {
  Value* const value = inst.value == kNoValue ? nullptr : &values_[inst.value];
  Value* const flags = inst.flags == kNoValue ? nullptr : &values_[inst.flags];
  const bool flags_used = flags != nullptr && flags->last_use != 0;
  if (!flags_used && (value == nullptr || value->last_use == 0)) return;
  for (unsigned s = 0; s < rule.sources; ++s) use(inst.src[s], i);
  if ((rule.traits & kTraitOldFlags) != 0 && (flags_used || (rule.traits & kTraitCarry) != 0)) use(inst.src[rule.sources], i);
  if (value != nullptr) settle(*value, i);
  if (flags_used) settle(*flags, i);
  if (rule.action == QuickAction::Lea && !offsets_ && inst.width == 32 && (value->bits & QuickBlock::kNeeded) == 0) {
    inst.imm = static_cast<int32_t>(inst.imm + insts_[value->last_use / 2 - 1].imm);
    value->bits |= QuickBlock::kFolded;
  }
  push(i, rule.action);
}

void Walk::visit(unsigned i) {
  Inst& inst = insts_[i];
  const QuickRule& rule = quick_rule(inst.op);
  switch (rule.action) {
    case QuickAction::Get: return visit_get(inst, i);
    case QuickAction::Set: return visit_set(inst, i);
    case QuickAction::Const: {
      Value& value = values_[inst.value];
      value.def = static_cast<uint16_t>(i);
      value.where = QuickBlock::kConstant;
      value.bits |= QuickBlock::kIsConst;
      return;
    }
    case QuickAction::Load:  // it may fault, so it is made even if nobody wants the value
      use_address(inst, i);
      settle(values_[inst.value], i);
      return push(i, QuickAction::Load);
    case QuickAction::Store: return visit_store(inst, i);
    case QuickAction::Probe: {
      // The probe of a read-modify-write says that a fault is one of writing. Whatever faults here is repeated by the
      // interpreter, and the store is to come.
      const Inst& next = insts_[i + 1];
      if (next.op == Op::Load && next.src[0] == inst.src[0] && next.imm == inst.imm) return;
      use_address(inst, i);
      return push(i, QuickAction::Probe);
    }
    case QuickAction::ExitIf:
      ++side_exits;
      forget_homes();
      use(inst.src[0], i);
      return push(i, QuickAction::ExitIf);
    case QuickAction::Exit:
      exits = ends = true;
      return push(i, QuickAction::Exit);
    case QuickAction::ExitInd: {
      exits = ends = true;
      use(inst.src[0], i);
      Value& target = values_[inst.src[0]];
      target.home = isa::kGuestEip + 1;
      awaited_[isa::kGuestEip] = inst.src[0];
      waiting_ |= 1u << isa::kGuestEip;
      sets_[isa::kGuestEip] = &discarded_;
      return push(i, QuickAction::ExitInd);
    }
    case QuickAction::TrapIf:
      suspicious = true;
      use(inst.src[0], i);
      return push(i, QuickAction::TrapIf);
    case QuickAction::Refuse: refused = true; return;
    default: return visit_pure(inst, rule, i);
  }
}

}  // namespace

void QuickBlock::begin() {
  code.clear();
  instructions_.clear();
  operations_taken_ = work_taken_ = 0;
  values_taken_ = 0;
  stores_ = side_exits_ = 0;
  closed_ = false;
  flags_set_ = kNone;
}

QuickBlock::Verdict QuickBlock::reject(Verdict verdict) {
  code.insts.erase(code.insts.begin() + operations_taken_, code.insts.end());
  code.next_value = values_taken_;
  return verdict;
}

/// Whether an instruction that traps or writes system registers is one for the interpreter.
bool QuickBlock::is_refused(unsigned first, unsigned count) const {
  for (unsigned i = first; i < count; ++i) {
    const Inst& inst = code.insts[i];
    if (inst.op == Op::TrapIf && (values_[inst.src[0]].bits & kIsConst) != 0) return true;  // it certainly traps
    if (inst.op != Op::SetReg || (kHeld >> inst.aux & 1) != 0) continue;
    if (inst.aux != static_cast<uint8_t>(GuestReg::SysFlags)) return true;
    // A block may set the system flags to what they are. STD surely does not.
    for (unsigned k = first; k < i; ++k) {
      const Inst& made = code.insts[k];
      if (made.value == inst.src[0] && made.op == Op::Or && (values_[made.src[1]].bits & kIsConst) != 0) return true;
    }
  }
  return false;
}

/// The flags that the last instruction to write them has delivered are dead.
void QuickBlock::flags_overwritten() {
  work_[flags_work_].action = QuickAction::Skip;
  Value& flags = values_[code.insts[flags_set_].src[0]];
  if ((flags.bits & kShared) == 0) flags.last_use = 0;
}

QuickBlock::Verdict QuickBlock::take() {
  const unsigned first = operations_taken_, count = static_cast<unsigned>(code.insts.size());
  if (count - first > kMaxInstructionOperations) return reject(Verdict::Refused);
  if (first != 0 && count > kMaxOperations) return reject(Verdict::Full);
  if (values_.size() < code.next_value) values_.resize(code.next_value + kMaxOperations);
  // An operation has one piece of work at most; close() adds one.
  if (work_.size() <= work_taken_ + kMaxInstructionOperations) work_.resize(work_taken_ + kMaxOperations);
  for (ValueId v = values_taken_; v < code.next_value; ++v) values_[v] = Value{};

  Walk walk(code.insts.data(), values_.data(), work_.data() + work_taken_, offsets_);
  for (unsigned i = count; i-- > first;) walk.visit(i);
  if (walk.refused || (walk.suspicious && is_refused(first, count))) return reject(Verdict::Refused);
  if (first != 0 && stores_ + walk.stores > store_limit_) return reject(Verdict::Full);

  if (walk.reads_flags || walk.side_exits != 0) flags_set_ = kNone;
  if (walk.flags_set != kNone) {
    if (flags_set_ != kNone) flags_overwritten();
    flags_set_ = walk.flags_set;
    flags_work_ = static_cast<uint32_t>(walk.flags_work - work_.data());
  }
  work_taken_ = static_cast<unsigned>(walk.end() - work_.data());
  instructions_.push_back({work_taken_});
  operations_taken_ = count;
  values_taken_ = code.next_value;
  stores_ += walk.stores;
  side_exits_ += walk.side_exits;
  closed_ = walk.ends;
  return walk.exits ? Verdict::Ends : Verdict::Taken;
}

void QuickBlock::close(uint32_t target) {
  reject(Verdict::Full);  // what has been lifted, but not taken
  Inst& exit = code.insts.emplace_back();
  exit.op = Op::Exit;
  exit.imm = target;
  // Work stands last things first.
  const unsigned begin = instructions_.size() < 2 ? 0 : instructions_[instructions_.size() - 2].work_end;
  for (unsigned k = work_taken_; k > begin; --k) work_[k] = work_[k - 1];
  work_[begin] = {static_cast<uint16_t>(operations_taken_++), QuickAction::Exit};
  instructions_.back().work_end = ++work_taken_;
  closed_ = true;
}

}  // namespace chrysalis::translator
