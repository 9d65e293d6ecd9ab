#include <cstdio>
#include <cstring>

#include "isa-host/assembler.h"
#include "isa-host/operand_syntax.h"

namespace chrysalis::isa {

const char* const kCondName[16] = {"o", "no", "b", "nb", "z", "nz", "be", "nbe", "s", "ns", "p", "np", "l", "nl", "le", "nle"};

namespace {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string number(int64_t value) {
  if (value > -1024 && value < 1024) return std::to_string(value);
  return value < 0 ? "-" + hex(0 - static_cast<uint64_t>(value)) : hex(static_cast<uint64_t>(value));
}

/// A literal that would be read back in the short form though it is long says so.
std::string literal(const Atom& atom, const std::string& text) {
  return atom.mode == Mode::Long && fits_short(atom.op, atom.imm) ? "long(" + text + ")" : text;
}

std::string integer_register(unsigned index) { return index == kZero ? "zero" : "r" + std::to_string(index); }

std::string plus(const std::string& text) { return text[0] == '-' ? text : "+" + text; }

std::string memory(const Atom& atom, std::string_view operand) {
  std::string text = "[" + integer_register(atom.ra);
  if (operand == "[ra+rm]") {
    if (atom.mode == Mode::Register) {
      text += "+" + integer_register(atom.rb);
    } else if (atom.mode == Mode::Long || atom.imm != 0) {
      text += plus(literal(atom, number(atom.imm)));
    }
    return text + "]";
  }
  if (operand == "[ra+rb*scale+long]") text += "+" + integer_register(atom.rb) + "*" + std::to_string(1 << atom.scale);
  if (atom.mode == Mode::Long) text += plus(number(atom.imm));
  return text + "]";
}

}  // namespace

std::string register_name(RegName reg) {
  return reg < kFpFile ? integer_register(reg) : "f" + std::to_string(reg - kFpFile);
}

std::string disassemble(const Atom& atom, uint64_t address) {
  std::string text = info(atom.op).mnemonic;
  const char* separator = " ";
  for_each_operand(atom.op, [&](std::string_view operand) {
    std::string out;
    if (operand[0] == '[') {
      out = memory(atom, operand);
    } else if (operand == "rm") {
      out = atom.mode == Mode::Register ? integer_register(atom.rb) : literal(atom, number(atom.imm));
    } else if (is_register_operand(operand)) {
      const unsigned index = register_field(atom, operand);
      out = operand[0] == 'v' ? "f" + std::to_string(index) : integer_register(index);
    } else if (operand == "imm") {
      out = literal(atom, number(atom.imm));
    } else if (operand == "target") {
      out = literal(atom, hex(address + static_cast<uint64_t>(atom.imm)));
    } else if (operand == "pc") {
      if (atom.mode != Mode::Long) return;
      out = hex(static_cast<uint64_t>(atom.imm));
    } else if (operand == "cond") {
      out = kCondName[static_cast<unsigned>(atom.cond)];
    } else if (operand == "special") {
      out = atom.count < kSpecials ? kSpecialName[atom.count] : std::to_string(atom.count);
    } else if (operand == "count") {
      out = std::to_string(atom.count);
    } else {  // entry, mask
      out = operand == "mask" ? hex(atom.alias) : std::to_string(atom.alias);
    }
    text += separator + out;
    separator = ",";
  });
  if (atom.fd != 0) text += " f=" + integer_register(flags_register(atom.fd));
  return text;
}

std::string disassemble(const Molecule& molecule) {
  std::string text = "{ ";
  for (unsigned i = 0; i < molecule.count; ++i) {
    if (i != 0) text += " | ";
    text += disassemble(molecule.atoms[i], molecule.address);
  }
  return text + " }";
}

std::string disassemble_bytes(const uint8_t* bytes, std::size_t size, uint64_t base) {
  std::string out;
  char line[64];
  for (std::size_t at = 0; at + 4 <= size;) {
    uint32_t words[kMaxWords] = {};
    const std::size_t left = (size - at) / 4;
    const unsigned available = static_cast<unsigned>(left < kMaxWords ? left : kMaxWords);
    std::memcpy(words, bytes + at, 4 * available);
    Molecule molecule;
    const CodecResult result = decode(words, available, base + at, molecule);
    std::snprintf(line, sizeof line, "%08llx  ", static_cast<unsigned long long>(base + at));
    out += line;
    if (result.ok()) {
      out += disassemble(molecule);
      at += molecule.bytes;
    } else {
      std::snprintf(line, sizeof line, ".word 0x%08x", words[0]);
      out += line + std::string("  ; ") + message(result.error);
      at += 4;
    }
    out += '\n';
  }
  return out;
}

}  // namespace chrysalis::isa
