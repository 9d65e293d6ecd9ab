// Evaluates single operations of the IR.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "translator/ir/ir.h"

namespace chrysalis::ir {

struct Evaluated {
  uint64_t value = 0, flags = 0;
};

/// What the operation delivers for these sources (0 for absent ones). False: it is not a pure function of them that is known
/// here.
bool evaluate(const Inst& inst, const uint64_t sources[4], Evaluated& out);

/// Whether condition `cond` holds of a flags image, or Zero or NonZero of a value.
bool holds(Cond cond, uint64_t source);

}  // namespace chrysalis::ir
