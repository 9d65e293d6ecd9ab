// Host assembly text to bytes and back.
//
//   loop:                                   ; a label; comments start with `;` or `//`
//     { add.32 r1,r2,r3 f=r9 | ldg.32u r4,[r5+8] | brcc nz,r9,loop }
//     commit 3,0x401000                     ; a molecule of one atom needs no braces
//     .equ size, 4*1                        ; .org .align .byte .half .word .quad .zero .ascii .asciz .equ
//     .quad loop, size-1
//
// Operands as the table writes them: `rm` is a register or a literal; [r5], [r5+r6], [r5-8]; lea takes
// [r1+r2*4+8]; targets are addresses; `f=r9` names the flags register; `zero` is r63. A literal takes the
// short form if it fits, `long(5)` forces a literal word. Errors name the line.
//
// C++17; not for the core.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "isa-host/codec.h"

namespace chrysalis::isa {

struct AssemblyError {
  unsigned line = 0;  ///< from 1
  std::string message;
};

struct Assembly {
  uint64_t base = 0;               ///< address of bytes[0]
  std::vector<uint8_t> bytes;
  std::map<std::string, uint64_t, std::less<>> symbols;
  std::vector<AssemblyError> errors;  ///< empty: the rest is valid

  bool ok() const { return errors.empty(); }
  /// Errors as "name:line: message" lines.
  std::string error_text(std::string_view name) const;
};

/// Assembles `text` for address `base` (a multiple of 4).
Assembly assemble(std::string_view text, uint64_t base);

/// An atom as assemble() reads it. `address` is its molecule's: targets are printed as addresses.
std::string disassemble(const Atom& atom, uint64_t address);
/// "{ atom | atom }".
std::string disassemble(const Molecule& molecule);

/// Lines of a dump: address, words, text. Words that are no molecule are listed as such, one by one.
std::string disassemble_bytes(const uint8_t* bytes, std::size_t size, uint64_t base);

/// Name of a register as assembly writes it.
std::string register_name(RegName reg);

/// x86 condition names: "o", "no", "b" and so on.
extern const char* const kCondName[16];

}  // namespace chrysalis::isa
