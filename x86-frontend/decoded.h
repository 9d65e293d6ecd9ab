// One decoded IA-32 instruction, and the decoder that delivers it.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "x86-frontend/mnemonics.h"  // generated from Zydis: enum class Mnemonic, mnemonic_name()
#include "x86-frontend/registers.h"

namespace chrysalis::x86 {

/// Longer instructions raise #GP(0).
inline constexpr unsigned kMaxInstructionLength = 15;

enum class OperandKind : uint8_t {
  None,
  Register,    ///< reg_class, reg, width
  Memory,      ///< segment, base, index, scale, disp, width; offsets wrap at DecodedInst::address_width
  Immediate,   ///< imm, imm_signed, width
  Relative,    ///< imm: signed distance from the end of the instruction
  FarPointer,  ///< imm: offset, zero-extended from operand_width; selector
};

/// An operand as Intel's syntax shows it. Fields that the kind doesn't name are zero.
struct Operand {
  OperandKind kind = OperandKind::None;
  RegisterClass reg_class = RegisterClass::General;
  uint8_t reg = 0;                                   ///< as encoded: EAX ECX EDX EBX ESP EBP ESI EDI
  SegmentRegister segment = SegmentRegister::Es;     ///< Memory: override, else SS with base ESP or EBP, else DS
  uint8_t base = 0;                                  ///< Memory: general register or kNoRegister
  uint8_t index = 0;                                 ///< Memory: general register or kNoRegister
  uint8_t scale = 0;                                 ///< Memory: 1, 2, 4 or 8; 0 without index
  bool imm_signed = false;                           ///< Immediate: imm was sign-extended from width
  uint16_t width = 0;                                ///< bits; of LEA's memory operand, those of its address (LEA ignores overrides)
  uint16_t selector = 0;                             ///< FarPointer
  int32_t disp = 0;                                  ///< Memory: sign-extended, also where 16 bits wide
  int64_t imm = 0;
};

/// The repeat prefix as the instruction understands it; None where it has no meaning. `Rep` also stands for the F2
/// prefix before INS, OUTS, MOVS, LODS and STOS, which ignore the difference.
enum class Repeat : uint8_t { None, Rep, WhileEqual, WhileNotEqual };

/// A decoded instruction.
///
/// Operands: those that Intel's syntax shows, in its order, implicit ones included (`shl eax, 1`, `in al, dx`,
///           `fadd st0, st1`). String instructions, XLAT, PUSHA and their like show none: mnemonic, operand_width,
///           address_width, segment and repeat say all.
struct DecodedInst {
  Mnemonic mnemonic = Mnemonic::Invalid;
  uint8_t length = 0;              ///< bytes, prefixes included: 1 to 15
  uint8_t opcode_map = 0;          ///< 0: one byte; 1: 0F; 2: 0F 38; 3: 0F 3A
  uint8_t opcode = 0;              ///< the byte within its map
  bool has_modrm = false;
  uint8_t modrm = 0;               ///< the byte; 0 without
  uint8_t operand_width = 0;       ///< 8 for byte forms (MOVSB, ADD r/m8, ...), else the effective 16 or 32
  uint8_t address_width = 0;       ///< effective: 16 or 32
  SegmentRegister segment = SegmentRegister::Ds;  ///< of hidden data operands (XLAT, MOVS source): override or DS
  bool segment_override = false;
  bool lock = false;               ///< only where LOCK is legal
  bool lockable = false;           ///< LOCK would be legal: read-modify-write of memory
  bool operand_size_prefix = false;  ///< 66 was present
  bool address_size_prefix = false;  ///< 67 was present
  Repeat repeat = Repeat::None;
  uint8_t operand_count = 0;
  std::array<Operand, 4> operands;

  uint8_t modrm_mod() const { return modrm >> 6; }
  uint8_t modrm_reg() const { return modrm >> 3 & 7; }
  uint8_t modrm_rm() const { return modrm & 7; }
};

enum class DecodeStatus : uint8_t {
  Ok,
  NeedMoreBytes,  ///< valid so far, and `bytes` ends within the instruction: fetch on, which may fault
  Undefined,      ///< #UD: no completion of these bytes is an instruction of ours, or LOCK is misplaced
  TooLong,        ///< #GP(0): more than 15 bytes
};

/// Decodes the instruction at the start of `bytes`, as a processor in 32-bit protected mode does.
///
/// In:     up to 15 bytes are looked at; fewer where the next page is not (yet) fetched.
/// Out:    `inst` complete with Ok; unspecified otherwise.
/// Machine: IA-32 integer, x87 and system instructions of the P6 family, and MMX, SSE and SSE2 forms by name, whether or
///         not the processor that CPUID describes executes them. Everything beyond is Undefined, VEX, EVEX and XOP
///         included; hint NOPs that later extensions reuse (ENDBR32, ...) are NOPs.
/// Cost:   a few table look-ups; no allocation.
/// Source: tables generated from Zydis, which tests/x86-frontend/decoder_test.cpp holds it equal to.
DecodeStatus decode(std::span<const uint8_t> bytes, DecodedInst& inst);

}  // namespace chrysalis::x86
