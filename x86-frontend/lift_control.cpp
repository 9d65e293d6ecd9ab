// Control transfer: SDM Vol. 1, 5.1.7. Targets are cut to 16 bits with a 16-bit operand size.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

namespace {

constexpr unsigned kEcx = 1;

/// ECX or CX, by the address size, zero-extended.
V counter(Lifter& l) {
  const V ecx = l.get(GuestReg::Ecx);
  return l.address_width() == 16 ? l.op(Op::Zext, 16, ecx) : ecx;
}

/// A branch target from a register or memory, zero-extended.
V indirect_target(Lifter& l) { return l.read_zext(0); }

/// Offset and selector of a far pointer, in the instruction or in memory.
struct FarPointer {
  V offset, selector;
};

FarPointer read_far_pointer(Lifter& l, unsigned i) {
  if (!l.is_memory(i)) return {l.constant(l.truncated(static_cast<uint32_t>(l.immediate(i)))), l.constant(l.d.operands[i].selector)};
  const unsigned width = l.operand_width();
  const Place at = l.place(i, Lifter::Access::Read);
  const V offset = l.load(at, width);
  return {offset, l.load(at, 16, width / 8)};
}

}  // namespace

void lift_jmp(Lifter& l) {
  if (l.is_relative(0)) {
    l.exit_to(l.relative_target(0));
  } else {
    l.exit_indirect(indirect_target(l), ir::ExitKind::Jump);
  }
}

void lift_jcc(Lifter& l, Cond cond) { l.exit_if(cond, l.flags(), l.relative_target(0)); }

void lift_jcxz(Lifter& l) { l.exit_if(Cond::Zero, counter(l), l.relative_target(0)); }

void lift_loop(Lifter& l) {
  const V left = l.lea(l.address_width(), counter(l), kNone, 0, -1);
  l.set_gpr(kEcx, l.address_width(), left);
  if (l.d.mnemonic == Mnemonic::Loop) {
    l.exit_if(Cond::NonZero, left, l.relative_target(0));
    return;
  }
  l.exit_if(Cond::Zero, left, l.next());
  l.exit_if(l.d.mnemonic == Mnemonic::Loope ? Cond::Z : Cond::NZ, l.flags(), l.relative_target(0));
}

void lift_call(Lifter& l) {
  const V target = l.is_relative(0) ? kNone : indirect_target(l);
  const V esp = l.push(l.get(GuestReg::Esp), l.operand_width(), l.constant(l.next()));
  l.set(GuestReg::Esp, esp);
  if (target == kNone) {
    l.exit_to(l.relative_target(0), ir::ExitKind::Call);
  } else {
    l.exit_indirect(target, ir::ExitKind::Call);
  }
}

void lift_ret(Lifter& l) {
  const unsigned width = l.operand_width();
  const V esp = l.get(GuestReg::Esp);
  const V target = l.load(l.stack(esp, 0, Lifter::Access::Read), width);
  const int64_t released = l.d.operand_count ? l.immediate(0) & 0xffff : 0;
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, width / 8 + released));
  l.exit_indirect(target, ir::ExitKind::Return);
}

void lift_far_jmp(Lifter& l) {
  const FarPointer target = read_far_pointer(l, 0);
  const V cs = l.helper(HelperId::CheckCodeSegment, target.selector, l.constant(0));
  l.set(GuestReg::CsSel, cs);
  l.exit_indirect(target.offset, ir::ExitKind::Jump);
}

void lift_far_call(Lifter& l) {
  const unsigned width = l.operand_width();
  const FarPointer target = read_far_pointer(l, 0);
  const V cs = l.helper(HelperId::CheckCodeSegment, target.selector, l.constant(0));
  V esp = l.push(l.get(GuestReg::Esp), width, l.get(GuestReg::CsSel));
  esp = l.push(esp, width, l.constant(l.next()));
  l.set(GuestReg::Esp, esp);
  l.set(GuestReg::CsSel, cs);
  l.exit_indirect(target.offset, ir::ExitKind::Call);
}

void lift_far_ret(Lifter& l) {
  const unsigned width = l.operand_width();
  const int64_t bytes = width / 8;
  const V esp = l.get(GuestReg::Esp);
  const Place top = l.stack(esp, 0, Lifter::Access::Read);
  const V target = l.load(top, width);
  const V selector = l.load(top, width, bytes);
  const V cs = l.helper(HelperId::CheckCodeSegment, selector, l.constant(1));
  const int64_t released = l.d.operand_count ? l.immediate(0) & 0xffff : 0;
  l.set(GuestReg::CsSel, cs);
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, 2 * bytes + released));
  l.exit_indirect(target, ir::ExitKind::Return);
}

// To the same level only, since a user-mode program cannot return inward. With NT set: #GP(0), as on a
// processor whose kernel uses no task links.
void lift_iret(Lifter& l) {
  const unsigned width = l.operand_width();
  const int64_t bytes = width / 8;
  l.trap_if(Cond::NonZero, l.op_imm(Op::And, 64, l.get(GuestReg::SysFlags), kNt), kProtection);
  const V esp = l.get(GuestReg::Esp);
  const Place top = l.stack(esp, 0, Lifter::Access::Read);
  const V target = l.load(top, width);
  const V selector = l.load(top, width, bytes);
  const V image = l.load(top, width, 2 * bytes);
  const V cs = l.helper(HelperId::CheckCodeSegment, selector, l.constant(1));
  l.set(GuestReg::CsSel, cs);
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, 3 * bytes));
  write_eflags(l, image, width);
  l.exit_indirect(target, ir::ExitKind::Return);
}

void lift_int(Lifter& l) {
  switch (l.d.mnemonic) {
    case Mnemonic::Int3: l.software_interrupt(kBreakpoint); break;
    case Mnemonic::Int1: l.software_interrupt(kDebug, false); break;
    case Mnemonic::Into:
      l.exit_if(Cond::NO, l.flags(), l.next());
      l.software_interrupt(kOverflow);
      break;
    default: l.software_interrupt(static_cast<uint8_t>(l.immediate(0)));
  }
}

void lift_bound(Lifter& l) {
  const unsigned width = l.width(0);
  const V index = l.read_sext(0);
  const Place at = l.place(1, Lifter::Access::Read);
  const V lower = l.op(Op::Sext, width, l.load(at, width));
  const V upper = l.op(Op::Sext, width, l.load(at, width, width / 8));
  const V below = l.op(Op::SetLtS, 64, index, lower);
  const V above = l.op(Op::SetLtS, 64, upper, index);
  l.trap_if(Cond::NonZero, l.op(Op::Or, 64, below, above), kBoundRange);
}

}  // namespace chrysalis::x86
