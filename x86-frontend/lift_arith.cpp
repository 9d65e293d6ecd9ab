// Binary arithmetic and logic: SDM Vol. 1, 5.1.2 and 5.1.4.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

void lift_binary(Lifter& l, Op op) {
  const bool carry = (ir::info(op).effects & ir::kOldFlags) != 0;
  const auto operand = l.begin_rmw(0);
  const V source = l.read(1);
  const ValueFlags r = l.both(op, l.width(0), operand.value, source, carry ? l.flags() : kNone);
  l.finish_rmw(0, operand, r.value);
  l.set_flags(r.flags);
}

void lift_compare(Lifter& l, Op op) {
  const V a = l.read(0);
  l.set_flags(l.flags_of(op, l.width(0), a, l.read(1)));
}

void lift_unary(Lifter& l, Op op) {
  const auto operand = l.begin_rmw(0);
  if (op == Op::Not) {
    l.finish_rmw(0, operand, l.op(op, l.width(0), operand.value));
    return;
  }
  const bool old = (ir::info(op).effects & ir::kOldFlags) != 0;
  const ValueFlags r = l.both(op, l.width(0), operand.value, old ? l.flags() : kNone);
  l.finish_rmw(0, operand, r.value);
  l.set_flags(r.flags);
}

namespace {

/// EDX:EAX, DX:AX or AX = the product of the accumulator and operand 0.
void widening_multiply(Lifter& l, bool is_signed) {
  const unsigned width = l.width(0);
  const Op extend = is_signed ? Op::Sext : Op::Zext;
  const V source = is_signed ? l.read_sext(0) : l.read_zext(0);
  const V accumulator = l.op(extend, width, l.get(GuestReg::Eax));
  const V flags = l.flags_of(is_signed ? Op::MulFlagsS : Op::MulFlagsU, width, accumulator, source);
  const V product = l.op(Op::MulLow, 64, accumulator, source);
  if (width == 8) {
    l.set_gpr(0, 16, product);
  } else {
    l.set_gpr(0, width, l.op(Op::Zext, width, product));
    l.set_gpr(2, width, l.op(Op::Zext, width, l.op_imm(Op::Shr, 64, product, width)));
  }
  l.set_flags(flags);
}

/// EDX:EAX, DX:AX or AX, extended to 64 bits.
V dividend(Lifter& l, unsigned width, bool is_signed) {
  const Op extend = is_signed ? Op::Sext : Op::Zext;
  const V eax = l.get(GuestReg::Eax);
  if (width == 8) return l.op(extend, 16, eax);
  if (width == 32) return l.op(Op::Or, 64, l.op_imm(Op::Shl, 64, l.get(GuestReg::Edx), 32), eax);
  const V joined = l.op(Op::Or, 64, l.op_imm(Op::Shl, 64, l.get(GuestReg::Edx), 16), l.op(Op::Zext, 16, eax));
  return l.op(extend, 32, joined);
}

/// Quotient and remainder; #DE for a zero divisor or a quotient that does not fit. Flags are undefined, and kept.
void divide(Lifter& l, bool is_signed) {
  const unsigned width = l.width(0);
  const V divisor = is_signed ? l.read_sext(0) : l.read_zext(0);
  l.trap_if(Cond::Zero, divisor, kDivideError);
  const V numerator = dividend(l, width, is_signed);
  const V quotient = l.op(is_signed ? Op::DivS : Op::DivU, 64, numerator, divisor);
  const V remainder = l.op(is_signed ? Op::RemS : Op::RemU, 64, numerator, divisor);
  const V fitted = l.op(is_signed ? Op::Sext : Op::Zext, width, quotient);
  l.trap_if(Cond::NonZero, l.op(Op::SetNe, 64, fitted, quotient), kDivideError);
  if (width == 8) {
    l.set_gpr(0, 8, quotient);
    l.set_gpr(4, 8, remainder);
  } else {
    l.set_gpr(0, width, l.op(Op::Zext, width, quotient));
    l.set_gpr(2, width, l.op(Op::Zext, width, remainder));
  }
}

}  // namespace

void lift_mul(Lifter& l) { widening_multiply(l, false); }

void lift_imul(Lifter& l) {
  if (l.d.operand_count == 1) {
    widening_multiply(l, true);
    return;
  }
  const bool three = l.d.operand_count == 3;
  const unsigned width = l.width(0);
  const V a = l.read(three ? 1 : 0);
  const V b = l.read(three ? 2 : 1);
  const V product = l.op(Op::MulLow, width, a, b);
  const V flags = l.flags_of(Op::MulFlagsS, width, a, b);
  l.write(0, product);
  l.set_flags(flags);
}

void lift_div(Lifter& l) { divide(l, false); }
void lift_idiv(Lifter& l) { divide(l, true); }

}  // namespace chrysalis::x86
