#include "translator/parallel_move.h"

#include <algorithm>

namespace chrysalis::translator {
namespace {

MachOp move_atom(Reg to, Reg from) {
  MachOp op;
  op.op = isa::Op::Mov;
  op.d = to;
  op.a = from;
  return op;
}

}  // namespace

void sequence_moves(std::vector<Move>& moves, Reg scratch, std::vector<MachOp>& out) {
  std::erase_if(moves, [](const Move& move) { return move.from == move.to; });
  while (!moves.empty()) {
    size_t next = 0;
    for (; next < moves.size(); ++next) {
      const Reg to = moves[next].to;
      const bool still_read = std::any_of(moves.begin(), moves.end(), [to](const Move& other) { return other.from == to; });
      if (!still_read) break;
    }
    if (next == moves.size()) {
      // Only cycles are left: free one register by way of the scratch register.
      const Reg saved = moves[0].to;
      out.push_back(move_atom(scratch, saved));
      for (Move& move : moves) {
        if (move.from == saved) move.from = scratch;
      }
      continue;
    }
    out.push_back(move_atom(moves[next].to, moves[next].from));
    moves.erase(moves.begin() + static_cast<ptrdiff_t>(next));
  }
}

}  // namespace chrysalis::translator
