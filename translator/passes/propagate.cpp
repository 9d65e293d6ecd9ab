#include "translator/passes/propagate.h"

namespace chrysalis::translator {
namespace {

using ir::kNoValue;
using ir::Op;
using ir::ValueId;

constexpr uint64_t mask(unsigned width) { return width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1; }

constexpr int64_t sign_extend(uint64_t value, unsigned width) {
  return width == 64 ? static_cast<int64_t>(value) : static_cast<int64_t>(value << (64 - width)) >> (64 - width);
}

/// What is known of a value.
struct Fact {
  const ir::Inst* def = nullptr;
  bool is_const = false;
  uint64_t constant = 0;
  uint8_t zero_from = 64;  ///< all bits from here up are 0
  uint8_t sign_from = 64;  ///< all bits from here up equal the bit below (64: nothing known)
};

/// True when source `index` is read only in its low `inst.width` bits.
bool reads_low_bits(const ir::Inst& inst, unsigned index) {
  switch (inst.op) {
    case Op::Add: case Op::Sub: case Op::And: case Op::Or: case Op::Xor: case Op::AndNot: case Op::OrNot:
    case Op::XorNot: case Op::MulLow: case Op::MulHighU: case Op::MulHighS: case Op::MulHighSU: case Op::MulFlagsU:
    case Op::MulFlagsS: case Op::DivU: case Op::DivS: case Op::RemU: case Op::RemS: case Op::MinU: case Op::MaxU:
    case Op::MinS: case Op::MaxS: case Op::Adc: case Op::Sbb: case Op::Lea:
      return index < 2;
    case Op::Shl: case Op::Shr: case Op::Sar: case Op::Rol: case Op::Ror: case Op::Rcl: case Op::Rcr:
    case Op::Inc: case Op::Dec: case Op::Neg: case Op::Not: case Op::Clz: case Op::Ctz: case Op::Popcnt:
    case Op::Bswap: case Op::Zext: case Op::Sext: case Op::Bt: case Op::Bts: case Op::Btr: case Op::Btc:
      return index == 0;
    case Op::Store: case Op::CStore: return index == 1;
    default: return false;
  }
}

class Propagator {
 public:
  explicit Propagator(Region& region) : region_(region), facts_(region.code.next_value), renamed_(region.code.next_value) {
    for (size_t i = 0; i < renamed_.size(); ++i) renamed_[i] = static_cast<ValueId>(i);
  }

  PassStats run() {
    std::vector<ir::Inst>& insts = region_.code.insts;
    std::vector<Region::Map> maps;
    size_t point = 0;
    kept_.reserve(insts.size());
    for (ir::Inst inst : insts) {
      rename(inst);
      const bool had_point = is_point(inst);
      if (had_point) {
        for (Binding& binding : region_.map(point)) binding.value = renamed_[binding.value];
      }
      const bool keep = simplify(inst);
      if (had_point) {
        if (keep) maps.push_back(region_.maps[point]);
        ++point;
      }
      if (!keep) {
        ++stats_.removed;
        continue;
      }
      kept_.push_back(inst);
      learn(kept_.back());
      if (ir::is_final_exit(inst)) break;
    }
    insts = std::move(kept_);
    region_.maps = std::move(maps);
    return stats_;
  }

 private:
  void rename(ir::Inst& inst) {
    for (unsigned i = 0; i < 4; ++i) {
      ValueId& source = inst.src[i];
      if (source == kNoValue) continue;
      source = renamed_[source];
      if (!reads_low_bits(inst, i)) continue;
      for (;;) {
        const ir::Inst* def = facts_[source].def;
        const bool extends = def != nullptr && (def->op == Op::Sext || def->op == Op::Zext) && def->width >= inst.width;
        if (!extends) break;
        source = def->src[0];
        ++stats_.changed;
      }
    }
  }

  bool is_const(ValueId value) const { return value != kNoValue && facts_[value].is_const; }
  uint64_t constant(ValueId value) const { return facts_[value].constant; }

  bool replace(const ir::Inst& inst, ValueId by) {
    renamed_[inst.value] = by;
    return false;
  }

  bool make_const(ir::Inst& inst, uint64_t value) {
    const ValueId result = inst.value;
    const uint16_t guest = inst.guest;
    inst = {};
    inst.op = Op::Const;
    inst.width = 64;
    inst.value = result;
    inst.imm = static_cast<int64_t>(value);
    inst.guest = guest;
    ++stats_.changed;
    return true;
  }

  /// Simplifies in place. False: the operation disappears.
  bool simplify(ir::Inst& inst) {
    if (inst.value != kNoValue && inst.flags == kNoValue && ir::is_pure(inst)) {
      if (inst.op == Op::Copy || inst.op == Op::Zext) {
        if (is_const(inst.src[0])) return make_const(inst, constant(inst.src[0]) & mask(inst.width));
        if (inst.width >= facts_[inst.src[0]].zero_from) return replace(inst, inst.src[0]);
        return true;
      }
      if (inst.op == Op::Sext) {
        if (is_const(inst.src[0])) return make_const(inst, static_cast<uint64_t>(sign_extend(constant(inst.src[0]), inst.width)));
        const Fact& fact = facts_[inst.src[0]];
        if (inst.width == 64 || fact.sign_from <= inst.width || fact.zero_from < inst.width) return replace(inst, inst.src[0]);
        return true;
      }
      return fold(inst);
    }
    if (ir::info(inst.op).effects & ir::kSide) return simplify_condition(inst);
    return true;
  }

  bool simplify_condition(ir::Inst& inst) {
    if (inst.cond < ir::Cond::Zero || !is_const(inst.src[0])) return true;
    const bool taken = (constant(inst.src[0]) == 0) == (inst.cond == ir::Cond::Zero);
    if (!taken) return false;
    inst.op = inst.op == Op::Branch ? Op::Jump : inst.op == Op::ExitIf ? Op::Exit : inst.op == Op::ExitIndIf ? Op::ExitInd : Op::Trap;
    inst.src[0] = inst.src[1];
    inst.src[1] = kNoValue;
    inst.cond = ir::Cond::O;
    ++stats_.changed;
    return true;
  }

  bool fold(ir::Inst& inst) {
    const ValueId a = inst.src[0], b = inst.src[1];
    const bool ca = is_const(a), cb = is_const(b);
    const uint64_t x = ca ? constant(a) & mask(inst.width) : 0, y = cb ? constant(b) & mask(inst.width) : 0;
    const unsigned count_mask = inst.width == 64 ? 63 : 31;
    const bool both = ca && cb;
    const auto result = [&](uint64_t value) { return make_const(inst, value & mask(inst.width)); };
    switch (inst.op) {
      case Op::Add:
        if (both) return result(x + y);
        if (cb && y == 0 && inst.width >= facts_[a].zero_from) return replace(inst, a);
        if (ca && x == 0 && inst.width >= facts_[b].zero_from) return replace(inst, b);
        return true;
      case Op::Sub:
        if (both) return result(x - y);
        if (cb && y == 0 && inst.width >= facts_[a].zero_from) return replace(inst, a);
        return true;
      case Op::And:
        if (both) return result(x & y);
        if (a == b && inst.width >= facts_[a].zero_from) return replace(inst, a);
        return true;
      case Op::Or:
        if (both) return result(x | y);
        if (cb && y == 0 && inst.width >= facts_[a].zero_from) return replace(inst, a);
        if (ca && x == 0 && inst.width >= facts_[b].zero_from) return replace(inst, b);
        return true;
      case Op::Xor:
        if (both) return result(x ^ y);
        if (cb && y == 0 && inst.width >= facts_[a].zero_from) return replace(inst, a);
        return true;
      case Op::Shl:
        if (both && inst.width >= 32) return result(x << (y & count_mask));
        break;
      case Op::Shr:
        if (both && inst.width >= 32) return result(x >> (y & count_mask));
        break;
      case Op::Sar:
        if (both && inst.width >= 32) return result(static_cast<uint64_t>(sign_extend(x, inst.width) >> (y & count_mask)));
        break;
      case Op::Lea: {
        if ((a != kNoValue && !ca) || (b != kNoValue && !cb)) return true;
        const uint64_t base = a == kNoValue ? 0 : constant(a), index = b == kNoValue ? 0 : constant(b);
        return result(base + (index << inst.aux) + static_cast<uint64_t>(inst.imm));
      }
      case Op::SetEq: return both ? make_const(inst, constant(a) == constant(b)) : true;
      case Op::SetNe: return both ? make_const(inst, constant(a) != constant(b)) : true;
      case Op::SetLtU: return both ? make_const(inst, constant(a) < constant(b)) : true;
      case Op::SetLtS:
        return both ? make_const(inst, static_cast<int64_t>(constant(a)) < static_cast<int64_t>(constant(b))) : true;
      case Op::MulLow: return both ? result(x * y) : true;
      case Op::SelectNz:
        if (ca) {
          const ValueId chosen = constant(a) != 0 ? inst.src[1] : inst.src[2];
          if (inst.width >= facts_[chosen].zero_from) return replace(inst, chosen);
        }
        return true;
      default: break;
    }
    // Shifts by a count of 0.
    const bool shifts = inst.op == Op::Shl || inst.op == Op::Shr || inst.op == Op::Sar;
    if (shifts && cb && (constant(b) & count_mask) == 0 && inst.width >= facts_[a].zero_from) return replace(inst, a);
    return true;
  }

  void learn(const ir::Inst& inst) {
    if (inst.flags != kNoValue) facts_[inst.flags].zero_from = 12;
    if (inst.value == kNoValue) return;
    // Operations live in a vector that has its final size reserved: pointers into it stay valid.
    Fact& fact = facts_[inst.value];
    fact.def = &inst;
    switch (inst.op) {
      case Op::Const:
        fact.is_const = true;
        fact.constant = static_cast<uint64_t>(inst.imm);
        for (fact.zero_from = 64; fact.zero_from > 0 && !(fact.constant >> (fact.zero_from - 1) & 1);) --fact.zero_from;
        for (fact.sign_from = 64; fact.sign_from > 1 && sign_extend(fact.constant, fact.sign_from - 1u) == inst.imm;) --fact.sign_from;
        return;
      case Op::SetCc: case Op::SetEq: case Op::SetNe: case Op::SetLtU: case Op::SetLtS: fact.zero_from = 1; return;
      case Op::ExtractH: fact.zero_from = 8; return;
      case Op::Clz: case Op::Ctz: case Op::Popcnt: fact.zero_from = 7; return;
      case Op::Sext: case Op::LoadS: case Op::CLoadS: fact.sign_from = inst.width; return;
      case Op::And:
        fact.zero_from = inst.width;
        for (unsigned i = 0; i < 2; ++i) fact.zero_from = std::min(fact.zero_from, facts_[inst.src[i]].zero_from);
        return;
      case Op::Shr:
        fact.zero_from = inst.width;
        if (is_const(inst.src[1])) {
          const unsigned count = constant(inst.src[1]) & (inst.width == 64 ? 63 : 31);
          fact.zero_from = static_cast<uint8_t>(count < inst.width ? inst.width - count : 0);
        }
        return;
      case Op::LeaUw: case Op::OrcB: case Op::Call: case Op::CallInd: case Op::CodeAddr: case Op::Intrinsic:
      case Op::Helper: case Op::GetReg: return;
      default: fact.zero_from = inst.width; return;
    }
  }

  Region& region_;
  PassStats stats_;
  std::vector<Fact> facts_;
  std::vector<ValueId> renamed_;
  std::vector<ir::Inst> kept_;
};

}  // namespace

PassStats propagate(Region& region) { return Propagator(region).run(); }

}  // namespace chrysalis::translator
