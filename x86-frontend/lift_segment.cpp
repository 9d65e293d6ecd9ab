// Segment registers and selectors: SDM Vol. 1, 5.1.12 and 5.20.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

namespace {

/// ZF = `condition` (0 or 1), the other flags unchanged.
void set_zero_flag(Lifter& l, V condition) {
  const V kept = l.op_imm(Op::And, 64, l.flags(), kArithmeticFlags & ~kZf);
  l.set_flags(l.op(Op::Or, 64, kept, l.op_imm(Op::Shl, 64, condition, 6)));
}

void load_segment(Lifter& l, SegmentRegister segment, V selector) {
  l.helper(HelperId::LoadSegment, l.constant(static_cast<int64_t>(segment)), selector);
}

}  // namespace

// To memory the store is always of 16 bits; a 32-bit register is zero-extended.
void lift_mov_segment(Lifter& l) {
  if (l.is_segment(0)) {
    load_segment(l, l.segment(0), l.is_memory(1) ? l.load(l.place(1, Lifter::Access::Read), 16) : l.read(1));
    return;
  }
  const V selector = l.get(Lifter::selector_of(l.segment(1)));
  if (l.is_memory(0)) {
    l.store(l.place(0, Lifter::Access::Write), 16, selector);
  } else {
    l.set_gpr(l.d.operands[0].reg, l.operand_width(), selector);
  }
}

void lift_pop_segment(Lifter& l) {
  const V esp = l.get(GuestReg::Esp);
  const V selector = l.load(l.stack(esp, 0, Lifter::Access::Read), l.operand_width());
  load_segment(l, l.segment(0), selector);
  l.set(GuestReg::Esp, l.lea(32, esp, kNone, 0, l.operand_width() / 8));
}

void lift_load_far_pointer(Lifter& l) {
  SegmentRegister segment = SegmentRegister::Es;
  switch (l.d.mnemonic) {
    case Mnemonic::Lds: segment = SegmentRegister::Ds; break;
    case Mnemonic::Lss: segment = SegmentRegister::Ss; break;
    case Mnemonic::Lfs: segment = SegmentRegister::Fs; break;
    case Mnemonic::Lgs: segment = SegmentRegister::Gs; break;
    default: break;
  }
  const unsigned width = l.operand_width();
  const Place at = l.place(1, Lifter::Access::Read);
  const V offset = l.load(at, width);
  const V selector = l.load(at, 16, width / 8);
  load_segment(l, segment, selector);
  l.set_gpr(l.d.operands[0].reg, width, offset);
}

// RPL of the destination is raised to that of the source.
void lift_arpl(Lifter& l) {
  if (l.is_memory(0)) {
    const Place at = l.place(0, Lifter::Access::Read);
    const V address = l.lea(32, at.address, kNone, 0, at.displacement);
    const V writable = l.constant(l.is_writable(l.d.operands[0].segment));
    set_zero_flag(l, l.helper(HelperId::AdjustRpl, address, l.read(1), writable));
    return;
  }
  const auto operand = l.begin_rmw(0);
  const V source_rpl = l.op_imm(Op::And, 64, l.read(1), 3);
  const V rpl = l.op_imm(Op::And, 64, operand.value, 3);
  const V raised = l.op(Op::SetLtU, 64, rpl, source_rpl);
  const V adjusted = l.op(Op::Or, 16, l.op_imm(Op::And, 16, operand.value, 0xfffc), source_rpl);
  l.finish_rmw(0, operand, l.select_nz(raised, adjusted, operand.value));
  set_zero_flag(l, raised);
}

void lift_selector_query(Lifter& l) {
  const Mnemonic mnemonic = l.d.mnemonic;
  const bool verify = mnemonic == Mnemonic::Verr || mnemonic == Mnemonic::Verw;
  const unsigned source = verify ? 0 : 1;
  const V selector = l.is_memory(source) ? l.load(l.place(source, Lifter::Access::Read), 16) : l.read(source);
  const HelperId id = mnemonic == Mnemonic::Lar    ? HelperId::LoadAccessRights
                      : mnemonic == Mnemonic::Lsl  ? HelperId::LoadSegmentLimit
                      : mnemonic == Mnemonic::Verr ? HelperId::VerifyRead
                                                   : HelperId::VerifyWrite;
  const V answer = l.helper(id, selector);
  const V valid = l.op_imm(Op::Shr, 64, answer, 32);
  if (!verify) {
    const unsigned width = l.width(0);
    const V value = l.select_nz(valid, l.op(Op::Zext, width, answer), l.op(Op::Zext, width, l.read(0)));
    l.write(0, value);
  }
  set_zero_flag(l, valid);
}

}  // namespace chrysalis::x86
