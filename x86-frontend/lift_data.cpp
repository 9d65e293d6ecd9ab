// Data transfer and conversion: SDM Vol. 1, 5.1.1.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

void lift_mov(Lifter& l) { l.write(0, l.read(1)); }

void lift_extend(Lifter& l) {
  if (l.d.mnemonic == Mnemonic::Movzx) {
    l.write(0, l.read_zext(1));
  } else {
    l.write(0, l.op(Op::Zext, l.width(0), l.read_sext(1)));
  }
}

void lift_xchg(Lifter& l) {
  const unsigned memory = l.is_memory(1) ? 1 : 0, other = 1 - memory;
  const auto operand = l.begin_rmw(memory);
  const V value = l.read(other);
  l.finish_rmw(memory, operand, value);
  l.write(other, operand.value);
}

// SDM Vol. 2, "BSWAP": a 16-bit operand gives an undefined result; processors deliver 0.
void lift_bswap(Lifter& l) {
  if (l.width(0) == 16) {
    l.write(0, l.constant(0));
  } else {
    l.write(0, l.op(Op::Bswap, 32, l.read(0)));
  }
}

void lift_xadd(Lifter& l) {
  const auto operand = l.begin_rmw(0);
  const ValueFlags sum = l.both(Op::Add, l.width(0), operand.value, l.read(1));
  if (l.is_memory(0)) {
    l.finish_rmw(0, operand, sum.value);
    l.write(1, operand.value);
  } else {
    l.write(1, operand.value);
    l.write(0, sum.value);
  }
  l.set_flags(sum.flags);
}

// The destination is written in both cases, as the bus sees it, so a read-only one always faults.
void lift_cmpxchg(Lifter& l) {
  const unsigned width = l.width(0);
  const auto operand = l.begin_rmw(0);
  const V accumulator = l.get_gpr(0, width);
  const V source = l.read(1);
  const V flags = l.flags_of(Op::Sub, width, accumulator, operand.value);
  const V destination = l.select_cc(Cond::Z, flags, source, operand.value);
  const V new_accumulator = l.select_cc(Cond::Z, flags, accumulator, operand.value);
  if (l.is_memory(0)) l.finish_rmw(0, operand, destination);
  l.set_gpr(0, width, new_accumulator);
  if (!l.is_memory(0)) l.finish_rmw(0, operand, destination);
  l.set_flags(flags);
}

void lift_cmpxchg8b(Lifter& l) {
  auto join = [&](GuestReg high, GuestReg low) {
    return l.op(Op::Or, 64, l.op_imm(Op::Shl, 64, l.get(high), 32), l.get(low));
  };
  const auto operand = l.begin_rmw(0);
  const V equal = l.op(Op::SetEq, 64, operand.value, join(GuestReg::Edx, GuestReg::Eax));
  const V replacement = join(GuestReg::Ecx, GuestReg::Ebx);
  l.finish_rmw(0, operand, l.select_nz(equal, replacement, operand.value));
  // Equal, the registers already hold the operand.
  l.set(GuestReg::Eax, l.op(Op::Zext, 32, operand.value));
  l.set(GuestReg::Edx, l.op_imm(Op::Shr, 64, operand.value, 32));
  const V zf = l.op_imm(Op::Shl, 64, equal, 6);
  l.set_flags(l.op(Op::Or, 64, l.op_imm(Op::And, 64, l.flags(), kArithmeticFlags & ~kZf), zf));
}

void lift_convert(Lifter& l) {
  const V eax = l.get(GuestReg::Eax);
  switch (l.d.mnemonic) {
    case Mnemonic::Cbw: l.set_gpr(0, 16, l.op(Op::Sext, 8, eax)); break;
    case Mnemonic::Cwde: l.set_gpr(0, 32, l.op(Op::Zext, 32, l.op(Op::Sext, 16, eax))); break;
    case Mnemonic::Cwd: l.set_gpr(2, 16, l.op_imm(Op::Sar, 16, eax, 15)); break;
    default: l.set_gpr(2, 32, l.op_imm(Op::Sar, 32, eax, 31)); break;  // CDQ
  }
}

// The source is read, and may fault, whether or not the condition holds.
void lift_cmov(Lifter& l, Cond cond) {
  const V source = l.read(1);
  l.write(0, l.select_cc(cond, l.flags(), source, l.read(0)));
}

void lift_setcc(Lifter& l, Cond cond) { l.write(0, l.set_cc(cond, l.flags())); }

void lift_lea(Lifter& l) { l.write(0, l.offset_of(1)); }

void lift_xlat(Lifter& l) {
  const V al = l.op(Op::Zext, 8, l.get(GuestReg::Eax));
  const V offset = l.lea(l.address_width(), l.get(GuestReg::Ebx), al, 0, 0);
  const V value = l.load(l.linear(l.d.segment, offset, 0, Lifter::Access::Read), 8);
  l.set_gpr(0, 8, value);
}

}  // namespace chrysalis::x86
