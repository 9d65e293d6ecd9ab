// Instructions in symbols: where each operand comes from instead of what it is.
//
// What one probe cannot tell (the width with the other operand size, the register class when ModRM names memory) stays
// open, so that the models of several probes unite into one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "x86-frontend/gen/reference.h"
#include "x86-frontend/table_format.h"

namespace chrysalis::x86::gen {

/// A number, or open.
using Known = std::optional<int>;

struct OperandModel {
  table::Source source{};
  Known reg_class, fixed;
  Known width[2];         ///< with 32-bit operand size, with 16-bit
  Known memory_width[2];  ///< likewise
};

struct Model {
  bool undefined = true;  ///< all else is empty
  std::string mnemonic, name;
  bool has_modrm = false;
  Known modrm_is_register, lockable;
  int repeat = 0;  ///< of table::FormFlag
  Known operand_width[2];
  std::vector<OperandModel> operands;
};

/// What the decoder chooses by, beside map and opcode.
struct Context {
  unsigned operand_size, address_size;  ///< 1: the prefix is present, that is 16 bits
  unsigned repeat;                      ///< 0: none, 1: F2, 2: F3
  unsigned modrm;
};

/// The model of what Zydis makes of an opcode in a context. Ends the program with a message on stderr if an
/// instruction does not fit the model: then the model, the tables and the decoder need an addition.
Model probe(const Reference& reference, unsigned map, unsigned opcode, const Context& context);

/// The model that says what both say; none where they contradict each other.
std::optional<Model> unite(const Model& a, const Model& b);
std::optional<OperandModel> unite(const OperandModel& a, const OperandModel& b);

[[noreturn]] void fail(const std::string& message);

}  // namespace chrysalis::x86::gen
