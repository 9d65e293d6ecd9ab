#include "isa-host/codec.h"

namespace chrysalis::isa {
namespace {

constexpr unsigned kOpcodes = 256;
constexpr uint16_t kEnd = 0xffff;

/// Atoms by opcode: chains through `next`. An atom that spans several opcodes has them for itself.
struct OpcodeIndex {
  uint16_t first[kOpcodes] = {};
  uint16_t next[kOps] = {};
  constexpr OpcodeIndex() {
    for (unsigned i = 0; i < kOpcodes; ++i) first[i] = kEnd;
    for (unsigned op = kOps; op-- > 0;) {
      const uint32_t mask = kEncodings[op].fixed_mask >> 23 & 0xff, bits = kEncodings[op].fixed_bits >> 23 & 0xff;
      next[op] = kEnd;
      // Atoms of an opcode are neighbours in bits, not in the table: the chain keeps table order.
      if (mask == 0xff) {
        next[op] = first[bits];
        first[bits] = static_cast<uint16_t>(op);
        continue;
      }
      for (unsigned i = 0; i < kOpcodes; ++i)
        if ((i & mask) == bits) first[i] = static_cast<uint16_t>(op);
    }
  }
};
constexpr OpcodeIndex kIndex;

constexpr int64_t sign_extend(uint32_t value, unsigned bits) {
  const unsigned shift = 64 - bits;
  return static_cast<int64_t>(static_cast<uint64_t>(value) << shift) >> shift;
}

constexpr unsigned field_limit(const Encoding& row, Field field) { return 1u << row.width(field); }

constexpr bool acts_last(const AtomInfo& row) { return row.has(kCommit | kRollback | kSerializing); }

bool long_literal_is_zero_extended(Op op) { return op == Op::Commit; }

}  // namespace

const char* message(CodecError error) {
  static constexpr const char* kText[] = {
#define CODEC_ERROR(name, text) text,
      CHRYSALIS_CODEC_ERRORS(CODEC_ERROR)
#undef CODEC_ERROR
  };
  return kText[static_cast<unsigned>(error)];
}

CodecError check_atom(const Atom& atom) {
  if (static_cast<unsigned>(atom.op) >= kOps) return CodecError::UnknownOpcode;
  const Encoding& row = encoding(atom.op);
  const AtomInfo& about = info(atom.op);
  if ((accepted_modes(atom.op) >> static_cast<unsigned>(atom.mode) & 1) == 0) return CodecError::BadMode;
  // Every field must fit, where absent fields fit 0 alone. In a literal mode rm's register is absent.
  const bool no_rb = about.uses(kReadsRm) && atom.mode != Mode::Register;
  if (atom.rd >= field_limit(row, Field::Rd) || atom.ra >= field_limit(row, Field::Ra) ||
      atom.rb >= (no_rb ? 1 : field_limit(row, Field::Rb)) || atom.rc >= field_limit(row, Field::Rc) ||
      atom.fd >= field_limit(row, Field::Fd))
    return CodecError::BadRegister;
  const unsigned cond = static_cast<unsigned>(atom.cond);
  const unsigned cond_bits = row.width(Field::Cond);
  if (cond >= (cond_bits == 0 ? 1u : 16u) || (cond_bits == 3 && (cond & 1) != 0)) return CodecError::BadField;
  if (atom.scale >= field_limit(row, Field::Scale)) return CodecError::BadField;
  const unsigned alias_limit = row.width(Field::Mask) != 0 ? field_limit(row, Field::Mask) : field_limit(row, Field::Entry);
  if (atom.alias >= alias_limit) return CodecError::BadField;
  unsigned count_limit = field_limit(row, Field::Count);
  if (row.width(Field::Special) != 0) count_limit = kSpecials;
  if (atom.op == Op::FConst80) count_limit = kFpConstants;
  if (atom.count >= count_limit) return CodecError::BadField;
  switch (atom.mode) {
    case Mode::Register: return atom.imm == 0 ? CodecError::None : CodecError::BadLiteral;
    case Mode::Short: return fits_short(atom.op, atom.imm) ? CodecError::None : CodecError::BadLiteral;
    default: break;
  }
  if (about.uses(kTarget) && (atom.imm & 3) != 0) return CodecError::BadLiteral;
  return fits_long(atom.op, atom.imm) ? CodecError::None : CodecError::BadLiteral;
}

CodecResult check(const Molecule& molecule) {
  if (molecule.count == 0 || molecule.count > kMaxWords) return {CodecError::Empty, 0};
  unsigned total = 0, branches = 0, last = 0, entries = 0;
  uint64_t written[2] = {0, 0};
  for (uint8_t i = 0; i < molecule.count; ++i) {
    const Atom& atom = molecule.atoms[i];
    const CodecError error = check_atom(atom);
    if (error != CodecError::None) return {error, i};
    const AtomInfo& row = info(atom.op);
    total += words(atom);
    if (total > kMaxWords) return {CodecError::TooLong, i};
    const RegUse use = reg_use(atom);
    for (unsigned w = 0; w < use.write_count; ++w) {
      uint64_t& file = written[use.writes[w] >> 6];
      const uint64_t bit = uint64_t{1} << (use.writes[w] & 63);
      if ((file & bit) != 0) return {CodecError::DoubleWrite, i};
      file |= bit;
    }
    if (row.has(kProtect)) {
      if ((entries >> atom.alias & 1) != 0) return {CodecError::DoubleWrite, i};
      entries |= 1u << atom.alias;
    }
    if (row.has(kBranch) && ++branches > 1) return {CodecError::TwoBranches, i};
    if (acts_last(row) && ++last > 1) return {CodecError::TwoSerializing, i};
  }
  return {};
}

uint32_t encode_atom(const Atom& atom, bool stop) {
  const Encoding& row = encoding(atom.op);
  const bool short_rm = atom.mode == Mode::Short && info(atom.op).uses(kReadsRm);
  uint32_t word = row.fixed_bits;
  for (unsigned i = 0; i < row.pieces; ++i) {
    const Piece& piece = row.piece[i];
    uint32_t value = 0;
    switch (piece.field) {
      case Field::Stop: value = stop; break;
      case Field::Mode: value = static_cast<uint32_t>(atom.mode); break;
      case Field::Fd: value = atom.fd; break;
      case Field::Rd: value = atom.rd; break;
      case Field::Ra: value = atom.ra; break;
      case Field::Rb: value = short_rm ? static_cast<uint32_t>(atom.imm) : atom.rb; break;
      case Field::Rc: value = atom.rc; break;
      case Field::Cond: value = row.width(Field::Cond) == 3 ? static_cast<uint32_t>(atom.cond) >> 1 : static_cast<uint32_t>(atom.cond); break;
      case Field::Scale: value = atom.scale; break;
      case Field::Entry: case Field::Mask: value = atom.alias; break;
      case Field::Count: case Field::Special: value = atom.count; break;
      case Field::Target: value = atom.mode == Mode::Short ? static_cast<uint32_t>(atom.imm >> 2) : 0; break;
      case Field::Literal: value = atom.mode == Mode::Short ? static_cast<uint32_t>(atom.imm) : 0; break;
      case Field::kCount: break;
    }
    word |= ((value >> piece.field_bit) & ((1u << piece.width) - 1)) << piece.word_bit;
  }
  return word;
}

CodecResult encode(Molecule& molecule, uint32_t (&out)[kMaxWords]) {
  const CodecResult result = check(molecule);
  if (!result.ok()) return result;
  unsigned at = 0;
  for (unsigned i = 0; i < molecule.count; ++i) out[at++] = encode_atom(molecule.atoms[i], i + 1u == molecule.count);
  for (unsigned i = 0; i < molecule.count; ++i)
    if (molecule.atoms[i].mode == Mode::Long) out[at++] = static_cast<uint32_t>(molecule.atoms[i].imm);
  molecule.bytes = static_cast<uint8_t>(4 * at);
  return {};
}

CodecError decode_atom(uint32_t word, Atom& atom) {
  uint16_t op = kIndex.first[word >> 23 & 0xff];
  while (op != kEnd && (word & kEncodings[op].fixed_mask) != kEncodings[op].fixed_bits) op = kIndex.next[op];
  if (op == kEnd) return CodecError::UnknownOpcode;
  atom = Atom{};
  atom.op = static_cast<Op>(op);
  const Encoding& row = kEncodings[op];
  uint32_t field[static_cast<unsigned>(Field::kCount)] = {};
  for (unsigned i = 0; i < row.pieces; ++i) {
    const Piece& piece = row.piece[i];
    field[static_cast<unsigned>(piece.field)] |= ((word >> piece.word_bit) & ((1u << piece.width) - 1)) << piece.field_bit;
  }
  const auto get = [&field](Field f) { return field[static_cast<unsigned>(f)]; };
  if ((accepted_modes(atom.op) >> get(Field::Mode) & 1) == 0) return CodecError::BadMode;
  atom.mode = static_cast<Mode>(get(Field::Mode));
  atom.fd = static_cast<uint8_t>(get(Field::Fd));
  atom.rd = static_cast<uint8_t>(get(Field::Rd));
  atom.ra = static_cast<uint8_t>(get(Field::Ra));
  atom.rb = static_cast<uint8_t>(get(Field::Rb));
  atom.rc = static_cast<uint8_t>(get(Field::Rc));
  atom.cond = static_cast<Cond>(row.width(Field::Cond) == 3 ? get(Field::Cond) << 1 : get(Field::Cond));
  atom.scale = static_cast<uint8_t>(get(Field::Scale));
  atom.alias = static_cast<uint8_t>(get(Field::Entry) | get(Field::Mask));
  atom.count = static_cast<uint16_t>(get(Field::Count) | get(Field::Special));
  if (atom.mode == Mode::Short) {
    const AtomInfo& about = info(atom.op);
    const unsigned bits = short_literal_bits(atom.op);
    if (about.uses(kReadsRm)) {
      atom.imm = sign_extend(get(Field::Rb), bits);
      atom.rb = 0;
    } else if (about.uses(kTarget)) {
      atom.imm = sign_extend(get(Field::Target), bits) * 4;
    } else {
      atom.imm = sign_extend(get(Field::Literal), bits);
    }
  } else if ((get(Field::Target) | get(Field::Literal)) != 0) {
    return CodecError::BadField;
  }
  return check_atom(atom);
}

CodecResult decode(const uint32_t* in, unsigned available, uint64_t address, Molecule& molecule) {
  molecule.count = 0;
  molecule.bytes = 0;
  molecule.address = address;
  if ((address & 3) != 0) return {CodecError::Misaligned, 0};
  if (available > kMaxWords) available = kMaxWords;
  bool stop = false;
  while (!stop) {
    const uint8_t i = molecule.count;
    if (i >= available) return {available == kMaxWords ? CodecError::TooLong : CodecError::Truncated, i};
    const CodecError error = decode_atom(in[i], molecule.atoms[i]);
    if (error != CodecError::None) return {error, i};
    stop = in[i] >> 31 != 0;
    ++molecule.count;
  }
  unsigned at = molecule.count;
  for (uint8_t i = 0; i < molecule.count; ++i) {
    Atom& atom = molecule.atoms[i];
    if (atom.mode != Mode::Long) continue;
    if (at >= available) return {available == kMaxWords ? CodecError::TooLong : CodecError::Truncated, i};
    const uint32_t literal = in[at++];
    atom.imm = long_literal_is_zero_extended(atom.op) ? static_cast<int64_t>(literal) : static_cast<int32_t>(literal);
  }
  molecule.bytes = static_cast<uint8_t>(4 * at);
  return check(molecule);
}

CodecError set_literal(Atom& atom, int64_t value) {
  const unsigned modes = accepted_modes(atom.op);
  atom.imm = value;
  if ((modes & 0b010) != 0 && fits_short(atom.op, value)) {
    atom.mode = Mode::Short;
    return CodecError::None;
  }
  if ((modes & 0b100) == 0) return CodecError::BadMode;
  atom.mode = Mode::Long;
  if (info(atom.op).uses(kTarget) && (value & 3) != 0) return CodecError::BadLiteral;
  return fits_long(atom.op, value) ? CodecError::None : CodecError::BadLiteral;
}

}  // namespace chrysalis::isa
