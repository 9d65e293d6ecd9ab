// Atoms and molecules as data, and what the table says about each atom. Source: isa-host/atoms.def.
//
// Freestanding C++17: simulator, translator and the firmware on the core all include it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isa-host/registers.h"

namespace chrysalis::isa {

enum class Op : uint16_t {
#define ATOM(name, mnemonic, pattern, operands, unit, latency, effects) name,
#include "isa-host/atoms.def"
#undef ATOM
  kCount
};
inline constexpr unsigned kOps = static_cast<unsigned>(Op::kCount);

/// What executes an atom. A slot of a machine file offers one or more; `Any` fits every slot.
enum class Unit : uint8_t { Any, Alu, Mul, Load, Store, Branch, Fp, Media, Control, kCount };
inline constexpr unsigned kUnits = static_cast<unsigned>(Unit::kCount);
inline constexpr const char* kUnitName[] = {"any", "alu", "mul", "load", "store", "branch", "fp", "media", "control"};

/// Atoms of one class have one latency, which the machine file may set.
/// LATENCY(Name, "name in machine files", default cycles until a dependent atom may issue)
#define CHRYSALIS_LATENCIES(LATENCY) \
  LATENCY(Alu, "alu", 1)             \
  LATENCY(Shift, "shift", 1)         \
  LATENCY(Mul, "mul", 4)             \
  LATENCY(Div, "div", 20)            \
  LATENCY(Load, "load", 3)           \
  LATENCY(Store, "store", 1)         \
  LATENCY(Branch, "branch", 1)       \
  LATENCY(Jtb, "jtb", 2)             \
  LATENCY(Control, "control", 1)     \
  LATENCY(FpAdd, "fp_add", 4)        \
  LATENCY(FpMul, "fp_mul", 5)        \
  LATENCY(FpDiv, "fp_div", 30)       \
  LATENCY(FpSqrt, "fp_sqrt", 30)     \
  LATENCY(FpCmp, "fp_cmp", 3)        \
  LATENCY(FpCvt, "fp_cvt", 4)        \
  LATENCY(FpMove, "fp_move", 2)      \
  LATENCY(Media, "media", 2)         \
  LATENCY(MediaMul, "media_mul", 4)

enum class Latency : uint8_t {
#define LATENCY(name, text, cycles) name,
  CHRYSALIS_LATENCIES(LATENCY)
#undef LATENCY
  kCount
};
inline constexpr unsigned kLatencies = static_cast<unsigned>(Latency::kCount);
inline constexpr const char* kLatencyName[] = {
#define LATENCY(name, text, cycles) text,
    CHRYSALIS_LATENCIES(LATENCY)
#undef LATENCY
};
inline constexpr uint8_t kDefaultLatency[] = {
#define LATENCY(name, text, cycles) cycles,
    CHRYSALIS_LATENCIES(LATENCY)
#undef LATENCY
};

/// Effects of an atom beyond its operand fields (OR of bits).
enum Effect : uint32_t {
  kNone = 0,
  kWritesFd = 1u << 0,      ///< writes the flags register that fd names, if any
  kReadsFd = 1u << 1,       ///< reads it too, as the old image
  kLoad = 1u << 2,
  kStore = 1u << 3,
  kProbe = 1u << 4,         ///< checks a store without making it
  kPrefetch = 1u << 5,
  kGuest = 1u << 6,         ///< through TLB, store buffer and concealed check
  kConcealed = 1u << 7,     ///< physical, at once
  kMayFault = 1u << 8,      ///< can raise an event
  kProtect = 1u << 9,       ///< writes the alias entry Atom::alias
  kMasked = 1u << 10,       ///< checks the alias entries in Atom::alias
  kBranch = 1u << 11,       ///< may change the next address
  kConditional = 1u << 12,  ///< and may fall through
  kIndirect = 1u << 13,     ///< to an address in a register (or, ret, in the return stack)
  kCall = 1u << 14,         ///< rd = address of the next molecule
  kCommit = 1u << 15,
  kRollback = 1u << 16,
  kFp = 1u << 17,           ///< reads FCR, adds to FSR
  kSerializing = 1u << 18,  ///< reads or changes state that others use implicitly: keep its order with memory, branches and
                            ///< others of its kind; at most one of commit, rollback, serializing per molecule, and it acts last
  kUncount = 1u << 19,      ///< changes what the next commit counts: keep its order with commits and exits
};

/// How an atom's second source, or an optional literal, is given.
enum class Mode : uint8_t {
  Register = 0,  ///< rb; or: no literal
  Short = 1,     ///< literal within the atom word
  Long = 2,      ///< literal word of the molecule
};

/// One decoded atom. Fields that its row does not name are zero.
struct Atom {
  Op op = Op::Nop;
  uint8_t rd = 0, ra = 0, rb = 0, rc = 0;  ///< register numbers, in the file that the row tells
  uint8_t fd = 0;        ///< flags register: 0 none, n = r(8+n)
  Mode mode = Mode::Register;
  Cond cond = Cond::O;
  uint8_t scale = 0;     ///< 0..3
  uint8_t alias = 0;     ///< entry 0..7 of a protected load; mask of a store under mask
  uint16_t count = 0;    ///< commit's instructions, an immediate selector, a Special
  int64_t imm = 0;       ///< the literal, sign-extended; of branches the displacement in bytes from the molecule
};

inline constexpr unsigned kMaxWords = 8;  ///< words of a molecule: atoms and literals

/// One molecule.
struct Molecule {
  Atom atoms[kMaxWords];
  uint8_t count = 0;      ///< atoms
  uint8_t bytes = 0;      ///< 4 per atom and per long literal
  uint64_t address = 0;   ///< of its first word
};

/// Which operand fields an atom reads and writes, and in which file (OR of bits). From the operand syntax.
enum Operand : uint16_t {
  kReadsRa = 1u << 0,
  kReadsRb = 1u << 1,     ///< always in rb
  kReadsRm = 1u << 2,     ///< in rb if the mode is Register
  kReadsRc = 1u << 3,
  kReadsRd = 1u << 4,
  kWritesRd = 1u << 5,
  kReadsVa = 1u << 6,
  kReadsVb = 1u << 7,
  kReadsVd = 1u << 8,
  kWritesVd = 1u << 9,
  kOptionalLong = 1u << 10,  ///< Mode::Long adds a literal, Mode::Register means none
  kTarget = 1u << 11,        ///< imm is a displacement
  kImmediate = 1u << 12,     ///< imm by Short or Long, without a register form
};

/// A table row, with what follows from it.
struct AtomInfo {
  const char* name;      ///< enumerator
  const char* mnemonic;
  const char* pattern;
  const char* operands;
  Unit unit;
  Latency latency;
  uint32_t effects;
  uint16_t operand_bits;  ///< OR of Operand

  constexpr bool has(uint32_t effect) const { return (effects & effect) != 0; }
  constexpr bool uses(uint16_t operand) const { return (operand_bits & operand) != 0; }
};

namespace detail {

constexpr bool contains(const char* text, const char* part) {
  for (; *text != 0; ++text) {
    std::size_t i = 0;
    while (part[i] != 0 && text[i] == part[i]) ++i;
    if (part[i] == 0) return true;
  }
  return false;
}

constexpr uint16_t parse_operands(const char* text) {
  unsigned bits = 0;
  if (contains(text, "ra")) bits |= kReadsRa;
  if (contains(text, "rb")) bits |= kReadsRb;
  if (contains(text, "rm")) bits |= kReadsRm;
  if (contains(text, "rc")) bits |= kReadsRc;
  if (contains(text, "rs") || contains(text, "rx")) bits |= kReadsRd;
  if (contains(text, "rd") || contains(text, "rx")) bits |= kWritesRd;
  if (contains(text, "va")) bits |= kReadsVa;
  if (contains(text, "vb")) bits |= kReadsVb;
  if (contains(text, "vs") || contains(text, "vx")) bits |= kReadsVd;
  if (contains(text, "vd") || contains(text, "vx")) bits |= kWritesVd;
  if (contains(text, "long") || contains(text, "pc")) bits |= kOptionalLong;
  if (contains(text, "target")) bits |= kTarget;
  if (contains(text, "imm")) bits |= kImmediate;
  return static_cast<uint16_t>(bits);
}

}  // namespace detail

inline constexpr AtomInfo kAtomInfo[] = {
#define ATOM(name, mnemonic, pattern, operands, unit, latency, effects) \
  {#name, mnemonic, pattern, operands, Unit::unit, Latency::latency, static_cast<uint32_t>(effects), detail::parse_operands(operands)},
#include "isa-host/atoms.def"
#undef ATOM
};
/// The table row of `op`.
constexpr const AtomInfo& info(Op op) { return kAtomInfo[static_cast<unsigned>(op)]; }

/// The row of `first`'s family at `width` bits. `first` is the family's 8-bit row (16-bit for families
/// without one: Bsf Bsr Bt Bts Btr Btc Shld Shrd Bswap Lea), whose width is `first_width`.
constexpr Op at_width(Op first, unsigned width, unsigned first_width = 8) {
  unsigned step = 0;
  for (unsigned w = first_width; w < width; w *= 2) ++step;
  return static_cast<Op>(static_cast<unsigned>(first) + step);
}

/// A register of either file: 0..63 integer, 64..127 floating point.
using RegName = uint8_t;
inline constexpr RegName kFpFile = 64;

/// Registers that an atom reads and writes; r63 is left out, since it carries no dependence, and so is a
/// discarded result (semantics.h).
struct RegUse {
  RegName reads[5] = {};
  RegName writes[2] = {};
  uint8_t read_count = 0, write_count = 0;
};

inline RegUse reg_use(const Atom& atom) {
  const AtomInfo& row = info(atom.op);
  RegUse use;
  const auto read = [&use](unsigned reg) {
    if (reg != kZero) use.reads[use.read_count++] = static_cast<RegName>(reg);
  };
  const auto write = [&use](unsigned reg) {
    if (reg != kZero) use.writes[use.write_count++] = static_cast<RegName>(reg);
  };
  if (row.uses(kReadsRa)) read(atom.ra);
  if (row.uses(kReadsRb) || (row.uses(kReadsRm) && atom.mode == Mode::Register)) read(atom.rb);
  if (row.uses(kReadsRc)) read(atom.rc);
  if (row.uses(kReadsRd)) read(atom.rd);
  if (row.uses(kReadsVa)) read(kFpFile + atom.ra);
  if (row.uses(kReadsVb)) read(kFpFile + atom.rb);
  if (row.uses(kReadsVd)) read(kFpFile + atom.rd);
  if (row.has(kReadsFd) && atom.fd != 0) read(flags_register(atom.fd));
  if (row.uses(kWritesRd) && atom.rd < kZero) write(atom.rd);
  if (row.uses(kWritesVd)) write(kFpFile + atom.rd);
  if (row.has(kWritesFd) && atom.fd != 0) write(flags_register(atom.fd));
  return use;
}

/// Words that the atom takes in its molecule: 2 with a long literal.
constexpr unsigned words(const Atom& atom) { return atom.mode == Mode::Long ? 2 : 1; }

}  // namespace chrysalis::isa
