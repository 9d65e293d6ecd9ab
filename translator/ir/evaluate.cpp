#include "translator/ir/evaluate.h"

#include "isa-host/registers.h"
#include "translator/ir/intrinsics.h"
#include "translator/ir/operate.h"

namespace chrysalis::ir {
namespace {

constexpr uint64_t low_bits(uint64_t value, unsigned width) { return width >= 64 ? value : value & ((uint64_t{1} << width) - 1); }

/// Out of line: four copies of all operations.
template <unsigned W>
[[gnu::noinline]] Evaluated at_width(Op op, const uint64_t s[4]) {
  switch (op) {
#define IR_OP(name, text, sources, results, effects)                    \
  case Op::name: {                                                      \
    const auto result = operate<Op::name, W>(s[0], s[1], s[2], s[3]);   \
    return {result.value, result.flags};                                \
  }
#include "translator/ir/ops.def"
#undef IR_OP
    default: return {};
  }
}

}  // namespace

bool holds(Cond cond, uint64_t source) {
  if (cond >= Cond::Zero) return (source == 0) == (cond == Cond::Zero);
  return isa::holds(static_cast<isa::Cond>(cond), source);
}

bool evaluate(const Inst& inst, const uint64_t s[4], Evaluated& out) {
  if (!is_pure(inst)) return false;
  switch (inst.op) {
    case Op::Const: out = {static_cast<uint64_t>(inst.imm), 0}; return true;
    case Op::Copy: out = {low_bits(s[0], inst.width), 0}; return true;
    case Op::Lea: out = {low_bits(s[0] + (s[1] << inst.aux) + static_cast<uint64_t>(inst.imm), inst.width), 0}; return true;
    case Op::LeaUw: out = {s[0] + (uint64_t{static_cast<uint32_t>(s[1])} << inst.aux), 0}; return true;
    case Op::SetCc: out = {holds(inst.cond, s[0]), 0}; return true;
    case Op::SelectCc: out = {low_bits(holds(inst.cond, s[0]) ? s[1] : s[2], inst.width), 0}; return true;
    case Op::SelectNz: out = {low_bits(s[0] != 0 ? s[1] : s[2], inst.width), 0}; return true;
    case Op::CodeAddr: return false;  // known when the code has its place
    default: break;
  }
  switch (inst.width) {
    case 8: out = at_width<8>(inst.op, s); break;
    case 16: out = at_width<16>(inst.op, s); break;
    case 32: out = at_width<32>(inst.op, s); break;
    default: out = at_width<64>(inst.op, s); break;
  }
  const bool insert = inst.op == Op::InsertL8 || inst.op == Op::InsertH8 || inst.op == Op::InsertL16;
  if (insert) out.value = low_bits(out.value, inst.width);
  return true;
}

}  // namespace chrysalis::ir
