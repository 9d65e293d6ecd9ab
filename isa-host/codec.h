// Molecules to bytes and back. Source: docs/host-isa.md, "Molecules" and "Atom word".
//
// Freestanding C++17: the translator encodes on the core.
#pragma once

#include "isa-host/encoding.h"

namespace chrysalis::isa {

/// What is wrong with a molecule or its bytes.
/// CODEC_ERROR(Name, "message")
#define CHRYSALIS_CODEC_ERRORS(CODEC_ERROR)                                                                    \
  CODEC_ERROR(None, "no error")                                                                                \
  CODEC_ERROR(Empty, "a molecule has 1 to 8 atoms")                                                            \
  CODEC_ERROR(TooLong, "atoms and long literals take more than 8 words")                                       \
  CODEC_ERROR(Truncated, "the bytes end before the molecule does")                                             \
  CODEC_ERROR(Misaligned, "a molecule's address is a multiple of 4")                                           \
  CODEC_ERROR(UnknownOpcode, "no atom has this opcode")                                                        \
  CODEC_ERROR(BadMode, "the atom does not accept this operand mode")                                           \
  CODEC_ERROR(BadRegister, "register number out of range, or a register that the atom does not have")          \
  CODEC_ERROR(BadField, "operand field out of range, or one that the atom does not have")                      \
  CODEC_ERROR(BadLiteral, "literal out of range")                                                              \
  CODEC_ERROR(DoubleWrite, "two atoms write the same register or alias entry")                                 \
  CODEC_ERROR(TwoBranches, "more than one branch")                                                             \
  CODEC_ERROR(TwoSerializing, "more than one commit, rollback or serializing atom")

enum class CodecError : uint8_t {
#define CODEC_ERROR(name, text) name,
  CHRYSALIS_CODEC_ERRORS(CODEC_ERROR)
#undef CODEC_ERROR
};
const char* message(CodecError error);

/// Error and the atom, counted from 0, that it concerns.
struct CodecResult {
  CodecError error = CodecError::None;
  uint8_t atom = 0;
  constexpr bool ok() const { return error == CodecError::None; }
};

/// Checks what does not depend on the machine: fields of each atom, total length, no register written
/// twice, at most one branch and one atom that acts last.
CodecResult check(const Molecule& molecule);

/// Encodes into `words`, setting `bytes`. Nothing is written if check() finds an error.
CodecResult encode(Molecule& molecule, uint32_t (&words)[kMaxWords]);

/// Decodes one molecule from `available` words. On success encode() of the result gives the same words.
CodecResult decode(const uint32_t* words, unsigned available, uint64_t address, Molecule& molecule);

/// One atom word and, if `mode` says so, its literal word: the parts of encode() and decode().
uint32_t encode_atom(const Atom& atom, bool stop);
CodecError decode_atom(uint32_t word, Atom& atom);
CodecError check_atom(const Atom& atom);

/// Chooses the shortest mode for a literal operand: sets `mode` and `imm`.
CodecError set_literal(Atom& atom, int64_t value);

}  // namespace chrysalis::isa
