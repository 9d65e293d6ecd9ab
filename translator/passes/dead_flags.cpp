#include "translator/passes/dead_flags.h"

#include <algorithm>

#include "isa-host/registers.h"

namespace chrysalis::translator {
namespace {

using ir::kNoValue;
using ir::Op;
using ir::ValueId;

constexpr uint16_t kAll = isa::kFlagsMask;
constexpr uint16_t kCarry = isa::kCF;

/// Bits that a condition tests, by pairs of conditions.
uint16_t tested(ir::Cond cond) {
  static constexpr uint64_t kBits[] = {isa::kOF, isa::kCF, isa::kZF, isa::kCF | isa::kZF, isa::kSF, isa::kPF, isa::kSF | isa::kOF,
                                       isa::kZF | isa::kSF | isa::kOF};
  return cond < ir::Cond::Zero ? static_cast<uint16_t>(kBits[static_cast<unsigned>(cond) / 2]) : kAll;
}

bool has_condition(const ir::Inst& inst) {
  return inst.op == Op::SetCc || inst.op == Op::SelectCc || (ir::info(inst.op).effects & ir::kSide) != 0;
}

class Eliminator {
 public:
  explicit Eliminator(Region& region) : region_(region), demand_(region.code.next_value, 0), used_(region.code.next_value, 0), constant_(region.code.next_value, kNone) {
    for (const ir::Inst& inst : region.code.insts) {
      if (inst.op == Op::Const) constant_[inst.value] = inst.imm;
    }
  }

  PassStats run() {
    std::vector<ir::Inst>& insts = region_.code.insts;
    size_t point = region_.maps.size();
    size_t kept = insts.size();  // kept operations move to the end, in order, and then to the front
    for (size_t at = insts.size(); at-- > 0;) {
      ir::Inst inst = insts[at];
      if (is_point(inst)) {
        for (const Binding& binding : region_.map(--point)) {
          demand_[binding.value] = kAll;
          used_[binding.value] = 1;
        }
      }
      if (!simplify(inst)) {
        ++stats_.removed;
        continue;
      }
      note_demand(inst);
      insts[--kept] = inst;
    }
    insts.erase(insts.begin(), insts.begin() + static_cast<ptrdiff_t>(kept));
    add_constants();
    return stats_;
  }

 private:
  static constexpr int64_t kNone = INT64_MIN + 1;

  uint16_t demanded(ValueId value) const { return value == kNoValue ? 0 : demand_[value]; }

  /// Bits of the old flags image of which the operation's flags result has a copy, among `wanted`.
  uint16_t handed_on(const ir::Inst& inst, uint16_t wanted) const {
    switch (inst.op) {
      case Op::Inc:
      case Op::Dec: return wanted & kCarry;
      case Op::Adc:
      case Op::Sbb: return 0;
      case Op::Bt: case Op::Bts: case Op::Btr: case Op::Btc: return wanted & static_cast<uint16_t>(~isa::kCF);
      case Op::Bsf:
      case Op::Bsr: return wanted & static_cast<uint16_t>(~isa::kZF);
      case Op::Shl: case Op::Shr: case Op::Sar: return wanted & kept_by_shift(inst, isa::kAF);
      case Op::Rol: case Op::Ror: return wanted & kept_by_shift(inst, kAll & ~(isa::kCF | isa::kOF));
      default: return wanted;
    }
  }

  /// `always`: what a shift or rotate by a count other than 0 leaves alone in any case.
  uint16_t kept_by_shift(const ir::Inst& inst, uint64_t always) const {
    const ValueId count = inst.src[1];
    if (constant_[count] == kNone) return kAll;
    const unsigned n = static_cast<unsigned>(constant_[count]) & (inst.width == 64 ? 63 : 31);
    if (n == 0) return kAll;
    if (n == 1) return static_cast<uint16_t>(always);
    // SDM: OF is undefined for counts above 1, and so is CF beyond the width: both stay (FlagPolicy::Documented).
    const uint64_t carry = n >= inst.width && inst.op != Op::Sar && inst.op != Op::Rol && inst.op != Op::Ror ? isa::kCF : 0;
    return static_cast<uint16_t>(always | isa::kOF | carry);
  }

  static bool reads_carry(Op op) { return op == Op::Adc || op == Op::Sbb || op == Op::Rcl || op == Op::Rcr; }

  /// False: the operation disappears.
  bool simplify(ir::Inst& inst) {
    if (!ir::is_pure(inst)) return true;
    const ir::OpInfo& row = ir::info(inst.op);
    const uint16_t wanted = demanded(inst.flags);
    const bool keeps = (row.effects & ir::kOldFlags) != 0;
    if (inst.flags != kNoValue && !used_[inst.flags]) {
      if (inst.value == kNoValue) return false;
      inst.flags = kNoValue;
      ++stats_.changed;
    }
    if (inst.flags == kNoValue) {
      if (keeps && !reads_carry(inst.op)) inst.src[row.sources - 1] = kNoValue;
      return true;
    }
    if (!keeps || reads_carry(inst.op) || handed_on(inst, wanted) != 0) return true;
    ValueId& old = inst.src[row.sources - 1];
    if (inst.op == Op::Inc || inst.op == Op::Dec) {
      inst.op = inst.op == Op::Inc ? Op::Add : Op::Sub;
      old = constant(one_);
      ++stats_.changed;
    } else if (constant_[old] == kNone) {
      old = constant(zero_);
      ++stats_.changed;
    }
    return true;
  }

  ValueId constant(ValueId& value) {
    if (value == kNoValue) value = region_.code.new_value();
    return value;
  }

  void note_demand(const ir::Inst& inst) {
    const ir::OpInfo& row = ir::info(inst.op);
    const uint16_t result = demanded(inst.value);
    for (unsigned i = 0; i < std::size(inst.src); ++i) {
      const ValueId source = inst.src[i];
      if (source >= demand_.size()) continue;  // absent, or a constant made here
      demand_[source] |= demand_of_source(inst, i, row, result);
      used_[source] = 1;
    }
  }

  uint16_t demand_of_source(const ir::Inst& inst, unsigned index, const ir::OpInfo& row, uint16_t result) const {
    if (index == 0 && has_condition(inst)) return tested(inst.cond);
    if (index + 1u == row.sources && (row.effects & ir::kOldFlags)) {
      const uint16_t wanted = inst.flags == kNoValue ? uint16_t{0} : demanded(inst.flags);
      return static_cast<uint16_t>(handed_on(inst, wanted) | (reads_carry(inst.op) ? kCarry : 0));
    }
    // What flags images are put together with. A narrower operation passes on the low bits.
    const bool wide = inst.width == 64 && inst.flags == kNoValue;
    switch (inst.op) {
      case Op::Copy: case Op::Zext: case Op::Or: case Op::Xor: return wide ? result : kAll;
      case Op::And: {
        const ValueId other = inst.src[1 - index];
        const bool masked = constant_[other] != kNone;
        return !wide ? kAll : masked ? static_cast<uint16_t>(result & static_cast<uint64_t>(constant_[other])) : result;
      }
      case Op::SelectCc: case Op::SelectNz: return index != 0 && wide ? result : kAll;
      default: return kAll;
    }
  }

  /// The constants that were needed, before everything else.
  void add_constants() {
    std::vector<ir::Inst>& insts = region_.code.insts;
    const auto add = [&](ValueId value, int64_t imm) {
      if (value == kNoValue) return;
      ir::Inst inst;
      inst.op = Op::Const;
      inst.width = 64;
      inst.value = value;
      inst.imm = imm;
      inst.guest = insts.front().guest;
      insts.insert(insts.begin(), inst);
    };
    add(one_, 1);
    add(zero_, 0);
  }

  Region& region_;
  std::vector<uint16_t> demand_;   // by value: bits of a flags image
  std::vector<uint8_t> used_;      // by value
  std::vector<int64_t> constant_;  // by value
  ValueId one_ = kNoValue, zero_ = kNoValue;
  PassStats stats_;
};

}  // namespace

PassStats eliminate_dead_flags(Region& region) { return Eliminator(region).run(); }

}  // namespace chrysalis::translator
