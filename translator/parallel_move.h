// Moves that happen at once, put into a sequence.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <vector>

#include "translator/machine_code.h"

namespace chrysalis::translator {

/// "Register `to` gets what is in register `from`".
struct Move {
  Reg from, to;
};

/// Appends move atoms to `out` that together do what `moves` do at once. Destinations are distinct.
/// Cycles go through `scratch`, which no move names. Consumes `moves`.
void sequence_moves(std::vector<Move>& moves, Reg scratch, std::vector<MachOp>& out);

}  // namespace chrysalis::translator
