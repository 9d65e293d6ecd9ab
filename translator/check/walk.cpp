// Follows values through the molecules: what each atom computes, and what exits and commits deliver.
#include <algorithm>

#include "isa-host/assembler.h"
#include "translator/check/checker.h"
#include "translator/ir/text.h"
#include "translator/regalloc.h"

namespace chrysalis::translator::checking {
namespace {

using ir::IntrinsicId;

constexpr size_t kMostFindings = 40;  // what follows the first few is mostly their consequence

bool is_serializing(const ir::Inst& inst) {
  if (inst.op != ir::Op::Intrinsic) return false;
  switch (static_cast<IntrinsicId>(inst.imm)) {
    case IntrinsicId::Commit: case IntrinsicId::Rollback: case IntrinsicId::Platform: case IntrinsicId::ReadSpecial:
    case IntrinsicId::WriteSpecial: case IntrinsicId::TlbWrite: case IntrinsicId::TlbFlush: case IntrinsicId::TlbFlushPage:
    case IntrinsicId::JtbWrite: case IntrinsicId::JtbClear: case IntrinsicId::ReturnClear: return true;
    default: return false;
  }
}

bool is_intrinsic(const ir::Inst& inst, IntrinsicId id) {
  return inst.op == ir::Op::Intrinsic && inst.imm == static_cast<int64_t>(id);
}

/// Bytes of a memory atom on integer registers; 0: none.
unsigned size_of(isa::Op op) {
  using isa::Op;
  struct Family {
    Op first;
    uint8_t sizes[7];
  };
  static constexpr Family kFamilies[] = {
      {Op::LdG8U, {1, 2, 4, 8, 1, 2, 4}}, {Op::LdC8U, {1, 2, 4, 8, 1, 2, 4}}, {Op::StG8, {1, 2, 4, 8}},   {Op::StC8, {1, 2, 4, 8}},
      {Op::ProbeG8, {1, 2, 4, 8}},        {Op::LdProt8, {1, 2, 4, 8}},        {Op::StMask8, {1, 2, 4, 8}},
  };
  for (const Family& family : kFamilies) {
    const unsigned at = static_cast<unsigned>(op) - static_cast<unsigned>(family.first);
    if (at < 7 && family.sizes[at] != 0) return family.sizes[at];
  }
  return 0;
}

bool extends_sign(isa::Op op) {
  using isa::Op;
  return op == Op::LdG8S || op == Op::LdG16S || op == Op::LdG32S || op == Op::LdC8S || op == Op::LdC16S || op == Op::LdC32S;
}

}  // namespace

const char* name(Rule rule) {
  static constexpr const char* kNames[] = {
#define RULE(name, text, demand) text,
      CHRYSALIS_CHECK_RULES(RULE)
#undef RULE
  };
  return kNames[static_cast<unsigned>(rule)];
}

Checker::Checker(std::span<const Region> tree, size_t path, const isa::MachineDescription& machine, const CompiledRegion& compiled,
                 const CheckOptions& options, unsigned choice)
    : tree_(tree), path_(path), region_(tree[path]), machine_(machine), compiled_(compiled), options_(options), choice_(choice),
      values_(region_.code.next_value, 0) {}

std::vector<Finding> Checker::run() {
  read_region();
  if (path_ == 0) check_molecules();  // of all paths
  walk_main();
  for (const Access& access : accesses_) {
    if (access.molecule == kNever) findings_.push_back({Rule::Once, Finding::kNone, Finding::kNone, describe(access) + " is never made"});
  }
  check_order();
  if (findings_.size() > kMostFindings) findings_.resize(kMostFindings);
  return std::move(findings_);
}

// -- the region ------------------------------------------------------------------------------------------------------

void Checker::read_region() {
  writable_ = region_.allocatable | uint64_t{1} << kMoveScratch | uint64_t{1} << kTargetScratch;
  entry_width_.fill(64);
  for (const Binding& binding : region_.entry) {
    // Where a path of a tree begins, guest registers are anywhere.
    if (path_ == 0) entry_width_[binding.reg] = entry_width(region_, binding);
    values_[binding.value] = at_entry(binding.reg);
    binds_spill_base_ |= binding.reg == kSpillBase;
  }
  spill_base_ = at_entry(kSpillBase);
  if (region_.stack != ir::kNoValue) {
    has_stack_ = true;
    stack_ = values_[region_.stack];
  }
  points_.assign(region_.code.insts.size(), -1);
  int32_t point = 0;
  for (uint32_t i = 0; i < region_.code.insts.size(); ++i) {
    const ir::Inst& op = inst(i);
    if (is_point(op)) points_[i] = point++;
    if (is_point(op) || is_serializing(op)) events_.push_back({i, points_[i]});
    if (op.op == ir::Op::Call || op.op == ir::Op::CallInd) {
      values_[op.value] = terms_.leaf(Source::Return, i);
    } else if (is_intrinsic(op, IntrinsicId::ReadSpecial)) {
      values_[op.value] = terms_.leaf(Source::Special, i);
    } else if (ir::is_exit(op) || is_serializing(op) || op.op == ir::Op::Keep) {
      continue;
    } else if (op.op == ir::Op::UncountIf) {
      uncounts_.push_back({i, kNever, kNever});
    } else if (ir::info(op.op).effects & (ir::kLoad | ir::kStore)) {
      add_access(i);
    } else {
      const Results results = evaluate(terms_, op, values_);
      if (op.value != ir::kNoValue) values_[op.value] = results.value;
      if (op.flags != ir::kNoValue) values_[op.flags] = results.flags;
    }
  }
}

/// Where atoms do not say whose they are, loads of one value cannot be told apart, and need not.
uint32_t Checker::first_alike(const Access& load) const {
  uint32_t first = load.inst;
  if (options_.source) return first;
  for (size_t i = accesses_.size(); i-- > 0;) {
    const Access& earlier = accesses_[i];
    if (earlier.is_store() && overlap(earlier, load)) break;
    if (earlier.kind == load.kind && earlier.guest == load.guest && earlier.size == load.size && earlier.address == load.address) first = earlier.inst;
  }
  return first;
}

void Checker::add_access(uint32_t index) {
  const ir::Inst& op = inst(index);
  Access access{};
  access.entry = 0xff;
  access.molecule = access.atom = kNever;
  access.wanted = true;
  access.guest = (ir::info(op.op).effects & ir::kGuest) != 0;
  access.kind = op.op == ir::Op::ProbeWrite                      ? Access::Kind::Probe
                : (ir::info(op.op).effects & ir::kStore) != 0 ? Access::Kind::Store
                                                                 : Access::Kind::Load;
  access.size = static_cast<uint8_t>(op.width / 8);
  access.order = op.guest < region_.in_order.size() ? region_.in_order[op.guest] : uint8_t{0};
  access.inst = access.same = index;
  const unsigned width = access.guest ? 32 : 64;
  const Terms::Sum base = terms_.sum(value(op.src[0]), width);
  access.address = terms_.sum(terms_.add(base.base, terms_.constant(static_cast<uint64_t>(base.offset) + static_cast<uint64_t>(op.imm)), width), width);
  if (access.is_store()) access.data = terms_.low(value(op.src[1]), op.width);
  if (op.value != ir::kNoValue) {
    const bool slot = options_.context != 0 && !access.guest && access.address.base == terms_.zero() &&
                      static_cast<uint64_t>(access.address.offset) - options_.context < 8 * static_cast<uint64_t>(ir::GuestReg::kCount);
    access.bits = slot ? uint8_t{32} : op.width;
    access.same = first_alike(access);
    const Term loaded = terms_.leaf(Source::Load, access.same, access.bits);
    values_[op.value] = op.op == ir::Op::LoadS || op.op == ir::Op::CLoadS ? terms_.sext(loaded, op.width) : loaded;
  }
  accesses_.push_back(access);
}

Terms::Test Checker::condition_of(const ir::Inst& exit) {
  if (exit.cond < ir::Cond::Zero) return terms_.condition(static_cast<unsigned>(exit.cond), value(exit.src[0]));
  const Terms::Test test = terms_.not_zero(value(exit.src[0]));
  return exit.cond == ir::Cond::NonZero ? test : Terms::negated(test);
}

bool Checker::needs_commit(const Event& event) const {
  const ir::Inst& exit = inst(event.inst);
  if (next_path(event) != 0) return false;
  return exit.op == ir::Op::Exit || exit.op == ir::Op::ExitIf || exit.op == ir::Op::ExitInd || exit.op == ir::Op::ExitIndIf;
}

// -- molecules ---------------------------------------------------------------------------------------------------------

void Checker::walk_main() {
  State state;
  for (unsigned reg = 0; reg < kRegisters; ++reg) state.reg[reg] = at_entry(reg);
  state.reg[isa::kZero] = terms_.zero();
  const bool at_checkpoint = region_.faults_roll_back && path_ == 0;
  for (unsigned reg = 0; reg < isa::kShadowedInt; ++reg) state.shadow[reg] = at_checkpoint ? state.reg[reg] : undefined();
  state.gpc = region_.eip;
  state.completed = region_.committed;
  for (uint32_t m = compiled_.paths[path_]; m < compiled_.path_end(path_) && findings_.size() < kMostFindings; ++m) {
    if (left_ && !walks_) {
      findings_.push_back({Rule::Exit, m, Finding::kNone, "control never comes here"});
      break;
    }
    step(m, state, true);
  }
  if (findings_.size() >= kMostFindings) return;
  for (size_t i = next_event_; i < events_.size(); ++i) {
    const bool exit = ir::is_exit(inst(events_[i].inst));
    findings_.push_back({exit ? Rule::Exit : Rule::Once, Finding::kNone, Finding::kNone, describe(events_[i].inst) + " is never reached"});
  }
}

void Checker::step(uint32_t molecule, State& state, bool main) {
  const State before = state;
  const std::span<const isa::Atom> list = atoms(molecule);
  At last{}, leaving{};
  for (uint32_t i = 0; i < list.size(); ++i) {
    const isa::Atom& atom = list[i];
    const isa::AtomInfo& row = isa::info(atom.op);
    const At at{molecule, i, &atom, compiled_.molecules[molecule].first + i};
    if (row.has(isa::kBranch)) {
      leaving = at;
    } else if (row.has(isa::kCommit | isa::kRollback | isa::kSerializing)) {
      last = at;
    } else if (row.has(isa::kLoad | isa::kStore | isa::kProbe)) {
      access(at, before, state, main);
    } else if (row.has(isa::kPrefetch) || atom.op == isa::Op::Nop) {
      continue;
    } else if (row.has(isa::kUncount)) {
      uncount(at, before, main);
    } else if (atom.op == isa::Op::JtbLookup) {
      write(at, state, atom.rd, terms_.leaf(Source::Lookup, terms_.low(before.reg[atom.ra], 32)));
    } else if (atom.op == isa::Op::ReturnPush) {
      push_return(at, before);
    } else if (atom.op == isa::Op::MovImm && fixup(at.global) != nullptr) {
      const CompiledRegion::Fixup& aim = *fixup(at.global);
      write(at, state, atom.rd, aim.kind == Target::Label ? terms_.leaf(Source::Label, static_cast<uint64_t>(aim.target), 32) : undefined());
    } else if (meaning(atom.op).op != ir::Op::kCount || atom.op == isa::Op::MovImm || atom.op == isa::Op::SetHigh) {
      const Results results = evaluate(terms_, atom, before.reg.data());
      if (row.uses(isa::kWritesRd)) write(at, state, atom.rd, results.value);
      if (row.has(isa::kWritesFd) && atom.fd != 0) write(at, state, isa::flags_register(atom.fd), results.flags);
    } else {
      report(Rule::Operand, at, "no operation of the region is like this");
    }
  }
  if (last.atom != nullptr) act_last(last, before, state, main);
  if (leaving.atom != nullptr && isa::info(leaving.atom->op).has(isa::kCall)) {
    const uint32_t exit = next_event_ < events_.size() ? events_[next_event_].inst : 0;
    write(leaving, state, leaving.atom->rd, terms_.leaf(Source::Return, exit));
  }
  if (leaving.atom != nullptr && main) branch(leaving, before, state, main);
}

void Checker::write(const At& at, State& next, unsigned reg, Term term) {
  if (reg == isa::kZero) return;
  if (!(writable_ >> reg & 1) && !(at.molecule >= compiled_.main_molecules && (reg == isa::kGuestEip || reg == kExitNumber))) {
    report(Rule::Register, at, "it writes " + isa::register_name(static_cast<isa::RegName>(reg)) + ", which is not the region's");
  }
  next.reg[reg] = term;
}

// -- accesses to memory ----------------------------------------------------------------------------------------------------

void Checker::access(const At& at, const State& before, State& next, bool main) {
  const isa::Atom& atom = *at.atom;
  const isa::AtomInfo& row = isa::info(atom.op);
  const unsigned size = size_of(atom.op);
  if (size == 0) return report(Rule::Operand, at, "the checker does not know this access");
  const bool guest = row.has(isa::kGuest);
  // An optional literal that is absent is 0.
  const Term offset = row.uses(isa::kReadsRm) ? second_source(terms_, atom, before.reg.data())
                                              : terms_.constant(atom.mode == isa::Mode::Long ? static_cast<uint64_t>(atom.imm) : 0);
  const Term address = terms_.add(before.reg[atom.ra], offset, guest ? 32 : 64);
  if (!guest && slot_access(at, before, next, address)) return;
  if (!main) return report(Rule::Exit, at, "an exit stub accesses memory");
  const Terms::Sum sum = terms_.sum(address, guest ? 32 : 64);
  const Access::Kind kind = row.has(isa::kStore) ? Access::Kind::Store : row.has(isa::kProbe) ? Access::Kind::Probe : Access::Kind::Load;
  const Term data = kind == Access::Kind::Store ? terms_.low(before.reg[atom.rd], size * 8) : 0;
  Access* const found = match(at, kind, guest, size, sum, data);
  if (found != nullptr) {
    found->molecule = at.molecule;
    found->atom = at.index;
    if (row.has(isa::kProtect)) found->entry = atom.alias;
    if (row.has(isa::kMasked)) found->mask = atom.alias;
    found->wanted = kind == Access::Kind::Store || (kind == Access::Kind::Load && atom.rd != isa::kZero);
  }
  if (kind != Access::Kind::Load) return;
  const Term loaded = found == nullptr ? undefined() : terms_.leaf(Source::Load, found->same, found->bits);
  write(at, next, atom.rd, extends_sign(atom.op) ? terms_.sext(loaded, size * 8) : loaded);
}

/// Spill slots: state like registers. True if it was such an access.
bool Checker::slot_access(const At& at, const State& before, State& next, Term address) {
  const Terms::Sum sum = terms_.sum(address, 64);
  if (sum.base != spill_base_ || binds_spill_base_) return false;
  const isa::Atom& atom = *at.atom;
  if (size_of(atom.op) != 8 || sum.offset < 0 || sum.offset % 8 != 0 || sum.offset >= int64_t{8} * kSpillSlotCount) {
    report(Rule::Operand, at, "no spill slot is there");
    return true;
  }
  if (isa::info(atom.op).has(isa::kStore)) {
    next.slots[sum.offset] = before.reg[atom.rd];
    return true;
  }
  const auto slot = before.slots.find(sum.offset);
  if (slot == before.slots.end()) report(Rule::Operand, at, "the spill slot has not been written");
  write(at, next, atom.rd, slot == before.slots.end() ? undefined() : slot->second);
  return true;
}

Checker::Access* Checker::match(const At& at, Access::Kind kind, bool guest, unsigned size, Terms::Sum address, Term data) {
  const uint16_t source = compiled_.guest.size() > at.global ? compiled_.guest[at.global] : 0;
  Access* found = nullptr;   // of its guest instruction
  Access* other = nullptr;   // of another one
  const Access* nearly = nullptr;
  bool made = false;
  for (Access& access : accesses_) {
    if (access.kind != kind || access.guest != guest || access.size != size) continue;
    if (access.address != address || access.data != data) {
      if (access.molecule == kNever && inst(access.inst).guest == source) nearly = &access;
      continue;
    }
    if (access.molecule != kNever) {
      made = true;
      continue;
    }
    if (options_.source && inst(access.inst).guest != source) {
      if (other == nullptr) other = &access;
      continue;
    }
    ambiguous_ |= found != nullptr;
    if (found == nullptr || choice_ != 0) found = &access;
  }
  if (found != nullptr) return found;
  if (other != nullptr) {
    report(Rule::Source, at, "it makes " + describe(*other) + " of guest instruction " + std::to_string(inst(other->inst).guest) + ", not of " + std::to_string(source));
    return other;
  }
  const std::string what = "[" + terms_.text(address.base) + " + " + std::to_string(address.offset) + "]" +
                           (kind == Access::Kind::Store ? " = " + terms_.text(data) : "");
  if (made) {
    report(Rule::Once, at, "the access to " + what + " has been made already");
  } else {
    std::string text = "no operation of the region accesses " + what;
    if (nearly != nullptr) {
      text += "; " + describe(*nearly) + " has [" + terms_.text(nearly->address.base) + " + " + std::to_string(nearly->address.offset) + "]";
      if (kind == Access::Kind::Store) text += " = " + terms_.text(nearly->data);
    }
    report(Rule::Operand, at, text);
  }
  return nullptr;
}

// -- commits, serializing atoms ---------------------------------------------------------------------------------------------

void Checker::act_last(const At& at, const State& before, State& next, bool main) {
  const bool commits = isa::info(at.atom->op).has(isa::kCommit);
  if (!main) return;  // follow_stub() looks at commits
  if (next_event_ >= events_.size()) return report(Rule::Once, at, "nothing of this kind is left in the region");
  Event& event = events_[next_event_];
  const ir::Inst& expected = inst(event.inst);
  if (commits && ir::is_final_exit(expected) && needs_commit(event)) {
    if (event.molecule != kNever) return report(Rule::Commit, at, "the exit has been committed already");
    event.molecule = at.molecule;
    return commit(at, before, next, event);
  }
  if (!is_serializing(expected)) {
    return report(commits ? Rule::Commit : Rule::Once, at, "it comes before " + describe(event.inst));
  }
  event.molecule = at.molecule;
  ++next_event_;
  if (is_intrinsic(expected, IntrinsicId::Commit)) {
    if (!commits) return report(Rule::Commit, at, "it stands where " + describe(event.inst) + " should be");
    return commit(at, before, next, event);
  }
  serialize(at, before, next, expected);
}

void Checker::serialize(const At& at, const State& before, State& next, const ir::Inst& expected) {
  const isa::Atom& atom = *at.atom;
  struct Row {
    IntrinsicId id;
    isa::Op op;
    bool selects;  ///< source 0 is a number within the atom
  };
  static constexpr Row kRows[] = {
      {IntrinsicId::Rollback, isa::Op::Rollback, false},       {IntrinsicId::Platform, isa::Op::Platform, false},
      {IntrinsicId::ReadSpecial, isa::Op::Mfs, true},          {IntrinsicId::WriteSpecial, isa::Op::Mts, true},
      {IntrinsicId::TlbWrite, isa::Op::TlbWrite, false},       {IntrinsicId::TlbFlush, isa::Op::TlbFlush, false},
      {IntrinsicId::TlbFlushPage, isa::Op::TlbFlushPage, false}, {IntrinsicId::JtbWrite, isa::Op::JtbWrite, false},
      {IntrinsicId::JtbClear, isa::Op::JtbClear, false},       {IntrinsicId::ReturnClear, isa::Op::ReturnClear, false},
  };
  const std::string wanted = "`" + ir::text(expected) + "` is expected here";
  for (const Row& row : kRows) {
    if (expected.imm != static_cast<int64_t>(row.id)) continue;
    if (atom.op != row.op) return report(Rule::Once, at, wanted);
    if (row.selects && terms_.constant(atom.count) != value(expected.src[0])) return report(Rule::Operand, at, wanted);
    unsigned source = row.selects ? 1 : 0;
    const isa::AtomInfo& info = isa::info(atom.op);
    if (info.uses(isa::kReadsRa) && before.reg[atom.ra] != value(expected.src[source++])) return report(Rule::Operand, at, wanted);
    if (info.uses(isa::kReadsRb) && before.reg[atom.rb] != value(expected.src[source])) return report(Rule::Operand, at, wanted);
    if (info.uses(isa::kWritesRd)) write(at, next, atom.rd, expected.value == ir::kNoValue ? undefined() : value(expected.value));
    if (row.id == IntrinsicId::Rollback) {
      for (unsigned reg = 0; reg < isa::kShadowedInt; ++reg) next.reg[reg] = next.shadow[reg];
    }
    return;
  }
}

/// A commit atom for `event`: an exit, or a commit of the region.
void Checker::commit(const At& at, const State& before, State& next, const Event& event) {
  const isa::Atom& atom = *at.atom;
  const ir::Inst& op = inst(event.inst);
  const bool exit = ir::is_exit(op);
  const Region::Map& map = region_.maps[static_cast<size_t>(event.point)];
  const uint64_t count = exit ? map.completed - before.completed : terms_.constant_of(value(op.src[0]));
  if (!exit && map.eip != Region::kNoAddress) next.completed += count;
  if (next.completed > before.completed && next.completed != map.completed) report(Rule::Commit, at, "its map says that " + std::to_string(map.completed) + " guest instructions are complete");
  if (atom.count != count) {
    report(Rule::Commit, at, "it counts " + std::to_string(atom.count) + " guest instructions, not " + std::to_string(count));
  }
  const bool indirect = op.op == ir::Op::ExitInd || op.op == ir::Op::ExitIndIf;
  if (indirect) {
    const Term target = value(op.op == ir::Op::ExitInd ? op.src[0] : op.src[1]);
    const bool right = atom.op == isa::Op::CommitPc && terms_.low(before.reg[atom.ra], 32) == terms_.low(target, 32);
    if (!right) report(Rule::Commit, at, "it does not give the guest PC " + terms_.text(target));
    next.gpc = Region::kNoAddress;
  } else if (atom.op == isa::Op::CommitPc) {
    report(Rule::Commit, at, "its guest PC comes from a register");
  } else {
    if (atom.mode == isa::Mode::Long) next.gpc = static_cast<uint32_t>(atom.imm);
    const uint32_t eip = map.eip;
    if (!exit && eip != Region::kNoAddress && next.gpc != eip) {
      report(Rule::Commit, at, "it leaves guest PC " + terms_.text(terms_.constant(next.gpc)) + ", not " + terms_.text(terms_.constant(eip)));
    }
    if (exit && next.gpc != static_cast<uint32_t>(op.imm)) {
      report(Rule::Commit, at, "it leaves guest PC " + terms_.text(terms_.constant(next.gpc)) + ", not " + terms_.text(terms_.constant(static_cast<uint32_t>(op.imm))));
    }
  }
  check_map(at, next, event.point, true);
  for (unsigned reg = 0; reg < isa::kShadowedInt; ++reg) next.shadow[reg] = next.reg[reg];
  next.committed = event.point;
}

/// What the next commit counts less. Equal ones are taken in order.
void Checker::uncount(const At& at, const State& before, bool main) {
  if (!main) return report(Rule::Commit, at, "a stub changes what its commit counts");
  const isa::Atom& atom = *at.atom;
  const Term tested = before.reg[atom.ra];
  Terms::Test test = terms_.not_zero(tested);
  if (atom.op == isa::Op::UncountCc) test = terms_.condition(static_cast<unsigned>(atom.cond), tested);
  if (atom.op == isa::Op::UncountZ) test = Terms::negated(test);
  for (Uncount& uncount : uncounts_) {
    const ir::Inst& wanted = inst(uncount.inst);
    if (uncount.molecule != kNever || wanted.imm != atom.count || condition_of(wanted) != test) continue;
    uncount.molecule = at.molecule;
    uncount.atom = at.index;
    return;
  }
  report(Rule::Commit, at, "the region does not count " + std::to_string(atom.count) + " less if " + (test.negated ? "not " : "") + terms_.text(test.term));
}

void Checker::check_map(const At& at, const State& state, int32_t point, bool shadowed_only) {
  for (const Binding& binding : region_.map(static_cast<size_t>(point))) {
    if (shadowed_only && binding.reg >= isa::kShadowedInt) continue;
    if (state.reg[binding.reg] == value(binding.value)) continue;
    report(Rule::Map, at, isa::register_name(binding.reg) + " is " + terms_.text(state.reg[binding.reg]) + ", not v" + std::to_string(binding.value) + ", " +
                              terms_.text(value(binding.value)));
  }
}

// -- exits ---------------------------------------------------------------------------------------------------------------

const CompiledRegion::Fixup* Checker::fixup(uint32_t atom) const {
  const auto found = std::lower_bound(compiled_.fixups.begin(), compiled_.fixups.end(), atom,
                                      [](const CompiledRegion::Fixup& f, uint32_t a) { return f.atom < a; });
  return found != compiled_.fixups.end() && found->atom == atom ? &*found : nullptr;
}

const CompiledRegion::Exit* Checker::linked(uint32_t atom) const {
  for (const CompiledRegion::Exit& exit : compiled_.exits) {
    if (exit.atom == atom) return &exit;
  }
  return nullptr;
}

bool Checker::leads_to(const At& at, Target kind, int64_t target) {
  const CompiledRegion::Fixup* const aim = fixup(at.global);
  if (aim != nullptr && aim->kind == kind && aim->target == target) return true;
  report(Rule::Exit, at, "it does not lead to the exit's target");
  return false;
}

/// The link stub of an exit to guest address `target`, or of a return point.
void Checker::check_link(const At& at, uint32_t exit, uint32_t target, bool returns) {
  const CompiledRegion::Exit& entry = compiled_.exits[exit];
  const CompiledRegion::Fixup* const aim = fixup(at.global);
  if (entry.target != target || entry.returns != returns) return report(Rule::Link, at, "the table of exits has another target for it");
  if (entry.molecule != at.molecule || aim == nullptr || aim->kind != Target::Local || aim->target != entry.link || !aim->patched) {
    return report(Rule::Link, at, "the table of exits and the code disagree about its link stub");
  }
  State state;
  for (unsigned reg = 0; reg < kRegisters; ++reg) state.reg[reg] = terms_.leaf(Source::Entry, reg);
  state.reg[isa::kZero] = terms_.zero();
  const State entered = state;
  for (uint32_t m = entry.link; m < compiled_.molecules.size(); ++m) {
    step(m, state, false);
    for (const isa::Atom& atom : atoms(m)) {
      const isa::AtomInfo& row = isa::info(atom.op);
      const uint32_t global = static_cast<uint32_t>(&atom - compiled_.atoms.data());
      const At here{m, global - compiled_.molecules[m].first, &atom, global};
      if (row.has(isa::kCommit | isa::kRollback | isa::kSerializing | isa::kLoad | isa::kStore | isa::kProbe)) {
        report(Rule::Link, here, "it has an effect");
      }
      if (!row.has(isa::kBranch)) continue;
      const CompiledRegion::Fixup* const leave = fixup(global);
      if (atom.op != isa::Op::Br || leave == nullptr || leave->kind != Target::Leave) report(Rule::Link, here, "it does not lead to the monitor");
      for (unsigned reg = 0; reg < kRegisters; ++reg) {
        Term wanted = entered.reg[reg];
        if (reg == isa::kGuestEip) {  // 32 bits of it count
          if (terms_.low(state.reg[reg], 32) == terms_.constant(target)) continue;
          wanted = terms_.constant(target);
        }
        if (reg == kExitNumber) wanted = terms_.constant(options_.first_exit + exit);
        if (state.reg[reg] != wanted) report(Rule::Link, here, isa::register_name(static_cast<isa::RegName>(reg)) + " is " + terms_.text(state.reg[reg]) + ", not " + terms_.text(wanted));
      }
      return;
    }
  }
  report(Rule::Link, at, "its link stub does not end");
}

void Checker::push_return(const At& at, const State& before) {
  const CompiledRegion::Exit* const exit = linked(at.global);
  if (exit == nullptr) return report(Rule::Link, at, "its target has no link stub");
  const Term address = terms_.low(before.reg[at.atom->ra], 32);
  if (address != terms_.constant(region_.next_eip)) {
    report(Rule::Operand, at, "the return address is " + terms_.text(address) + ", not " + terms_.text(terms_.constant(region_.next_eip)));
  }
  check_link(at, static_cast<uint32_t>(exit - compiled_.exits.data()), region_.next_eip, true);
}

void Checker::branch(const At& at, const State& before, const State& next, bool) {
  while (next_event_ < events_.size() && is_serializing(inst(events_[next_event_].inst))) {
    const bool commits = is_intrinsic(inst(events_[next_event_].inst), IntrinsicId::Commit);
    report(commits ? Rule::Commit : Rule::Once, at, describe(events_[next_event_].inst) + " should come before it");
    ++next_event_;
  }
  const bool after = next_event_ >= events_.size();
  const Event& event = events_[after ? events_.size() - 1 : next_event_];
  const ir::Inst& exit = inst(event.inst);
  if (after && exit.op != ir::Op::ExitInd) return report(Rule::Exit, at, "the region has no exit left");
  if (ir::is_final_exit(exit)) return final_exit(at, before, next);
  side_exit(at, before, next);
}

/// When the conditional branch `atom` is taken; nothing: it is none.
std::optional<Terms::Test> Checker::taken_if(const isa::Atom& atom, const State& before) {
  const Term a = before.reg[atom.ra], b = before.reg[atom.rb];
  const auto compare = [&](ir::Op op) { return terms_.not_zero(terms_.value({op, 64, 0, 0, {a, b, 0, 0}})); };
  switch (atom.op) {
    case isa::Op::BrCc: return terms_.condition(static_cast<unsigned>(atom.cond), a);
    case isa::Op::BrZ: return Terms::negated(terms_.not_zero(a));
    case isa::Op::BrNz: return terms_.not_zero(a);
    case isa::Op::BrEq: return compare(ir::Op::SetEq);
    case isa::Op::BrNe: return Terms::negated(compare(ir::Op::SetEq));
    case isa::Op::BrLtS: return compare(ir::Op::SetLtS);
    case isa::Op::BrGeS: return Terms::negated(compare(ir::Op::SetLtS));
    case isa::Op::BrLtU: return compare(ir::Op::SetLtU);
    case isa::Op::BrGeU: return Terms::negated(compare(ir::Op::SetLtU));
    default: return std::nullopt;
  }
}

/// Traps that roll back may stand in any order up to the next exit or commit: whichever is taken, interpretation meets first what comes first.
/// Brings forward the one with this condition.
void Checker::choose_trap(const Terms::Test& test) {
  if (!region_.faults_roll_back) return;
  for (size_t i = next_event_; i < events_.size() && inst(events_[i].inst).op == ir::Op::TrapIf; ++i) {
    if (condition_of(inst(events_[i].inst)) != test) continue;
    const auto first = events_.begin() + static_cast<ptrdiff_t>(next_event_), found = events_.begin() + static_cast<ptrdiff_t>(i);
    std::rotate(first, found, found + 1);
    return;
  }
}

void Checker::side_exit(const At& at, const State& before, const State& next) {
  const auto test = taken_if(*at.atom, before);
  if (test) choose_trap(*test);
  Event& event = events_[next_event_++];
  event.molecule = at.molecule;
  const ir::Inst& exit = inst(event.inst);
  if (!test) return report(Rule::Exit, at, "it stands where " + describe(event.inst) + " should be");
  const Terms::Test wanted = condition_of(exit);
  if (*test != wanted) {
    report(Rule::Exit, at, "it is taken if " + std::string(test->negated ? "not " : "") + terms_.text(test->term) + ", not if " +
                               (wanted.negated ? "not " : "") + terms_.text(wanted.term) + ", as " + describe(event.inst) + " says");
  }
  const CompiledRegion::Fixup* const aim = fixup(at.global);
  State state = next;
  state.committed = -1;
  const bool to_path = next_path(event) != 0 && aim != nullptr && aim->target < compiled_.main_molecules;
  if (aim != nullptr && aim->kind == Target::Local && linked(at.global) == nullptr && !to_path) follow_stub(at, std::move(state), event);
  else leave(at, before, state, event);
}

/// Follows an exit stub to the branch that ends it.
void Checker::follow_stub(const At& from, State state, const Event& event) {
  const int64_t first = fixup(from.global)->target;
  if (first < compiled_.main_molecules) return report(Rule::Exit, from, "its stub lies within the region");
  for (auto m = static_cast<uint32_t>(first); m < compiled_.molecules.size(); ++m) {
    const State before = state;
    step(m, state, false);
    const std::span<const isa::Atom> list = atoms(m);
    for (uint32_t i = 0; i < list.size(); ++i) {
      const isa::AtomInfo& row = isa::info(list[i].op);
      const At at{m, i, &list[i], compiled_.molecules[m].first + i};
      if (row.has(isa::kRollback | isa::kSerializing)) report(Rule::Exit, at, "an exit stub has nothing of this kind");
      if (!row.has(isa::kCommit)) continue;
      if (!needs_commit(event)) report(Rule::Commit, at, "this exit does not commit");
      else if (state.committed >= 0) report(Rule::Commit, at, "the exit has been committed already");
      else commit(at, before, state, event);
    }
    for (uint32_t i = 0; i < list.size(); ++i) {
      const At at{m, i, &list[i], compiled_.molecules[m].first + i};
      if (isa::info(list[i].op).has(isa::kBranch)) return leave(at, before, state, event);
    }
  }
  report(Rule::Exit, from, "its stub does not end");
}

/// The branch that leaves for an exit's target. `state`: behind its molecule.
void Checker::leave(const At& at, const State&, const State& state, const Event& event) {
  const ir::Inst& exit = inst(event.inst);
  const bool in_stub = at.molecule >= compiled_.main_molecules;
  if (in_stub && at.atom->op != isa::Op::Br) return report(Rule::Exit, at, "an exit stub ends with a plain branch");
  if (needs_commit(event) && state.committed != event.point) report(Rule::Commit, at, "control leaves without a commit");
  check_map(at, state, event.point, false);
  if (next_path(event) != 0) return enter_path(at, state, event);
  switch (exit.op) {
    case ir::Op::Exit:
    case ir::Op::ExitIf: {
      const CompiledRegion::Exit* const link = linked(at.global);
      if (link == nullptr) return report(Rule::Exit, at, "it does not lead to the exit's target");
      return check_link(at, static_cast<uint32_t>(link - compiled_.exits.data()), static_cast<uint32_t>(exit.imm), false);
    }
    case ir::Op::ExitInd:
    case ir::Op::ExitIndIf: {
      const Term target = value(exit.op == ir::Op::ExitInd ? exit.src[0] : exit.src[1]);
      if (terms_.low(state.reg[isa::kGuestEip], 32) != terms_.low(target, 32)) report(Rule::Map, at, "r8 is not the guest address " + terms_.text(target));
      leads_to(at, Target::GuestIndirect, 0);
      return;
    }
    case ir::Op::Trap:
    case ir::Op::TrapIf: leads_to(at, Target::GuestTrap, exit.aux); return;
    default: leads_to(at, Target::Label, exit.imm); return;
  }
}

/// Control goes on in another path of the tree.
void Checker::enter_path(const At& at, const State& state, const Event& event) {
  const uint16_t next = next_path(event);
  if (next >= tree_.size() || next >= compiled_.paths.size()) return report(Rule::Path, at, "the tree has no path " + std::to_string(next));
  const Region& path = tree_[next];
  leads_to(at, Target::Local, compiled_.paths[next]);
  const std::span<const Binding> map = region_.map(static_cast<size_t>(event.point));
  bool same = map.size() == path.entry.size();
  for (size_t i = 0; same && i < map.size(); ++i) same = map[i].reg == path.entry[i].reg;
  if (!same) report(Rule::Path, at, "path " + std::to_string(next) + " expects its values elsewhere");
  if (state.gpc != path.eip || state.completed != path.committed) {
    report(Rule::Path, at, "path " + std::to_string(next) + " has another checkpoint: " + std::to_string(path.committed) + " guest instructions, not " + std::to_string(state.completed));
  }
}

void Checker::final_exit(const At& at, const State& before, const State& next) {
  Event& event = events_[std::min(next_event_, events_.size() - 1)];
  const ir::Inst& exit = inst(event.inst);
  const isa::Atom& atom = *at.atom;
  if (!needs_commit(event)) event.molecule = at.molecule;
  if (event.molecule == kNever) event.molecule = at.molecule;
  const auto done = [this] {
    next_event_ = events_.size();
    left_ = true;
    walks_ = false;
  };
  switch (exit.op) {
    case ir::Op::ExitInd: return indirect_exit(at, before, next, exit);
    case ir::Op::JumpInd:
    case ir::Op::CallInd:
      if (atom.op != (exit.op == ir::Op::JumpInd ? isa::Op::BrInd : isa::Op::CallInd)) {
        report(Rule::Exit, at, "it stands where " + describe(event.inst) + " should be");
      } else if (before.reg[atom.ra] != value(exit.src[0])) {
        report(Rule::Exit, at, "it goes to " + terms_.text(before.reg[atom.ra]) + ", not to " + terms_.text(value(exit.src[0])));
      }
      check_map(at, next, event.point, false);
      return done();
    case ir::Op::Intrinsic:  // eret
      if (atom.op != isa::Op::Eret) report(Rule::Exit, at, "it stands where " + describe(event.inst) + " should be");
      check_map(at, next, event.point, false);
      return done();
    default:
      if (atom.op != (exit.op == ir::Op::Call ? isa::Op::Call : isa::Op::Br)) report(Rule::Exit, at, "it stands where " + describe(event.inst) + " should be");
      leave(at, before, next, event);
      return done();
  }
}

/// Once committed: a return that finds its address, or a jump to what the look-up found, or the look-up's stub.
void Checker::indirect_exit(const At& at, const State& before, const State& next, const ir::Inst& exit) {
  const Event& event = events_.back();
  next_event_ = events_.size();
  const isa::Atom& atom = *at.atom;
  const Term target = terms_.low(value(exit.src[0]), 32);
  if (next.committed != event.point) report(Rule::Commit, at, "control leaves without a commit");
  check_map(at, next, event.point, false);
  if (terms_.low(next.reg[isa::kGuestEip], 32) != target) report(Rule::Map, at, "r8 is not the guest address " + terms_.text(target));
  const Term found = terms_.leaf(Source::Lookup, target);
  switch (atom.op) {
    case isa::Op::Ret:
      if (exit.aux != static_cast<uint8_t>(ir::ExitKind::Return)) report(Rule::Exit, at, "the exit is no return");
      if (terms_.low(before.reg[atom.ra], 32) != target) report(Rule::Exit, at, "it does not return to " + terms_.text(target));
      return;
    case isa::Op::BrZ:
      if (before.reg[atom.ra] != found) report(Rule::Exit, at, "it does not test what the look-up of " + terms_.text(target) + " found");
      leads_to(at, Target::GuestIndirect, 0);
      return;
    case isa::Op::BrInd:
      if (before.reg[atom.ra] != found) report(Rule::Exit, at, "it does not go to what the look-up of " + terms_.text(target) + " found");
      break;
    case isa::Op::Br: leads_to(at, Target::GuestIndirect, 0); break;
    default: report(Rule::Exit, at, "it stands where " + describe(event.inst) + " should be"); break;
  }
  left_ = true;
  walks_ = false;
}

// -- the interface ---------------------------------------------------------------------------------------------------------

bool can_check(const Region& region) {
  for (const ir::Inst& inst : region.code.insts) {
    if (inst.op == ir::Op::GetReg || inst.op == ir::Op::SetReg || inst.op == ir::Op::Helper || inst.op == ir::Op::SoftInt) return false;
    if (inst.op == ir::Op::Intrinsic && !is_serializing(inst) && !is_intrinsic(inst, IntrinsicId::Eret)) return false;
  }
  return true;
}

std::vector<Finding> check(const Region& region, const isa::MachineDescription& machine, const CompiledRegion& compiled,
                           const CheckOptions& options) {
  return check({&region, 1}, machine, compiled, options);
}

std::vector<Finding> check(std::span<const Region> tree, const isa::MachineDescription& machine, const CompiledRegion& compiled,
                           const CheckOptions& options) {
  if (compiled.paths.size() != tree.size()) return {{Rule::Path, Finding::kNone, Finding::kNone, "the code has " + std::to_string(compiled.paths.size()) + " paths, the tree " + std::to_string(tree.size())}};
  std::vector<Finding> out;
  for (size_t path = 0; path < tree.size(); ++path) {
    if (tree[path].code.insts.empty()) continue;  // nothing leads there
    Checker first(tree, path, machine, compiled, options, 0);
    std::vector<Finding> findings = first.run();
    if (!findings.empty() && first.ambiguous()) {
      std::vector<Finding> others = Checker(tree, path, machine, compiled, options, 1).run();
      if (others.size() < findings.size()) findings = std::move(others);
    }
    out.insert(out.end(), findings.begin(), findings.end());
  }
  return out;
}

namespace {

std::string molecule_text(const CompiledRegion& compiled, uint32_t m) {
  isa::Molecule molecule;
  const CompiledRegion::Molecule& at = compiled.molecules[m];
  molecule.count = static_cast<uint8_t>(std::min<unsigned>(at.count, isa::kMaxWords));
  for (unsigned i = 0; i < molecule.count; ++i) molecule.atoms[i] = compiled.atoms[at.first + i];
  return isa::disassemble(molecule);
}

}  // namespace

std::string report(const std::vector<Finding>& findings, const CompiledRegion& compiled) {
  std::string out;
  for (const Finding& finding : findings) {
    out += name(finding.rule);
    if (finding.molecule < compiled.molecules.size()) {
      const CompiledRegion::Molecule& molecule = compiled.molecules[finding.molecule];
      out += ", molecule " + std::to_string(finding.molecule);
      if (finding.atom < molecule.count) {
        out += ", atom " + std::to_string(finding.atom) + " `" + isa::disassemble(compiled.atoms[molecule.first + finding.atom], 0) + "`";
      }
    }
    out += ": " + finding.text + "\n";
    if (finding.molecule < compiled.molecules.size()) out += "    " + molecule_text(compiled, finding.molecule) + "\n";
  }
  return out;
}

std::string listing(const CompiledRegion& compiled) {
  std::string out;
  for (uint32_t m = 0; m < compiled.molecules.size(); ++m) {
    for (size_t path = 1; path < compiled.paths.size(); ++path) {
      if (m == compiled.paths[path] && m != compiled.path_end(path)) out += "path " + std::to_string(path) + "\n";
    }
    if (m == compiled.main_molecules) out += "stubs\n";
    out += "  " + std::to_string(m) + " @" + std::to_string(compiled.molecules[m].cycle) + " " + molecule_text(compiled, m) + "\n";
  }
  return out;
}

}  // namespace chrysalis::translator::checking
