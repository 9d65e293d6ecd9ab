// What user mode may ask of the system: SDM Vol. 1, 5.1.15 and 5.20.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

void lift_cpuid(Lifter& l) { l.helper(HelperId::Cpuid); }

void lift_rdtsc(Lifter& l) {
  const V counter = l.helper(HelperId::Rdtsc);
  l.set(GuestReg::Eax, l.op(Op::Zext, 32, counter));
  l.set(GuestReg::Edx, l.op_imm(Op::Shr, 64, counter, 32));
}

// Selectors and the machine status word go to memory as 16 bits, to a register zero-extended.
void lift_store_system(Lifter& l) {
  SystemRegister which = SystemRegister::Msw;
  switch (l.d.mnemonic) {
    case Mnemonic::Sgdt: which = SystemRegister::Gdtr; break;
    case Mnemonic::Sidt: which = SystemRegister::Idtr; break;
    case Mnemonic::Sldt: which = SystemRegister::Ldtr; break;
    case Mnemonic::Str: which = SystemRegister::Tr; break;
    default: break;
  }
  const V value = l.helper(HelperId::ReadSystemRegister, l.constant(static_cast<int64_t>(which)));
  if (!l.is_memory(0)) {
    l.set_gpr(l.d.operands[0].reg, l.operand_width(), l.op(Op::Zext, l.operand_width(), value));
    return;
  }
  const Place at = l.place(0, Lifter::Access::Write);
  l.store(at, 16, value);
  if (which == SystemRegister::Gdtr || which == SystemRegister::Idtr) {
    l.store(at, 32, l.op_imm(Op::Shr, 64, value, 16), 2);
  }
}

}  // namespace chrysalis::x86
