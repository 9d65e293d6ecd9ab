#include "translator/codegen_fp.h"

#include "translator/assert.h"

namespace chrysalis::translator {
namespace {

// f16 and up have no shadow copies: scratch.
constexpr Reg kOperand0 = isa::kFpFile + 16, kOperand1 = isa::kFpFile + 17, kResult = isa::kFpFile + 18;

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

  void binary(isa::Op atom, Reg result, const Reg* sources) {
    load(kOperand0, sources[1]);
    load(kOperand1, sources[2]);
    op(atom, kResult, kOperand0, kOperand1);
    store(sources[0]);
    read_status(result);
  }

  void unary(isa::Op atom, Reg result, const Reg* sources) {
    load(kOperand0, sources[1]);
    op(atom, kResult, kOperand0);
    store(sources[0]);
    read_status(result);
  }

  void compare(isa::Op atom, Reg result, const Reg* sources) {
    load(kOperand0, sources[0]);
    load(kOperand1, sources[1]);
    const Reg image = out_.new_virtual(), status = out_.new_virtual(), shifted = out_.new_virtual();
    op(atom, image, kOperand0, kOperand1);
    read_status(status);
    op(isa::Op::Shl64, shifted, status);
    out_.ops.back().mode = isa::Mode::Short;
    out_.ops.back().imm = 16;
    op(isa::Op::Or64, result, shifted, image);
  }

  void from_bits(isa::Op convert, Reg result, const Reg* sources) {
    op(isa::Op::FFromR, kOperand0, sources[1]);
    op(convert, kResult, kOperand0);
    store(sources[0]);
    read_status(result);
  }

  void from_integer(Reg result, const Reg* sources) {
    op(isa::Op::I64To80, kResult, sources[1]);
    store(sources[0]);
    read_status(result);
  }

  void to_bits(isa::Op convert, Reg result, const Reg* sources) {
    load(kOperand0, sources[0]);
    op(convert, kResult, kOperand0);
    op(isa::Op::RFromF, result, kResult);
  }

  void to_integer(isa::Op convert, Reg result, const Reg* sources) {
    load(kOperand0, sources[0]);
    op(convert, result, kOperand0);
  }

 private:
  MachineCode& out_;
};

}  // namespace

void generate_fp(ir::IntrinsicId id, Reg result, const Reg sources[3], MachineCode& out) {
  using Id = ir::IntrinsicId;
  FpGenerator fp(out);
  fp.clear_status();
  switch (id) {
    case Id::Fp80Add: return fp.binary(isa::Op::FAdd80, result, sources);
    case Id::Fp80Sub: return fp.binary(isa::Op::FSub80, result, sources);
    case Id::Fp80Mul: return fp.binary(isa::Op::FMul80, result, sources);
    case Id::Fp80Div: return fp.binary(isa::Op::FDiv80, result, sources);
    case Id::Fp80Rem: return fp.binary(isa::Op::FRem80, result, sources);
    case Id::Fp80Rem1: return fp.binary(isa::Op::FRem180, result, sources);
    case Id::Fp80Scale: return fp.binary(isa::Op::FScale80, result, sources);
    case Id::Fp80Sqrt: return fp.unary(isa::Op::FSqrt80, result, sources);
    case Id::Fp80Round: return fp.unary(isa::Op::FRound80, result, sources);
    case Id::Fp80Exponent: return fp.unary(isa::Op::FExponent80, result, sources);
    case Id::Fp80Significand: return fp.unary(isa::Op::FSignificand80, result, sources);
    case Id::Fp80Compare: return fp.compare(isa::Op::FCmp80, result, sources);
    case Id::Fp80CompareQuiet: return fp.compare(isa::Op::FCmpQ80, result, sources);
    case Id::Fp80FromF32: return fp.from_bits(isa::Op::F32To80, result, sources);
    case Id::Fp80FromF64: return fp.from_bits(isa::Op::F64To80, result, sources);
    case Id::Fp80FromI64: return fp.from_integer(result, sources);
    case Id::Fp80ToF32: return fp.to_bits(isa::Op::F80To32, result, sources);
    case Id::Fp80ToF64: return fp.to_bits(isa::Op::F80To64, result, sources);
    case Id::Fp80ToI16: return fp.to_integer(isa::Op::F80ToI16, result, sources);
    case Id::Fp80ToI32: return fp.to_integer(isa::Op::F80ToI32, result, sources);
    case Id::Fp80ToI64: return fp.to_integer(isa::Op::F80ToI64, result, sources);
    default: CHRYSALIS_ASSERT(false, id);
  }
}

}  // namespace chrysalis::translator
