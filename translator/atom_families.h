// Which family of atoms does what an integer operation of the IR says: for everything that selects atoms.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "isa-host/atom.h"
#include "translator/ir/ir.h"

namespace chrysalis::translator {

struct AtomFamily {
  isa::Op first = isa::Op::Nop;  ///< row of the smallest width; Nop: there is no such family
  uint8_t first_width = 8;       ///< 8 or 16; 64: a single row
  bool commutes = false;
};

/// Operations that need something beside their atom (constants, loads, choices, inserts, exits) have none.
constexpr AtomFamily atom_family(ir::Op op) {
  switch (op) {
    case ir::Op::Add: return {isa::Op::Add8, 8, true};
    case ir::Op::Sub: return {isa::Op::Sub8};
    case ir::Op::Adc: return {isa::Op::Adc8, 8, true};
    case ir::Op::Sbb: return {isa::Op::Sbb8};
    case ir::Op::And: return {isa::Op::And8, 8, true};
    case ir::Op::Or: return {isa::Op::Or8, 8, true};
    case ir::Op::Xor: return {isa::Op::Xor8, 8, true};
    case ir::Op::AndNot: return {isa::Op::AndNot8};
    case ir::Op::OrNot: return {isa::Op::OrNot8};
    case ir::Op::XorNot: return {isa::Op::XorNot8, 8, true};
    case ir::Op::Shl: return {isa::Op::Shl8};
    case ir::Op::Shr: return {isa::Op::Shr8};
    case ir::Op::Sar: return {isa::Op::Sar8};
    case ir::Op::Rol: return {isa::Op::Rol8};
    case ir::Op::Ror: return {isa::Op::Ror8};
    case ir::Op::Rcl: return {isa::Op::Rcl8};
    case ir::Op::Rcr: return {isa::Op::Rcr8};
    case ir::Op::Bt: return {isa::Op::Bt16, 16};
    case ir::Op::Bts: return {isa::Op::Bts16, 16};
    case ir::Op::Btr: return {isa::Op::Btr16, 16};
    case ir::Op::Btc: return {isa::Op::Btc16, 16};
    case ir::Op::Bsf: return {isa::Op::Bsf16, 16};
    case ir::Op::Bsr: return {isa::Op::Bsr16, 16};
    case ir::Op::MulLow: return {isa::Op::MulLow8, 8, true};
    case ir::Op::MulFlagsU: return {isa::Op::MulFlagsU8, 8, true};
    case ir::Op::MulFlagsS: return {isa::Op::MulFlagsS8, 8, true};
    case ir::Op::MulHighU: return {isa::Op::MulHighU8, 8, true};
    case ir::Op::MulHighS: return {isa::Op::MulHighS8, 8, true};
    case ir::Op::MulHighSU: return {isa::Op::MulHighSU8};
    case ir::Op::DivU: return {isa::Op::DivU8};
    case ir::Op::DivS: return {isa::Op::DivS8};
    case ir::Op::RemU: return {isa::Op::RemU8};
    case ir::Op::RemS: return {isa::Op::RemS8};
    case ir::Op::MinU: return {isa::Op::MinU8, 8, true};
    case ir::Op::MaxU: return {isa::Op::MaxU8, 8, true};
    case ir::Op::MinS: return {isa::Op::MinS8, 8, true};
    case ir::Op::MaxS: return {isa::Op::MaxS8, 8, true};
    case ir::Op::SetLtU: return {isa::Op::SetLtU, 64};
    case ir::Op::SetLtS: return {isa::Op::SetLtS, 64};
    case ir::Op::SetEq: return {isa::Op::SetEq, 64, true};
    case ir::Op::SetNe: return {isa::Op::SetNe, 64, true};
    case ir::Op::Inc: return {isa::Op::Inc8};
    case ir::Op::Dec: return {isa::Op::Dec8};
    case ir::Op::Neg: return {isa::Op::Neg8};
    case ir::Op::Not: return {isa::Op::Not8};
    case ir::Op::Clz: return {isa::Op::Clz8};
    case ir::Op::Ctz: return {isa::Op::Ctz8};
    case ir::Op::Popcnt: return {isa::Op::Popcnt8};
    case ir::Op::Bswap: return {isa::Op::Bswap16, 16};
    default: return {};
  }
}

}  // namespace chrysalis::translator
