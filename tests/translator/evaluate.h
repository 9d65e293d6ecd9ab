// Evaluates the pure operations of the IR one by one: what compiled code is compared with.
#pragma once

#include "isa-host/registers.h"
#include "translator/ir/intrinsics.h"
#include "translator/ir/operate.h"

namespace chrysalis::test {

struct Evaluated {
  uint64_t value = 0, flags = 0;
};

template <unsigned W>
Evaluated evaluate_at(const ir::Inst& inst, const uint64_t s[4]) {
  switch (inst.op) {
#define IR_OP(name, text, sources, results, effects)                                              \
  case ir::Op::name: {                                                                            \
    const auto result = ir::operate<ir::Op::name, W>(s[0], s[1], s[2], s[3]);              \
    return {result.value, result.flags};                                                          \
  }
#include "translator/ir/ops.def"
#undef IR_OP
    default: return {};
  }
}

constexpr uint64_t low_bits(uint64_t value, unsigned width) {
  return width == 64 ? value : value & ((uint64_t{1} << width) - 1);
}

/// `s`: values of the sources, 0 for absent ones.
inline Evaluated evaluate(const ir::Inst& inst, const uint64_t s[4]) {
  switch (inst.op) {
    case ir::Op::Const: return {static_cast<uint64_t>(inst.imm), 0};
    case ir::Op::Copy: return {low_bits(s[0], inst.width), 0};
    case ir::Op::Lea: return {low_bits(s[0] + (s[1] << inst.aux) + static_cast<uint64_t>(inst.imm), inst.width), 0};
    case ir::Op::LeaUw: return {s[0] + (uint64_t{static_cast<uint32_t>(s[1])} << inst.aux), 0};
    case ir::Op::SetCc: return {isa::holds(static_cast<isa::Cond>(inst.cond), s[0]), 0};
    case ir::Op::SelectCc:
      return {low_bits(isa::holds(static_cast<isa::Cond>(inst.cond), s[0]) ? s[1] : s[2], inst.width), 0};
    case ir::Op::SelectNz: return {low_bits(s[0] != 0 ? s[1] : s[2], inst.width), 0};
    default: break;
  }
  Evaluated result;
  switch (inst.width) {
    case 8: result = evaluate_at<8>(inst, s); break;
    case 16: result = evaluate_at<16>(inst, s); break;
    case 32: result = evaluate_at<32>(inst, s); break;
    default: result = evaluate_at<64>(inst, s); break;
  }
  const bool insert = inst.op == ir::Op::InsertL8 || inst.op == ir::Op::InsertH8 || inst.op == ir::Op::InsertL16;
  if (insert) result.value = low_bits(result.value, inst.width);
  return result;
}

/// Whether the condition of a branch or an exit holds.
inline bool taken(const ir::Inst& inst, uint64_t source) {
  if (inst.cond == ir::Cond::Zero) return source == 0;
  if (inst.cond == ir::Cond::NonZero) return source != 0;
  return isa::holds(static_cast<isa::Cond>(inst.cond), source);
}

}  // namespace chrysalis::test
