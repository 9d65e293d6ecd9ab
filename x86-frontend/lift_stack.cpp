// The stack: PUSH and POP in all forms, procedure frames.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

// A selector is pushed zero-extended to the operand size.
void lift_push(Lifter& l) {
  const V value = l.is_segment(0) ? l.get(Lifter::selector_of(l.segment(0))) : l.read(0);
  l.set(GuestReg::Esp, l.push(l.get(GuestReg::Esp), l.operand_width(), value));
}

// The address of a destination in memory is computed after ESP has moved, SDM Vol. 2 "POP".
void lift_pop(Lifter& l) {
  const unsigned width = l.operand_width();
  const int64_t bytes = width / 8;
  const V esp = l.get(GuestReg::Esp);
  const V value = l.load(l.stack(esp, 0, Lifter::Access::Read), width);
  if (l.is_memory(0)) l.store(l.place(0, Lifter::Access::Write, kNone, bytes), width, value);
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, bytes));
  if (l.is_register(0)) l.write(0, value);
}

void lift_pusha(Lifter& l) {
  const unsigned width = l.operand_width();
  const V old_esp = l.get(GuestReg::Esp);
  V esp = old_esp;
  for (unsigned n = 0; n < 8; ++n) {
    esp = l.push(esp, width, ir::gpr(n) == GuestReg::Esp ? old_esp : l.get(ir::gpr(n)));
  }
  l.set(GuestReg::Esp, esp);
}

void lift_popa(Lifter& l) {
  const unsigned width = l.operand_width();
  const int64_t bytes = width / 8;
  const V esp = l.get(GuestReg::Esp);
  const Place top = l.stack(esp, 0, Lifter::Access::Read);
  V value[8];
  for (unsigned n = 8; n-- > 0;) {  // EDI lies on top; the slot of ESP is read and ignored
    value[n] = l.load(top, width, (7 - static_cast<int64_t>(n)) * bytes);
  }
  for (unsigned n = 0; n < 8; ++n) {
    if (ir::gpr(n) != GuestReg::Esp) l.set_gpr(n, width, value[n]);
  }
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, 8 * bytes));
}

void lift_pushf(Lifter& l) {
  const V visible = l.op_imm(Op::And, 64, l.get(GuestReg::SysFlags), ~int64_t{kRf | kVm});
  const V image = l.op_imm(Op::Or, 64, l.op(Op::Or, 64, visible, l.flags()), 2);  // bit 1 is always set
  l.set(GuestReg::Esp, l.push(l.get(GuestReg::Esp), l.operand_width(), image));
}

// IF, IOPL, VM, VIF, VIP stay; RF is cleared: it is never set here.
void write_eflags(Lifter& l, V image, unsigned width) {
  const int64_t writable = width == 16 ? kTf | kDf | kNt : kTf | kDf | kNt | kAc | kId;
  const V kept = l.op_imm(Op::And, 64, l.get(GuestReg::SysFlags), ~writable);
  const V loaded = l.op_imm(Op::And, 64, image, writable);
  l.set(GuestReg::SysFlags, l.op(Op::Or, 64, kept, loaded));
  l.set_flags(l.op_imm(Op::And, 64, image, kArithmeticFlags));
}

void lift_popf(Lifter& l) {
  const unsigned width = l.operand_width();
  const V esp = l.get(GuestReg::Esp);
  const V image = l.load(l.stack(esp, 0, Lifter::Access::Read), width);
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, width / 8));
  write_eflags(l, image, width);
}

void lift_enter(Lifter& l) {
  const unsigned width = l.operand_width();
  const int64_t bytes = width / 8;
  const int64_t allocation = l.immediate(0) & 0xffff;
  const unsigned level = static_cast<unsigned>(l.immediate(1)) & 31;
  const V old_ebp = l.get(GuestReg::Ebp);
  V esp = l.push(l.get(GuestReg::Esp), width, old_ebp);
  const V frame = esp;
  if (level > 0) {
    for (unsigned n = 1; n < level; ++n) {
      const Place outer = l.stack(old_ebp, -static_cast<int64_t>(n) * bytes, Lifter::Access::Read);
      esp = l.push(esp, width, l.load(outer, width));
    }
    esp = l.push(esp, width, frame);
  }
  // SDM Vol. 2, "ENTER": page-faults whenever a write at the final stack pointer would.
  l.probe_write(l.stack(esp, -allocation, Lifter::Access::Write), width);
  l.set_gpr(5, width, frame);
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, -allocation));
}

void lift_leave(Lifter& l) {
  const unsigned width = l.operand_width();
  const V ebp = l.get(GuestReg::Ebp);
  const V value = l.load(l.stack(ebp, 0, Lifter::Access::Read), width);
  l.set(GuestReg::Esp, l.lea(32, ebp, kNone, 0, width / 8));
  l.set_gpr(5, width, value);
}

}  // namespace chrysalis::x86
