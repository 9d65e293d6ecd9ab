#include "firmware/hosted/fp_unit.h"

#include <cstdio>
#include <cstdlib>

#include "firmware/abi.h"
#include "isa-host/semantics/fp.h"

namespace chrysalis::fw::hosted {
namespace {

using isa::V128;
using Operand = GuestContext::X87Register;

/// As much of a core as the floating-point atoms touch.
struct Context {
  uint64_t r[4] = {};
  V128 v[4];
  uint64_t special[isa::kSpecials] = {};

  uint64_t& special_ref(isa::Special s) { return special[static_cast<unsigned>(s)]; }
  void set_v(unsigned index, const V128& value) { v[index] = value; }
};

using Run = void (*)(Context&, const isa::Atom&);
struct Row {
  ir::IntrinsicId id;
  ir::FpShape shape;
  Run run;
  uint16_t count;
};
constexpr Row kRows[] = {
#define IR_FP(name, text, shape, atom, count) \
  {ir::IntrinsicId::name, ir::FpShape::shape, &isa::semantics::run_##atom<Context, false, false>, count},
#include "translator/ir/fp_intrinsics.def"
#undef IR_FP
};

V128 load(uint64_t address) {
  const auto& from = *reinterpret_cast<const Operand*>(address);
  return {from.significand, from.sign_exponent};
}
void store(uint64_t address, const V128& value) {
  auto& to = *reinterpret_cast<Operand*>(address);
  to.significand = value.low;
  to.sign_exponent = static_cast<uint16_t>(value.high);
}

}  // namespace

uint64_t FpUnit::operate(ir::IntrinsicId id, uint64_t s0, uint64_t s1, uint64_t s2) {
  const Row& row = kRows[static_cast<unsigned>(id) - static_cast<unsigned>(kRows[0].id)];
  if (row.id != id) {
    std::fprintf(stderr, "firmware: no floating-point operation\n");
    std::abort();
  }
  Context c;
  c.special_ref(isa::Special::Fcr) = control_;
  isa::Atom atom;
  atom.rd = 0, atom.ra = 1, atom.rb = 2;
  atom.count = row.count;
  using ir::FpShape;
  switch (row.shape) {
    case FpShape::Binary: c.v[1] = load(s1), c.v[2] = load(s2); break;
    case FpShape::BinaryBits: c.v[1] = load(s1), c.v[2] = {s2, 0}; break;
    case FpShape::Unary: c.v[1] = load(s1); break;
    case FpShape::Compare: c.v[1] = load(s0), c.v[2] = load(s1); break;
    case FpShape::CompareBits: c.v[1] = load(s0), c.v[2] = {s1, 0}; break;
    case FpShape::FromBits: c.v[1] = {s1, 0}; break;
    case FpShape::FromInteger: c.r[1] = s1; break;
    case FpShape::ToBits: case FpShape::ToInteger: case FpShape::Class: c.v[1] = load(s0); break;
    case FpShape::Constant: break;
  }
  row.run(c, atom);
  status_ = c.special_ref(isa::Special::Fsr);
  switch (row.shape) {
    case FpShape::Compare: case FpShape::CompareBits: return c.r[0] | status_ << 16;
    case FpShape::ToBits: return c.v[0].low;
    case FpShape::ToInteger: case FpShape::Class: return c.r[0];
    default: store(s0, c.v[0]); return status_;
  }
}

FpUnit& fp_unit() {
  static FpUnit unit;
  return unit;
}

}  // namespace chrysalis::fw::hosted
