// The flags and results that the SDM leaves undefined, by instruction: what a comparison with a processor must
// not look at.
#pragma once

#include <cstdint>

#include "x86-frontend/decoded.h"

namespace chrysalis::x86 {

/// Arithmetic flags (at their EFLAGS positions) that `d` leaves undefined. `count` is the shift count masked to 5 bits, for
/// shifts and rotates; other instructions ignore it.
/// Source: SDM Vol. 1, appendix A, and the instructions' pages in Vol. 2.
constexpr uint32_t undefined_flags(const DecodedInst& d, unsigned count) {
  constexpr uint32_t cf = 1, pf = 4, af = 0x10, zf = 0x40, sf = 0x80, of = 0x800;
  switch (d.mnemonic) {
    case Mnemonic::And: case Mnemonic::Or: case Mnemonic::Xor: case Mnemonic::Test: return af;
    case Mnemonic::Mul: case Mnemonic::Imul: return sf | zf | af | pf;
    case Mnemonic::Div: case Mnemonic::Idiv: return cf | pf | af | zf | sf | of;
    case Mnemonic::Bsf: case Mnemonic::Bsr: return cf | of | sf | af | pf;
    case Mnemonic::Bt: case Mnemonic::Bts: case Mnemonic::Btr: case Mnemonic::Btc: return of | sf | af | pf;
    case Mnemonic::Aaa: case Mnemonic::Aas: return of | sf | zf | pf;
    case Mnemonic::Aam: case Mnemonic::Aad: return of | af | cf;
    case Mnemonic::Daa: case Mnemonic::Das: return of;
    case Mnemonic::Rol: case Mnemonic::Ror: case Mnemonic::Rcl: case Mnemonic::Rcr: return count > 1 ? of : 0;
    case Mnemonic::Shl: case Mnemonic::Shr: case Mnemonic::Sar: {
      if (count == 0) return 0;
      const bool carry_lost = d.mnemonic != Mnemonic::Sar && count >= d.operands[0].width;
      return af | (count > 1 ? of : 0) | (carry_lost ? cf : 0);
    }
    case Mnemonic::Shld: case Mnemonic::Shrd:
      if (count == 0) return 0;
      if (count > d.operands[0].width) return cf | pf | af | zf | sf | of;
      return af | (count > 1 ? of : 0);
    default: return 0;
  }
}

/// Whether the destination's value is undefined. (BSF and BSR of 0 are not counted: every processor that we know leaves the
/// destination alone, as AMD documents, and so do we.)
constexpr bool undefined_result(const DecodedInst& d, unsigned count) {
  switch (d.mnemonic) {
    case Mnemonic::Bswap: return d.operands[0].width == 16;
    case Mnemonic::Shld: case Mnemonic::Shrd: return count > d.operands[0].width;
    default: return false;
  }
}

}  // namespace chrysalis::x86
