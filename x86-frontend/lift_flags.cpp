// Flag control: SDM Vol. 1, 5.1.11.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

void lift_flag_operation(Lifter& l) {
  switch (l.d.mnemonic) {
    case Mnemonic::Clc: l.set_flags(l.op_imm(Op::And, 64, l.flags(), kArithmeticFlags & ~kCf)); break;
    case Mnemonic::Stc: l.set_flags(l.op_imm(Op::Or, 64, l.flags(), kCf)); break;
    case Mnemonic::Cmc: l.set_flags(l.op_imm(Op::Xor, 64, l.flags(), kCf)); break;
    case Mnemonic::Cld: l.set(GuestReg::SysFlags, l.op_imm(Op::And, 64, l.get(GuestReg::SysFlags), ~int64_t{kDf})); break;
    case Mnemonic::Std: l.set(GuestReg::SysFlags, l.op_imm(Op::Or, 64, l.get(GuestReg::SysFlags), kDf)); break;
    case Mnemonic::Lahf: l.set_gpr(4, 8, l.op_imm(Op::Or, 64, l.flags(), 2)); break;  // bit 1 is always set
    case Mnemonic::Sahf: {
      const V kept = l.op_imm(Op::And, 64, l.flags(), kOf);
      const V loaded = l.op_imm(Op::And, 64, l.get_gpr(4, 8), kArithmeticFlags & ~kOf);
      l.set_flags(l.op(Op::Or, 64, kept, loaded));
      break;
    }
    default: {  // SALC: AL = CF ? 0xff : 0
      const V carry = l.op_imm(Op::And, 64, l.flags(), kCf);
      l.set_gpr(0, 8, l.op(Op::Neg, 8, carry));
      break;
    }
  }
}

}  // namespace chrysalis::x86
