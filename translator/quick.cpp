#include "translator/quick.h"

#include <algorithm>

#include "translator/assert.h"

namespace chrysalis::translator {

using ir::GuestReg;
using ir::Inst;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;

namespace {

/// The most operations of a block: a branch to its far end reaches 2,047 words.
constexpr unsigned kMaxOperations = 384;
/// Words that a block surely does not exceed: from all of them the leave stub is reached alike.
constexpr int64_t kMaxBytes = 64 << 10;

constexpr unsigned kFlags = isa::kGuestFlags, kTarget = isa::kGuestEip, kHost = 29, kExitId = 30;
/// Guest registers with a host register of their own, as bits.
constexpr uint32_t kHeld = 0xff | 1u << kFlags;
static_assert(static_cast<unsigned>(GuestReg::Flags) == isa::kGuestFlags && static_cast<unsigned>(GuestReg::Eip) == isa::kGuestEip);

template <isa::Op op>
constexpr uint32_t with_target(uint32_t word, int64_t displacement) {
  constexpr isa::Encoding row = isa::encoding(op);
  constexpr uint32_t mask = isa::insert_field(row, isa::Field::Target, ~0u, 0);
  return isa::insert_field(row, isa::Field::Target, static_cast<uint32_t>(displacement >> 2), word & ~mask);
}

/// The branch `word` of kind `op`, aimed at a displacement that fits.
uint32_t aimed(isa::Op op, uint32_t word, int64_t displacement) {
  switch (op) {
    case isa::Op::Br: return with_target<isa::Op::Br>(word, displacement);
    case isa::Op::ReturnPush: return with_target<isa::Op::ReturnPush>(word, displacement);
    default: break;
  }
  static_assert(with_target<isa::Op::BrCc>(0, -4) == with_target<isa::Op::BrZ>(0, -4));
  return with_target<isa::Op::BrZ>(word, displacement);
}

constexpr uint32_t word_of(isa::Op op, isa::Mode mode) {
  return isa::insert_field(isa::encoding(op), isa::Field::Mode, static_cast<uint32_t>(mode), isa::encoding(op).fixed_bits);
}

template <isa::Op op>
constexpr QuickPacker::Atom atom(isa::Mode mode = isa::Mode::Register) {
  constexpr QuickPacker::Kind kind = QuickPacker::kind(op);
  return {.word = word_of(op, mode), .unit = kind.unit, .latency = kind.latency};
}

constexpr void set_a(isa::Op op, QuickPacker::Atom& atom, unsigned reg) {
  atom.a = static_cast<uint8_t>(reg);
  atom.word = isa::insert_field(isa::encoding(op), isa::Field::Ra, reg, atom.word);
}

constexpr bool can_be_chained(QuickExitKind kind) { return kind <= QuickExitKind::ReturnPoint; }
constexpr bool sets_target(QuickExitKind kind) { return kind < QuickExitKind::Indirect || kind == QuickExitKind::Trap; }

}  // namespace

QuickPatch chain(const QuickCode::Exit& exit, uint64_t address, uint32_t branch, uint64_t to) {
  const int64_t displacement = static_cast<int64_t>(to - (address + 4 * uint64_t{exit.molecule}));
  if (isa::fits_short(exit.op, displacement)) return {exit.branch, aimed(exit.op, branch, displacement)};
  return {exit.stub + 1, static_cast<uint32_t>(to - (address + 4 * uint64_t{exit.stub}))};
}

void unchain(const QuickCode::Exit& exit, uint32_t branch, QuickPatch (&patches)[2]) {
  const int64_t to_stub = 4 * (int64_t{exit.stub} - exit.molecule);
  patches[0] = {exit.branch, aimed(exit.op, branch, to_stub)};
  patches[1] = {exit.stub + 1, 8};
}

QuickTranslator::QuickTranslator(const isa::MachineDescription& machine, const QuickOptions& options)
    : selector_(machine, options.context),
      options_(options),
      has_jtb_(machine.jtb_entries != 0),
      has_return_stack_(machine.return_stack_entries != 0),
      store_limit_(machine.store_buffer_entries) {}

// -- taking instructions ----------------------------------------------------------------------------------------------

void QuickTranslator::begin(uint32_t eip) {
  code_.clear();
  actions_.clear();
  starts_.clear();
  eip_ = next_ = eip;
  values_taken_ = 0;
  stores_ = side_exits_ = 0;
  refused_ = false;
}

bool QuickTranslator::is_constant(ValueId v) const { return code_.insts[selector_.value(v).def].op == Op::Const; }

/// What is to be done for an operation, as far as it can be told from it and those before.
QuickAction QuickTranslator::action_of(const Inst& inst) const {
  const QuickAction action = quick_rule(inst.op).action;
  switch (action) {
    case QuickAction::Get: return kHeld >> inst.aux & 1 ? action : QuickAction::GetContext;
    case QuickAction::Set: {
      if (kHeld >> inst.aux & 1) return action;
      if (inst.aux != static_cast<uint8_t>(GuestReg::SysFlags)) return QuickAction::Refuse;
      // Code is translated under the system flags that hold: it may set them to what they are. STD surely does not.
      const Inst& made = code_.insts[selector_.value(inst.src[0]).def];
      return made.op == Op::Or && is_constant(made.src[1]) ? QuickAction::Refuse : QuickAction::Guard;
    }
    case QuickAction::TrapIf: return is_constant(inst.src[0]) ? QuickAction::Refuse : action;
    default: return action;
  }
}

QuickTranslator::Step QuickTranslator::reject(Step step) {
  const size_t taken = starts_.empty() ? 0 : actions_.size();
  code_.insts.erase(code_.insts.begin() + static_cast<std::ptrdiff_t>(taken), code_.insts.end());
  code_.next_value = values_taken_;
  refused_ = step == Step::Refused;
  return step;
}

QuickTranslator::Step QuickTranslator::add(uint32_t next) {
  const unsigned first = static_cast<unsigned>(actions_.size()), count = static_cast<unsigned>(code_.insts.size());
  if (first != 0 && count > kMaxOperations) return reject(Step::Full);
  selector_.reserve_values(code_.next_value);
  unsigned stores = 0, side_exits = 0;
  bool ends = false;
  for (unsigned i = first; i < count; ++i) {
    const Inst& inst = code_.insts[i];
    const auto define = [this, i](ValueId v, unsigned where) {
      QuickSelector::Value& value = selector_.value(v);
      value = {};
      value.def = static_cast<uint16_t>(i);
      value.where = static_cast<uint8_t>(where);
    };
    const QuickAction action = action_of(inst);
    switch (action) {
      case QuickAction::Refuse:
        actions_.erase(actions_.begin() + first, actions_.end());
        return reject(Step::Refused);
      case QuickAction::Const: define(inst.value, QuickSelector::kConstant); break;
      case QuickAction::Get: define(inst.value, inst.aux); break;
      case QuickAction::Store: ++stores; break;
      case QuickAction::ExitIf: ++side_exits; break;
      case QuickAction::Exit:
      case QuickAction::ExitInd: ends = true; break;
      default:
        if (inst.value != kNoValue) define(inst.value, 0);
        if (inst.flags != kNoValue) define(inst.flags, 0);
    }
    actions_.push_back(action);
  }
  if (first != 0 && stores_ + stores > store_limit_) {
    actions_.erase(actions_.begin() + first, actions_.end());
    return reject(Step::Full);
  }
  starts_.push_back({first, values_taken_});
  values_taken_ = code_.next_value;
  stores_ += stores;
  side_exits_ += side_exits;
  next_ = next;
  return ends || side_exits != 0 ? Step::End : Step::Continue;
}

// -- what is needed, and where it can be made -------------------------------------------------------------------------

void QuickTranslator::use(ValueId v, unsigned index) {
  if (v == kNoValue) return;
  QuickSelector::Value& value = selector_.value(v);
  value.computed = true;
  if (value.last_use == 0) value.last_use = QuickSelector::stamp(index);
}

/// Operation `index` accesses memory at source 0 plus its displacement.
void QuickTranslator::use_address(unsigned index) {
  const Inst& inst = code_.insts[index];
  QuickSelector::Value& value = selector_.value(inst.src[0]);
  if (value.last_use == 0) value.last_use = QuickSelector::stamp(index);
  else if (!value.computed) value.computed = code_.insts[value.last_use - 1u].imm != inst.imm;
}

/// False if nobody needs the operation.
bool QuickTranslator::analyse_pure(unsigned index, bool flags_live) {
  Inst& inst = code_.insts[index];
  const QuickRule& rule = quick_rule(inst.op);
  const bool value_used = inst.value != kNoValue && selector_.value(inst.value).last_use != 0;
  bool flags_used = inst.flags != kNoValue && selector_.value(inst.flags).last_use != 0;
  if (!value_used && !flags_used) return false;
  const bool reads_carry = (rule.traits & kTraitCarry) != 0;
  if (reads_carry && !flags_used && inst.flags != kNoValue && !flags_live) {
    // The atom writes the register that it reads the carry from: if nobody needs the flags, it may be r9 itself.
    QuickSelector::Value& flags = selector_.value(inst.flags);
    flags.last_use = QuickSelector::stamp(index);
    flags.home = kFlags;
  }
  for (unsigned s = 0; s < rule.sources; ++s) use(inst.src[s], index);
  if ((rule.traits & kTraitOldFlags) != 0 && (flags_used || reads_carry)) use(inst.src[rule.sources], index);
  if (rule.action == QuickAction::Lea && !selector_.offsets() && inst.width == 32) {
    // Accesses that all add the same displacement have it added here.
    QuickSelector::Value& value = selector_.value(inst.value);
    if (!value.computed) {
      inst.imm = static_cast<int32_t>(inst.imm + code_.insts[value.last_use - 1u].imm);
      value.folded = true;
    }
  }
  return true;
}

/// Backwards over the block: dead operations and dead writes of guest registers, last uses, and homes. A value may be
/// made in the guest register that a SetReg will put it in if nobody in between reads the register or may leave.
void QuickTranslator::analyse() {
  uint32_t live = 0;     // guest registers that are read before they are written
  uint32_t waiting = 0;  // those whose SetReg has been met, but not the operation that makes the value
  ValueId awaited[isa::kGuestFlags + 1];
  const auto settle = [&](ValueId v) {
    if (v == kNoValue) return;
    const uint8_t home = selector_.value(v).home;
    if (home != QuickSelector::kNoHome) waiting &= ~(1u << home);
  };
  const auto await = [&](unsigned reg, ValueId v) {
    QuickSelector::Value& value = selector_.value(v);
    if (value.home != QuickSelector::kNoHome) return;
    value.home = static_cast<uint8_t>(reg);
    awaited[reg] = v;
    waiting |= 1u << reg;
  };
  for (unsigned i = static_cast<unsigned>(actions_.size()); i-- > 0;) {
    const Inst& inst = code_.insts[i];
    switch (actions_[i]) {
      case QuickAction::Const: break;
      case QuickAction::Get:
        if (selector_.value(inst.value).last_use == 0) {
          actions_[i] = QuickAction::Skip;
          break;
        }
        live |= 1u << inst.aux;
        if (waiting >> inst.aux & 1) {
          selector_.value(awaited[inst.aux]).home = QuickSelector::kNoHome;
          waiting &= ~(1u << inst.aux);
        }
        settle(inst.value);
        break;
      case QuickAction::GetContext:
        if (selector_.value(inst.value).last_use == 0) actions_[i] = QuickAction::Skip;
        settle(inst.value);
        break;
      case QuickAction::Set:
        if ((live >> inst.aux & 1) == 0) {
          actions_[i] = QuickAction::Skip;
          break;
        }
        live &= ~(1u << inst.aux);
        use(inst.src[0], i);
        await(inst.aux, inst.src[0]);
        break;
      case QuickAction::ExitIf:
        live = kHeld;
        for (; waiting != 0; waiting &= waiting - 1) {
          selector_.value(awaited[__builtin_ctz(waiting)]).home = QuickSelector::kNoHome;
        }
        use(inst.src[0], i);
        break;
      case QuickAction::Exit: live = kHeld; break;
      case QuickAction::ExitInd:
        live = kHeld;
        use(inst.src[0], i);
        await(kTarget, inst.src[0]);
        break;
      case QuickAction::TrapIf:
      case QuickAction::Guard: use(inst.src[0], i); break;
      case QuickAction::Load:  // it may fault, so it is made even if nobody wants the value
        use_address(i);
        settle(inst.value);
        break;
      case QuickAction::Store:
        use(inst.src[1], i);
        use_address(i);
        break;
      case QuickAction::Probe:
        // The probe of a read-modify-write says that a fault is one of writing. Whatever faults here is repeated by the
        // interpreter, and the store is to come.
        if (actions_[i + 1] == QuickAction::Load && code_.insts[i + 1].src[0] == inst.src[0] && code_.insts[i + 1].imm == inst.imm) {
          actions_[i] = QuickAction::Skip;
        } else {
          use_address(i);
        }
        break;
      default:
        if (!analyse_pure(i, (live >> kFlags & 1) != 0)) actions_[i] = QuickAction::Skip;
        settle(inst.value);
        settle(inst.flags);
    }
  }
}

// -- exits ------------------------------------------------------------------------------------------------------------

unsigned QuickTranslator::add_exit(QuickExitKind kind, uint32_t target, unsigned instructions) {
  QuickCode::Exit exit;
  exit.kind = kind;
  exit.target = target;
  exit.instructions = static_cast<uint16_t>(instructions);
  exit.loops = can_be_chained(kind) && kind != QuickExitKind::ReturnPoint && target == eip_ && options_.loop_directly;
  out_.exits.push_back(exit);
  paths_.push_back(0);
  return static_cast<unsigned>(out_.exits.size()) - 1;
}

uint16_t QuickTranslator::tag(isa::Op op, To to, unsigned exit) {
  branches_.push_back({op, to, static_cast<uint16_t>(exit)});
  return static_cast<uint16_t>(branches_.size() - 1);
}

/// Loads and increments the counters of all exits ahead of the first: most of that fits beside the block's own atoms, and
/// an exit only has to store its one.
void QuickTranslator::prepare_counters() {
  if (!options_.instrument || !counters_.empty()) return;
  unsigned previous = isa::kZero;
  for (unsigned exit = 0; exit <= side_exits_; ++exit) {
    const unsigned address = selector_.temporary(QuickSelector::kForever), value = selector_.temporary(QuickSelector::kForever);
    if (exit == 0) {
      selector_.load_constant(address, static_cast<int64_t>(options_.counters + 4 * uint64_t{placement_.first_counter}));
    } else {
      selector_.add(address, previous, 4);
    }
    selector_.load_concealed_word(value, address);
    selector_.add(value, value, 1);
    counters_.push_back({static_cast<uint8_t>(address), static_cast<uint8_t>(value)});
    previous = address;
  }
}

void QuickTranslator::put_counter(unsigned exit) {
  if (!options_.instrument) return;
  put_last(selector_.store_concealed_word(counters_[exit].value, counters_[exit].address));
}

void QuickTranslator::put_commit(unsigned exit) {
  const QuickCode::Exit& leaving = out_.exits[exit];
  const bool stays = leaving.target == eip_;  // GPC is there already
  Atom commit = atom<isa::Op::Commit>(stays ? isa::Mode::Register : isa::Mode::Long);
  commit.word = isa::insert_field(isa::encoding(isa::Op::Commit), isa::Field::Count, leaving.instructions, commit.word);
  if (!stays) commit.literal = leaving.target;
  put_last(commit);
}

/// Commits, and goes where the exit goes.
void QuickTranslator::put_path(unsigned exit) {
  put_counter(exit);
  put_commit(exit);
  if (out_.exits[exit].kind != QuickExitKind::Interpret) {
    Atom branch = atom<isa::Op::Br>(isa::Mode::Short);
    branch.tag = tag(isa::Op::Br, out_.exits[exit].loops ? To::Start : To::Stub, exit);
    put_last(branch);
  }
  put_stub(exit);
}

void QuickTranslator::put_stub(unsigned exit) {
  QuickPacker& packer = selector_.packer();
  QuickCode::Exit& leaving = out_.exits[exit];
  leaving.stub = packer.flush();
  if (out_.main_words == 0) {
    out_.main_words = packer.size();
    out_.main_molecules = packer.molecules();
  }
  if (can_be_chained(leaving.kind)) {
    Atom link = atom<isa::Op::Br>(isa::Mode::Long);
    link.literal = 0;
    link.tag = tag(isa::Op::Br, To::Next);
    put_last(link);
    packer.fence();
  }
  if (sets_target(leaving.kind)) selector_.load_constant(kTarget, leaving.target);
  selector_.load_constant(kExitId, placement_.first_exit + exit);
  const int64_t near = static_cast<int64_t>(placement_.leave - placement_.address), far = near - kMaxBytes;
  const bool reaches = isa::fits_short(isa::Op::Br, near) && isa::fits_short(isa::Op::Br, far);
  Atom leave = atom<isa::Op::Br>(reaches ? isa::Mode::Short : isa::Mode::Long);
  if (!reaches) leave.literal = 0;
  leave.tag = tag(isa::Op::Br, To::Leave);
  put_last(leave);
  packer.flush();
}

void QuickTranslator::put_trap_branch(Atom branch) {
  traps_ = true;
  branch.tag = tag(isa::Op::BrZ, To::Trap);
  // A commit beside the branch would come first.
  leaves_from_ = std::max(leaves_from_, selector_.packer().put(branch) + 1);
}

/// Puts an atom behind all others.
void QuickTranslator::put_last(const Atom& atom) {
  QuickPacker& packer = selector_.packer();
  packer.put(atom, std::max(packer.last(), leaves_from_));
}

void QuickTranslator::put_trap() {
  trap_path_ = selector_.packer().flush();
  put_last(atom<isa::Op::Rollback>());
  selector_.packer().fence();
  put_stub(add_exit(QuickExitKind::Trap, eip_, 0));
}

/// The return stack learns where the call returns to.
void QuickTranslator::put_return_point(unsigned exit) {
  Atom push = atom<isa::Op::ReturnPush>(isa::Mode::Short);
  set_a(isa::Op::ReturnPush, push, selector_.holder_of(next_));
  push.tag = tag(isa::Op::ReturnPush, To::Stub, exit);
  selector_.packer().put(push);
}

void QuickTranslator::put_exit_if(unsigned index) {
  prepare_counters();
  const Inst& inst = code_.insts[index];
  const uint32_t target = static_cast<uint32_t>(inst.imm);
  const unsigned taken = add_exit(QuickExitKind::Direct, target, instructions());
  const bool likely = placement_.likely == QuickLikely::Unknown ? target < next_ : placement_.likely == QuickLikely::Taken;
  const Inst& other = code_.insts[index + 1];
  const bool invert = likely && actions_[index + 1] == QuickAction::Exit && static_cast<ir::ExitKind>(other.aux) == ir::ExitKind::Jump;
  unsigned aside = taken;
  if (invert) {
    aside = add_exit(QuickExitKind::Direct, static_cast<uint32_t>(other.imm), instructions());
    actions_[index + 1] = QuickAction::Skip;
  }
  Atom branch = selector_.branch(inst, invert);
  branch.tag = tag(isa::Op::BrZ, To::Path, aside);
  put_last(branch);
  selector_.packer().fence();
  sides_.push_back(static_cast<uint16_t>(aside));
  if (invert) put_path(taken);
}

void QuickTranslator::put_exit(const Inst& inst) {
  prepare_counters();
  const uint32_t target = static_cast<uint32_t>(inst.imm);
  QuickExitKind kind = QuickExitKind::Direct;
  unsigned completed = instructions();
  switch (static_cast<ir::ExitKind>(inst.aux)) {
    case ir::ExitKind::Call: kind = QuickExitKind::Call; break;
    case ir::ExitKind::Repeat:
      // A string instruction behind others goes on in a block of its own.
      if (target == eip_) kind = QuickExitKind::Repeat;
      --completed;
      break;
    default:
      if (refused_ && target == next_) kind = QuickExitKind::Interpret;
  }
  const unsigned exit = add_exit(kind, target, completed);
  const bool pushes = kind == QuickExitKind::Call && has_return_stack_;
  const unsigned point = pushes ? add_exit(QuickExitKind::ReturnPoint, next_, 0) : 0;
  if (pushes) put_return_point(point);
  put_path(exit);
  if (pushes) put_stub(point);
}

void QuickTranslator::put_indirect_exit(const Inst& inst) {
  prepare_counters();
  QuickPacker& packer = selector_.packer();
  const ir::ExitKind how = static_cast<ir::ExitKind>(inst.aux);
  const bool returns = how == ir::ExitKind::Return && has_return_stack_, pushes = how == ir::ExitKind::Call && has_return_stack_;
  const unsigned exit = add_exit(how == ir::ExitKind::Return ? QuickExitKind::Return
                                 : how == ir::ExitKind::Call ? QuickExitKind::IndirectCall
                                                             : QuickExitKind::Indirect, 0, instructions());
  const unsigned point = pushes ? add_exit(QuickExitKind::ReturnPoint, next_, 0) : 0;
  if (pushes) put_return_point(point);
  const unsigned target = selector_.reg(inst.src[0]);
  if (target != kTarget) selector_.move(kTarget, target);

  Atom lookup = atom<isa::Op::JtbLookup>();
  set_a(isa::Op::JtbLookup, lookup, kTarget);
  lookup.d = kHost;
  lookup.word = isa::insert_field(isa::encoding(isa::Op::JtbLookup), isa::Field::Rd, kHost, lookup.word);
  if (has_jtb_ && !returns) packer.put(lookup);
  put_counter(exit);
  Atom commit = atom<isa::Op::CommitPc>();
  commit.word = isa::insert_field(isa::encoding(isa::Op::CommitPc), isa::Field::Count, instructions(), commit.word);
  set_a(isa::Op::CommitPc, commit, kTarget);
  put_last(commit);
  if (returns) {
    Atom leave = atom<isa::Op::Ret>();
    set_a(isa::Op::Ret, leave, kTarget);
    put_last(leave);
    packer.fence();
    if (has_jtb_) packer.put(lookup);
  }
  if (has_jtb_) {
    Atom miss = atom<isa::Op::BrZ>(isa::Mode::Short);
    set_a(isa::Op::BrZ, miss, kHost);
    miss.tag = tag(isa::Op::BrZ, To::Stub, exit);
    put_last(miss);
    packer.fence();
    Atom jump = atom<isa::Op::BrInd>();
    set_a(isa::Op::BrInd, jump, kHost);
    put_last(jump);
  }
  put_stub(exit);
  if (pushes) put_stub(point);
}

// -- the block --------------------------------------------------------------------------------------------------------

void QuickTranslator::put_main() {
  const unsigned count = static_cast<unsigned>(actions_.size());
  for (size_t k = 0; k < starts_.size(); ++k) {
    selector_.begin_instruction(starts_[k].value);
    const unsigned end = k + 1 < starts_.size() ? starts_[k + 1].operation : count;
    for (unsigned i = starts_[k].operation; i < end; ++i) {
      if (actions_[i] <= QuickAction::Const) continue;
      selector_.begin_operation(i);
      const Inst& inst = code_.insts[i];
      switch (actions_[i]) {
        case QuickAction::ExitIf: put_exit_if(i); break;
        case QuickAction::Exit: put_exit(inst); break;
        case QuickAction::ExitInd: put_indirect_exit(inst); break;
        case QuickAction::TrapIf: put_trap_branch(selector_.branch(inst, false)); break;
        case QuickAction::Guard: {
          Atom differs = atom<isa::Op::BrNz>(isa::Mode::Short);
          set_a(isa::Op::BrNz, differs, selector_.difference_from_context(inst));
          put_trap_branch(differs);
          break;
        }
        default: selector_.select(actions_.data());
      }
    }
  }
}

/// Gives the branches their displacements, and the exits their places.
void QuickTranslator::resolve() {
  QuickPacker& packer = selector_.packer();
  uint32_t* const words = packer.words();
  for (unsigned t = 1; t < branches_.size(); ++t) {
    const Branch& branch = branches_[t];
    const QuickPacker::Place& place = packer.where(t);
    uint32_t to = 0;
    switch (branch.to) {
      case To::Start: break;
      case To::Path: to = paths_[branch.exit]; break;
      case To::Stub: to = out_.exits[branch.exit].stub; break;
      case To::Next: to = place.molecule + 2; break;
      case To::Trap: to = trap_path_; break;
      case To::Leave: break;
    }
    int64_t displacement = 4 * (int64_t{to} - place.molecule);
    if (branch.to == To::Leave) displacement = static_cast<int64_t>(placement_.leave - placement_.address) - 4 * int64_t{place.molecule};
    if (place.literal != 0) {
      words[place.literal] = static_cast<uint32_t>(displacement);
    } else {
      CHRYSALIS_ASSERT(isa::fits_short(branch.op, displacement), eip_);
      words[place.word] = aimed(branch.op, words[place.word], displacement);
    }
    const bool chainable = (branch.to == To::Start || branch.to == To::Stub) && can_be_chained(out_.exits[branch.exit].kind);
    if (chainable) {
      QuickCode::Exit& exit = out_.exits[branch.exit];
      exit.op = branch.op;
      exit.molecule = place.molecule;
      exit.branch = place.word;
    }
  }
}

const QuickCode& QuickTranslator::finish(const QuickPlacement& placement) {
  CHRYSALIS_ASSERT(!starts_.empty(), eip_);
  placement_ = placement;
  const QuickAction last = actions_.back();
  if (last != QuickAction::Exit && last != QuickAction::ExitInd) {
    Inst& exit = code_.insts.emplace_back();
    exit.op = Op::Exit;
    exit.imm = next_;
    actions_.push_back(QuickAction::Exit);
  }
  out_.exits.clear();
  out_.main_words = out_.main_molecules = 0;
  branches_.clear();
  branches_.push_back({});
  sides_.clear();
  paths_.clear();
  counters_.clear();
  traps_ = false;
  leaves_from_ = 0;

  analyse();
  selector_.begin(code_);
  put_main();
  for (const uint16_t exit : sides_) {
    paths_[exit] = selector_.packer().flush();
    put_path(exit);
  }
  if (traps_) put_trap();
  resolve();
  out_.words = {selector_.packer().words(), selector_.packer().size()};
  out_.molecules = selector_.packer().molecules();
  return out_;
}

}  // namespace chrysalis::translator
