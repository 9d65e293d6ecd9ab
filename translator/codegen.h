// Code generation: selects atoms for the operations of a region, over virtual registers.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "isa-host/machine_description.h"
#include "translator/machine_code.h"
#include "translator/region.h"

namespace chrysalis::translator {

/// Receives the jump translation buffer's answer at indirect exits of guest regions, whose maps never need it; unlike r30 it
/// survives events.
inline constexpr Reg kJumpTarget = 29;

/// Selects atoms.
///
/// In:     a region that satisfies verify_region(), without GetReg, SetReg and Helper: those become entry
///         and map bindings before.
/// Out:    atoms in program order. Value v is virtual register v; the points have their map's index.
/// Does:   fuses sign extensions with 32-bit operations, comparisons with branches; puts constants into
///         literals unless many operations share them; forms addresses apart where the machine's memory
///         unit cannot add, once per base and displacement.
/// Errors: none; an operation that it does not know is a bug.
void generate(const Region& region, const isa::MachineDescription& machine, MachineCode& out);

}  // namespace chrysalis::translator
