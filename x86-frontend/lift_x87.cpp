// Floating point: SDM Vol. 1, 5.2.
//
// The register stack lives with the helpers (x87_helpers.def); lifted code does what touches guest memory and
// registers: first #MF, then every access that may fault, then the one operation that changes x87 state.
#include "x86-frontend/lift_internal.h"
#include "x86-frontend/x87.h"

namespace chrysalis::x86 {

namespace {

X87Parameter parameter(const Lifter& l) {
  X87Parameter p;
  p.opcode = static_cast<uint16_t>((l.d.opcode & 7) << 8 | l.d.modrm);
  if (p.has_memory()) p.segment = l.d.operands[0].segment;
  p.wide = l.operand_width() == 32;
  return p;
}

V call(Lifter& l, HelperId id, const X87Parameter& p, V a = kNone, V b = kNone, V c = kNone, V e = kNone) {
  return l.helper_pair(p.pack(id), a, b, c, e).value;
}

/// An unmasked exception that an earlier instruction recorded.
void wait(Lifter& l) { l.trap_if(Cond::NonZero, l.get(GuestReg::FpuError), kFloatingPoint); }

struct Memory {
  V offset;
  Place at;
};

Memory memory(Lifter& l, Lifter::Access access) {
  const V offset = l.offset_of(0);
  return {offset, l.linear(l.d.operands[0].segment, offset, 0, access)};
}

X87Format float_format(unsigned width) {
  return width == 32 ? X87Format::F32 : width == 64 ? X87Format::F64 : X87Format::F80;
}
X87Format integer_format(unsigned width) {
  return width == 16 ? X87Format::I16 : width == 32 ? X87Format::I32 : X87Format::I64;
}

/// An operation whose operand, if any, is read: loads, arithmetic, comparisons.
void operation(Lifter& l, HelperId id, X87Parameter p) {
  wait(l);
  if (!p.has_memory()) {
    call(l, id, p);
    return;
  }
  const Memory m = memory(l, Lifter::Access::Read);
  const bool wide = l.width(0) == 80;
  const V low = l.load(m.at, wide ? 64 : l.width(0));
  const V high = wide ? l.load(m.at, 16, 8) : kNone;
  call(l, id, p, low, high, m.offset);
}

void operation(Lifter& l, HelperId id) { operation(l, id, parameter(l)); }

/// FADD and its kind, FCOM: float in memory, or registers.
void float_operation(Lifter& l, HelperId id, unsigned pops = 0) {
  X87Parameter p = parameter(l);
  p.pops = static_cast<uint8_t>(pops);
  if (p.has_memory()) p.format = float_format(l.width(0));
  else p.to_index = (p.opcode & 0x400) != 0;  // DC and DE name ST(i) as destination
  operation(l, id, p);
}

void integer_operation(Lifter& l, HelperId id, unsigned pops = 0) {
  X87Parameter p = parameter(l);
  p.pops = static_cast<uint8_t>(pops);
  p.format = integer_format(l.width(0));
  operation(l, id, p);
}

void load(Lifter& l, X87Format format) {
  X87Parameter p = parameter(l);
  p.format = format;
  operation(l, p.has_memory() ? HelperId::X87Load : HelperId::X87LoadRegister, p);
}

/// The destination is probed first: its faults come before any exception of the value. An unmasked one stores nothing.
void store(Lifter& l, X87Format format, unsigned pops) {
  X87Parameter p = parameter(l);
  p.pops = static_cast<uint8_t>(pops);
  wait(l);
  if (!p.has_memory()) {
    call(l, HelperId::X87StoreRegister, p);
    return;
  }
  p.format = format;
  const Memory m = memory(l, Lifter::Access::Write);
  const unsigned width = l.width(0) == 80 ? 64 : l.width(0);
  l.probe_write(m.at, width);
  if (l.width(0) == 80) l.probe_write({m.at.address, m.at.displacement + 8}, 16);
  const ValueFlags stored = l.helper_pair(p.pack(HelperId::X87Store), kNone, kNone, m.offset, kNone);
  l.exit_if(Cond::NonZero, l.op_imm(Op::Shr, 64, stored.flags, 32), l.next());
  l.store(m.at, width, stored.value);
  if (l.width(0) == 80) l.store(m.at, 16, l.op_imm(Op::Shr, 64, stored.flags, 16), 8);
  call(l, HelperId::X87StoreDone, p, stored.flags, kNone, m.offset);
}

void store_unchecked(Lifter& l) {
  X87Parameter p = parameter(l);
  p.pops = 1;
  operation(l, HelperId::X87StoreUnchecked, p);
}

void compare_flags(Lifter& l, HelperId id, unsigned pops) {
  X87Parameter p = parameter(l);
  p.pops = static_cast<uint8_t>(pops);
  wait(l);
  l.set_flags(call(l, id, p));
}

void conditional_move(Lifter& l, Cond cond) {
  wait(l);
  call(l, HelperId::X87Move, parameter(l), l.set_cc(cond, l.flags()));
}

void store_word(Lifter& l, HelperId id) {
  const V value = call(l, id, parameter(l));
  if (l.is_memory(0)) l.store(l.place(0, Lifter::Access::Write), 16, value);
  else l.set_gpr(l.d.operands[0].reg, 16, value);
}

void load_control(Lifter& l) {
  wait(l);
  const V value = l.load(memory(l, Lifter::Access::Read).at, 16);
  call(l, HelperId::X87WriteControl, parameter(l), value);
}

// -- environment and state images -----------------------------------------------------------------------------
// SDM Vol. 1, 8.1.10: seven words of 16 or 32 bits; behind them, in a state image, the registers from ST(0) on.
// Processors look at the first word and the last byte before they transfer anything.

constexpr unsigned kRegisters = 8, kRegisterBytes = 10;

unsigned environment_bytes(const X87Parameter& p) { return p.wide ? 28 : 14; }

/// Stores the environment at m; `whole`: bytes of the image.
void store_environment(Lifter& l, const Memory& m, X87Parameter p, unsigned whole) {
  l.probe_write(m.at, l.operand_width());
  l.probe_write({m.at.address, m.at.displacement + static_cast<int64_t>(whole) - 1}, 8);
  const ValueFlags first = l.helper_pair(p.pack(HelperId::X87ReadEnvironment), kNone, kNone, kNone, kNone);
  l.store(m.at, 64, first.value);
  if (!p.wide) {
    l.store(m.at, 32, first.flags, 8);
    l.store(m.at, 16, l.op_imm(Op::Shr, 64, first.flags, 32), 12);
    return;
  }
  l.store(m.at, 64, first.flags, 8);
  p.part = 1;
  const ValueFlags second = l.helper_pair(p.pack(HelperId::X87ReadEnvironment), kNone, kNone, kNone, kNone);
  l.store(m.at, 64, second.value, 16);
  l.store(m.at, 32, second.flags, 24);
}

struct Environment {
  V part[4];
};

Environment load_environment(Lifter& l, const Memory& m, const X87Parameter& p, unsigned whole) {
  l.load(m.at, l.operand_width());
  l.load(m.at, 8, static_cast<int64_t>(whole) - 1);
  if (!p.wide) {
    const V low = l.load(m.at, 32, 8), high = l.load(m.at, 16, 12);
    return {{l.load(m.at, 64), l.op(Op::Or, 64, low, l.op_imm(Op::Shl, 64, high, 32)), kNone, kNone}};
  }
  return {{l.load(m.at, 64), l.load(m.at, 64, 8), l.load(m.at, 64, 16), l.load(m.at, 32, 24)}};
}

void write_environment(Lifter& l, const Environment& e, const X87Parameter& p) {
  call(l, HelperId::X87WriteEnvironment, p, e.part[0], e.part[1], e.part[2], e.part[3]);
}

void lift_fnstenv(Lifter& l) {
  const X87Parameter p = parameter(l);
  store_environment(l, memory(l, Lifter::Access::Write), p, environment_bytes(p));
  call(l, HelperId::X87MaskExceptions, p);
}

void lift_fldenv(Lifter& l) {
  const X87Parameter p = parameter(l);
  wait(l);
  write_environment(l, load_environment(l, memory(l, Lifter::Access::Read), p, environment_bytes(p)), p);
}

void lift_fnsave(Lifter& l) {
  X87Parameter p = parameter(l);
  const unsigned header = environment_bytes(p);
  const Memory m = memory(l, Lifter::Access::Write);
  store_environment(l, m, p, header + kRegisters * kRegisterBytes);
  for (unsigned i = 0; i < kRegisters; ++i) {
    p.part = static_cast<uint8_t>(i);
    const ValueFlags st = l.helper_pair(p.pack(HelperId::X87ReadRegister), kNone, kNone, kNone, kNone);
    const int64_t at = header + i * kRegisterBytes;
    l.store(m.at, 64, st.value, at);
    l.store(m.at, 16, st.flags, at + 8);
  }
  call(l, HelperId::X87Initialize, p);
}

void lift_frstor(Lifter& l) {
  X87Parameter p = parameter(l);
  wait(l);
  const unsigned header = environment_bytes(p);
  const Memory m = memory(l, Lifter::Access::Read);
  const Environment environment = load_environment(l, m, p, header + kRegisters * kRegisterBytes);
  V significand[kRegisters], sign_exponent[kRegisters];
  for (unsigned i = 0; i < kRegisters; ++i) {
    const int64_t at = header + i * kRegisterBytes;
    significand[i] = l.load(m.at, 64, at);
    sign_exponent[i] = l.load(m.at, 16, at + 8);
  }
  write_environment(l, environment, p);
  for (unsigned i = 0; i < kRegisters; i += 2) {
    p.part = static_cast<uint8_t>(i);
    call(l, HelperId::X87WriteRegister, p, significand[i], sign_exponent[i], significand[i + 1], sign_exponent[i + 1]);
  }
}

/// FFREE and FFREEP.
void free_register(Lifter& l, unsigned pops) {
  X87Parameter p = parameter(l);
  p.pops = static_cast<uint8_t>(pops);
  operation(l, HelperId::X87Free, p);
}

}  // namespace

void lift_x87(Lifter& l) {
  using Id = HelperId;
  switch (l.d.mnemonic) {
    // data transfer
    case Mnemonic::Fld: return load(l, float_format(l.width(0)));
    case Mnemonic::Fild: return load(l, integer_format(l.width(0)));
    case Mnemonic::Fbld: return load(l, X87Format::Bcd);
    case Mnemonic::Fst: return store(l, float_format(l.width(0)), 0);
    case Mnemonic::Fstp: return store(l, float_format(l.width(0)), 1);
    case Mnemonic::Fist: return store(l, integer_format(l.width(0)), 0);
    case Mnemonic::Fistp: return store(l, integer_format(l.width(0)), 1);
    case Mnemonic::Fbstp: return store(l, X87Format::Bcd, 1);
    case Mnemonic::Fstpnce: return store_unchecked(l);
    case Mnemonic::Fxch: return operation(l, Id::X87Exchange);
    case Mnemonic::Fcmovb: return conditional_move(l, Cond::B);
    case Mnemonic::Fcmove: return conditional_move(l, Cond::Z);
    case Mnemonic::Fcmovbe: return conditional_move(l, Cond::BE);
    case Mnemonic::Fcmovu: return conditional_move(l, Cond::P);
    case Mnemonic::Fcmovnb: return conditional_move(l, Cond::NB);
    case Mnemonic::Fcmovne: return conditional_move(l, Cond::NZ);
    case Mnemonic::Fcmovnbe: return conditional_move(l, Cond::NBE);
    case Mnemonic::Fcmovnu: return conditional_move(l, Cond::NP);

    // constants
    case Mnemonic::Fld1: case Mnemonic::Fldl2t: case Mnemonic::Fldl2e: case Mnemonic::Fldpi:
    case Mnemonic::Fldlg2: case Mnemonic::Fldln2: case Mnemonic::Fldz: return operation(l, Id::X87LoadConstant);

    // arithmetic
    case Mnemonic::Fadd: return float_operation(l, Id::X87Add);
    case Mnemonic::Fsub: return float_operation(l, Id::X87Sub);
    case Mnemonic::Fsubr: return float_operation(l, Id::X87SubReverse);
    case Mnemonic::Fmul: return float_operation(l, Id::X87Mul);
    case Mnemonic::Fdiv: return float_operation(l, Id::X87Div);
    case Mnemonic::Fdivr: return float_operation(l, Id::X87DivReverse);
    case Mnemonic::Faddp: return float_operation(l, Id::X87Add, 1);
    case Mnemonic::Fsubp: return float_operation(l, Id::X87Sub, 1);
    case Mnemonic::Fsubrp: return float_operation(l, Id::X87SubReverse, 1);
    case Mnemonic::Fmulp: return float_operation(l, Id::X87Mul, 1);
    case Mnemonic::Fdivp: return float_operation(l, Id::X87Div, 1);
    case Mnemonic::Fdivrp: return float_operation(l, Id::X87DivReverse, 1);
    case Mnemonic::Fiadd: return integer_operation(l, Id::X87Add);
    case Mnemonic::Fisub: return integer_operation(l, Id::X87Sub);
    case Mnemonic::Fisubr: return integer_operation(l, Id::X87SubReverse);
    case Mnemonic::Fimul: return integer_operation(l, Id::X87Mul);
    case Mnemonic::Fidiv: return integer_operation(l, Id::X87Div);
    case Mnemonic::Fidivr: return integer_operation(l, Id::X87DivReverse);
    case Mnemonic::Fchs: return operation(l, Id::X87ChangeSign);
    case Mnemonic::Fabs: return operation(l, Id::X87Absolute);
    case Mnemonic::Fsqrt: return operation(l, Id::X87SquareRoot);
    case Mnemonic::Frndint: return operation(l, Id::X87Round);
    case Mnemonic::Fscale: return operation(l, Id::X87Scale);
    case Mnemonic::Fprem: return operation(l, Id::X87Remainder);
    case Mnemonic::Fprem1: return operation(l, Id::X87RemainderNearest);
    case Mnemonic::Fxtract: return operation(l, Id::X87Extract);

    // comparisons
    case Mnemonic::Fcom: return float_operation(l, Id::X87Compare);
    case Mnemonic::Fcomp: return float_operation(l, Id::X87Compare, 1);
    case Mnemonic::Fcompp: return float_operation(l, Id::X87Compare, 2);
    case Mnemonic::Ficom: return integer_operation(l, Id::X87Compare);
    case Mnemonic::Ficomp: return integer_operation(l, Id::X87Compare, 1);
    case Mnemonic::Fucom: return float_operation(l, Id::X87CompareQuiet);
    case Mnemonic::Fucomp: return float_operation(l, Id::X87CompareQuiet, 1);
    case Mnemonic::Fucompp: return float_operation(l, Id::X87CompareQuiet, 2);
    case Mnemonic::Fcomi: return compare_flags(l, Id::X87CompareFlags, 0);
    case Mnemonic::Fcomip: return compare_flags(l, Id::X87CompareFlags, 1);
    case Mnemonic::Fucomi: return compare_flags(l, Id::X87CompareFlagsQuiet, 0);
    case Mnemonic::Fucomip: return compare_flags(l, Id::X87CompareFlagsQuiet, 1);
    case Mnemonic::Ftst: return operation(l, Id::X87CompareZero);
    case Mnemonic::Fxam: return operation(l, Id::X87Examine);

    // the stack
    case Mnemonic::Ffree: return free_register(l, 0);
    case Mnemonic::Ffreep: return free_register(l, 1);
    case Mnemonic::Fincstp: return operation(l, Id::X87IncrementTop);
    case Mnemonic::Fdecstp: return operation(l, Id::X87DecrementTop);
    case Mnemonic::Fnop: return operation(l, Id::X87Nop);

    // control
    case Mnemonic::Fwait: return wait(l);
    case Mnemonic::Fnstsw: return store_word(l, Id::X87ReadStatus);
    case Mnemonic::Fnstcw: return store_word(l, Id::X87ReadControl);
    case Mnemonic::Fldcw: return load_control(l);
    case Mnemonic::Fnclex: call(l, Id::X87ClearExceptions, parameter(l)); return;
    case Mnemonic::Fninit: call(l, Id::X87Initialize, parameter(l)); return;
    case Mnemonic::Fnstenv: return lift_fnstenv(l);
    case Mnemonic::Fldenv: return lift_fldenv(l);
    case Mnemonic::Fnsave: return lift_fnsave(l);
    case Mnemonic::Frstor: return lift_frstor(l);
    // FENI, FDISI and FSETPM of earlier coprocessors; they do not wait.
    case Mnemonic::Feni8087Nop: case Mnemonic::Fdisi8087Nop: case Mnemonic::Fsetpm287Nop: return;

    default: return l.unsupported();  // transcendental functions
  }
}

}  // namespace chrysalis::x86
