#include "translator/codegen_fp.h"

#include "translator/assert.h"

namespace chrysalis::translator {
namespace {

// f16 and up have no shadow copies: scratch.
constexpr Reg kOperand0 = isa::kFpFile + 16, kOperand1 = isa::kFpFile + 17, kResult = isa::kFpFile + 18;

struct FpRow {
  ir::IntrinsicId id;
  ir::FpShape shape;
  isa::Op atom;
  uint16_t count;
};
constexpr FpRow kRows[] = {
#define IR_FP(name, text, shape, atom, count) {ir::IntrinsicId::name, ir::FpShape::shape, isa::Op::atom, count},
#include "translator/ir/fp_intrinsics.def"
#undef IR_FP
};

class FpGenerator {
 public:
  explicit FpGenerator(MachineCode& out) : out_(out) {}

  void op(isa::Op atom, Reg d, Reg a = kNoReg, Reg b = kNoReg, uint16_t count = 0) {
    MachOp op;
    op.op = atom;
    op.d = d;
    op.a = a;
    op.b = b;
    op.count = count;
    op.hoist_limit = kNeverHoist;
    op.base = kUnknownBase;
    op.id = static_cast<int32_t>(out_.ops.size());
    out_.ops.push_back(op);
  }

  void memory(isa::Op atom, Reg data, Reg address) {
    op(atom, data, address);
    MachOp& last = out_.ops.back();
    last.mode = isa::Mode::Short;
    last.size = 10;
  }

  void load(Reg to, Reg address) { memory(isa::Op::FLdC80, to, address); }
  void store(Reg address) { memory(isa::Op::FStC80, kResult, address); }
  void clear_status() { op(isa::Op::Mts, kNoReg, isa::kZero, kNoReg, static_cast<uint16_t>(isa::Special::Fsr)); }
  void read_status(Reg to) { op(isa::Op::Mfs, to, kNoReg, kNoReg, static_cast<uint16_t>(isa::Special::Fsr)); }

  /// Loads the operand at `address`, or takes `bits` as they are.
  void operand(Reg to, Reg source, bool bits) {
    if (bits) op(isa::Op::FFromR, to, source);
    else load(to, source);
  }

  void compare(isa::Op atom, Reg result, const Reg* sources, bool bits) {
    load(kOperand0, sources[0]);
    operand(kOperand1, sources[1], bits);
    const Reg image = out_.new_virtual(), status = out_.new_virtual(), shifted = out_.new_virtual();
    op(atom, image, kOperand0, kOperand1);
    read_status(status);
    op(isa::Op::Shl64, shifted, status);
    out_.ops.back().mode = isa::Mode::Short;
    out_.ops.back().imm = 16;
    op(isa::Op::Or64, result, shifted, image);
  }

  void generate(const FpRow& row, Reg result, const Reg* sources) {
    using ir::FpShape;
    switch (row.shape) {
      case FpShape::Binary:
      case FpShape::BinaryBits:
        load(kOperand0, sources[1]);
        operand(kOperand1, sources[2], row.shape == FpShape::BinaryBits);
        op(row.atom, kResult, kOperand0, kOperand1);
        break;
      case FpShape::Unary:
        load(kOperand0, sources[1]);
        op(row.atom, kResult, kOperand0);
        break;
      case FpShape::FromBits:
        op(isa::Op::FFromR, kOperand0, sources[1]);
        op(row.atom, kResult, kOperand0);
        break;
      case FpShape::FromInteger: op(row.atom, kResult, sources[1]); break;
      case FpShape::Compare:
      case FpShape::CompareBits: return compare(row.atom, result, sources, row.shape == FpShape::CompareBits);
      case FpShape::ToBits:
        load(kOperand0, sources[0]);
        op(row.atom, kResult, kOperand0);
        op(isa::Op::RFromF, result, kResult);
        return;
      case FpShape::ToInteger:
      case FpShape::Class:
        load(kOperand0, sources[0]);
        op(row.atom, result, kOperand0);
        return;
      case FpShape::Constant:
        op(row.atom, kResult, kNoReg, kNoReg, row.count);
        store(sources[0]);
        return;
    }
    store(sources[0]);
    read_status(result);
  }

 private:
  MachineCode& out_;
};

}  // namespace

void generate_fp(ir::IntrinsicId id, Reg result, const Reg sources[3], MachineCode& out) {
  for (const FpRow& row : kRows) {
    if (row.id != id) continue;
    FpGenerator fp(out);
    if (row.shape != ir::FpShape::Class && row.shape != ir::FpShape::Constant) fp.clear_status();
    return fp.generate(row, result, sources);
  }
  CHRYSALIS_ASSERT(false, id);
}

}  // namespace chrysalis::translator
