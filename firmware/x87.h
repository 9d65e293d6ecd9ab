// The x87 unit: what the helpers of x86-frontend/x87_helpers.def do to a GuestContext.
#pragma once

#include <cstdint>

#include "firmware/abi.h"
#include "x86-frontend/x87.h"

namespace chrysalis::fw {

/// What the unit records of an instruction (FOP, FIP, FCS; FDP, FDS), which the SDM leaves to the processor.
enum class X87PointerPolicy : uint8_t {
  EveryInstruction,  ///< each non-control instruction; the data pointer only with an operand in memory. AMD family 19h
};
inline constexpr X87PointerPolicy kX87PointerPolicy = X87PointerPolicy::EveryInstruction;

struct X87Call {
  uint32_t imm;            ///< of the ir::Op::Helper: HelperId and X87Parameter
  uint32_t eip;            ///< of the instruction
  uint64_t source[4];
  uint64_t value = 0, flags = 0;
};

/// Performs one helper. It never faults: #MF is the business of lifted code.
void x87_execute(GuestContext& context, X87Call& call);

}  // namespace chrysalis::fw
