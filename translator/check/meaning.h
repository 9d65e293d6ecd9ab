// What atoms and operations of the IR compute, as terms. The table of atoms here is the checker's own: nothing in it comes
// from code generation. Build machine only.
#pragma once

#include "isa-host/atom.h"
#include "translator/check/terms.h"

namespace chrysalis::translator::checking {

/// The pure operation that an atom performs on its registers; `sign_extends`: the result is then extended from 32 bits.
struct Meaning {
  ir::Op op = ir::Op::kCount;  ///< kCount: it has an effect, or no operation of the IR says what it does
  uint8_t width = 64;
  bool sign_extends = false;
};
Meaning meaning(isa::Op op);

/// Results of an atom that has a meaning, or is a move of a constant. `reg` are the registers before the molecule.
struct Results {
  Term value = 0, flags = 0;
};
Results evaluate(Terms& terms, const isa::Atom& atom, const Term* reg);

/// Second source: a register or a literal.
Term second_source(Terms& terms, const isa::Atom& atom, const Term* reg);

/// Results of a pure operation of the region. `values`: by ValueId.
Results evaluate(Terms& terms, const ir::Inst& inst, const std::vector<Term>& values);

}  // namespace chrysalis::translator::checking
