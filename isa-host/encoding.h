// The pattern column of atoms.def, compiled: fixed bits and fields of every atom word. Codec, assembler,
// encoding tests and the RTL package generator read these tables. Source: docs/host-isa.md, "Atom word".
//
// Freestanding C++17.
#pragma once

#include "isa-host/atom.h"

namespace chrysalis::isa {

/// Letters of a pattern.
enum class Field : uint8_t { Stop, Mode, Fd, Rd, Ra, Rb, Rc, Cond, Scale, Entry, Mask, Count, Special, Target, Literal, kCount };
inline constexpr char kFieldLetter[] = "smfdabgcxeknpti";

/// `width` bits of a field: those from `field_bit` up stand in the word from `word_bit` up.
struct Piece {
  Field field = Field::Stop;
  uint8_t word_bit = 0, field_bit = 0, width = 0;
};

inline constexpr unsigned kMaxPieces = 8;

struct Encoding {
  uint32_t fixed_mask = 0;   ///< bits that the pattern fixes
  uint32_t fixed_bits = 0;
  uint8_t pieces = 0;
  bool well_formed = false;  ///< 32 known letters, no more than kMaxPieces runs
  Piece piece[kMaxPieces] = {};
  uint8_t field_width[static_cast<unsigned>(Field::kCount)] = {};

  constexpr unsigned width(Field field) const { return field_width[static_cast<unsigned>(field)]; }
};

namespace detail {

constexpr Encoding compile(const char* pattern) {
  Encoding encoding;
  unsigned bit = 32;
  char previous = 0;
  bool known = true;
  for (const char* p = pattern; *p != 0; ++p) {
    if (*p == ' ') continue;
    if (bit == 0) return encoding;
    --bit;
    if (*p == '0' || *p == '1') {
      encoding.fixed_mask |= 1u << bit;
      if (*p == '1') encoding.fixed_bits |= 1u << bit;
      previous = *p;
      continue;
    }
    unsigned field = 0;
    while (kFieldLetter[field] != 0 && kFieldLetter[field] != *p) ++field;
    if (kFieldLetter[field] == 0) {
      known = false;
      continue;
    }
    if (*p != previous) {
      if (encoding.pieces == kMaxPieces) return encoding;
      encoding.piece[encoding.pieces++].field = static_cast<Field>(field);
    }
    Piece& piece = encoding.piece[encoding.pieces - 1];
    piece.word_bit = static_cast<uint8_t>(bit);
    ++piece.width;
    ++encoding.field_width[field];
    previous = *p;
  }
  // Pieces were met from the field's most significant bits down.
  uint8_t below[static_cast<unsigned>(Field::kCount)] = {};
  for (unsigned i = encoding.pieces; i-- > 0;) {
    Piece& piece = encoding.piece[i];
    uint8_t& low = below[static_cast<unsigned>(piece.field)];
    piece.field_bit = low;
    low = static_cast<uint8_t>(low + piece.width);
  }
  encoding.well_formed = known && bit == 0;
  return encoding;
}

}  // namespace detail

inline constexpr Encoding kEncodings[] = {
#define ATOM(name, mnemonic, pattern, operands, unit, latency, effects) detail::compile(pattern),
#include "isa-host/atoms.def"
#undef ATOM
};
constexpr const Encoding& encoding(Op op) { return kEncodings[static_cast<unsigned>(op)]; }

constexpr uint32_t insert_field(const Encoding& encoding, Field field, uint32_t value, uint32_t word) {
  for (unsigned i = 0; i < encoding.pieces; ++i) {
    const Piece& piece = encoding.piece[i];
    if (piece.field != field) continue;
    word |= ((value >> piece.field_bit) & ((1u << piece.width) - 1)) << piece.word_bit;
  }
  return word;
}

constexpr uint32_t extract_field(const Encoding& encoding, Field field, uint32_t word) {
  uint32_t value = 0;
  for (unsigned i = 0; i < encoding.pieces; ++i) {
    const Piece& piece = encoding.piece[i];
    if (piece.field == field) value |= ((word >> piece.word_bit) & ((1u << piece.width) - 1)) << piece.field_bit;
  }
  return value;
}

/// Modes that the atom accepts: bit n stands for Mode n.
constexpr unsigned accepted_modes(Op op) {
  const AtomInfo& row = info(op);
  if (encoding(op).width(Field::Mode) == 0) return 1;
  if (row.uses(kReadsRm)) return 0b111;
  if (row.uses(kOptionalLong)) return 0b101;
  return 0b110;
}

/// Width in bits of the signed literal in the atom word, 0 if there is none.
constexpr unsigned short_literal_bits(Op op) {
  const Encoding& row = encoding(op);
  if (info(op).uses(kReadsRm)) return row.width(Field::Rb);
  if (info(op).uses(kTarget)) return row.width(Field::Target);
  return row.width(Field::Literal);
}

/// Whether `value` can be the literal of the word itself. A branch displacement counts in words.
constexpr bool fits_short(Op op, int64_t value) {
  const unsigned bits = short_literal_bits(op);
  if (bits == 0) return false;
  if (info(op).uses(kTarget)) {
    if ((value & 3) != 0) return false;
    value >>= 2;
  }
  return value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1));
}

/// Whether `value` can be a literal word: 32 bits, sign-extended; commit's PC zero-extended.
constexpr bool fits_long(Op op, int64_t value) {
  if (op == Op::Commit) return value >= 0 && value <= 0xffff'ffff;
  return value >= -0x8000'0000ll && value <= 0x7fff'ffff;
}

}  // namespace chrysalis::isa
