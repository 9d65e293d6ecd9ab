// The table from mnemonics to families.
#include "x86-frontend/lift.h"

#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

namespace {

bool is_x87(const DecodedInst& d) {
  return d.opcode_map == 0 && ((d.opcode >= 0xd8 && d.opcode <= 0xdf) || d.opcode == 0x9b);
}

bool is_far(const DecodedInst& d) {
  if (d.opcode_map != 0) return false;
  switch (d.opcode) {
    case 0x9a: case 0xea: case 0xca: case 0xcb: return true;
    case 0xff: return d.modrm_reg() == 3 || d.modrm_reg() == 5;
    default: return false;
  }
}

/// Control and debug registers: privileged.
bool moves_system_register(const DecodedInst& d) {
  for (unsigned i = 0; i < 2; ++i) {
    const RegisterClass c = d.operands[i].reg_class;
    if (d.operands[i].kind == OperandKind::Register && (c == RegisterClass::Control || c == RegisterClass::Debug)) return true;
  }
  return false;
}

void lift_any_mov(Lifter& l) {
  if (moves_system_register(l.d)) {
    l.trap(kProtection);
  } else if (l.is_segment(0) || l.is_segment(1)) {
    lift_mov_segment(l);
  } else {
    lift_mov(l);
  }
}

void lift_instruction(Lifter& l) {
  const DecodedInst& d = l.d;
  if (is_x87(d)) return lift_x87(l);
  switch (d.mnemonic) {
    // data transfer
    case Mnemonic::Mov: return lift_any_mov(l);
    case Mnemonic::Movzx: case Mnemonic::Movsx: return lift_extend(l);
    case Mnemonic::Xchg: return lift_xchg(l);
    case Mnemonic::Bswap: return lift_bswap(l);
    case Mnemonic::Xadd: return lift_xadd(l);
    case Mnemonic::Cmpxchg: return lift_cmpxchg(l);
    case Mnemonic::Cmpxchg8b: return lift_cmpxchg8b(l);
    case Mnemonic::Cbw: case Mnemonic::Cwde: case Mnemonic::Cwd: case Mnemonic::Cdq: return lift_convert(l);
    case Mnemonic::Lea: return lift_lea(l);
    case Mnemonic::Xlat: return lift_xlat(l);

#define CONDITION(suffix, cond)                                      \
    case Mnemonic::J##suffix: return lift_jcc(l, Cond::cond);       \
    case Mnemonic::Cmov##suffix: return lift_cmov(l, Cond::cond);   \
    case Mnemonic::Set##suffix: return lift_setcc(l, Cond::cond);
    CONDITION(o, O) CONDITION(no, NO) CONDITION(b, B) CONDITION(nb, NB)
    CONDITION(z, Z) CONDITION(nz, NZ) CONDITION(be, BE) CONDITION(nbe, NBE)
    CONDITION(s, S) CONDITION(ns, NS) CONDITION(p, P) CONDITION(np, NP)
    CONDITION(l, L) CONDITION(nl, NL) CONDITION(le, LE) CONDITION(nle, NLE)
#undef CONDITION

    // stack
    case Mnemonic::Push: return lift_push(l);
    case Mnemonic::Pop: return l.is_segment(0) ? lift_pop_segment(l) : lift_pop(l);
    case Mnemonic::Pusha: case Mnemonic::Pushad: return lift_pusha(l);
    case Mnemonic::Popa: case Mnemonic::Popad: return lift_popa(l);
    case Mnemonic::Pushf: case Mnemonic::Pushfd: return lift_pushf(l);
    case Mnemonic::Popf: case Mnemonic::Popfd: return lift_popf(l);
    case Mnemonic::Enter: return lift_enter(l);
    case Mnemonic::Leave: return lift_leave(l);

    // arithmetic and logic
    case Mnemonic::Add: return lift_binary(l, Op::Add);
    case Mnemonic::Or: return lift_binary(l, Op::Or);
    case Mnemonic::Adc: return lift_binary(l, Op::Adc);
    case Mnemonic::Sbb: return lift_binary(l, Op::Sbb);
    case Mnemonic::And: return lift_binary(l, Op::And);
    case Mnemonic::Sub: return lift_binary(l, Op::Sub);
    case Mnemonic::Xor: return lift_binary(l, Op::Xor);
    case Mnemonic::Cmp: return lift_compare(l, Op::Sub);
    case Mnemonic::Test: return lift_compare(l, Op::And);
    case Mnemonic::Inc: return lift_unary(l, Op::Inc);
    case Mnemonic::Dec: return lift_unary(l, Op::Dec);
    case Mnemonic::Neg: return lift_unary(l, Op::Neg);
    case Mnemonic::Not: return lift_unary(l, Op::Not);
    case Mnemonic::Mul: return lift_mul(l);
    case Mnemonic::Imul: return lift_imul(l);
    case Mnemonic::Div: return lift_div(l);
    case Mnemonic::Idiv: return lift_idiv(l);
    case Mnemonic::Daa: case Mnemonic::Das: return lift_decimal_adjust(l);
    case Mnemonic::Aaa: case Mnemonic::Aas: return lift_ascii_adjust(l);
    case Mnemonic::Aam: return lift_aam(l);
    case Mnemonic::Aad: return lift_aad(l);

    // shifts and bits
    case Mnemonic::Shl: return lift_shift(l, Op::Shl);
    case Mnemonic::Shr: return lift_shift(l, Op::Shr);
    case Mnemonic::Sar: return lift_shift(l, Op::Sar);
    case Mnemonic::Rol: return lift_shift(l, Op::Rol);
    case Mnemonic::Ror: return lift_shift(l, Op::Ror);
    case Mnemonic::Rcl: return lift_shift(l, Op::Rcl);
    case Mnemonic::Rcr: return lift_shift(l, Op::Rcr);
    case Mnemonic::Shld: return lift_double_shift(l, Op::Shld);
    case Mnemonic::Shrd: return lift_double_shift(l, Op::Shrd);
    case Mnemonic::Bt: return lift_bit_test(l, Op::Bt);
    case Mnemonic::Bts: return lift_bit_test(l, Op::Bts);
    case Mnemonic::Btr: return lift_bit_test(l, Op::Btr);
    case Mnemonic::Btc: return lift_bit_test(l, Op::Btc);
    case Mnemonic::Bsf: return lift_bit_scan(l, Op::Bsf);
    case Mnemonic::Bsr: return lift_bit_scan(l, Op::Bsr);

    // strings
    case Mnemonic::Movsb: case Mnemonic::Movsw: case Mnemonic::Movsd:
    case Mnemonic::Cmpsb: case Mnemonic::Cmpsw: case Mnemonic::Cmpsd:
    case Mnemonic::Stosb: case Mnemonic::Stosw: case Mnemonic::Stosd:
    case Mnemonic::Lodsb: case Mnemonic::Lodsw: case Mnemonic::Lodsd:
    case Mnemonic::Scasb: case Mnemonic::Scasw: case Mnemonic::Scasd: return lift_string(l);

    // control transfer
    case Mnemonic::Jmp: return is_far(d) ? lift_far_jmp(l) : lift_jmp(l);
    case Mnemonic::Call: return is_far(d) ? lift_far_call(l) : lift_call(l);
    case Mnemonic::Ret: return is_far(d) ? lift_far_ret(l) : lift_ret(l);
    case Mnemonic::Iret: case Mnemonic::Iretd: return lift_iret(l);
    case Mnemonic::Jcxz: case Mnemonic::Jecxz: return lift_jcxz(l);
    case Mnemonic::Loop: case Mnemonic::Loope: case Mnemonic::Loopne: return lift_loop(l);
    case Mnemonic::Int: case Mnemonic::Int1: case Mnemonic::Int3: case Mnemonic::Into: return lift_int(l);
    case Mnemonic::Bound: return lift_bound(l);

    // flags
    case Mnemonic::Clc: case Mnemonic::Stc: case Mnemonic::Cmc: case Mnemonic::Cld: case Mnemonic::Std:
    case Mnemonic::Lahf: case Mnemonic::Sahf: case Mnemonic::Salc: return lift_flag_operation(l);

    // segments and selectors
    case Mnemonic::Lds: case Mnemonic::Les: case Mnemonic::Lss: case Mnemonic::Lfs: case Mnemonic::Lgs:
      return lift_load_far_pointer(l);
    case Mnemonic::Arpl: return lift_arpl(l);
    case Mnemonic::Lar: case Mnemonic::Lsl: case Mnemonic::Verr: case Mnemonic::Verw: return lift_selector_query(l);

    // system, allowed
    case Mnemonic::Cpuid: return lift_cpuid(l);
    case Mnemonic::Rdtsc: return lift_rdtsc(l);
    case Mnemonic::Sgdt: case Mnemonic::Sidt: case Mnemonic::Sldt: case Mnemonic::Str: case Mnemonic::Smsw:
      return lift_store_system(l);
    case Mnemonic::Nop: case Mnemonic::Pause: case Mnemonic::Prefetch: case Mnemonic::Prefetchw:
    case Mnemonic::Prefetchnta: case Mnemonic::Prefetcht0: case Mnemonic::Prefetcht1: case Mnemonic::Prefetcht2:
      return;

    // system, refused at CPL 3 and IOPL 0, before operands are looked at
    case Mnemonic::In: case Mnemonic::Out:
    case Mnemonic::Insb: case Mnemonic::Insw: case Mnemonic::Insd:
    case Mnemonic::Outsb: case Mnemonic::Outsw: case Mnemonic::Outsd:
    case Mnemonic::Hlt: case Mnemonic::Cli: case Mnemonic::Sti: case Mnemonic::Clts: case Mnemonic::Lmsw:
    case Mnemonic::Lgdt: case Mnemonic::Lidt: case Mnemonic::Lldt: case Mnemonic::Ltr:
    case Mnemonic::Invd: case Mnemonic::Wbinvd: case Mnemonic::Invlpg:
    case Mnemonic::Rdmsr: case Mnemonic::Wrmsr: case Mnemonic::Rdpmc:
      return l.trap(kProtection);

    // meant to be undefined, or not named by CPUID (SYSENTER) or not in user mode (RSM)
    case Mnemonic::Ud0: case Mnemonic::Ud1: case Mnemonic::Ud2:
    case Mnemonic::Sysenter: case Mnemonic::Sysexit: case Mnemonic::Rsm:
      return l.trap(kUndefined);

    default: return l.unsupported();
  }
}

}  // namespace

LiftStatus lift(const DecodedInst& d, uint32_t eip, const LiftOptions& options, ir::Code& out, uint16_t* reloaded) {
  if (reloaded != nullptr) *reloaded = 0;
  Lifter lifter(d, eip, options, out, reloaded);
  lift_instruction(lifter);
  return lifter.status();
}

}  // namespace chrysalis::x86
