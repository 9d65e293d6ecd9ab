#include "translator/check/meaning.h"

namespace chrysalis::translator::checking {
namespace {

using isa::Op;

struct Table {
  Meaning of[isa::kOps];
};

constexpr Table make_table() {
  Table table{};
  const auto one = [&table](Op atom, ir::Op op, unsigned width, bool sign_extends = false) {
    table.of[static_cast<unsigned>(atom)] = {op, static_cast<uint8_t>(width), sign_extends};
  };
#define W3(name) one(Op::name##16, ir::Op::name, 16), one(Op::name##32, ir::Op::name, 32), one(Op::name##64, ir::Op::name, 64);
#define W4(name) one(Op::name##8, ir::Op::name, 8); W3(name)
  W4(Add) W4(Adc) W4(Sub) W4(Sbb) W4(And) W4(Or) W4(Xor)
  W4(Shl) W4(Shr) W4(Sar) W4(Rol) W4(Ror) W4(Rcl) W4(Rcr)
  W3(Bsf) W3(Bsr) W3(Bt) W3(Bts) W3(Btr) W3(Btc) W3(Shld) W3(Shrd) W3(Bswap) W3(Lea)
  W4(Inc) W4(Dec) W4(Neg) W4(Not) W4(Clz) W4(Ctz) W4(Popcnt)
  W4(MulFlagsU) W4(MulFlagsS) W4(MulLow) W4(MulHighU) W4(MulHighS) W4(MulHighSU)
  W4(DivU) W4(DivS) W4(RemU) W4(RemS) W4(MinU) W4(MaxU) W4(MinS) W4(MaxS) W4(AndNot) W4(OrNot) W4(XorNot)
#undef W4
#undef W3
  one(Op::Zext8, ir::Op::Zext, 8), one(Op::Zext16, ir::Op::Zext, 16), one(Op::Zext32, ir::Op::Zext, 32);
  one(Op::Sext8, ir::Op::Sext, 8), one(Op::Sext16, ir::Op::Sext, 16), one(Op::Sext32, ir::Op::Sext, 32);
#define SAME(name) one(Op::name, ir::Op::name, 64);
  SAME(LeaUw) SAME(OrcB) SAME(ExtractH) SAME(InsertL8) SAME(InsertH8) SAME(InsertL16)
  SAME(SetLtS) SAME(SetLtU) SAME(SetEq) SAME(SetNe) SAME(SetCc) SAME(SelectCc) SAME(SelectNz)
#undef SAME
  one(Op::Mov, ir::Op::Copy, 64);
#define SIGNED(name) one(Op::name##32s, ir::Op::name, 32, true);
  SIGNED(Add) SIGNED(Sub) SIGNED(Shl) SIGNED(Shr) SIGNED(Sar) SIGNED(Rol) SIGNED(Ror) SIGNED(MulLow)
  SIGNED(DivU) SIGNED(DivS) SIGNED(RemU) SIGNED(RemS)
#undef SIGNED
  return table;
}
constexpr Table kTable = make_table();

}  // namespace

Meaning meaning(Op op) { return kTable.of[static_cast<unsigned>(op)]; }

Term second_source(Terms& terms, const isa::Atom& atom, const Term* reg) {
  return atom.mode == isa::Mode::Register ? reg[atom.rb] : terms.constant(static_cast<uint64_t>(atom.imm));
}

Results evaluate(Terms& terms, const isa::Atom& atom, const Term* reg) {
  const isa::AtomInfo& row = isa::info(atom.op);
  if (atom.op == Op::MovImm) return {terms.constant(static_cast<uint64_t>(atom.imm)), 0};
  if (atom.op == Op::SetHigh) {
    const Term high = terms.value({ir::Op::Shl, 64, 0, 0, {second_source(terms, atom, reg), terms.constant(32), 0, 0}});
    const Term low = terms.zext(reg[atom.ra], 32);
    if (terms.is_constant(low) && atom.mode != isa::Mode::Register) {
      return {terms.constant(terms.constant_of(low) | static_cast<uint64_t>(atom.imm) << 32), 0};
    }
    return {terms.value({ir::Op::Or, 64, 0, 0, {low, high, 0, 0}}), 0};
  }
  const Meaning what = meaning(atom.op);
  Terms::Operation operation{what.op, what.width, 0, 0, {0, 0, 0, 0}};
  const ir::OpInfo& ir_row = ir::info(what.op);
  const Term old = atom.fd == 0 ? terms.zero() : reg[isa::flags_register(atom.fd)];
  unsigned sources = 0;
  if (row.uses(isa::kReadsRc)) operation.src[sources++] = reg[atom.rc];                // selects: the condition first
  if (row.uses(isa::kReadsRd)) operation.src[sources++] = reg[atom.rd];                // double shifts: the value first
  if (row.uses(isa::kReadsRa)) operation.src[sources++] = reg[atom.ra];
  if (row.uses(isa::kReadsRb)) operation.src[sources++] = reg[atom.rb];
  else if (row.uses(isa::kReadsRm)) operation.src[sources++] = second_source(terms, atom, reg);
  if (ir_row.effects & ir::kOldFlags) operation.src[ir_row.sources - 1] = old;
  if (what.op == ir::Op::SetCc || what.op == ir::Op::SelectCc) operation.aux = static_cast<uint8_t>(atom.cond);
  if (what.op == ir::Op::Lea || what.op == ir::Op::LeaUw) {
    operation.aux = atom.scale;
    operation.imm = atom.mode == isa::Mode::Long ? atom.imm : 0;
  }
  Results out;
  if (row.uses(isa::kWritesRd)) out.value = terms.value(operation);
  if (what.sign_extends) out.value = terms.sext(out.value, 32);
  if (row.has(isa::kWritesFd) && atom.fd != 0) out.flags = terms.flags(operation);
  return out;
}

Results evaluate(Terms& terms, const ir::Inst& inst, const std::vector<Term>& values) {
  if (inst.op == ir::Op::Const) return {terms.constant(static_cast<uint64_t>(inst.imm)), 0};
  if (inst.op == ir::Op::CodeAddr) return {terms.leaf(Source::Label, static_cast<uint64_t>(inst.imm), 32), 0};
  Terms::Operation operation{inst.op, inst.width, 0, 0, {0, 0, 0, 0}};
  for (unsigned i = 0; i < 4; ++i) operation.src[i] = inst.src[i] == ir::kNoValue ? terms.zero() : values[inst.src[i]];
  if (inst.op == ir::Op::SetCc || inst.op == ir::Op::SelectCc) operation.aux = static_cast<uint8_t>(inst.cond);
  if (inst.op == ir::Op::Lea || inst.op == ir::Op::LeaUw) {
    operation.aux = inst.aux;
    operation.imm = inst.imm;
  }
  Results out;
  if (inst.value != ir::kNoValue) out.value = terms.value(operation);
  if (inst.flags != ir::kNoValue) out.flags = terms.flags(operation);
  return out;
}

}  // namespace chrysalis::translator::checking
