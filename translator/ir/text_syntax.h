// What an operation's text form has behind its sources: the one table that writer and parser follow.
#pragma once

#include "translator/ir/intrinsics.h"

namespace chrysalis::ir {

/// Uses of Inst::aux and Inst::imm as operands.
enum class Tail : uint8_t {
  None,
  Number,    ///< imm
  GuestReg,  ///< aux, by name
  Lea,       ///< <<aux, imm
  Scale,     ///< <<aux
  Address,   ///< @imm, then the kind of exit in aux unless it is a jump
  Kind,      ///< the kind of exit in aux unless it is a jump
  Trap,      ///< #aux, imm
  SoftInt,   ///< #aux, imm unless it is 0
  Helper,    ///< imm
  Label,     ///< Limm
  Offset,    ///< +imm or -imm, unless it is 0
};

constexpr Tail tail_of(Op op) {
  switch (op) {
    case Op::Const:
    case Op::UncountIf: return Tail::Number;
    case Op::GetReg:
    case Op::SetReg: return Tail::GuestReg;
    case Op::Lea: return Tail::Lea;
    case Op::LeaUw: return Tail::Scale;
    case Op::Exit:
    case Op::ExitIf: return Tail::Address;
    case Op::ExitInd:
    case Op::ExitIndIf: return Tail::Kind;
    case Op::Trap:
    case Op::TrapIf: return Tail::Trap;
    case Op::SoftInt: return Tail::SoftInt;
    case Op::Helper: return Tail::Helper;
    case Op::Branch:
    case Op::Jump:
    case Op::Call:
    case Op::CodeAddr: return Tail::Label;
    case Op::Intrinsic: return Tail::None;
    default: return (info(op).effects & (kLoad | kStore)) != 0 ? Tail::Offset : Tail::None;
  }
}

/// How the operands are described to who got them wrong.
constexpr const char* accepted(Tail tail) {
  switch (tail) {
    case Tail::None: return "";
    case Tail::Number: return "a number";
    case Tail::GuestReg: return "a guest register (eax, flags, ...)";
    case Tail::Lea: return "<<SCALE, a number";
    case Tail::Scale: return "<<SCALE";
    case Tail::Address: return "@ADDRESS and perhaps call, return or repeat";
    case Tail::Kind: return "perhaps call, return or repeat";
    case Tail::Trap: return "#VECTOR, a number";
    case Tail::SoftInt: return "#VECTOR and perhaps a number";
    case Tail::Helper: return "a helper's number";
    case Tail::Label: return "a label (L5)";
    case Tail::Offset: return "perhaps a displacement (+0x8, -0x8)";
  }
  return "";
}

constexpr const char* kExitKinds[] = {"jump", "call", "return", "repeat"};  // by ExitKind

/// The width that goes without saying; 0: it is always written.
constexpr unsigned usual_width(const Inst& inst) {
  if (inst.op == Op::Const) return 64;
  if (inst.op == Op::Intrinsic || inst.op == Op::Keep || inst.op == Op::UncountIf || is_exit(inst)) return 32;
  return 0;
}

constexpr bool has_condition(Op op) {
  return op == Op::SetCc || op == Op::SelectCc || (info(op).effects & kSide) != 0;
}

/// Value operands that the row asks for.
constexpr unsigned source_count(const Inst& inst) {
  return inst.op == Op::Intrinsic ? info(static_cast<IntrinsicId>(inst.imm)).sources : info(inst.op).sources;
}

}  // namespace chrysalis::ir
