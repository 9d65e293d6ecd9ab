// The form of the decoder's tables: what the generator writes and the decoder reads.
//
// A root table per opcode map leads to a tree of tests (prefixes, fields of ModRM), whose leaves are forms: a mnemonic
// and a list of operand specifications. Whatever depends on the operand size alone is a pair of columns in a
// specification instead of a test.
#pragma once

#include <cstdint>

namespace chrysalis::x86::table {

/// What an entry does, in its upper three bits; the lower thirteen are the payload.
enum class Test : uint8_t {
  Form,         ///< payload: index of a Form
  Special,      ///< payload: a SpecialByte
  OperandSize,  ///< the payload of this and the following: index of the first child. Children: 32, 16
  AddressSize,  ///< 32, 16
  Repeat,       ///< none, F2, F3: the last one
  Mod,          ///< ModRM names memory, a register
  Reg,          ///< ModRM.reg
  Rm,           ///< ModRM.rm
};
inline constexpr unsigned kChildren[] = {0, 0, 2, 2, 3, 2, 8, 8};

using Entry = uint16_t;
inline constexpr unsigned kPayloadBits = 13;
constexpr Entry make_entry(Test test, unsigned payload) {
  return static_cast<Entry>(static_cast<unsigned>(test) << kPayloadBits | payload);
}
constexpr Test test_of(Entry e) { return static_cast<Test>(e >> kPayloadBits); }
constexpr unsigned payload_of(Entry e) { return e & ((1u << kPayloadBits) - 1); }

enum class SpecialByte : uint8_t {
  Undefined,
  Segment,  ///< and the five that follow: override prefixes in SegmentRegister's order
  OperandSize = Segment + 6,
  AddressSize,
  Lock,
  RepeatF2,
  RepeatF3,
  Map1,  ///< the next byte is looked up in another map
  Map2,
  Map3,
};

/// Where an operand comes from.
enum class Source : uint8_t {
  RegField,         ///< register ModRM.reg
  Rm,               ///< register ModRM.rm, or memory
  OpcodeReg,        ///< register in the opcode's low bits
  FixedReg,         ///< register `fixed`
  Offset,           ///< memory at an offset that follows the opcode
  Immediate,        ///< zero-extended
  SignedImmediate,  ///< sign-extended
  FixedImmediate,   ///< the value `fixed`
  Relative,
  FarPointer,
};

/// One operand. Widths are indices into kWidths: low nibble with 32-bit operand size, high nibble with 16-bit.
struct OperandSpec {
  uint8_t source_class;  ///< Source << 4 | RegisterClass
  uint8_t fixed;
  uint8_t widths;         ///< of register or value
  uint8_t memory_widths;  ///< of Rm and Offset
};
/// In kWidths: the address size. Only LEA's operand has it, and such an operand ignores segment overrides.
inline constexpr uint16_t kAddressWidth = 1;
inline constexpr uint8_t kNoOperand = 0xff;

/// Form::flags.
enum FormFlag : uint8_t {
  kHasModrm = 1,
  kModrmIsRegister = 2,  ///< ModRM.mod is ignored: MOV with control and debug registers
  kLockable = 4,         ///< where ModRM names memory
  kRepeatPlain = 8,      ///< F2 and F3 are REP
  kRepeatCompare = 16,   ///< F2 is REPNE, F3 is REPE
  kWidthShift = 5,       ///< a WidthRule from this bit on
};
enum class WidthRule : uint8_t { Effective, Always8, Always16, Always32 };

struct Form {
  uint16_t mnemonic;
  uint8_t operands;  ///< row of kOperandLists
  uint8_t flags;
};

}  // namespace chrysalis::x86::table
