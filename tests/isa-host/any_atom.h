// Atoms made from the table: every field that a row has, at every value that it can take.
#pragma once

#include "isa-host/codec.h"
#include "random.h"

namespace chrysalis::isa::test {

/// Values of `field` that a decoded atom of `op` can have: below this.
inline unsigned field_values(Op op, Field field) {
  if (op == Op::FConst80 && field == Field::Count) return kFpConstants;
  if (field == Field::Special && encoding(op).width(field) != 0) return kSpecials;
  return 1u << encoding(op).width(field);
}

/// Writes a raw field value into the atom, as the decoder would.
inline void put_field(Atom& atom, Field field, unsigned value) {
  switch (field) {
    case Field::Fd: atom.fd = static_cast<uint8_t>(value); break;
    case Field::Rd: atom.rd = static_cast<uint8_t>(value); break;
    case Field::Ra: atom.ra = static_cast<uint8_t>(value); break;
    case Field::Rb: atom.rb = static_cast<uint8_t>(value); break;
    case Field::Rc: atom.rc = static_cast<uint8_t>(value); break;
    case Field::Cond: atom.cond = static_cast<Cond>(encoding(atom.op).width(field) == 3 ? 2 * value : value); break;
    case Field::Scale: atom.scale = static_cast<uint8_t>(value); break;
    case Field::Entry: case Field::Mask: atom.alias = static_cast<uint8_t>(value); break;
    case Field::Count: case Field::Special: atom.count = static_cast<uint16_t>(value); break;
    default: break;
  }
}

inline constexpr Field kPlainFields[] = {Field::Fd, Field::Rd, Field::Ra, Field::Rb, Field::Rc, Field::Cond,
                                         Field::Scale, Field::Entry, Field::Mask, Field::Count, Field::Special};

/// A random valid literal for the atom's mode.
inline int64_t random_literal(Random& random, Op op, Mode mode) {
  const bool target = info(op).uses(kTarget);
  if (mode == Mode::Register) return 0;
  if (mode == Mode::Short) {
    const unsigned bits = short_literal_bits(op);
    const int64_t value = static_cast<int64_t>(random.below(uint64_t{1} << bits)) - (int64_t{1} << (bits - 1));
    return target ? 4 * value : value;
  }
  if (op == Op::Commit) return static_cast<int64_t>(random.next() & 0xffff'ffff);
  const int64_t value = static_cast<int32_t>(random.operand());
  return target ? value & ~int64_t{3} : value;
}

/// A random valid atom of `op` in `mode`, which it accepts.
inline Atom random_atom(Random& random, Op op, Mode mode) {
  Atom atom;
  atom.op = op;
  atom.mode = mode;
  for (const Field field : kPlainFields) put_field(atom, field, static_cast<unsigned>(random.below(field_values(op, field))));
  if (info(op).uses(kReadsRm) && mode != Mode::Register) atom.rb = 0;
  atom.imm = random_literal(random, op, mode);
  // A flags destination that is also the result's would be a double write.
  if (atom.fd != 0 && atom.rd == flags_register(atom.fd) && info(op).uses(kWritesRd)) atom.fd = static_cast<uint8_t>(atom.fd % 7 + 1);
  return atom;
}

inline Atom random_atom(Random& random) {
  for (;;) {
    const Op op = static_cast<Op>(random.below(kOps));
    const Mode mode = static_cast<Mode>(random.below(3));
    if ((accepted_modes(op) >> static_cast<unsigned>(mode) & 1) != 0) return random_atom(random, op, mode);
  }
}

inline bool same(const Atom& a, const Atom& b) {
  return a.op == b.op && a.rd == b.rd && a.ra == b.ra && a.rb == b.rb && a.rc == b.rc && a.fd == b.fd && a.mode == b.mode &&
         a.cond == b.cond && a.scale == b.scale && a.alias == b.alias && a.count == b.count && a.imm == b.imm;
}

}  // namespace chrysalis::isa::test
