// Decimal arithmetic: SDM Vol. 1, 5.1.3.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

namespace {

/// 1 if the low digit of AL exceeds 9 or AF is set.
V low_digit_adjusts(Lifter& l, V al, V flags) {
  const V digit = l.op_imm(Op::And, 64, al, 0xf);
  const V exceeds = l.op(Op::SetLtU, 64, l.constant(9), digit);
  return l.op(Op::Or, 64, exceeds, l.op_imm(Op::And, 64, l.op_imm(Op::Shr, 64, flags, 4), 1));
}

/// `bit` (0 or 1) times a flag.
V flag_if(Lifter& l, V bit, unsigned position) { return position == 0 ? bit : l.op_imm(Op::Shl, 64, bit, position); }

/// The SF, ZF and PF of an 8-bit result.
V result_flags(Lifter& l, V value) { return l.flags_of(Op::And, 8, value, value); }

}  // namespace

// OF is undefined and kept.
void lift_decimal_adjust(Lifter& l) {
  const bool add = l.d.mnemonic == Mnemonic::Daa;
  const V flags = l.flags();
  const V al = l.op(Op::Zext, 8, l.get(GuestReg::Eax));
  const V low = low_digit_adjusts(l, al, flags);
  const V old_carry = l.op_imm(Op::And, 64, flags, kCf);
  const V high = l.op(Op::Or, 64, old_carry, l.op(Op::SetLtU, 64, l.constant(0x99), al));
  const V by_low = l.select_nz(low, l.constant(6), l.constant(0));
  const V by_high = l.select_nz(high, l.constant(0x60), l.constant(0));
  const V adjustment = l.op(Op::Add, 64, by_low, by_high);
  const V result = l.op(add ? Op::Add : Op::Sub, 8, al, adjustment);
  V carry = high;
  if (!add) carry = l.op(Op::Or, 64, high, l.op(Op::SetLtU, 64, al, by_low));  // borrow of AL - 6
  V image = l.op(Op::Or, 64, result_flags(l, result), carry);
  image = l.op(Op::Or, 64, image, flag_if(l, low, 4));
  image = l.op(Op::Or, 64, image, l.op_imm(Op::And, 64, flags, kOf));
  l.set_gpr(0, 8, result);
  l.set_flags(image);
}

// OF, SF, ZF and PF are undefined and kept.
void lift_ascii_adjust(Lifter& l) {
  const bool add = l.d.mnemonic == Mnemonic::Aaa;
  const V flags = l.flags();
  const V eax = l.get(GuestReg::Eax);
  const V adjusts = low_digit_adjusts(l, eax, flags);
  const V adjustment = l.select_nz(adjusts, l.constant(0x106), l.constant(0));
  const V adjusted = l.op(add ? Op::Add : Op::Sub, 16, eax, adjustment);
  const V result = l.op_imm(Op::And, 64, adjusted, 0xff0f);
  V image = l.op_imm(Op::And, 64, flags, kOf | kSf | kZf | kPf);
  image = l.op(Op::Or, 64, image, l.select_nz(adjusts, l.constant(kCf | kAf), l.constant(0)));
  l.set_gpr(0, 16, result);
  l.set_flags(image);
}

void lift_aam(Lifter& l) {
  const int64_t base = l.immediate(0) & 0xff;
  if (base == 0) {
    l.trap(kDivideError);
    return;
  }
  const V al = l.op(Op::Zext, 8, l.get(GuestReg::Eax));
  const V divisor = l.constant(base);
  const V quotient = l.op(Op::DivU, 32, al, divisor);
  const V remainder = l.op(Op::RemU, 32, al, divisor);
  l.set_gpr(0, 8, remainder);
  l.set_gpr(4, 8, quotient);
  l.set_flags(result_flags(l, remainder));
}

void lift_aad(Lifter& l) {
  const V eax = l.get(GuestReg::Eax);
  const V tens = l.op_imm(Op::MulLow, 32, l.op(Op::ExtractH, 64, eax), l.immediate(0) & 0xff);
  const V result = l.op(Op::Add, 8, eax, tens);
  l.set_gpr(0, 16, result);
  l.set_flags(result_flags(l, result));
}

}  // namespace chrysalis::x86
