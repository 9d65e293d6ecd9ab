// The host operations of intrinsics.def as a table.
#pragma once

#include <cstdint>

#include "translator/ir/ir.h"

namespace chrysalis::ir {

enum class IntrinsicId : uint8_t {
#define IR_INTRINSIC(name, text, sources, has_result, effects) name,
#include "translator/ir/intrinsics.def"
#undef IR_INTRINSIC
  kCount
};

/// How a floating-point intrinsic takes its operands; fp_intrinsics.def.
enum class FpShape : uint8_t {
  Binary, BinaryBits, Unary, Compare, CompareBits, FromBits, FromInteger, ToBits, ToInteger, Class, Constant
};

struct IntrinsicInfo {
  const char* text;
  uint8_t sources;
  bool has_result;
  uint16_t effects;
};

inline constexpr IntrinsicInfo kIntrinsicInfo[] = {
#define IR_INTRINSIC(name, text, sources, has_result, effects) \
  {text, sources, has_result != 0, static_cast<uint16_t>(effects)},
#include "translator/ir/intrinsics.def"
#undef IR_INTRINSIC
};
constexpr const IntrinsicInfo& info(IntrinsicId id) { return kIntrinsicInfo[static_cast<unsigned>(id)]; }

/// Whether the operation has a row; only then may the functions below be asked.
constexpr bool is_known(const Inst& inst) {
  return inst.op < Op::kCount &&
         (inst.op != Op::Intrinsic || (inst.imm >= 0 && inst.imm < static_cast<int64_t>(IntrinsicId::kCount)));
}

/// Effects of one operation: its row, or for an intrinsic the row of that intrinsic.
constexpr uint16_t effects(const Inst& inst) {
  return inst.op == Op::Intrinsic ? info(static_cast<IntrinsicId>(inst.imm)).effects : info(inst.op).effects;
}

/// True when the operation may be dropped if nothing uses its results, or merged with an equal one.
constexpr bool is_pure(const Inst& inst) { return (effects(inst) & ~uint16_t{kOldFlags}) == kNone; }

/// True when control may leave the region here.
constexpr bool is_exit(const Inst& inst) { return (effects(inst) & kExit) != 0; }

/// True when control cannot pass this operation.
constexpr bool is_final_exit(const Inst& inst) { return (effects(inst) & (kExit | kSide)) == kExit; }

}  // namespace chrysalis::ir
