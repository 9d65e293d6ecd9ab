#include "translator/quick.h"

#include <algorithm>

#include "isa-host/codec.h"
#include "translator/assert.h"
#include "translator/quick_word.h"

namespace chrysalis::translator {

using ir::Inst;
using isa::Field;

namespace {

constexpr unsigned kTarget = isa::kGuestEip, kHost = 29, kExitId = 30, kNone = isa::kZero;

/// The branch `word` of kind `op`, aimed at a displacement that fits.
uint32_t aimed(isa::Op op, uint32_t word, int64_t displacement) {
  const uint32_t words = static_cast<uint32_t>(displacement >> 2);
  switch (op) {
    case isa::Op::Br: return with_field<isa::Op::Br, Field::Target>(word, words);
    case isa::Op::ReturnPush: return with_field<isa::Op::ReturnPush, Field::Target>(word, words);
    default: break;
  }
  static_assert(with_field<isa::Op::BrCc, Field::Target>(0, ~0u) == with_field<isa::Op::BrZ, Field::Target>(0, ~0u));
  return with_field<isa::Op::BrZ, Field::Target>(word, words);
}

constexpr uint32_t word_of(isa::Op op) { return isa::encoding(op).fixed_bits; }

struct ConditionalBranches {
  uint32_t word[16] = {};
  constexpr ConditionalBranches() {
    const isa::Encoding& row = isa::encoding(isa::Op::BrCc);
    for (unsigned cond = 0; cond < 16; ++cond) word[cond] = isa::insert_field(row, Field::Cond, cond, row.fixed_bits) | kShortMode;
  }
};
constexpr ConditionalBranches kBranchOn;

/// The branch that is taken when `inst`'s condition holds (or, inverted, does not), without operands.
uint32_t conditional(const Inst& inst, bool inverted) {
  if (inst.cond < ir::Cond::Zero) return kBranchOn.word[static_cast<unsigned>(inst.cond) ^ (inverted ? 1 : 0)];
  return word_of((inst.cond == ir::Cond::NonZero) != inverted ? isa::Op::BrNz : isa::Op::BrZ) | kShortMode;
}
constexpr QuickPacker::Kind kConditional = QuickPacker::kind(isa::Op::BrCc);
static_assert(kConditional == QuickPacker::kind(isa::Op::BrZ) && kConditional == QuickPacker::kind(isa::Op::BrNz));

constexpr bool can_be_chained(QuickExitKind kind) { return kind <= QuickExitKind::ReturnPoint; }
constexpr bool sets_target(QuickExitKind kind) { return kind < QuickExitKind::Indirect || kind == QuickExitKind::Trap; }

/// The first molecule of a stub that can be chained: { br.long +8 }.
constexpr unsigned kLinkWords = 2;

}  // namespace

QuickPatch chain(const QuickCode::Exit& exit, uint64_t address, uint32_t branch, uint64_t to) {
  const int64_t displacement = static_cast<int64_t>(to - (address + 4 * uint64_t{exit.molecule}));
  if (isa::fits_short(exit.op, displacement)) return {exit.branch, aimed(exit.op, branch, displacement)};
  return {exit.stub + 1, static_cast<uint32_t>(to - (address + 4 * uint64_t{exit.stub}))};
}

void unchain(const QuickCode::Exit& exit, uint32_t branch, QuickPatch (&patches)[2]) {
  const int64_t to_stub = 4 * (int64_t{exit.stub} - exit.molecule);
  patches[0] = {exit.branch, aimed(exit.op, branch, to_stub)};
  patches[1] = {exit.stub + 1, 4 * kLinkWords};
}

QuickTranslator::LeaveStub::LeaveStub(const isa::MachineDescription& machine, bool sets_target) {
  isa::Atom atoms[3];
  unsigned atom_count = 0;
  const auto literal = [&](unsigned reg) {
    isa::Atom& atom = atoms[atom_count++];
    atom.op = isa::Op::Or32;
    atom.mode = isa::Mode::Long;
    atom.rd = static_cast<uint8_t>(reg);
    atom.ra = isa::kZero;
  };
  if (sets_target) literal(kTarget);
  literal(kExitId);
  atoms[atom_count].op = isa::Op::Br;
  atoms[atom_count++].mode = isa::Mode::Long;
  for (unsigned next = 0; next < atom_count;) {
    isa::Molecule molecule;
    const unsigned first = next;
    do {
      molecule.atoms[molecule.count++] = atoms[next++];
    } while (next < atom_count && [&] {
      isa::Molecule longer = molecule;
      longer.atoms[longer.count++] = atoms[next];
      return isa::check(longer).ok() && isa::accepts(machine, longer);
    }());
    uint32_t encoded[isa::kMaxWords];
    CHRYSALIS_ASSERT(isa::accepts(machine, molecule) && isa::encode(molecule, encoded).ok(), next);
    for (unsigned i = first; i < next; ++i) {
      const uint8_t at = static_cast<uint8_t>(count + molecule.count + (i - first));
      (atoms[i].op == isa::Op::Br ? leave : atoms[i].rd == kTarget ? target : id) = at;
    }
    leave_molecule = count;
    for (unsigned i = 0; i < molecule.bytes / 4u; ++i) words[count++] = encoded[i];
    ++molecules;
  }
}

QuickTranslator::QuickTranslator(const isa::MachineDescription& machine, const QuickOptions& options)
    : options_(options),
      has_jtb_(machine.jtb_entries != 0),
      has_return_stack_(machine.return_stack_entries != 0),
      leave_with_target_(machine, true),
      leave_(machine, false),
      block_(machine.offset_addressing != 0, machine.store_buffer_entries),
      selector_(machine, options.context),
      packer_(selector_.packer()) {}

void QuickTranslator::begin(uint32_t eip) {
  block_.begin();
  eip_ = next_ = eip;
  refused_ = false;
}

QuickTranslator::Step QuickTranslator::add(uint32_t next) {
  switch (block_.take()) {
    case QuickBlock::Verdict::Taken: next_ = next; return Step::Continue;
    case QuickBlock::Verdict::Ends: next_ = next; return Step::End;
    case QuickBlock::Verdict::Full: return Step::Full;
    default: refused_ = true; return Step::Refused;
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

/// What is put there comes behind everything else.
unsigned QuickTranslator::last() const { return std::max(packer_.last(), leaves_from_); }

/// Loads and increments the counters of all exits ahead of the first: most of that fits beside the block's own atoms, and
/// an exit only has to store its one.
void QuickTranslator::prepare_counters() {
  if (!options_.instrument || !counters_.empty()) return;
  unsigned previous = kNone;
  for (unsigned exit = 0; exit <= block_.side_exits(); ++exit) {
    const unsigned address = selector_.temporary(QuickSelector::kForever), value = selector_.temporary(QuickSelector::kForever);
    if (exit == 0) selector_.load_constant(address, static_cast<int64_t>(options_.counters + 4 * uint64_t{placement_.first_counter}));
    else selector_.add(address, previous, 4);
    selector_.load_concealed_word(value, address);
    selector_.add(value, value, 1);
    counters_.push_back({static_cast<uint8_t>(address), static_cast<uint8_t>(value)});
    previous = address;
  }
}

void QuickTranslator::put_counter(unsigned exit) {
  if (!options_.instrument) return;
  const Counter counter = counters_[exit];
  constexpr uint32_t kStore = word_of(isa::Op::StC32) | kShortMode;
  packer_.put(kStore | uint32_t{counter.value} << kRdShift | uint32_t{counter.address} << kRaShift, QuickPacker::kind(isa::Op::StC32),
              counter.address, counter.value, kNone, kNone, QuickPacker::kNoLiteral, last());
}

/// Notes where an indirect exit goes.
void QuickTranslator::put_target(unsigned exit) {
  if (!options_.instrument) return;
  const unsigned slot = selector_.temporary();
  selector_.address_of_slot(slot, counters_[exit].value, kQuickTargets, options_.targets + 4 * kQuickTargets * uint64_t{placement_.first_counter + exit});
  packer_.put(word_of(isa::Op::StC32) | kShortMode | uint32_t{kTarget} << kRdShift | slot << kRaShift, QuickPacker::kind(isa::Op::StC32),
              slot, kTarget, kNone, kNone, QuickPacker::kNoLiteral, last());
}

/// Commits, and goes where the exit goes.
void QuickTranslator::put_path(unsigned exit) {
  const QuickCode::Exit& leaving = out_.exits[exit];
  put_counter(exit);
  const bool stays = leaving.target == eip_;  // GPC is there already
  packer_.put(with_field<isa::Op::Commit, Field::Count>(word_of(isa::Op::Commit) | (stays ? 0 : kLongMode), leaving.instructions),
              QuickPacker::kind(isa::Op::Commit), kNone, kNone, kNone, kNone, stays ? QuickPacker::kNoLiteral : leaving.target, last());
  if (leaving.kind != QuickExitKind::Interpret) {
    packer_.put_branch(word_of(isa::Op::Br) | kShortMode, QuickPacker::kind(isa::Op::Br), kNone,
                       tag(isa::Op::Br, leaving.loops ? To::Start : To::Stub, exit), last());
  }
  put_stub(exit);
}

void QuickTranslator::put_stub(unsigned exit) {
  QuickCode::Exit& leaving = out_.exits[exit];
  uint32_t at = packer_.flush();
  leaving.stub = at;
  if (out_.main_words == 0) {
    out_.main_words = at;
    out_.main_molecules = packer_.molecules();
  }
  if (can_be_chained(leaving.kind)) {
    uint32_t* const link = packer_.append(kLinkWords, 1);
    link[0] = word_of(isa::Op::Br) | kLongMode | 1u << 31;
    link[1] = 4 * kLinkWords;
    at += kLinkWords;
  }
  const LeaveStub& stub = sets_target(leaving.kind) ? leave_with_target_ : leave_;
  uint32_t* const to = packer_.append(stub.count, stub.molecules);
  for (unsigned i = 0; i < stub.count; ++i) to[i] = stub.words[i];
  if (stub.target != 0) to[stub.target] = leaving.target;
  to[stub.id] = placement_.first_exit + exit;
  to[stub.leave] = static_cast<uint32_t>(placement_.leave - placement_.address) - 4 * (at + stub.leave_molecule);
}

uint16_t QuickTranslator::trap_tag() {
  traps_ = true;
  return tag(isa::Op::BrZ, To::Trap);
}

// A commit beside a branch to the rollback would come first.
void QuickTranslator::put_trap_if(const Inst& inst) {
  const unsigned condition = selector_.reg(inst.src[0]);
  leaves_from_ = 1 + packer_.put_branch(conditional(inst, false) | condition << kRaShift, kConditional, condition, trap_tag());
}

void QuickTranslator::put_guard(const Inst& inst) {
  const unsigned difference = selector_.difference_from_context(inst);
  leaves_from_ = 1 + packer_.put_branch(word_of(isa::Op::BrNz) | kShortMode | difference << kRaShift, kConditional, difference, trap_tag());
}

void QuickTranslator::put_trap() {
  trap_path_ = packer_.flush();
  packer_.put(word_of(isa::Op::Rollback), QuickPacker::kind(isa::Op::Rollback), kNone, kNone, kNone, kNone);
  put_stub(add_exit(QuickExitKind::Trap, eip_, 0));
}

/// The return stack learns where the call returns to.
void QuickTranslator::put_return_point(unsigned exit) {
  const unsigned address = selector_.holder_of(next_);
  packer_.put_branch(word_of(isa::Op::ReturnPush) | kShortMode | address << kRaShift, QuickPacker::kind(isa::Op::ReturnPush), address,
                     tag(isa::Op::ReturnPush, To::Stub, exit));
}

/// `other`: the exit that follows at once, or null. True if it has been dealt with.
bool QuickTranslator::put_exit_if(const Inst& inst, const Inst* other) {
  prepare_counters();
  const uint32_t target = static_cast<uint32_t>(inst.imm);
  const unsigned taken = add_exit(QuickExitKind::Direct, target, instructions());
  const bool likely = placement_.likely == QuickLikely::Unknown ? target < next_ : placement_.likely == QuickLikely::Taken;
  const bool invert = likely && other != nullptr && static_cast<ir::ExitKind>(other->aux) == ir::ExitKind::Jump;
  const unsigned aside = invert ? add_exit(QuickExitKind::Direct, static_cast<uint32_t>(other->imm), instructions()) : taken;
  const unsigned condition = selector_.reg(inst.src[0]);
  packer_.put_branch(conditional(inst, invert) | condition << kRaShift, kConditional, condition, tag(isa::Op::BrZ, To::Path, aside), last());
  packer_.fence();
  sides_[side_count_++] = static_cast<uint16_t>(aside);
  if (invert) put_path(taken);
  return invert;
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
  const ir::ExitKind how = static_cast<ir::ExitKind>(inst.aux);
  const bool returns = how == ir::ExitKind::Return && has_return_stack_, pushes = how == ir::ExitKind::Call && has_return_stack_;
  const unsigned exit = add_exit(how == ir::ExitKind::Return ? QuickExitKind::Return
                                 : how == ir::ExitKind::Call ? QuickExitKind::IndirectCall
                                                             : QuickExitKind::Indirect, 0, instructions());
  const unsigned point = pushes ? add_exit(QuickExitKind::ReturnPoint, next_, 0) : 0;
  if (pushes) put_return_point(point);
  const unsigned target = selector_.reg(inst.src[0]);
  if (target != kTarget) selector_.move(kTarget, target);

  const auto look_up = [this] {
    packer_.put(word_of(isa::Op::JtbLookup) | kHost << kRdShift | kTarget << kRaShift, QuickPacker::kind(isa::Op::JtbLookup), kTarget,
                kNone, kHost, kNone);
  };
  if (has_jtb_ && !returns) look_up();
  if (how != ir::ExitKind::Return) put_target(exit);
  put_counter(exit);
  packer_.put(with_field<isa::Op::CommitPc, Field::Count>(word_of(isa::Op::CommitPc), instructions()) | kTarget << kRaShift,
              QuickPacker::kind(isa::Op::CommitPc), kTarget, kNone, kNone, kNone, QuickPacker::kNoLiteral, last());
  if (returns) {
    packer_.put(word_of(isa::Op::Ret) | kTarget << kRaShift, QuickPacker::kind(isa::Op::Ret), kTarget, kNone, kNone, kNone,
                QuickPacker::kNoLiteral, last());
    packer_.fence();
    if (has_jtb_) look_up();
  }
  if (has_jtb_) {
    packer_.put_branch(word_of(isa::Op::BrZ) | kShortMode | kHost << kRaShift, kConditional, kHost, tag(isa::Op::BrZ, To::Stub, exit), last());
    packer_.fence();
    packer_.put(word_of(isa::Op::BrInd) | kHost << kRaShift, QuickPacker::kind(isa::Op::BrInd), kHost, kNone, kNone, kNone);
  }
  put_stub(exit);
  if (pushes) put_stub(point);
}

// -- the block --------------------------------------------------------------------------------------------------------

void QuickTranslator::put_main() {
  QuickBlock::Work* const work = block_.work();
  const Inst* const insts = block_.code.insts.data();
  unsigned begin = 0;
  for (const QuickBlock::Instruction& instruction : block_.list()) {
    for (unsigned w = instruction.work_end; w-- > begin;) {
      const QuickBlock::Work item = work[w];
      if (item.action == QuickAction::Skip) continue;
      const Inst& inst = insts[item.operation];
      selector_.begin_operation(item.operation);
      if (item.action < QuickAction::Guard || (item.action > QuickAction::Guard && item.action < QuickAction::ExitIf)) {
        selector_.select(item.action, inst);
        continue;
      }
      switch (item.action) {
        case QuickAction::ExitIf: {
          const bool final = w != begin && work[w - 1].action == QuickAction::Exit;
          if (put_exit_if(inst, final ? &insts[work[w - 1].operation] : nullptr)) --w;
          break;
        }
        case QuickAction::Exit: put_exit(inst); break;
        case QuickAction::ExitInd: put_indirect_exit(inst); break;
        case QuickAction::TrapIf: put_trap_if(inst); break;
        default: put_guard(inst);
      }
    }
    begin = instruction.work_end;
  }
}

/// Gives the branches their displacements, and the exits their places.
void QuickTranslator::resolve() {
  uint32_t* const words = packer_.words();
  for (unsigned t = 1; t < branches_.size(); ++t) {
    const Branch& branch = branches_[t];
    const QuickPacker::Place& place = packer_.where(t);
    uint32_t to = 0;
    switch (branch.to) {
      case To::Start: break;
      case To::Path: to = paths_[branch.exit]; break;
      case To::Stub: to = out_.exits[branch.exit].stub; break;
      case To::Trap: to = trap_path_; break;
    }
    const int64_t displacement = 4 * (int64_t{to} - place.molecule);
    CHRYSALIS_ASSERT(isa::fits_short(branch.op, displacement), eip_);
    words[place.word] = aimed(branch.op, words[place.word], displacement);
    if (branch.to != To::Start && branch.to != To::Stub) continue;
    QuickCode::Exit& exit = out_.exits[branch.exit];
    if (!can_be_chained(exit.kind)) continue;
    exit.op = branch.op;
    exit.molecule = place.molecule;
    exit.branch = place.word;
  }
}

const QuickCode& QuickTranslator::finish(const QuickPlacement& placement) {
  CHRYSALIS_ASSERT(instructions() != 0, eip_);
  placement_ = placement;
  if (!block_.closed()) block_.close(next_);
  out_.exits.clear();
  out_.main_words = out_.main_molecules = 0;
  branches_.clear();
  branches_.push_back({});
  paths_.clear();
  counters_.clear();
  side_count_ = 0;
  traps_ = false;
  leaves_from_ = 0;

  selector_.begin(block_);
  put_main();
  for (unsigned i = 0; i < side_count_; ++i) {
    paths_[sides_[i]] = packer_.flush();
    put_path(sides_[i]);
  }
  if (traps_) put_trap();
  resolve();
  out_.words = {packer_.words(), packer_.size()};
  out_.molecules = packer_.molecules();
  return out_;
}

}  // namespace chrysalis::translator
