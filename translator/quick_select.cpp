#include "translator/quick_select.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "translator/assert.h"
#include "translator/quick_word.h"

namespace chrysalis::translator {

using ir::Inst;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;

namespace {

/// Free in translations: docs/host-isa.md, "State", and the caller-saved registers of the firmware.
constexpr uint8_t kTemporaries[] = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 36, 37,
                                    38, 41, 42, 43, 44, 45, 46, 47, 48, 59, 60, 61, 62};
constexpr unsigned kFlagsTemporaries = isa::kLastFlagsReg - isa::kGuestFlags;

constexpr int64_t sign_extend(int64_t value, unsigned width) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - width)) >> (64 - width);
}
/// 0 to 3 for 8 to 64 bits.
constexpr unsigned width_index(unsigned width) { return static_cast<unsigned>(__builtin_ctz(width)) - 3; }

template <isa::Op op>
constexpr QuickPiece piece() {
  return {.word = isa::encoding(op).fixed_bits, .kind = QuickPacker::kind(op)};
}
QuickPiece piece_for(const Inst& inst) {
  const QuickAtom& atom = quick_atom(inst.op);
  return {.word = atom.word[width_index(inst.width)], .kind = atom.kind};
}

void set_a(QuickPiece& piece, unsigned reg) {
  piece.a = static_cast<uint8_t>(reg);
  piece.word |= reg << kRaShift;
}
void set_b(QuickPiece& piece, unsigned reg) {
  piece.b = static_cast<uint8_t>(reg);
  piece.word |= reg;
}
void set_d(QuickPiece& piece, unsigned reg) {
  piece.d = static_cast<uint8_t>(reg);
  piece.word |= reg << kRdShift;
}
/// The register that a store's rd field names is read.
void set_data(QuickPiece& piece, unsigned reg) {
  piece.b = static_cast<uint8_t>(reg);
  piece.word |= reg << kRdShift;
}
void set_literal(QuickPiece& piece, int64_t value) {
  if (fits(value, 6)) {
    piece.word |= kShortMode | (static_cast<uint32_t>(value) & 63);
  } else {
    piece.word |= kLongMode;
    piece.literal = static_cast<uint32_t>(value);
  }
}

}  // namespace

QuickSelector::QuickSelector(const isa::MachineDescription& machine, uint64_t context)
    : packer_(machine), offsets_(machine.offset_addressing != 0), context_(static_cast<int64_t>(context)) {}

void QuickSelector::begin(QuickBlock& block) {
  packer_.begin();
  insts_ = block.code.insts.data();
  values_ = block.values();
  std::memset(busy_, 0, sizeof busy_);
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
  CHRYSALIS_ASSERT(false, now_);  // QuickBlock::kMaxInstructionOperations
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

// -- simple atoms -----------------------------------------------------------------------------------------------------

void QuickSelector::move(unsigned to, unsigned from) {
  Piece mov = piece<isa::Op::Mov>();
  set_a(mov, from);
  set_d(mov, to);
  put(mov);
}

void QuickSelector::add(unsigned to, unsigned from, int64_t value) {
  Piece add = piece<isa::Op::Add64>();
  set_a(add, from);
  set_literal(add, value);
  set_d(add, to);
  put(add);
}

void QuickSelector::load_concealed_word(unsigned to, unsigned address) {
  Piece load = piece<isa::Op::LdC32U>();
  set_a(load, address);
  set_literal(load, 0);
  set_d(load, to);
  put(load);
}

void QuickSelector::address_of_slot(unsigned to, unsigned number, uint32_t slots, uint64_t base) {
  Piece slot = piece<isa::Op::And32>();
  set_a(slot, number);
  set_literal(slot, slots - 1);
  set_d(slot, to);
  put(slot);
  Piece sum = piece<isa::Op::Lea32>();
  sum.word |= 2u << kScaleShift | kLongMode;
  sum.literal = static_cast<uint32_t>(base);
  set_a(sum, isa::kZero);
  set_b(sum, to);
  set_d(sum, to);
  put(sum);
}

void QuickSelector::load_constant(unsigned to, int64_t value) {
  if (value >= 0 && value <= 0xffff'ffff && !fits(value, 15)) {
    // 32 bits, zero-extended: a literal of movi would be sign-extended.
    Piece literal = piece<isa::Op::Or32>();
    set_a(literal, isa::kZero);
    set_literal(literal, static_cast<int32_t>(value));
    set_d(literal, to);
    put(literal);
    return;
  }
  Piece low = piece<isa::Op::MovImm>();
  set_d(low, to);
  if (fits(value, 15)) {
    low.word = with_field<isa::Op::MovImm, isa::Field::Literal>(low.word, static_cast<uint32_t>(value)) | kShortMode;
  } else {
    low.word |= kLongMode;
    low.literal = static_cast<uint32_t>(value);
  }
  put(low);
  if (fits(value, 32)) return;
  Piece high = piece<isa::Op::SetHigh>();
  set_a(high, to);
  set_literal(high, value >> 32);
  set_d(high, to);
  put(high);
}

void QuickSelector::load_context(unsigned to, unsigned guest_register) {
  const int64_t at = context_ + 8 * static_cast<int64_t>(guest_register);
  Piece load = piece<isa::Op::LdC64>();
  if (offsets_) {
    set_a(load, isa::kZero);
    set_literal(load, at);
  } else {
    const unsigned address = temporary();
    load_constant(address, at);
    set_a(load, address);
    set_literal(load, 0);
  }
  set_d(load, to);
  put(load);
}

unsigned QuickSelector::reg(ValueId v) {
  if (v == kNoValue) return isa::kZero;
  Value& value = values_[v];
  if (value.where != QuickBlock::kConstant) return value.where;
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

// -- operands ---------------------------------------------------------------------------------------------------------

/// Where value `v` is to be made.
unsigned QuickSelector::destination(ValueId v) {
  if (v == kNoValue) return isa::kZero;
  Value& value = values_[v];
  if (value.last_use == 0) return isa::kZero;
  const unsigned to = value.home != 0 ? value.home - 1u : temporary(value.last_use);
  value.where = static_cast<uint8_t>(to);
  return to;
}

/// The second source: a literal where that is possible.
void QuickSelector::set_second(Piece& piece, ValueId v, unsigned width) {
  if (is_constant(v)) {
    const int64_t literal = sign_extend(constant(v), width);
    if (fits(literal, 32)) {
      set_literal(piece, literal);
      return;
    }
  }
  set_b(piece, reg(v));
}

/// Of shift counts only the low bits matter.
static void set_count(QuickPiece& piece, int64_t count) { piece.word |= kShortMode | (static_cast<uint32_t>(count) & 63); }

/// The flags register, with the old image in it if the atom reads one.
void QuickSelector::set_flags(Piece& piece, const Inst& inst, const QuickRule& rule) {
  if ((rule.traits & kTraitFlags) == 0 || inst.flags == kNoValue) return;
  Value& value = values_[inst.flags];
  if (value.last_use == 0 && (rule.traits & kTraitCarry) == 0) return;
  const bool at_home = value.home == isa::kGuestFlags + 1;
  const unsigned to = at_home ? isa::kGuestFlags : flags_temporary(value.last_use);
  value.where = static_cast<uint8_t>(to);
  if ((rule.traits & kTraitOldFlags) != 0) {
    const unsigned from = reg(inst.src[rule.sources]);
    if (from != to) {
      CHRYSALIS_ASSERT(piece.a != to && piece.b != to, now_);
      move(to, from);
    }
  }
  piece.f = static_cast<uint8_t>(to);
  piece.word |= isa::flags_field(to) << kFdShift;
}

/// [ra + rm] of a guest access. Addresses are modulo 2^32.
void QuickSelector::set_address(Piece& piece, const Inst& inst) {
  const ValueId base = inst.src[0];
  int64_t displacement = static_cast<int32_t>(inst.imm);
  const Value& value = values_[base];
  if (value.where == QuickBlock::kConstant) {
    displacement = static_cast<int32_t>(displacement + constant(base));
    if (offsets_) {
      set_a(piece, isa::kZero);
      set_literal(piece, displacement);
    } else {
      const unsigned at = temporary();
      load_constant(at, static_cast<uint32_t>(displacement));
      set_a(piece, at);
      set_literal(piece, 0);
    }
    return;
  }
  if ((value.bits & QuickBlock::kFolded) != 0) displacement = 0;
  if (offsets_ || displacement == 0) {
    set_a(piece, value.where);
    set_literal(piece, displacement);
    return;
  }
  if (address_base_ != base || address_displacement_ != displacement) {
    address_register_ = static_cast<uint8_t>(temporary());
    address_base_ = base;
    address_displacement_ = displacement;
    Piece sum = translator::piece<isa::Op::Add32>();
    set_a(sum, value.where);
    set_literal(sum, displacement);
    set_d(sum, address_register_);
    put(sum);
  }
  set_a(piece, address_register_);
  set_literal(piece, 0);
}

// -- operations -------------------------------------------------------------------------------------------------------

void QuickSelector::select_set(const Inst& inst) {
  const unsigned to = inst.aux;
  const Value& value = values_[inst.src[0]];
  if ((value.bits & QuickBlock::kIsConst) != 0) load_constant(to, static_cast<uint32_t>(constant(inst.src[0])));  // 32 bits
  else if (value.where != to) move(to, value.where);
}

unsigned QuickSelector::difference_from_context(const Inst& inst) {
  const unsigned current = temporary(), difference = temporary();
  load_context(current, inst.aux);
  Piece differ = piece<isa::Op::Xor64>();
  set_a(differ, reg(inst.src[0]));
  set_b(differ, current);
  set_d(differ, difference);
  put(differ);
  return difference;
}

/// Flags may have turned out to be dead only after the operation was looked at.
bool QuickSelector::is_wanted(const Inst& inst) const {
  return (inst.value != kNoValue && values_[inst.value].last_use != 0) || (inst.flags != kNoValue && values_[inst.flags].last_use != 0);
}

void QuickSelector::select_binary(const Inst& inst, bool is_shift) {
  if (!is_wanted(inst)) return;
  const QuickRule& rule = quick_rule(inst.op);
  Piece piece = piece_for(inst);
  ValueId a = inst.src[0], b = inst.src[1];
  if ((rule.traits & kTraitCommutes) != 0 && is_constant(a) && !is_constant(b)) std::swap(a, b);
  set_a(piece, reg(a));
  if (is_shift && is_constant(b)) set_count(piece, constant(b));
  else set_second(piece, b, inst.width);
  set_flags(piece, inst, rule);
  if ((rule.traits & kTraitNoValue) == 0) set_d(piece, destination(inst.value));
  put(piece);
}

void QuickSelector::select_unary(const Inst& inst) {
  if (!is_wanted(inst)) return;
  Piece piece = piece_for(inst);
  set_a(piece, reg(inst.src[0]));
  set_flags(piece, inst, quick_rule(inst.op));
  set_d(piece, destination(inst.value));
  put(piece);
}

void QuickSelector::select_insert(const Inst& inst) {
  CHRYSALIS_ASSERT(inst.width == 64, now_);
  Piece piece = piece_for(inst);
  set_a(piece, reg(inst.src[0]));
  set_second(piece, inst.src[1], inst.op == Op::InsertL16 ? 16 : 8);
  set_d(piece, destination(inst.value));
  put(piece);
}

/// shld and shrd change their destination in place.
void QuickSelector::select_double_shift(const Inst& inst) {
  if (!is_wanted(inst)) return;
  Piece piece = piece_for(inst);
  set_a(piece, reg(inst.src[1]));
  if (is_constant(inst.src[2])) set_count(piece, constant(inst.src[2]));
  else set_b(piece, reg(inst.src[2]));
  set_flags(piece, inst, quick_rule(inst.op));
  const unsigned from = reg(inst.src[0]), wanted = destination(inst.value);
  const bool elsewhere = wanted == isa::kZero || (from != wanted && (piece.a == wanted || piece.b == wanted));
  const unsigned to = elsewhere ? temporary() : wanted;
  if (from != to) move(to, from);
  set_d(piece, to);
  put(piece);
  if (elsewhere && wanted != isa::kZero) move(wanted, to);
}

void QuickSelector::select_lea(const Inst& inst) {
  const ValueId base = inst.src[0], index = inst.src[1];
  if (index == kNoValue && inst.width == 32) {
    Value& value = values_[inst.value];
    if (base == address_base_ && inst.imm == address_displacement_ && value.home == 0) {
      value.where = address_register_;
      busy_[address_register_] = std::max(busy_[address_register_], value.last_use);
      return;
    }
    Piece sum = piece<isa::Op::Add32>();
    set_a(sum, reg(base));
    set_literal(sum, static_cast<int32_t>(inst.imm));
    set_d(sum, destination(inst.value));
    put(sum);
    return;
  }
  Piece piece = piece_for(inst);
  piece.word |= uint32_t{inst.aux} << kScaleShift;
  set_a(piece, reg(base));
  set_b(piece, reg(index));
  if (inst.imm != 0) {
    piece.word |= kLongMode;
    piece.literal = static_cast<uint32_t>(inst.imm);
  }
  set_d(piece, destination(inst.value));
  put(piece);
}

void QuickSelector::select_choice(const Inst& inst) {
  CHRYSALIS_ASSERT(inst.width == 64, now_);
  ValueId a = inst.src[1], b = inst.src[2];
  Piece piece = translator::piece<isa::Op::SelectNz>();
  if (inst.op == Op::SelectCc) {
    const unsigned cond = static_cast<unsigned>(inst.cond);
    if (inst.cond < ir::Cond::Zero) {
      piece = translator::piece<isa::Op::SelectCc>();
      piece.word |= cond >> 1 << kSelectCondShift;
      if ((cond & 1) != 0) std::swap(a, b);  // the atom has only the even conditions
    } else if (inst.cond == ir::Cond::Zero) {
      std::swap(a, b);
    }
  }
  const unsigned condition = reg(inst.src[0]);
  piece.word |= condition << kRcShift;
  set_a(piece, reg(a));
  set_b(piece, reg(b));
  set_d(piece, destination(inst.value));
  packer_.put_three(piece.word, piece.kind, piece.a, piece.b, condition, piece.d);
}

void QuickSelector::select_load(const Inst& inst) {
  Piece piece = piece_for(inst);
  set_address(piece, inst);
  set_d(piece, destination(inst.value));
  const unsigned at = packer_.put(piece.word, piece.kind, piece.a, isa::kZero, piece.d, isa::kZero, piece.literal, next_load_);
  next_store_ = std::max(next_store_, at);
}

void QuickSelector::select_store(const Inst& inst, bool at_lea) {
  Piece piece = piece_for(inst);
  if (inst.op == Op::Store) set_data(piece, reg(inst.src[1]));
  if (at_lea) {
    set_a(piece, values_[insts_[now_ / 2].value].where);  // of the operation behind this one
    set_literal(piece, 0);
  } else {
    set_address(piece, inst);
  }
  // A load does not see a store of its own molecule, and stores stay in order.
  const unsigned at = packer_.put(piece.word, piece.kind, piece.a, piece.b, isa::kZero, isa::kZero, piece.literal, next_store_);
  next_load_ = std::max(next_load_, at + 1);
  next_store_ = std::max(next_store_, at + 1);
}

void QuickSelector::select(QuickAction action, const Inst& inst) {
  switch (action) {
    case QuickAction::Copy: {
      const unsigned to = temporary(values_[inst.value].last_use);
      move(to, inst.aux);
      values_[inst.value].where = static_cast<uint8_t>(to);
      return;
    }
    case QuickAction::GetContext: load_context(destination(inst.value), inst.aux); return;
    case QuickAction::Set: select_set(inst); return;
    case QuickAction::Binary: select_binary(inst, false); return;
    case QuickAction::Shift: select_binary(inst, true); return;
    case QuickAction::Unary: select_unary(inst); return;
    case QuickAction::Insert: select_insert(inst); return;
    case QuickAction::DoubleShift: select_double_shift(inst); return;
    case QuickAction::Lea: select_lea(inst); return;
    case QuickAction::SetCc: {
      Piece piece = piece_for(inst);
      piece.word |= static_cast<uint32_t>(inst.cond);
      set_a(piece, reg(inst.src[0]));
      set_d(piece, destination(inst.value));
      put(piece);
      return;
    }
    case QuickAction::SelectCc:
    case QuickAction::SelectNz: select_choice(inst); return;
    case QuickAction::Load: select_load(inst); return;
    case QuickAction::Store:
    case QuickAction::Probe: select_store(inst, false); return;
    case QuickAction::StoreAtLea: select_store(inst, true); return;
    default: return;
  }
}

}  // namespace chrysalis::translator
