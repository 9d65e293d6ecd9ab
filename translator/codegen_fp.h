// Code generation of the floating-point intrinsics, which work on 80-bit operands in concealed memory.
#pragma once

#include "translator/ir/intrinsics.h"
#include "translator/machine_code.h"

namespace chrysalis::translator {

/// Emits the atoms of floating-point intrinsic `id` (intrinsics.def, "Floating point on memory operands"):
/// clears FSR, loads the operands into unshadowed registers, operates, stores the result, reads FSR.
/// `result` receives what the table says; `sources` are addresses or integer bits.
void generate_fp(ir::IntrinsicId id, Reg result, const Reg sources[3], MachineCode& out);

}  // namespace chrysalis::translator
