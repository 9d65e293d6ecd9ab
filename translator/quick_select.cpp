#include "translator/quick_select.h"

#include <utility>

#include "isa-host/encoding.h"
#include "translator/assert.h"
#include "translator/atom_families.h"

namespace chrysalis::translator {

using ir::Inst;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;

namespace {

// -- the atom word: docs/host-isa.md, "Atom word" ------------------------------------------------------------------

constexpr unsigned kRdShift = 12, kRaShift = 6, kFdShift = 18, kScaleShift = 18, kRcShift = 18, kSelectCondShift = 24;
constexpr uint32_t kShortMode = 1u << 21, kLongMode = 2u << 21;

constexpr bool stands_at(isa::Op op, isa::Field field, unsigned shift) {
  const isa::Encoding& row = isa::encoding(op);
  return isa::insert_field(row, field, 1, 0) == 1u << shift &&
         isa::insert_field(row, field, ~0u, 0) == ((1u << row.width(field)) - 1) << shift;
}
static_assert(stands_at(isa::Op::Add32, isa::Field::Rd, kRdShift) && stands_at(isa::Op::Add32, isa::Field::Ra, kRaShift) &&
              stands_at(isa::Op::Add32, isa::Field::Rb, 0) && stands_at(isa::Op::Add32, isa::Field::Fd, kFdShift));
static_assert(stands_at(isa::Op::Add32, isa::Field::Mode, 21) && stands_at(isa::Op::LdG32U, isa::Field::Mode, 21) &&
              stands_at(isa::Op::Lea32, isa::Field::Mode, 21) && stands_at(isa::Op::MovImm, isa::Field::Mode, 21));
static_assert(stands_at(isa::Op::Lea32, isa::Field::Scale, kScaleShift) && stands_at(isa::Op::StG32, isa::Field::Rd, kRdShift));
static_assert(stands_at(isa::Op::SelectCc, isa::Field::Rc, kRcShift) && stands_at(isa::Op::SelectNz, isa::Field::Rc, kRcShift) &&
              stands_at(isa::Op::SelectCc, isa::Field::Cond, kSelectCondShift) && stands_at(isa::Op::SetCc, isa::Field::Cond, 0));

struct ConditionalBranches {
  uint32_t word[16] = {};
  constexpr ConditionalBranches() {
    const isa::Encoding& row = isa::encoding(isa::Op::BrCc);
    for (unsigned cond = 0; cond < 16; ++cond) {
      word[cond] = isa::insert_field(row, isa::Field::Cond, cond, row.fixed_bits) | kShortMode;
    }
  }
};
constexpr ConditionalBranches kBranchOn;

constexpr bool fits(int64_t value, unsigned bits) {
  return value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1));
}
constexpr int64_t sign_extend(int64_t value, unsigned width) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - width)) >> (64 - width);
}
/// 0 to 3 for 8 to 64 bits.
constexpr unsigned width_index(unsigned width) { return static_cast<unsigned>(__builtin_ctz(width)) - 3; }

constexpr QuickPacker::Kind kMov = QuickPacker::kind(isa::Op::Mov), kMovImm = QuickPacker::kind(isa::Op::MovImm),
                            kSetHigh = QuickPacker::kind(isa::Op::SetHigh), kOr32 = QuickPacker::kind(isa::Op::Or32),
                            kAdd32 = QuickPacker::kind(isa::Op::Add32), kXor64 = QuickPacker::kind(isa::Op::Xor64),
                            kAdd64 = QuickPacker::kind(isa::Op::Add64), kLoadWord = QuickPacker::kind(isa::Op::LdC32U),
                            kStoreWord = QuickPacker::kind(isa::Op::StC32), kLoadContext = QuickPacker::kind(isa::Op::LdC64), kSelectCc = QuickPacker::kind(isa::Op::SelectCc),
                            kSelectNz = QuickPacker::kind(isa::Op::SelectNz), kBranchKind = QuickPacker::kind(isa::Op::BrCc),
                            kBranchZero = QuickPacker::kind(isa::Op::BrZ), kBranchNonZero = QuickPacker::kind(isa::Op::BrNz);

// -- operations -----------------------------------------------------------------------------------------------------

constexpr QuickRule rule_for(Op op) {
  QuickRule rule;
  const ir::OpInfo& row = ir::info(op);
  const bool old = (row.effects & ir::kOldFlags) != 0;
  rule.sources = static_cast<uint8_t>(row.sources - (old ? 1 : 0));
  const auto single = [&rule](QuickAction action, isa::Op atom) {
    rule.action = action;
    for (QuickPacker::Kind& kind : rule.kinds) kind = QuickPacker::kind(atom);
  };
  const auto widths = [&rule](QuickAction action, isa::Op w8, isa::Op w16, isa::Op w32, isa::Op w64) {
    rule.action = action;
    const isa::Op atoms[4] = {w8, w16, w32, w64};
    for (unsigned w = 0; w < 4; ++w) rule.kinds[w] = QuickPacker::kind(atoms[w]);
  };
  using A = isa::Op;
  switch (op) {
    case Op::Const: rule.action = QuickAction::Const; return rule;
    case Op::GetReg: rule.action = QuickAction::Get; return rule;
    case Op::SetReg: rule.action = QuickAction::Set; return rule;
    case Op::Exit: rule.action = QuickAction::Exit; return rule;
    case Op::ExitIf: rule.action = QuickAction::ExitIf; return rule;
    case Op::ExitInd: rule.action = QuickAction::ExitInd; return rule;
    case Op::TrapIf: rule.action = QuickAction::TrapIf; return rule;
    case Op::Zext: widths(QuickAction::Unary, A::Zext8, A::Zext16, A::Zext32, A::Mov); return rule;
    case Op::Sext: widths(QuickAction::Unary, A::Sext8, A::Sext16, A::Sext32, A::Mov); return rule;
    case Op::ExtractH: single(QuickAction::Unary, A::ExtractH); return rule;
    case Op::InsertL8: single(QuickAction::Insert, A::InsertL8); return rule;
    case Op::InsertH8: single(QuickAction::Insert, A::InsertH8); return rule;
    case Op::InsertL16: single(QuickAction::Insert, A::InsertL16); return rule;
    case Op::Shld: widths(QuickAction::DoubleShift, A::Nop, A::Shld16, A::Shld32, A::Shld64); break;
    case Op::Shrd: widths(QuickAction::DoubleShift, A::Nop, A::Shrd16, A::Shrd32, A::Shrd64); break;
    case Op::Lea: widths(QuickAction::Lea, A::Nop, A::Lea16, A::Lea32, A::Lea64); return rule;
    case Op::SetCc: single(QuickAction::SetCc, A::SetCc); return rule;
    case Op::SelectCc: rule.action = QuickAction::SelectCc; return rule;
    case Op::SelectNz: rule.action = QuickAction::SelectNz; return rule;
    case Op::Load: widths(QuickAction::Load, A::LdG8U, A::LdG16U, A::LdG32U, A::LdG64); return rule;
    case Op::LoadS: widths(QuickAction::Load, A::LdG8S, A::LdG16S, A::LdG32S, A::LdG64); return rule;
    case Op::Store: widths(QuickAction::Store, A::StG8, A::StG16, A::StG32, A::StG64); return rule;
    case Op::ProbeWrite: widths(QuickAction::Probe, A::ProbeG8, A::ProbeG16, A::ProbeG32, A::ProbeG64); return rule;
    default: break;
  }
  isa::Op first = A::Nop;
  if (rule.action == QuickAction::Refuse) {
    const AtomFamily family = atom_family(op);
    if (family.first == A::Nop) return rule;
    first = family.first;
    for (unsigned w = 0; w < 4; ++w) {
      const unsigned width = 8u << w;
      if (family.first_width == 64) rule.kinds[w] = QuickPacker::kind(first);
      else if (width >= family.first_width) rule.kinds[w] = QuickPacker::kind(isa::at_width(first, width, family.first_width));
    }
    rule.action = isa::info(first).uses(isa::kReadsRm) ? QuickAction::Binary : QuickAction::Unary;
    if (op >= Op::Shl && op <= Op::Rcr) rule.action = QuickAction::Shift;
    if (family.commutes) rule.traits |= kTraitCommutes;
  } else {
    first = op == Op::Shld ? A::Shld32 : A::Shrd32;
  }
  if (!isa::info(first).uses(isa::kWritesRd)) rule.traits |= kTraitNoValue;
  if (isa::info(first).has(isa::kWritesFd)) rule.traits |= kTraitFlags;
  if (old) rule.traits |= kTraitOldFlags;
  if (op == Op::Adc || op == Op::Sbb || op == Op::Rcl || op == Op::Rcr) rule.traits |= kTraitCarry;
  return rule;
}

struct Rules {
  QuickRule row[static_cast<unsigned>(Op::kCount)];
  constexpr Rules() {
    for (unsigned op = 0; op < static_cast<unsigned>(Op::kCount); ++op) row[op] = rule_for(static_cast<Op>(op));
  }
};
constexpr Rules kRules;

// -- registers ------------------------------------------------------------------------------------------------------

/// Free in translations: docs/host-isa.md, "State", and the caller-saved registers of the firmware.
constexpr uint8_t kTemporaries[] = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 36, 37,
                                    38, 41, 42, 43, 44, 45, 46, 47, 48, 59, 60, 61, 62};
constexpr unsigned kFlagsTemporaries = isa::kLastFlagsReg - isa::kGuestFlags;

constexpr unsigned kGuestRegisters = 10;

void set_a(QuickPacker::Atom& atom, unsigned reg) {
  atom.a = static_cast<uint8_t>(reg);
  atom.word |= reg << kRaShift;
}
void set_b(QuickPacker::Atom& atom, unsigned reg) {
  atom.b = static_cast<uint8_t>(reg);
  atom.word |= reg;
}
void set_d(QuickPacker::Atom& atom, unsigned reg) {
  atom.d = static_cast<uint8_t>(reg);
  atom.word |= reg << kRdShift;
}
void set_literal(QuickPacker::Atom& atom, int64_t value) {
  if (fits(value, 6)) {
    atom.word |= kShortMode | (static_cast<uint32_t>(value) & 63);
  } else {
    atom.word |= kLongMode;
    atom.literal = static_cast<uint32_t>(value);
  }
}
QuickPacker::Atom atom_of(const QuickPacker::Kind& kind) { return {.word = kind.word, .unit = kind.unit, .latency = kind.latency}; }

}  // namespace

const QuickRule& quick_rule(Op op) { return kRules.row[static_cast<unsigned>(op)]; }

QuickSelector::QuickSelector(const isa::MachineDescription& machine, uint64_t context)
    : packer_(machine), offsets_(machine.offset_addressing != 0), context_(static_cast<int64_t>(context)) {}

void QuickSelector::begin(const ir::Code& code) {
  packer_.begin();
  insts_ = code.insts.data();
  value_count_ = code.next_value;
  for (uint16_t& until : resident_) until = 0;
  for (uint16_t& until : busy_) until = 0;
  next_temporary_ = next_flags_ = 0;
  address_base_ = kNoValue;
  constant_register_ = isa::kZero;
  next_load_ = next_store_ = 0;
}

unsigned QuickSelector::temporary(uint16_t until) {
  constexpr unsigned kCount = sizeof kTemporaries;
  for (unsigned tries = 0; tries < kCount; ++tries) {
    const unsigned reg = kTemporaries[next_temporary_];
    if (++next_temporary_ == kCount) next_temporary_ = 0;
    if (busy_[reg] >= now_) continue;
    busy_[reg] = std::max(until, now_);
    if (reg == constant_register_) constant_register_ = isa::kZero;
    if (reg == address_register_) address_base_ = kNoValue;
    return reg;
  }
  CHRYSALIS_ASSERT(false, now_);  // no x86 instruction has as many values
  return isa::kZero;
}

unsigned QuickSelector::flags_temporary(uint16_t until) {
  for (unsigned tries = 0; tries < kFlagsTemporaries; ++tries) {
    const unsigned reg = isa::kGuestFlags + 1 + next_flags_;
    if (++next_flags_ == kFlagsTemporaries) next_flags_ = 0;
    if (busy_[reg] >= now_) continue;
    busy_[reg] = std::max(until, now_);
    return reg;
  }
  CHRYSALIS_ASSERT(false, now_);
  return isa::kZero;
}

void QuickSelector::move(unsigned to, unsigned from) {
  Atom atom = atom_of(kMov);
  set_a(atom, from);
  set_d(atom, to);
  packer_.put(atom);
}

void QuickSelector::add(unsigned to, unsigned from, int64_t value) {
  Atom atom = atom_of(kAdd64);
  set_a(atom, from);
  set_literal(atom, value);
  set_d(atom, to);
  packer_.put(atom);
}

void QuickSelector::load_concealed_word(unsigned to, unsigned address) {
  Atom atom = atom_of(kLoadWord);
  set_a(atom, address);
  set_literal(atom, 0);
  set_d(atom, to);
  packer_.put(atom);
}

QuickPacker::Atom QuickSelector::store_concealed_word(unsigned from, unsigned address) const {
  Atom atom = atom_of(kStoreWord);
  atom.b = static_cast<uint8_t>(from);
  atom.word |= from << kRdShift;
  set_a(atom, address);
  set_literal(atom, 0);
  return atom;
}

void QuickSelector::load_constant(unsigned to, int64_t value) {
  if (value >= 0 && value <= 0xffff'ffff && !fits(value, 15)) {
    // 32 bits, zero-extended: a literal of movi would be sign-extended.
    Atom atom = atom_of(kOr32);
    set_a(atom, isa::kZero);
    set_d(atom, to);
    set_literal(atom, static_cast<int32_t>(value));
    packer_.put(atom);
    return;
  }
  Atom low = atom_of(kMovImm);
  set_d(low, to);
  if (fits(value, 15)) {
    low.word = isa::insert_field(isa::encoding(isa::Op::MovImm), isa::Field::Literal, static_cast<uint32_t>(value), low.word) | kShortMode;
  } else {
    low.word |= kLongMode;
    low.literal = static_cast<uint32_t>(value);
  }
  packer_.put(low);
  if (fits(value, 32)) return;
  Atom high = atom_of(kSetHigh);
  set_a(high, to);
  set_d(high, to);
  set_literal(high, value >> 32);
  packer_.put(high);
}

unsigned QuickSelector::reg(ValueId v) {
  if (v == kNoValue) return isa::kZero;
  Value& value = values_[v];
  if (value.where != kConstant) return value.where;
  if (constant(v) == 0) return isa::kZero;
  value.where = static_cast<uint8_t>(temporary(value.last_use));
  load_constant(value.where, constant(v));
  constant_ = constant(v);
  constant_register_ = value.where;
  return value.where;
}

unsigned QuickSelector::holder_of(int64_t value) {
  if (constant_register_ != isa::kZero && constant_ == value) return constant_register_;
  const unsigned to = temporary();
  load_constant(to, value);
  return to;
}

/// Saves what values still need of a guest register that is about to be overwritten.
void QuickSelector::evict(unsigned guest_register) {
  uint16_t until = 0;
  unsigned to = isa::kZero;
  for (ValueId v = first_value_; v < value_count_; ++v) {
    Value& value = values_[v];
    if (stamp(value.def) > now_) break;
    if (value.where != guest_register || value.last_use <= now_) continue;
    if (to == isa::kZero) to = temporary(resident_[guest_register]);
    value.where = static_cast<uint8_t>(to);
    until = std::max(until, value.last_use);
  }
  if (until != 0) move(to, guest_register);
}

/// A guest register is about to get a value that is needed until `until`.
void QuickSelector::write(unsigned guest_register, uint16_t until) {
  if (resident_[guest_register] > now_) evict(guest_register);
  resident_[guest_register] = until;
}

/// Where value `v` is to be made.
unsigned QuickSelector::destination(ValueId v) {
  if (v == kNoValue) return isa::kZero;
  Value& value = values_[v];
  if (value.last_use == 0) return isa::kZero;
  if (value.home != kNoHome) {
    write(value.home, value.last_use);
    return value.where = value.home;
  }
  value.where = static_cast<uint8_t>(temporary(value.last_use));
  return value.where;
}

// -- operands ---------------------------------------------------------------------------------------------------------

/// The second source: a literal where that is possible.
void QuickSelector::set_second(Atom& atom, ValueId v, unsigned width) {
  if (is_constant(v)) {
    const int64_t literal = sign_extend(constant(v), width);
    if (fits(literal, 32)) {
      set_literal(atom, literal);
      return;
    }
  }
  set_b(atom, reg(v));
}

/// The same for shift counts, of which only the low bits matter.
void QuickSelector::set_count(Atom& atom, ValueId v) {
  if (is_constant(v)) atom.word |= kShortMode | (static_cast<uint32_t>(constant(v)) & 63);
  else set_b(atom, reg(v));
}

/// The flags register, with the old image in it if the atom reads one.
void QuickSelector::set_flags(Atom& atom, const Inst& inst, const QuickRule& rule) {
  const bool wanted = inst.flags != kNoValue && values_[inst.flags].last_use != 0;
  if (!wanted && (rule.traits & kTraitCarry) == 0) return;
  const ValueId old = (rule.traits & kTraitOldFlags) != 0 ? inst.src[rule.sources] : kNoValue;
  const unsigned from = (rule.traits & kTraitOldFlags) != 0 ? reg(old) : isa::kZero;
  unsigned to = 0;
  if (!wanted) {
    to = flags_temporary(0);
  } else {
    Value& value = values_[inst.flags];
    const bool at_home = value.home == isa::kGuestFlags && ((rule.traits & kTraitOldFlags) == 0 || from == isa::kGuestFlags);
    if (at_home) write(isa::kGuestFlags, value.last_use);
    to = at_home ? isa::kGuestFlags : flags_temporary(value.last_use);
    value.where = static_cast<uint8_t>(to);
  }
  if ((rule.traits & kTraitOldFlags) != 0 && from != to) move(to, from);
  atom.f = static_cast<uint8_t>(to);
  atom.word |= isa::flags_field(to) << kFdShift;
}

void QuickSelector::set_results(Atom& atom, const Inst& inst, const QuickRule& rule) {
  if ((rule.traits & kTraitFlags) != 0) set_flags(atom, inst, rule);
  if ((rule.traits & kTraitNoValue) == 0) set_d(atom, destination(inst.value));
}

/// [ra + rm] of a guest access. Addresses are modulo 2^32.
void QuickSelector::set_address(Atom& atom, const Inst& inst) {
  const ValueId base = inst.src[0];
  int64_t displacement = static_cast<int32_t>(inst.imm);
  if (is_constant(base)) {
    displacement = static_cast<int32_t>(displacement + constant(base));
    if (offsets_) {
      set_a(atom, isa::kZero);
      set_literal(atom, displacement);
    } else {
      const unsigned at = temporary();
      load_constant(at, static_cast<uint32_t>(displacement));
      set_a(atom, at);
      set_literal(atom, 0);
    }
    return;
  }
  const Value& value = values_[base];
  if (value.folded) displacement = 0;
  if (offsets_ || displacement == 0) {
    set_a(atom, value.where);
    set_literal(atom, displacement);
    return;
  }
  if (address_base_ != base || address_displacement_ != displacement) {
    address_register_ = static_cast<uint8_t>(temporary());
    address_base_ = base;
    address_displacement_ = displacement;
    Atom sum = atom_of(kAdd32);
    set_a(sum, value.where);
    set_literal(sum, displacement);
    set_d(sum, address_register_);
    packer_.put(sum);
  }
  set_a(atom, address_register_);
  set_literal(atom, 0);
}

// -- operations -------------------------------------------------------------------------------------------------------

void QuickSelector::load_context(unsigned to, unsigned guest_register) {
  const int64_t at = context_ + 8 * static_cast<int64_t>(guest_register);
  Atom atom = atom_of(kLoadContext);
  set_d(atom, to);
  if (offsets_) {
    set_a(atom, isa::kZero);
    set_literal(atom, at);
  } else {
    const unsigned address = temporary();
    load_constant(address, at);
    set_a(atom, address);
    set_literal(atom, 0);
  }
  packer_.put(atom);
}

void QuickSelector::select_set(const Inst& inst) {
  const unsigned to = inst.aux;
  const ValueId v = inst.src[0];
  if (insts_[values_[v].def].op == Op::Const) {
    write(to, 0);
    load_constant(to, static_cast<uint32_t>(constant(v)));  // guest registers have 32 bits
    return;
  }
  if (values_[v].where == to) return;
  write(to, 0);
  move(to, values_[v].where);
}

unsigned QuickSelector::difference_from_context(const Inst& inst) {
  const unsigned current = temporary(), difference = temporary();
  load_context(current, inst.aux);
  Atom atom = atom_of(kXor64);
  set_a(atom, reg(inst.src[0]));
  set_b(atom, current);
  set_d(atom, difference);
  packer_.put(atom);
  return difference;
}

void QuickSelector::select_binary(const Inst& inst, const QuickRule& rule) {
  Atom atom = atom_of(rule.kinds[width_index(inst.width)]);
  ValueId a = inst.src[0], b = inst.src[1];
  if ((rule.traits & kTraitCommutes) != 0 && is_constant(a) && !is_constant(b)) std::swap(a, b);
  set_a(atom, reg(a));
  if (rule.action == QuickAction::Shift) set_count(atom, b);
  else set_second(atom, b, inst.width);
  set_results(atom, inst, rule);
  packer_.put(atom);
}

void QuickSelector::select_unary(const Inst& inst, const QuickRule& rule) {
  Atom atom = atom_of(rule.kinds[width_index(inst.width)]);
  set_a(atom, reg(inst.src[0]));
  set_results(atom, inst, rule);
  packer_.put(atom);
}

void QuickSelector::select_insert(const Inst& inst, const QuickRule& rule) {
  CHRYSALIS_ASSERT(inst.width == 64, now_);
  Atom atom = atom_of(rule.kinds[0]);
  set_a(atom, reg(inst.src[0]));
  set_second(atom, inst.src[1], inst.op == Op::InsertL16 ? 16 : 8);
  set_d(atom, destination(inst.value));
  packer_.put(atom);
}

/// shld and shrd change their destination in place.
void QuickSelector::select_double_shift(const Inst& inst, const QuickRule& rule) {
  Atom atom = atom_of(rule.kinds[width_index(inst.width)]);
  set_a(atom, reg(inst.src[1]));
  set_count(atom, inst.src[2]);
  set_flags(atom, inst, rule);
  const unsigned from = reg(inst.src[0]);
  unsigned to = isa::kZero;
  if (inst.value != kNoValue) {
    Value& value = values_[inst.value];
    if (from != value.home && (atom.a == value.home || atom.b == value.home)) value.home = kNoHome;
    to = destination(inst.value);
  }
  if (to == isa::kZero) to = temporary();
  if (from != to) move(to, from);
  set_d(atom, to);
  packer_.put(atom);
}

void QuickSelector::select_lea(const Inst& inst, const QuickRule& rule) {
  const ValueId base = inst.src[0], index = inst.src[1];
  if (index == kNoValue && inst.width == 32) {
    Value& value = values_[inst.value];
    if (base != kNoValue && base == address_base_ && inst.imm == address_displacement_ && value.home == kNoHome) {
      value.where = address_register_;
      busy_[address_register_] = std::max(busy_[address_register_], value.last_use);
      return;
    }
    Atom atom = atom_of(kAdd32);
    set_a(atom, reg(base));
    set_literal(atom, static_cast<int32_t>(inst.imm));
    set_d(atom, destination(inst.value));
    packer_.put(atom);
    return;
  }
  Atom atom = atom_of(rule.kinds[width_index(inst.width)]);
  atom.word |= uint32_t{inst.aux} << kScaleShift;
  set_a(atom, reg(base));
  set_b(atom, reg(index));
  if (inst.imm != 0) {
    atom.word |= kLongMode;
    atom.literal = static_cast<uint32_t>(inst.imm);
  }
  set_d(atom, destination(inst.value));
  packer_.put(atom);
}

void QuickSelector::select_choice(const Inst& inst) {
  CHRYSALIS_ASSERT(inst.width == 64, now_);
  ValueId a = inst.src[1], b = inst.src[2];
  Atom atom = atom_of(kSelectNz);
  if (inst.op == Op::SelectCc) {
    const unsigned cond = static_cast<unsigned>(inst.cond);
    if (inst.cond < ir::Cond::Zero) {
      atom = atom_of(kSelectCc);
      atom.word |= cond >> 1 << kSelectCondShift;
      if ((cond & 1) != 0) std::swap(a, b);  // the atom has only the even conditions
    } else if (inst.cond == ir::Cond::Zero) {
      std::swap(a, b);
    }
  }
  atom.c = static_cast<uint8_t>(reg(inst.src[0]));
  atom.word |= uint32_t{atom.c} << kRcShift;
  set_a(atom, reg(a));
  set_b(atom, reg(b));
  set_d(atom, destination(inst.value));
  packer_.put(atom);
}

void QuickSelector::select_load(const Inst& inst, const QuickRule& rule) {
  Atom atom = atom_of(rule.kinds[width_index(inst.width)]);
  set_address(atom, inst);
  set_d(atom, destination(inst.value));
  const unsigned at = packer_.put(atom, next_load_);
  next_store_ = std::max(next_store_, at);
}

/// PUSH stores below the stack pointer and then moves it: where addresses have to be computed first, moving it first
/// saves an atom.
bool QuickSelector::make_address_first(const Inst& store, QuickAction* actions) {
  const Inst& lea = (&store)[1];
  if (actions[1] != QuickAction::Lea || lea.src[0] != store.src[0] || lea.src[1] != kNoValue || lea.imm != store.imm || lea.width != 32) return false;
  const Value& value = values_[lea.value];
  if (value.home == kNoHome || value.home == reg(store.src[1])) return false;
  const uint16_t now = now_;
  now_ = static_cast<uint16_t>(now + 1);
  select_lea(lea, quick_rule(Op::Lea));
  now_ = now;
  actions[1] = QuickAction::Skip;
  return true;
}

void QuickSelector::select_store(const Inst& inst, const QuickRule& rule, QuickAction* actions) {
  Atom atom = atom_of(rule.kinds[width_index(inst.width)]);
  if (inst.op == Op::Store) {
    // The register that an rd field names is read here.
    atom.b = static_cast<uint8_t>(reg(inst.src[1]));
    atom.word |= uint32_t{atom.b} << kRdShift;
  }
  if (inst.op == Op::Store && !offsets_ && inst.imm != 0 && make_address_first(inst, actions)) {
    set_a(atom, values_[(&inst)[1].value].where);
    set_literal(atom, 0);
  } else {
    set_address(atom, inst);
  }
  // A load does not see a store of its own molecule, and stores stay in order.
  const unsigned at = packer_.put(atom, next_store_);
  next_load_ = std::max(next_load_, at + 1);
  next_store_ = std::max(next_store_, at + 1);
}

QuickPacker::Atom QuickSelector::branch(const Inst& inst, bool inverted) {
  Atom atom;
  if (inst.cond < ir::Cond::Zero) {
    atom = atom_of(kBranchKind);
    atom.word = kBranchOn.word[static_cast<unsigned>(inst.cond) ^ (inverted ? 1 : 0)];
  } else {
    atom = atom_of((inst.cond == ir::Cond::NonZero) != inverted ? kBranchNonZero : kBranchZero);
    atom.word |= kShortMode;
  }
  set_a(atom, reg(inst.src[0]));
  return atom;
}

void QuickSelector::select(QuickAction* actions) {
  const unsigned index = now_ - 1u;
  const Inst& inst = insts_[index];
  const QuickRule& rule = quick_rule(inst.op);
  switch (actions[index]) {
    case QuickAction::Get:
      resident_[inst.aux] = std::max(resident_[inst.aux], values_[inst.value].last_use);
      return;
    case QuickAction::GetContext: load_context(destination(inst.value), inst.aux); return;
    case QuickAction::Set: select_set(inst); return;
    case QuickAction::Binary:
    case QuickAction::Shift: select_binary(inst, rule); return;
    case QuickAction::Unary: select_unary(inst, rule); return;
    case QuickAction::Insert: select_insert(inst, rule); return;
    case QuickAction::DoubleShift: select_double_shift(inst, rule); return;
    case QuickAction::Lea: select_lea(inst, rule); return;
    case QuickAction::SetCc: {
      Atom atom = atom_of(rule.kinds[0]);
      atom.word |= static_cast<uint32_t>(inst.cond);
      set_a(atom, reg(inst.src[0]));
      set_d(atom, destination(inst.value));
      packer_.put(atom);
      return;
    }
    case QuickAction::SelectCc:
    case QuickAction::SelectNz: select_choice(inst); return;
    case QuickAction::Load: select_load(inst, rule); return;
    case QuickAction::Store:
    case QuickAction::Probe: select_store(inst, rule, actions + index); return;
    default: return;
  }
}

}  // namespace chrysalis::translator
