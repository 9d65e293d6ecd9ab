// The fields of an atom word where nearly all atoms have them, for code that has no time for isa-host/codec.h.
// Source: docs/host-isa.md, "Atom word".
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "isa-host/encoding.h"

namespace chrysalis::translator {

inline constexpr unsigned kRdShift = 12, kRaShift = 6, kFdShift = 18, kScaleShift = 18, kRcShift = 18, kSelectCondShift = 24;
inline constexpr uint32_t kShortMode = 1u << 21, kLongMode = 2u << 21;

namespace detail {
constexpr bool stands_at(isa::Op op, isa::Field field, unsigned shift) {
  const isa::Encoding& row = isa::encoding(op);
  return isa::insert_field(row, field, ~0u, 0) == ((1u << row.width(field)) - 1) << shift;
}
static_assert(stands_at(isa::Op::Add32, isa::Field::Rd, kRdShift) && stands_at(isa::Op::Add32, isa::Field::Ra, kRaShift) &&
              stands_at(isa::Op::Add32, isa::Field::Rb, 0) && stands_at(isa::Op::Add32, isa::Field::Fd, kFdShift));
static_assert(stands_at(isa::Op::Add32, isa::Field::Mode, 21) && stands_at(isa::Op::LdG32U, isa::Field::Mode, 21) &&
              stands_at(isa::Op::Lea32, isa::Field::Mode, 21) && stands_at(isa::Op::MovImm, isa::Field::Mode, 21) &&
              stands_at(isa::Op::Br, isa::Field::Mode, 21) && stands_at(isa::Op::BrZ, isa::Field::Mode, 21) &&
              stands_at(isa::Op::Commit, isa::Field::Mode, 21) && stands_at(isa::Op::ReturnPush, isa::Field::Mode, 21));
static_assert(stands_at(isa::Op::Lea32, isa::Field::Scale, kScaleShift) && stands_at(isa::Op::StG32, isa::Field::Rd, kRdShift) &&
              stands_at(isa::Op::BrCc, isa::Field::Ra, kRaShift) && stands_at(isa::Op::CommitPc, isa::Field::Ra, kRaShift));
static_assert(stands_at(isa::Op::SelectCc, isa::Field::Rc, kRcShift) && stands_at(isa::Op::SelectNz, isa::Field::Rc, kRcShift) &&
              stands_at(isa::Op::SelectCc, isa::Field::Cond, kSelectCondShift) && stands_at(isa::Op::SetCc, isa::Field::Cond, 0));
}  // namespace detail

constexpr bool fits(int64_t value, unsigned bits) {
  return value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1));
}

/// `word` with `value`, which fits, in `field` of its pattern.
template <isa::Op op, isa::Field field>
constexpr uint32_t with_field(uint32_t word, uint32_t value) {
  constexpr isa::Encoding row = isa::encoding(op);
  constexpr uint32_t mask = isa::insert_field(row, field, ~0u, 0);
  return isa::insert_field(row, field, value, word & ~mask);
}

}  // namespace chrysalis::translator
