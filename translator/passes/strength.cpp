#include "translator/passes/strength.h"

#include <utility>

namespace chrysalis::translator {
namespace {

using ir::Cond;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;

class Reducer {
 public:
  explicit Reducer(Region& region) : region_(region), defs_(region.code.next_value, kNone), narrow_(region.code.next_value, 64) {}

  PassStats run() {
    std::vector<ir::Inst>& insts = region_.code.insts;
    out_.reserve(insts.size() + insts.size() / 8 + 8);
    for (const Binding& binding : region_.entry) narrow_[binding.value] = entry_width(region_, binding);
    for (ir::Inst inst : insts) {
      if (inst.op == Op::SetCc || inst.op == Op::SelectCc || (ir::info(inst.op).effects & ir::kSide) != 0) condition(inst);
      else if (inst.op == Op::MulLow || inst.op == Op::DivU || inst.op == Op::RemU) multiply(inst);
      emit(inst);
    }
    insts = std::move(out_);
    return stats_;
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;

  void emit(const ir::Inst& inst) {
    const auto at = static_cast<uint32_t>(out_.size());
    out_.push_back(inst);
    if (inst.value != kNoValue) {
      define(inst.value) = at;
      narrow_[inst.value] = width_of(inst);
    }
    if (inst.flags != kNoValue) {
      define(inst.flags) = at;
      narrow_[inst.flags] = 12;
    }
  }

  uint32_t& define(ValueId value) {
    if (value >= defs_.size()) {
      defs_.resize(value + 1u, kNone);
      narrow_.resize(value + 1u, 64);
    }
    return defs_[value];
  }

  /// Bits of the value that can be set.
  static uint8_t width_of(const ir::Inst& inst) {
    switch (inst.op) {
      case Op::Const: {
        const auto bits = static_cast<uint64_t>(inst.imm);
        return bits >> 32 != 0 ? 64 : bits >> 16 != 0 ? 32 : bits >> 8 != 0 ? 16 : 8;
      }
      case Op::SetCc: case Op::SetEq: case Op::SetNe: case Op::SetLtU: case Op::SetLtS: return 1;
      case Op::ExtractH: return 8;
      case Op::Sext: case Op::LoadS: case Op::CLoadS: case Op::LeaUw: case Op::OrcB: case Op::Call: case Op::CallInd: case Op::CodeAddr:
      case Op::Intrinsic: case Op::Helper: case Op::GetReg: return 64;
      default: return inst.width;
    }
  }

  const ir::Inst* definition(ValueId value) const { return value == kNoValue || defs_[value] == kNone ? nullptr : &out_[defs_[value]]; }
  bool is_const(ValueId value, uint64_t& constant) const {
    const ir::Inst* def = definition(value);
    if (def == nullptr || def->op != Op::Const) return false;
    constant = static_cast<uint64_t>(def->imm);
    return true;
  }
  bool is_narrow(ValueId value, unsigned width) const { return narrow_[value] <= width; }

  ValueId add(Op op, unsigned width, ValueId a, ValueId b, uint16_t guest, int64_t imm = 0) {
    ir::Inst inst;
    inst.op = op;
    inst.width = static_cast<uint8_t>(width);
    inst.src[0] = a;
    inst.src[1] = b;
    inst.imm = imm;
    inst.guest = guest;
    inst.value = region_.code.new_value();
    emit(inst);
    return inst.value;
  }

  // -- conditions ----------------------------------------------------------------------------------------------

  /// What a condition of flags comes to: whether `value` is not zero, or, negated, whether it is.
  struct Test {
    ValueId value = kNoValue;
    bool negated = false;
  };

  void condition(ir::Inst& inst) {
    if (inst.cond >= Cond::Zero) return;
    const ir::Inst* def = definition(inst.src[0]);
    if (def == nullptr || def->flags != inst.src[0]) return;
    const ir::Inst compared = *def;  // out_ may grow
    Test test;
    if (!find_test(compared, inst, test)) return;
    ++stats_.changed;
    if (inst.op == Op::SelectCc) {
      if (test.negated) std::swap(inst.src[1], inst.src[2]);
      inst.op = Op::SelectNz;
      inst.cond = Cond{};
      inst.src[0] = test.value;
      return;
    }
    if (inst.op != Op::SetCc) {
      inst.cond = test.negated ? Cond::Zero : Cond::NonZero;
      inst.src[0] = test.value;
      return;
    }
    const ir::Inst* made = definition(test.value);
    const bool is_bit = made != nullptr && made->value == test.value && narrow_[test.value] == 1;
    inst.cond = Cond{};
    inst.width = 64;
    inst.src[0] = test.value;
    if (is_bit && !test.negated) {
      inst.op = Op::Copy;
      return;
    }
    inst.op = test.negated ? Op::SetEq : Op::SetNe;
    inst.src[1] = constant(0, inst.guest);
  }

  bool find_test(const ir::Inst& def, const ir::Inst& inst, Test& test) {
    const bool negated = (static_cast<unsigned>(inst.cond) & 1) != 0;
    switch (static_cast<unsigned>(inst.cond) / 2) {
      case static_cast<unsigned>(Cond::Z) / 2: return find_zero(def, inst, negated, test);
      case static_cast<unsigned>(Cond::B) / 2: return compare(def, inst, false, negated, test);
      case static_cast<unsigned>(Cond::BE) / 2: return compare(def, inst, true, !negated, test);
      default: return false;
    }
  }

  /// Zero: the result is; of a subtraction without one, the operands are equal. The test is of what must not be zero.
  bool find_zero(const ir::Inst& def, const ir::Inst& inst, bool negated, Test& test) {
    test.negated = !negated;
    const ValueId a = def.src[0], b = def.src[1];
    const bool self = (def.op == Op::And || def.op == Op::Or) && a == b;
    if (self && is_narrow(a, def.width)) {
      test.value = a;
      return true;
    }
    uint64_t number = 0;
    if (def.op == Op::Sub && is_const(b, number) && number == 0 && is_narrow(a, def.width)) {
      test.value = a;
      return true;
    }
    if (def.value != kNoValue && result_is_tested(def)) {
      test.value = def.value;
      return true;
    }
    if (def.op != Op::Sub || !comparable(def) || inst.op == Op::SelectCc) return false;
    test.value = add(Op::SetEq, 64, a, b, inst.guest);
    test.negated = negated;
    return true;
  }

  /// Operations whose ZF says that their value is zero, and whose flags cost something of their own.
  bool result_is_tested(const ir::Inst& def) const {
    switch (def.op) {
      case Op::Inc:
      case Op::Dec: return true;
      case Op::Shl: case Op::Shr: case Op::Sar: {
        uint64_t count = 0;
        return is_const(def.src[1], count) && (count & (def.width == 64 ? 63 : 31)) != 0;
      }
      default: return false;
    }
  }

  bool comparable(const ir::Inst& def) const {
    uint64_t number = 0;
    if (is_const(def.src[0], number) || is_const(def.src[1], number)) return false;
    return is_narrow(def.src[0], def.width) && is_narrow(def.src[1], def.width);
  }

  /// a < b, or with `swapped` b < a.
  bool compare(const ir::Inst& def, const ir::Inst& inst, bool swapped, bool negated, Test& test) {
    if (def.op != Op::Sub || !comparable(def) || inst.op == Op::SelectCc) return false;
    test.value = add(Op::SetLtU, 64, def.src[swapped ? 1 : 0], def.src[swapped ? 0 : 1], inst.guest);
    test.negated = negated;
    return true;
  }

  // -- products --------------------------------------------------------------------------------------------------

  ValueId constant(uint64_t number, uint16_t guest) {
    ir::Inst inst;
    inst.op = Op::Const;
    inst.width = 64;
    inst.imm = static_cast<int64_t>(number);
    inst.guest = guest;
    inst.value = region_.code.new_value();
    emit(inst);
    return inst.value;
  }

  void multiply(ir::Inst& inst) {
    uint64_t number = 0;
    if (inst.op == Op::MulLow && is_const(inst.src[0], number)) std::swap(inst.src[0], inst.src[1]);
    if (!is_const(inst.src[1], number)) return;
    if (inst.width != 64) number &= (uint64_t{1} << inst.width) - 1;
    if (inst.op == Op::MulLow && (number == 3 || number == 5 || number == 9) && inst.width >= 16) {
      inst.op = Op::Lea;
      inst.aux = number == 3 ? 1 : number == 5 ? 2 : 3;
      inst.src[1] = inst.src[0];
      ++stats_.changed;
      return;
    }
    const bool power = number != 0 && (number & (number - 1)) == 0;
    const unsigned shift = power ? static_cast<unsigned>(__builtin_ctzll(number)) : 0;
    if (!power || (inst.op == Op::MulLow && shift > 31 && inst.width != 64)) return;
    if (inst.op == Op::RemU) {
      inst.op = Op::And;
      inst.src[1] = constant(number - 1, inst.guest);
    } else {
      inst.op = inst.op == Op::MulLow ? Op::Shl : Op::Shr;
      inst.src[1] = constant(shift, inst.guest);
    }
    ++stats_.changed;
  }

  Region& region_;
  std::vector<uint32_t> defs_;   // by value: index into out_
  std::vector<uint8_t> narrow_;  // by value: bits that can be set
  std::vector<ir::Inst> out_;
  PassStats stats_;
};

}  // namespace

PassStats reduce_strength(Region& region) { return Reducer(region).run(); }

}  // namespace chrysalis::translator
