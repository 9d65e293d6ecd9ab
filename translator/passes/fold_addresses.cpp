#include "translator/passes/fold_addresses.h"

namespace chrysalis::translator {
namespace {

/// Where an address comes from: base plus constant.
struct Sum {
  ir::ValueId base = ir::kNoValue;
  int64_t offset = 0;
  uint8_t width = 0;  ///< 0: not a sum
};

bool fits_literal(int64_t value) { return value == static_cast<int32_t>(value); }

}  // namespace

PassStats fold_addresses(Region& region) {
  PassStats stats;
  const size_t values = region.code.next_value;
  std::vector<Sum> sums(values);
  std::vector<bool> is_const(values, false);
  std::vector<int64_t> constants(values, 0);

  for (ir::Inst& inst : region.code.insts) {
    if (ir::effects(inst) & (ir::kLoad | ir::kStore) && inst.op != ir::Op::Intrinsic) {
      const bool guest = (ir::effects(inst) & ir::kGuest) != 0;
      for (;;) {
        const Sum& sum = sums[inst.src[0]];
        if (sum.width == 0 || (guest ? sum.width < 32 : sum.width != 64)) break;
        const int64_t offset = static_cast<int64_t>(static_cast<uint64_t>(inst.imm) + static_cast<uint64_t>(sum.offset));
        if (!fits_literal(offset)) break;
        inst.src[0] = sum.base;
        inst.imm = offset;
        ++stats.changed;
      }
    }
    if (inst.value == ir::kNoValue) continue;
    if (inst.op == ir::Op::Const) {
      is_const[inst.value] = true;
      constants[inst.value] = inst.imm;
    } else if (inst.op == ir::Op::Add && is_const[inst.src[1]]) {
      sums[inst.value] = {inst.src[0], constants[inst.src[1]], inst.width};
    } else if (inst.op == ir::Op::Add && is_const[inst.src[0]]) {
      sums[inst.value] = {inst.src[1], constants[inst.src[0]], inst.width};
    } else if (inst.op == ir::Op::Sub && is_const[inst.src[1]]) {
      sums[inst.value] = {inst.src[0], static_cast<int64_t>(0 - static_cast<uint64_t>(constants[inst.src[1]])), inst.width};
    } else if (inst.op == ir::Op::Lea && inst.src[1] == ir::kNoValue && inst.src[0] != ir::kNoValue) {
      sums[inst.value] = {inst.src[0], inst.imm, inst.width};
    }
  }
  return stats;
}

}  // namespace chrysalis::translator
