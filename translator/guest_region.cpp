#include "translator/guest_region.h"

#include <algorithm>

#include "isa-host/registers.h"
#include "translator/assert.h"

namespace chrysalis::translator {
namespace {

using ir::GuestReg;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;

/// The host's temporaries, and of the firmware's registers those that a call may change: x5..x7, x10..x17, x28..x31.
constexpr uint64_t allocatable_registers() {
  uint64_t mask = (uint64_t{1} << (isa::kLastTemp + 1)) - 1;
  for (const auto& [first, last] : {std::pair{5u, 7u}, {10u, 17u}, {28u, 31u}}) {
    for (unsigned x = first; x <= last; ++x) mask |= uint64_t{1} << isa::firmware_register(x);
  }
  return mask;
}

constexpr bool is_tracked(GuestReg reg) { return reg <= GuestReg::Edi || reg == GuestReg::Flags; }
constexpr uint8_t host_register(unsigned index) { return static_cast<uint8_t>(index < 8 ? isa::kGuestGpr + index : isa::kGuestFlags); }

bool repeats(const ir::Inst& inst) {
  return (inst.op == Op::Exit || inst.op == Op::ExitIf) && inst.aux == static_cast<uint8_t>(ir::ExitKind::Repeat);
}

}  // namespace

void GuestRegionBuilder::begin(Region& region, uint32_t eip) {
  open(region, eip);
  count_ = completed_ = committed_ = stores_ = 0;
  if (commits_.record_rmaps) region_->rmaps.assign(current_, current_ + kRegisters);
}

void GuestRegionBuilder::open(Region& region, uint32_t eip) {
  region_ = &region;
  pc_ = eip;
  region_->clear();
  region_->eip = eip;
  region_->allocatable = allocatable_registers();
  region_->faults_roll_back = true;
  region_->precise = commits_.before_faults;
  for (unsigned i = 0; i < kRegisters; ++i) {
    current_[i] = region_->code.new_value();
    region_->entry.push_back({current_[i], host_register(i)});
  }
  for (ValueId& other : others_) other = kNoValue;
  ended_ = false;
  branch_on_ = kNoValue;
}

GuestRegionBuilder::Fork GuestRegionBuilder::fork(size_t earlier) const {
  const ir::Inst& last = region_->code.insts.back();
  const bool can = earlier != 0 || (last.op == Op::ExitIf && !repeats(last));
  return {can ? region_->maps.size() - 1 - earlier : kNoPoint, pc_, completed_, committed_, stores_};
}

void GuestRegionBuilder::begin_path(Region& region, uint16_t path, Region& parent, const Fork& fork) {
  open(region, fork.eip);
  parent.maps[fork.point].path = path;
  completed_ = fork.completed;
  committed_ = fork.committed;
  stores_ = fork.stores;
  region.committed = static_cast<uint16_t>(committed_);
  region.skipped = static_cast<uint16_t>(count_ - completed_);
}

bool GuestRegionBuilder::accepts(const ir::Code& lifted, bool first) {
  for (const ir::Inst& inst : lifted.insts) {
    switch (inst.op) {
      case Op::Helper:
      case Op::Trap:
      case Op::SoftInt: return false;
      case Op::SetReg:
        if (!is_tracked(static_cast<GuestReg>(inst.aux))) return false;
        break;
      default:
        if (repeats(inst) && !first) return false;
        break;
    }
  }
  return true;
}

bool GuestRegionBuilder::accepts_branch(const ir::Code& lifted) {
  unsigned exits = 0;
  for (const ir::Inst& inst : lifted.insts) {
    if (!ir::is_exit(inst)) continue;
    if (inst.op != Op::ExitIf || repeats(inst)) return false;
    ++exits;
  }
  return exits == 1;
}

bool GuestRegionBuilder::accepts_in_arm(const ir::Code& lifted) {
  for (const ir::Inst& inst : lifted.insts) {
    if (inst.op == Op::Exit && inst.aux == static_cast<uint8_t>(ir::ExitKind::Jump)) continue;
    if ((ir::effects(inst) & (ir::kExit | ir::kStore)) != 0 || inst.op == Op::ProbeWrite) return false;
  }
  return accepts(lifted, false);
}

ValueId& GuestRegionBuilder::value_of(GuestReg reg) {
  return current_[reg == GuestReg::Flags ? kFlagsIndex : static_cast<unsigned>(reg)];
}

ir::Inst& GuestRegionBuilder::emit(const ir::Inst& inst) {
  region_->code.insts.push_back(inst);
  ir::Inst& emitted = region_->code.insts.back();
  emitted.guest = static_cast<uint16_t>(count_);
  return emitted;
}

ValueId GuestRegionBuilder::emit_const(uint64_t value) {
  ir::Inst inst;
  inst.op = Op::Const;
  inst.width = 64;
  inst.imm = static_cast<int64_t>(value);
  inst.value = region_->code.new_value();
  return emit(inst).value;
}

/// Not 0 if `value` is not `constant`.
ValueId GuestRegionBuilder::differs(ValueId value, uint32_t constant) {
  ir::Inst test;
  test.op = Op::SetNe;
  test.width = 64;
  test.src[0] = value;
  test.src[1] = emit_const(constant);
  test.value = region_->code.new_value();
  return emit(test).value;
}

/// State that no instruction of a region changes is loaded once.
ValueId GuestRegionBuilder::read_other(GuestReg reg) {
  ValueId& known = others_[static_cast<unsigned>(reg)];
  if (known != kNoValue && !reloads_state_) return known;
  ir::Inst load;
  load.op = Op::CLoad;
  load.width = 64;
  load.src[0] = emit_const(context_);
  load.imm = 8 * static_cast<int64_t>(reg);
  load.value = region_->code.new_value();
  return known = emit(load).value;
}

/// Guest registers hold 32 bits, zero-extended; the lifter's values need not.
void GuestRegionBuilder::set(GuestReg reg, ValueId lifted) {
  ValueId& held = value_of(reg);
  held = renamed(lifted);
  if (reg == GuestReg::Flags || !wide_[lifted]) return;
  ir::Inst cut;
  cut.op = Op::Zext;
  cut.width = 32;
  cut.src[0] = held;
  cut.value = region_->code.new_value();
  held = emit(cut).value;
}

/// The map of the exit just emitted: everything where translations expect it.
void GuestRegionBuilder::add_map(unsigned completed, bool likely, ValueId target) {
  Binding bindings[kRegisters + 1];
  unsigned count = 0;
  for (unsigned i = 0; i < kRegisters; ++i) bindings[count++] = {current_[i], host_register(i)};
  if (target != kNoValue) bindings[count++] = {target, isa::kGuestEip};
  region_->add_map(std::span<const Binding>(bindings, count));
  region_->maps.back().completed = static_cast<uint16_t>(completed);
  region_->maps.back().likely = likely;
}

/// A commit before the instruction at `eip`, if it needs one.
void GuestRegionBuilder::prepare(const ir::Code& lifted, uint32_t eip) {
  unsigned stores = 0;
  bool may_fault = false;
  for (const ir::Inst& inst : lifted.insts) {
    stores += inst.op == Op::Store;
    may_fault |= (ir::effects(inst) & ir::kMayFault) != 0;
  }
  const bool full = stores != 0 && stores_ + stores > commits_.most_stores;
  if (completed_ != committed_ && (full || (commits_.before_faults && may_fault))) commit(eip);
  stores_ += stores;
}

void GuestRegionBuilder::commit(uint32_t eip) {
  ir::Inst inst;
  inst.op = Op::Intrinsic;
  inst.imm = static_cast<int64_t>(ir::IntrinsicId::Commit);
  inst.src[0] = emit_const(completed_ - committed_);
  emit(inst);
  add_map(completed_, false);
  region_->maps.back().eip = pc_ = eip;
  committed_ = completed_;
  stores_ = 0;
}

void GuestRegionBuilder::complete() {
  ++count_;
  ++completed_;
  if (commits_.record_rmaps) region_->rmaps.insert(region_->rmaps.end(), current_, current_ + kRegisters);
}

/// Any operation but exits and accesses to guest registers.
void GuestRegionBuilder::copy(const ir::Inst& inst) {
  ir::Inst& out = emit(inst);
  for (ValueId& source : out.src) source = renamed(source);
  if (inst.value != kNoValue) {
    names_[inst.value] = out.value = region_->code.new_value();
    const bool is_signed = inst.op == Op::Sext || inst.op == Op::LoadS;
    wide_[inst.value] = inst.op == Op::Const ? static_cast<uint64_t>(inst.imm) >> 32 != 0 : inst.width == 64 || is_signed;
  }
  if (inst.flags != kNoValue) names_[inst.flags] = out.flags = region_->code.new_value();
  if (inst.op == Op::TrapIf) region_->add_map({});
}

void GuestRegionBuilder::append_exit(const ir::Inst& inst, uint32_t eip, uint32_t next_eip, Way way,
                                     std::span<const uint32_t> predicted) {
  const unsigned completed = completed_ + (repeats(inst) ? 0 : 1);
  switch (inst.op) {
    case Op::Exit:
      if (way == Way::Taken) return;
      emit(inst).imm = repeats(inst) ? static_cast<int64_t>(eip) : inst.imm;
      add_map(completed, true);
      ended_ = true;
      return;
    case Op::ExitInd: {
      const ValueId target = renamed(inst.src[0]);
      ended_ = way != Way::Predicted;
      if (ended_) {
        emit(inst).src[0] = target;
        add_map(completed, true, target);
        return;
      }
      ir::Inst exit;
      exit.aux = inst.aux;
      exit.op = Op::ExitIf;
      exit.cond = ir::Cond::Zero;
      for (const uint32_t other : predicted.subspan(1)) {
        exit.src[0] = differs(target, other);
        exit.imm = other;
        emit(exit);
        add_map(completed, false);
      }
      exit.op = Op::ExitIndIf;
      exit.cond = ir::Cond::NonZero;
      exit.src[0] = differs(target, predicted.front());
      exit.src[1] = target;
      exit.imm = 0;
      emit(exit);
      add_map(completed, false, target);
      return;
    }
    default: {
      CHRYSALIS_ASSERT(inst.op == Op::ExitIf, inst.op);
      ir::Inst& exit = emit(inst);
      exit.src[0] = renamed(inst.src[0]);
      // LOOPE leaves to what follows it in any case if the counter is spent.
      if (way == Way::Taken && !repeats(inst) && static_cast<uint32_t>(inst.imm) != next_eip) {
        exit.cond = ir::opposite(exit.cond);
        exit.imm = next_eip;
      }
      add_map(completed, false);
      return;
    }
  }
}

void GuestRegionBuilder::append(const ir::Code& lifted, uint32_t eip, uint32_t next_eip, Way way, std::span<const uint32_t> predicted) {
  CHRYSALIS_ASSERT(!ended_, eip);
  // An arm is not known to be executed: no commit stands between.
  if (branch_on_ == kNoValue) prepare(lifted, eip);
  names_.assign(lifted.next_value, kNoValue);
  wide_.assign(lifted.next_value, 0);
  for (const ir::Inst& inst : lifted.insts) {
    const auto reg = static_cast<GuestReg>(inst.aux);
    if (inst.op == Op::GetReg) {
      names_[inst.value] = is_tracked(reg) ? value_of(reg) : read_other(reg);
    } else if (inst.op == Op::SetReg) {
      set(reg, inst.src[0]);
    } else if (inst.op != Op::TrapIf && ir::is_exit(inst)) {
      append_exit(inst, eip, next_eip, way, predicted);
    } else {
      copy(inst);
    }
  }
  region_->next_eip = next_eip;
  complete();
}

void GuestRegionBuilder::begin_arms(const ir::Code& branch, uint32_t eip) {
  CHRYSALIS_ASSERT(branch_on_ == kNoValue && !ended_, eip);
  prepare(branch, eip);
  names_.assign(branch.next_value, kNoValue);
  wide_.assign(branch.next_value, 0);
  for (const ir::Inst& inst : branch.insts) {
    const auto reg = static_cast<GuestReg>(inst.aux);
    if (inst.op == Op::GetReg) names_[inst.value] = is_tracked(reg) ? value_of(reg) : read_other(reg);
    else if (inst.op == Op::SetReg) set(reg, inst.src[0]);
    else if (!ir::is_exit(inst)) copy(inst);
    else {
      branch_cond_ = inst.cond;
      branch_on_ = renamed(inst.src[0]);
    }
  }
  for (unsigned i = 0; i < kRegisters; ++i) before_arms_[i] = current_[i];
  complete();
  arms_from_ = taken_from_ = completed_;
}

void GuestRegionBuilder::next_arm() {
  CHRYSALIS_ASSERT(branch_on_ != kNoValue, completed_);
  for (unsigned i = 0; i < kRegisters; ++i) {
    fallen_[i] = current_[i];
    current_[i] = before_arms_[i];
  }
  taken_from_ = completed_;
}

ValueId GuestRegionBuilder::select_by_branch(ValueId taken, ValueId fallen) {
  if (taken == fallen) return taken;
  ir::Inst choice;
  const bool tests_value = branch_cond_ >= ir::Cond::Zero;
  choice.op = tests_value ? Op::SelectNz : Op::SelectCc;
  choice.width = 64;
  choice.cond = tests_value ? ir::Cond::O : branch_cond_;
  const bool taken_first = branch_cond_ != ir::Cond::Zero;
  choice.src[0] = branch_on_;
  choice.src[1] = taken_first ? taken : fallen;
  choice.src[2] = taken_first ? fallen : taken;
  choice.value = region_->code.new_value();
  return emit(choice).value;
}

void GuestRegionBuilder::uncount_if(ir::Cond cond, unsigned instructions) {
  if (instructions == 0) return;
  ir::Inst inst;
  inst.op = Op::UncountIf;
  inst.cond = cond;
  inst.imm = instructions;
  inst.src[0] = branch_on_;
  emit(inst);
}

void GuestRegionBuilder::end_arms() {
  const size_t from = region_->code.insts.size();
  for (unsigned i = 0; i < kRegisters; ++i) current_[i] = select_by_branch(current_[i], fallen_[i]);
  uncount_if(branch_cond_, taken_from_ - arms_from_);
  uncount_if(ir::opposite(branch_cond_), completed_ - taken_from_);
  // They belong to the last instruction, as its registers do.
  for (size_t i = from; i < region_->code.insts.size(); ++i) region_->code.insts[i].guest = static_cast<uint16_t>(count_ - 1);
  if (commits_.record_rmaps) std::copy(current_, current_ + kRegisters, region_->rmaps.end() - kRegisters);
  branch_on_ = kNoValue;
}

void GuestRegionBuilder::finish(uint32_t eip) {
  if (ended_) return;
  ir::Inst exit;
  exit.op = Op::Exit;
  exit.imm = eip;
  // It belongs to the last instruction: what it completes is complete behind that one.
  emit(exit).guest = static_cast<uint16_t>(count_ == 0 ? 0 : count_ - 1);
  add_map(completed_, true);
  ended_ = true;
}

}  // namespace chrysalis::translator
