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

/// Checks every invariant and returns all violations in the order of the code. tests/translator/golden/verify_*.ir breaks each.
///
///  1. Op, width (8, 16, 32 or 64) and condition are within their enumerations.
///  2. An operation has the results that its row allows, and at least one if it has no effect.
///  3. An operation has the sources that its row asks for. Missing sources are allowed only for an
///     address part of Lea, and for the old flags image of an operation that delivers no flags and reads
///     no carry (all but Adc, Sbb, Rcl, Rcr).
///  4. Single assignment: every value is defined once, before its uses, and named below next_value. Code is linear, so what
///     comes before an operation dominates it.
///  5. Types: a flags image (the old one that an operation keeps parts of, or what a condition O..NLE tests) is no result
///     of arithmetic, of a load or of an address. Everything else that operations pass on may be one. Only where `lifted`, from
///     x86: a C++ compiler adds bits that it knows to be apart, and loads images that it has put away.
///  6. GetReg and SetReg name a guest register; Lea's scale is 0..3; the exit kind is one of ExitKind.
///  7. An intrinsic's id is known, and it has that intrinsic's sources and result.
///  8. Guest instruction boundaries keep program order: indices of guest instructions never decrease.
///  9. Within a guest instruction, no SetReg comes before an operation that may fault or trap: an exception leaves the
///     registers as they were before the instruction.
/// 10. The last operation is an exit without kSide, and no earlier one is.
/// 11. Keep names the result of a guest load, whose bytes the alias hardware can watch.
///
/// `entry` are values defined on entry to the region.
std::vector<Violation> verify(const Code& code, std::span<const ValueId> entry = {}, bool lifted = true);

}  // namespace chrysalis::ir
