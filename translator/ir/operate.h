// What the integer operations of the IR compute: isa-host's arithmetic under the IR's names.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>

#include "isa-host/arith.h"
#include "translator/ir/ir.h"

namespace chrysalis::ir {

/// Value and flags of `op`; what the row in ops.def does not deliver is 0.
template <Op op, unsigned W>
constexpr isa::arith::Result operate(uint64_t s0, uint64_t s1, uint64_t s2, uint64_t s3) {
  namespace arith = isa::arith;
  constexpr unsigned W16 = W == 8 ? 16 : W;  // operations without an 8-bit form
  (void)s1, (void)s2, (void)s3;
  switch (op) {
    case Op::Add: return arith::add<W>(s0, s1, 0);
    case Op::Sub: return arith::sub<W>(s0, s1, 0);
    case Op::Adc: return arith::adc<W>(s0, s1, s2);
    case Op::Sbb: return arith::sbb<W>(s0, s1, s2);
    case Op::And: return arith::and_<W>(s0, s1, 0);
    case Op::Or: return arith::or_<W>(s0, s1, 0);
    case Op::Xor: return arith::xor_<W>(s0, s1, 0);
    case Op::AndNot: return {arith::andn<W>(s0, s1), 0};
    case Op::OrNot: return {arith::orn<W>(s0, s1), 0};
    case Op::XorNot: return {arith::xnor<W>(s0, s1), 0};
    case Op::Inc: return arith::inc<W>(s0, s1);
    case Op::Dec: return arith::dec<W>(s0, s1);
    case Op::Neg: return arith::neg<W>(s0, 0);
    case Op::Not: return {arith::not_<W>(s0), 0};
    case Op::Shl: return arith::shl<W>(s0, s1, s2);
    case Op::Shr: return arith::shr<W>(s0, s1, s2);
    case Op::Sar: return arith::sar<W>(s0, s1, s2);
    case Op::Rol: return arith::rol<W>(s0, s1, s2);
    case Op::Ror: return arith::ror<W>(s0, s1, s2);
    case Op::Rcl: return arith::rcl<W>(s0, s1, s2);
    case Op::Rcr: return arith::rcr<W>(s0, s1, s2);
    case Op::Shld: return arith::shld<W16>(s0, s1, s2, s3);
    case Op::Shrd: return arith::shrd<W16>(s0, s1, s2, s3);
    case Op::Bt: return arith::bt<W16>(s0, s1, s2);
    case Op::Bts: return arith::bts<W16>(s0, s1, s2);
    case Op::Btr: return arith::btr<W16>(s0, s1, s2);
    case Op::Btc: return arith::btc<W16>(s0, s1, s2);
    case Op::Bsf: return arith::bsf<W16>(s0, s1, s2);
    case Op::Bsr: return arith::bsr<W16>(s0, s1, s2);
    case Op::Clz: return {arith::clz<W>(s0), 0};
    case Op::Ctz: return {arith::ctz<W>(s0), 0};
    case Op::Popcnt: return {arith::popcnt<W>(s0), 0};
    case Op::Bswap: return {arith::bswap<W16>(s0), 0};
    case Op::OrcB: return {arith::orcb(s0), 0};
    case Op::MulLow: return {arith::mul<W>(s0, s1), 0};
    case Op::MulFlagsU: return {0, arith::mul_flags_u<W>(s0, s1)};
    case Op::MulFlagsS: return {0, arith::mul_flags_s<W>(s0, s1)};
    case Op::MulHighU: return {arith::mulhu<W>(s0, s1), 0};
    case Op::MulHighS: return {arith::mulhs<W>(s0, s1), 0};
    case Op::MulHighSU: return {arith::mulhsu<W>(s0, s1), 0};
    case Op::DivU: return {arith::divu<W>(s0, s1), 0};
    case Op::DivS: return {arith::divs<W>(s0, s1), 0};
    case Op::RemU: return {arith::remu<W>(s0, s1), 0};
    case Op::RemS: return {arith::rems<W>(s0, s1), 0};
    case Op::MinU: return {arith::minu<W>(s0, s1), 0};
    case Op::MaxU: return {arith::maxu<W>(s0, s1), 0};
    case Op::MinS: return {arith::mins<W>(s0, s1), 0};
    case Op::MaxS: return {arith::maxs<W>(s0, s1), 0};
    case Op::Zext: return {arith::low<W>(s0), 0};
    case Op::Sext: return {static_cast<uint64_t>(arith::sext<W>(s0)), 0};
    case Op::ExtractH: return {s0 >> 8 & 0xff, 0};
    case Op::InsertL8: return {(s0 & ~uint64_t{0xff}) | (s1 & 0xff), 0};
    case Op::InsertH8: return {(s0 & ~uint64_t{0xff00}) | (s1 & 0xff) << 8, 0};
    case Op::InsertL16: return {(s0 & ~uint64_t{0xffff}) | (s1 & 0xffff), 0};
    case Op::SetLtU: return {s0 < s1, 0};
    case Op::SetLtS: return {static_cast<int64_t>(s0) < static_cast<int64_t>(s1), 0};
    case Op::SetEq: return {s0 == s1, 0};
    case Op::SetNe: return {s0 != s1, 0};
    case Op::SelectNz: return {s0 != 0 ? s1 : s2, 0};
    default: return {0, 0};
  }
}

}  // namespace chrysalis::ir
