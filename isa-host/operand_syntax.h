// The operands column of atoms.def, split into its operands. For assembler, disassembler and documentation.
//
// C++17.
#pragma once

#include <string_view>

#include "isa-host/atom.h"

namespace chrysalis::isa {

/// Calls `function(std::string_view)` for each operand of the row, in order.
template <class Function> void for_each_operand(Op op, Function function) {
  std::string_view text = info(op).operands;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view operand = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    while (!operand.empty() && operand.front() == ' ') operand.remove_prefix(1);
    function(operand);
  }
}

/// The register field that a register operand ("rd", "va", ...) names, by its letter.
inline uint8_t& register_field(Atom& atom, std::string_view operand) {
  switch (operand[1]) {
    case 'a': return atom.ra;
    case 'b': case 'm': return atom.rb;
    case 'c': return atom.rc;
    default: return atom.rd;
  }
}
inline uint8_t register_field(const Atom& atom, std::string_view operand) { return register_field(const_cast<Atom&>(atom), operand); }
inline bool is_register_operand(std::string_view operand) {
  return operand.size() == 2 && (operand[0] == 'r' || operand[0] == 'v') && operand != "rm";
}

}  // namespace chrysalis::isa
