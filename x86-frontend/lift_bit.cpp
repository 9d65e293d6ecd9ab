// Bit tests and scans: SDM Vol. 1, 5.1.6.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

// With a register index and an operand in memory the index is signed and reaches the whole bit string:
// SDM Vol. 1, 3.1.1.9 "BitBase". The access is of the operand's width at base + width / 8 * (index / width).
void lift_bit_test(Lifter& l, Op op) {
  const unsigned width = l.width(0);
  const bool bit_string = l.is_memory(0) && l.is_register(1);
  const V index = l.read(1);
  V extra = kNone;
  if (bit_string) {
    const V words = l.op_imm(Op::Sar, 64, l.op(Op::Sext, width, index), width == 16 ? 4 : 5);
    extra = l.op_imm(Op::Shl, 64, words, width == 16 ? 1 : 2);
  }
  if (op == Op::Bt) {
    const V value = l.is_memory(0) ? l.load(l.place(0, Lifter::Access::Read, extra), width) : l.read(0);
    l.set_flags(l.flags_of(op, width, value, index, l.flags()));
    return;
  }
  const auto operand = l.begin_rmw(0, extra);
  const ValueFlags r = l.both(op, width, operand.value, index, l.flags());
  l.finish_rmw(0, operand, r.value);
  l.set_flags(r.flags);
}

// SDM Vol. 2, "BSF": the destination is undefined for a zero source; AMD documents that it is unchanged, and so do we.
void lift_bit_scan(Lifter& l, Op op) {
  const V source = l.read(1);
  const ValueFlags r = l.both(op, l.width(0), source, l.read(0), l.flags());
  l.write(0, r.value);
  l.set_flags(r.flags);
}

}  // namespace chrysalis::x86
