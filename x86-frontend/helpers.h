// What lifted code calls out for: rare things that need the descriptor tables or the processor's identity.
//
// A helper is one ir::Op::Helper with the HelperId in the low byte of `imm`, operands in the sources, a value result. It either completes, or
// raises the exception that it names and changes nothing. The executor implements it; the lifter emits it before
// every SetReg of the same instruction, except where noted.
#pragma once

#include <cstdint>

namespace chrysalis::x86 {

enum class HelperId : uint8_t {
  /// In: none; reads EAX (leaf) and ECX (sub-leaf). Out: no result; writes EAX, EBX, ECX, EDX. Faults: none.
  Cpuid,
  /// In: none. Out: time-stamp counter, 64 bits. Faults: #GP(0) if CR4.TSD.
  Rdtsc,
  /// In: source 0 = SegmentRegister of decoded.h (never CS), source 1 = selector, low 16 bits. Out: no result; writes the register's
  /// selector and base. A null selector is allowed except in SS, and its base is 0. Faults, SDM Vol. 2 "MOV": #GP(0) null
  /// into SS; #GP(selector & ~3) beyond the table, not data (or, for DS ES FS GS, readable code), privilege too low; SS also
  /// if not writable or its RPL is not CPL; #NP(selector & ~3) not present, #SS(selector & ~3) for SS.
  LoadSegment,
  /// In: source 0 = selector, low 16 bits; source 1 = 0 for JMP and CALL, 1 for RET and IRET. Out: the selector that CS
  /// is to hold, RPL 3. Changes nothing; the lifter writes CsSel. Only flat 32-bit code segments of this privilege level are
  /// supported; gates and task switches are not. Faults: #GP(0) null; #GP(selector & ~3) beyond the table, not code,
  /// wrong privilege (JMP, CALL: conforming DPL > 3, else RPL > 3 or DPL != 3; returns: RPL != 3), or base or size not
  /// flat; #NP(selector & ~3).
  CheckCodeSegment,
  /// In: source 0 = selector. Out: bits 0..31 the access rights, bit 32 set if the selector is visible and its type allowed.
  /// Faults: none. SDM Vol. 2 "LAR".
  LoadAccessRights,
  /// As LoadAccessRights with the limit in bytes. SDM Vol. 2 "LSL".
  LoadSegmentLimit,
  /// In: source 0 = selector. Out: bit 32 set if readable from here. SDM Vol. 2 "VERR".
  VerifyRead,
  /// In: source 0 = selector. Out: bit 32 set if writable from here. SDM Vol. 2 "VERW".
  VerifyWrite,
  /// In: source 0 = SystemRegister. Out: its value. Faults: #GP(0) where the executor has UMIP enabled. The process
  /// personality behaves as Linux does for 32-bit programs on processors with UMIP, which emulates these instructions
  /// with fixed values: GDT base 0xfffe0000, IDT base 0xffff0000, limits 0, MSW 0x80050033, LDT selector 0, task register 0x40.
  ReadSystemRegister,
  /// ARPL on memory, which writes only if it adjusts. In: source 0 = linear address, source 1 = selector, low 16 bits; source 2 = 1
  /// if the segment is writable. Reads 16 bits of guest memory there; if their RPL (bits 0..1) is below the selector's,
  /// writes them back with the selector's. Out: 1 if written, else 0. Faults: those of the read; of the write if it is
  /// made, and #GP(0) before it if the segment is not writable.
  AdjustRpl,
#define X87_HELPER(Name) Name,
#include "x86-frontend/x87_helpers.def"
#undef X87_HELPER
  kCount
};
inline constexpr HelperId kFirstX87Helper = HelperId::X87Load;

/// The helper that an ir::Op::Helper with `imm` names; bits 8..31 are its parameter: an X87Parameter, else 0.
constexpr HelperId helper_id(int64_t imm) { return static_cast<HelperId>(imm & 0xff); }

/// Value of source 0 of ReadSystemRegister. Tables: bits 0..15 limit, bits 16..47 base.
enum class SystemRegister : uint8_t { Gdtr, Idtr, Ldtr, Tr, Msw };

}  // namespace chrysalis::x86
