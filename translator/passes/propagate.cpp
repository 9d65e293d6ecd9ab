#include "translator/passes/propagate.h"

#include <algorithm>
#include <utility>

#include "translator/ir/evaluate.h"

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
    for (const Binding& binding : region.entry) facts_[binding.value].zero_from = entry_width(region, binding);
  }

  PassStats run() {
    std::vector<ir::Inst>& insts = region_.code.insts;
    std::vector<Region::Map> maps;
    size_t point = 0;
    const auto both = std::count_if(insts.begin(), insts.end(), [](const ir::Inst& inst) { return inst.value != kNoValue && inst.flags != kNoValue; });
    kept_.reserve(insts.size() + static_cast<size_t>(both));  // which may become two constants
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
    if (ir::info(inst.op).effects & ir::kSide) return simplify_condition(inst);
    if (!ir::is_pure(inst) || inst.op == Op::Const) return true;
    ir::Evaluated result;
    uint64_t sources[4];
    if (has_constant_sources(inst, sources) && ir::evaluate(inst, sources, result)) return make_constants(inst, result);
    if (inst.value == kNoValue || inst.flags != kNoValue) return true;
    if (inst.op == Op::Copy || inst.op == Op::Zext) {
      return inst.width < facts_[inst.src[0]].zero_from || replace(inst, inst.src[0]);
    }
    if (inst.op == Op::Sext) {
      const Fact& fact = facts_[inst.src[0]];
      const bool same = inst.width == 64 || fact.sign_from <= inst.width || fact.zero_from < inst.width;
      return !same || replace(inst, inst.src[0]);
    }
    return fold(inst);
  }

  /// What a thing does with itself does not depend on it.
  static bool cancels(const ir::Inst& inst) {
    const bool does = inst.op == Op::Xor || inst.op == Op::Sub || inst.op == Op::SetEq || inst.op == Op::SetNe || inst.op == Op::SetLtU || inst.op == Op::SetLtS;
    return does && inst.src[0] == inst.src[1];
  }

  bool has_constant_sources(const ir::Inst& inst, uint64_t sources[4]) const {
    const bool no_matter = cancels(inst);
    for (unsigned i = 0; i < 4; ++i) {
      const ValueId source = inst.src[i];
      sources[i] = is_const(source) && !no_matter ? constant(source) : 0;
      if (source != kNoValue && !is_const(source) && !no_matter) return false;
    }
    return true;
  }

  /// The results become constants; of two, that of the flags comes first.
  bool make_constants(ir::Inst& inst, const ir::Evaluated& result) {
    if (inst.flags != kNoValue) {
      ir::Inst image = inst;
      image.value = inst.flags;
      make_const(image, result.flags);
      if (inst.value == kNoValue) {
        inst = image;
        return true;
      }
      kept_.push_back(image);
      learn(kept_.back());
    }
    return make_const(inst, result.value);
  }

  bool simplify_condition(ir::Inst& inst) {
    if (!is_const(inst.src[0])) return true;
    if (!ir::holds(inst.cond, constant(inst.src[0]))) return false;
    if (!ir::is_exit(inst)) return true;
    inst.op = inst.op == Op::Branch ? Op::Jump : inst.op == Op::ExitIf ? Op::Exit : inst.op == Op::ExitIndIf ? Op::ExitInd : Op::Trap;
    inst.src[0] = inst.src[1];
    inst.src[1] = kNoValue;
    inst.cond = ir::Cond::O;
    ++stats_.changed;
    return true;
  }

  /// Whether `value` has no bits at `width` and above.
  bool is_narrow(ValueId value, unsigned width) const { return facts_[value].zero_from <= width; }

  /// `value` in place of the result, where it has the result's width.
  bool replace_if_narrow(const ir::Inst& inst, ValueId value) { return !is_narrow(value, inst.width) || replace(inst, value); }

  /// Identities, of operations with a value and no flags. False: the operation disappears.
  bool fold(ir::Inst& inst) {
    const ValueId a = inst.src[0], b = inst.src[1];
    const bool ca = is_const(a), cb = is_const(b);
    const uint64_t all = mask(inst.width), x = ca ? constant(a) & all : 0, y = cb ? constant(b) & all : 0;
    switch (inst.op) {
      case Op::Add:
      case Op::Xor:
        if (cb && y == 0) return replace_if_narrow(inst, a);
        if (ca && x == 0) return replace_if_narrow(inst, b);
        return true;
      case Op::Sub:
      case Op::AndNot: return !cb || y != 0 || replace_if_narrow(inst, a);
      case Op::And:
        if ((ca && x == 0) || (cb && y == 0)) return make_const(inst, 0);
        if (a == b || (cb && keeps_all(a, y))) return replace_if_narrow(inst, a);
        if (ca && keeps_all(b, x)) return replace_if_narrow(inst, b);
        return true;
      case Op::Or:
        if ((ca && x == all) || (cb && y == all)) return make_const(inst, all);
        if (a == b || (cb && y == 0)) return replace_if_narrow(inst, a);
        if (ca && x == 0) return replace_if_narrow(inst, b);
        return true;
      case Op::MulLow:
        if ((ca && x == 0) || (cb && y == 0)) return make_const(inst, 0);
        if (cb && y == 1) return replace_if_narrow(inst, a);
        if (ca && x == 1) return replace_if_narrow(inst, b);
        return true;
      case Op::Shl: case Op::Shr: case Op::Sar: case Op::Rol: case Op::Ror:
        return !cb || (constant(b) & (inst.width == 64 ? 63 : 31)) != 0 || replace_if_narrow(inst, a);
      case Op::SelectNz:
        if (ca) return replace_if_narrow(inst, inst.src[constant(a) != 0 ? 1 : 2]);
        return inst.src[1] != inst.src[2] || replace_if_narrow(inst, inst.src[1]);
      case Op::SelectCc:
        if (ca) return replace_if_narrow(inst, inst.src[ir::holds(inst.cond, constant(a)) ? 1 : 2]);
        return inst.src[1] != inst.src[2] || replace_if_narrow(inst, inst.src[1]);
      case Op::InsertL8:
      case Op::InsertL16: return insert_into_nothing(inst, inst.op == Op::InsertL8 ? 8 : 16);
      case Op::Lea: return fold_lea(inst);
      default: return true;
    }
  }

  /// Whether a mask keeps every bit that `value` can have.
  bool keeps_all(ValueId value, uint64_t kept) const { return facts_[value].zero_from < 64 && (mask_below(facts_[value].zero_from) & ~kept) == 0; }
  static uint64_t mask_below(unsigned bits) { return (uint64_t{1} << bits) - 1; }

  /// The low part of what has nothing above it.
  bool insert_into_nothing(ir::Inst& inst, uint8_t part) {
    if (!is_narrow(inst.src[0], part) || inst.width < part) return true;
    inst.op = Op::Zext;
    inst.width = part;
    inst.src[0] = inst.src[1];
    inst.src[1] = kNoValue;
    ++stats_.changed;
    return !is_narrow(inst.src[0], part) || replace(inst, inst.src[0]);
  }

  /// Constant parts of an address go into its displacement.
  bool fold_lea(ir::Inst& inst) {
    const auto add = [&](ValueId& part, unsigned scale) {
      if (part == kNoValue || !is_const(part)) return;
      const uint64_t sum = static_cast<uint64_t>(inst.imm) + (constant(part) << scale);
      const int64_t offset = inst.width == 32 ? static_cast<int32_t>(sum) : static_cast<int64_t>(sum);
      if (offset != static_cast<int32_t>(offset)) return;
      inst.imm = offset;
      part = kNoValue;
      ++stats_.changed;
    };
    add(inst.src[0], 0);
    add(inst.src[1], inst.aux);
    if (inst.src[0] == kNoValue && inst.aux == 0) std::swap(inst.src[0], inst.src[1]);
    if (inst.src[1] == kNoValue) inst.aux = 0;
    if (inst.src[0] == kNoValue || inst.src[1] != kNoValue || inst.imm != 0) return true;
    return replace_if_narrow(inst, inst.src[0]);
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
