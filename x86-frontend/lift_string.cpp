// String operations: SDM Vol. 1, 5.1.8. Under REP one iteration is lifted, which exits to itself; so every
// iteration is a commit point, a fault leaves the registers as hardware does, and interrupts can be taken.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

namespace {

constexpr unsigned kEcx = 1, kEsi = 6, kEdi = 7;

struct Shape {
  bool reads_source, writes_memory, sets_flags;
};

Shape shape_of(Mnemonic mnemonic) {
  switch (mnemonic) {
    case Mnemonic::Movsb: case Mnemonic::Movsw: case Mnemonic::Movsd: return {true, true, false};
    case Mnemonic::Cmpsb: case Mnemonic::Cmpsw: case Mnemonic::Cmpsd: return {true, false, true};
    case Mnemonic::Stosb: case Mnemonic::Stosw: case Mnemonic::Stosd: return {false, true, false};
    case Mnemonic::Lodsb: case Mnemonic::Lodsw: case Mnemonic::Lodsd: return {true, false, false};
    default: return {false, false, true};  // SCAS
  }
}

}  // namespace

void lift_string(Lifter& l) {
  using Access = Lifter::Access;
  const Shape shape = shape_of(l.d.mnemonic);
  const unsigned width = l.operand_width(), address_width = l.address_width();
  const bool repeated = l.d.repeat != Repeat::None;

  auto address_register = [&](unsigned n) {
    const V v = l.get(ir::gpr(n));
    return address_width == 16 ? l.op(Op::Zext, 16, v) : v;
  };
  V count = kNone;
  if (repeated) {
    count = address_register(kEcx);
    l.exit_if(Cond::Zero, count, l.next());
  }

  V source = kNone, esi = kNone, edi = kNone, flags = kNone;
  if (shape.reads_source) {
    esi = address_register(kEsi);
    source = l.load(l.linear(l.d.segment, esi, 0, Access::Read), width);
  } else {
    source = l.get(GuestReg::Eax);
  }
  if (shape.writes_memory) {
    edi = address_register(kEdi);
    l.store(l.linear(SegmentRegister::Es, edi, 0, Access::Write), width, source);
  } else if (shape.sets_flags) {
    edi = address_register(kEdi);
    flags = l.flags_of(Op::Sub, width, source, l.load(l.linear(SegmentRegister::Es, edi, 0, Access::Read), width));
  }

  const int64_t bytes = width / 8;
  const V direction = l.op_imm(Op::And, 64, l.get(GuestReg::SysFlags), kDf);
  const V step = l.select_nz(direction, l.constant(-bytes), l.constant(bytes));
  if (esi != kNone) l.set_gpr(kEsi, address_width, l.lea(address_width, esi, step, 0, 0));
  if (edi != kNone) l.set_gpr(kEdi, address_width, l.lea(address_width, edi, step, 0, 0));
  if (edi == kNone) l.set_gpr(0, width, source);
  if (shape.sets_flags) l.set_flags(flags);

  if (repeated) {
    const V left = l.lea(address_width, count, kNone, 0, -1);
    l.set_gpr(kEcx, address_width, left);
    l.exit_if(Cond::Zero, left, l.next());
    if (shape.sets_flags) l.exit_if(l.d.repeat == Repeat::WhileEqual ? Cond::NZ : Cond::Z, flags, l.next());
    l.exit_to(l.eip(), ir::ExitKind::Repeat);
  }
}

}  // namespace chrysalis::x86
