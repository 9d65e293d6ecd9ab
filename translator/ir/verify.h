// The verifier of the intermediate representation.
//
// Freestanding C++20: it also runs on the simulated core, in debug builds after every pass.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "translator/ir/ir.h"

namespace chrysalis::ir {

/// One broken rule, at one operation.
struct Violation {
  uint32_t inst;     ///< index into Code::insts; insts.size() for the code as a whole
  const char* rule;  ///< the rule, in words
};

/// Checks every invariant and returns all violations in the order of the code.
///
///  1. op, width (8, 16, 32 or 64) and condition are within their enumerations;
///  2. an operation has the results that its row allows, and at least one if it has no effect;
///  3. an operation has the sources that its row asks for. Missing sources are allowed only for an
///     address part of Lea, and for the old flags image of an operation that delivers no flags and reads
///     no carry (all but Adc, Sbb, Rcl, Rcr);
///  4. every value is defined once, before its uses, and named below next_value;
///  5. a flags image goes where a flags image is expected only if it came from somewhere: sources are
///     defined values (4); conditions O..NLE and Zero/NonZero both take one source;
///  6. GetReg and SetReg name a guest register; Lea's scale is 0..3; the exit kind is one of ExitKind;
///  7. an intrinsic's id is known, and it has that intrinsic's sources and result;
///  8. guest instruction indices never decrease;
///  9. within a guest instruction, no SetReg comes before an operation that may fault or trap;
/// 10. the last operation is an exit without kSide, and no earlier one is.
///
/// `entry` are values defined on entry to the region.
std::vector<Violation> verify(const Code& code, std::span<const ValueId> entry = {});

}  // namespace chrysalis::ir
