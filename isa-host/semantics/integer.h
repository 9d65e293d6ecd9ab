// Semantic functions of the integer atoms. Part of isa-host/semantics.h.
#pragma once

#include "isa-host/semantics/operand.h"

namespace chrysalis::isa::semantics {

// -- value and flags of two sources ------------------------------------------------------------------------
#define SEM_FLAGS2(Name, W, function)                                                           \
  CHRYSALIS_SEM(Name##W) {                                                                      \
    const arith::Result x = arith::function<W>(c.r[a.ra], source<kImm>(c, a), old_flags<kFlags>(c, a)); \
    c.r[a.rd] = x.value;                                                                        \
    set_flags<kFlags>(c, a, x.flags);                                                           \
  }
#define SEM_FLAGS2_W3(Name, function) SEM_FLAGS2(Name, 16, function) SEM_FLAGS2(Name, 32, function) SEM_FLAGS2(Name, 64, function)
#define SEM_FLAGS2_W4(Name, function) SEM_FLAGS2(Name, 8, function) SEM_FLAGS2_W3(Name, function)
SEM_FLAGS2_W4(Add, add)
SEM_FLAGS2_W4(Adc, adc)
SEM_FLAGS2_W4(Sub, sub)
SEM_FLAGS2_W4(Sbb, sbb)
SEM_FLAGS2_W4(And, and_)
SEM_FLAGS2_W4(Or, or_)
SEM_FLAGS2_W4(Xor, xor_)
SEM_FLAGS2_W4(Shl, shl)
SEM_FLAGS2_W4(Shr, shr)
SEM_FLAGS2_W4(Sar, sar)
SEM_FLAGS2_W4(Rol, rol)
SEM_FLAGS2_W4(Ror, ror)
SEM_FLAGS2_W4(Rcl, rcl)
SEM_FLAGS2_W4(Rcr, rcr)
SEM_FLAGS2_W3(Bsf, bsf)
SEM_FLAGS2_W3(Bsr, bsr)
SEM_FLAGS2_W3(Bts, bts)
SEM_FLAGS2_W3(Btr, btr)
SEM_FLAGS2_W3(Btc, btc)
#undef SEM_FLAGS2_W4
#undef SEM_FLAGS2_W3
#undef SEM_FLAGS2

// -- flags alone ----------------------------------------------------------------------------------------------
#define SEM_BT(W) \
  CHRYSALIS_SEM(Bt##W) { set_flags<kFlags>(c, a, arith::bit_flags<W>(c.r[a.ra], source<kImm>(c, a), old_flags<kFlags>(c, a))); }
SEM_BT(16) SEM_BT(32) SEM_BT(64)
#undef SEM_BT
#define SEM_MULFLAGS(W)                                                                                                              \
  CHRYSALIS_SEM(MulFlagsU##W) { set_flags<kFlags>(c, a, arith::mul_flags_u<W>(c.r[a.ra], source<kImm>(c, a))); }                     \
  CHRYSALIS_SEM(MulFlagsS##W) { set_flags<kFlags>(c, a, arith::mul_flags_s<W>(c.r[a.ra], source<kImm>(c, a))); }
SEM_MULFLAGS(8) SEM_MULFLAGS(16) SEM_MULFLAGS(32) SEM_MULFLAGS(64)
#undef SEM_MULFLAGS

// -- value and flags of one source -----------------------------------------------------------------------------
#define SEM_FLAGS1(Name, W, function)                                                       \
  CHRYSALIS_SEM(Name##W) {                                                                  \
    const arith::Result x = arith::function<W>(c.r[a.ra], old_flags<kFlags>(c, a));         \
    c.r[a.rd] = x.value;                                                                    \
    set_flags<kFlags>(c, a, x.flags);                                                       \
  }
#define SEM_FLAGS1_W4(Name, function) \
  SEM_FLAGS1(Name, 8, function) SEM_FLAGS1(Name, 16, function) SEM_FLAGS1(Name, 32, function) SEM_FLAGS1(Name, 64, function)
SEM_FLAGS1_W4(Inc, inc)
SEM_FLAGS1_W4(Dec, dec)
SEM_FLAGS1_W4(Neg, neg)
#undef SEM_FLAGS1_W4
#undef SEM_FLAGS1

// -- double shifts: rd is source and destination ------------------------------------------------------------------
#define SEM_SHIFT_DOUBLE(Name, W, function)                                                                                   \
  CHRYSALIS_SEM(Name##W) {                                                                                                    \
    const arith::Result x = arith::function<W>(c.r[a.rd], c.r[a.ra], source<kImm>(c, a), old_flags<kFlags>(c, a));            \
    if (a.rd != kZero) c.r[a.rd] = x.value;                                                                                   \
    set_flags<kFlags>(c, a, x.flags);                                                                                         \
  }
SEM_SHIFT_DOUBLE(Shld, 16, shld) SEM_SHIFT_DOUBLE(Shld, 32, shld) SEM_SHIFT_DOUBLE(Shld, 64, shld)
SEM_SHIFT_DOUBLE(Shrd, 16, shrd) SEM_SHIFT_DOUBLE(Shrd, 32, shrd) SEM_SHIFT_DOUBLE(Shrd, 64, shrd)
#undef SEM_SHIFT_DOUBLE

// -- values of one source -----------------------------------------------------------------------------------------
#define SEM_VALUE1(Name, expression)  \
  CHRYSALIS_SEM(Name) {               \
    const uint64_t x = c.r[a.ra];     \
    c.r[a.rd] = (expression);         \
  }
#define SEM_VALUE1_W4(Name, function)                                                       \
  SEM_VALUE1(Name##8, arith::function<8>(x)) SEM_VALUE1(Name##16, arith::function<16>(x))   \
  SEM_VALUE1(Name##32, arith::function<32>(x)) SEM_VALUE1(Name##64, arith::function<64>(x))
SEM_VALUE1_W4(Not, not_)
SEM_VALUE1_W4(Clz, clz)
SEM_VALUE1_W4(Ctz, ctz)
SEM_VALUE1_W4(Popcnt, popcnt)
SEM_VALUE1(Bswap16, arith::bswap<16>(x))
SEM_VALUE1(Bswap32, arith::bswap<32>(x))
SEM_VALUE1(Bswap64, arith::bswap<64>(x))
SEM_VALUE1(Zext8, x & 0xff)
SEM_VALUE1(Zext16, x & 0xffff)
SEM_VALUE1(Zext32, x & 0xffff'ffff)
SEM_VALUE1(Mov, x)
SEM_VALUE1(Sext8, static_cast<uint64_t>(arith::sext<8>(x)))
SEM_VALUE1(Sext16, static_cast<uint64_t>(arith::sext<16>(x)))
SEM_VALUE1(Sext32, static_cast<uint64_t>(arith::sext<32>(x)))
SEM_VALUE1(OrcB, arith::orcb(x))
SEM_VALUE1(ExtractH, x >> 8 & 0xff)
#undef SEM_VALUE1_W4
#undef SEM_VALUE1

// -- values of two sources ---------------------------------------------------------------------------------------
#define SEM_VALUE2(Name, expression)                       \
  CHRYSALIS_SEM(Name) {                                    \
    const uint64_t x = c.r[a.ra], y = source<kImm>(c, a);  \
    c.r[a.rd] = (expression);                              \
  }
#define SEM_VALUE2_W4(Name, function)                                                             \
  SEM_VALUE2(Name##8, arith::function<8>(x, y)) SEM_VALUE2(Name##16, arith::function<16>(x, y))   \
  SEM_VALUE2(Name##32, arith::function<32>(x, y)) SEM_VALUE2(Name##64, arith::function<64>(x, y))
SEM_VALUE2_W4(MulLow, mul)
SEM_VALUE2_W4(MulHighU, mulhu)
SEM_VALUE2_W4(MulHighS, mulhs)
SEM_VALUE2_W4(MulHighSU, mulhsu)
SEM_VALUE2_W4(DivU, divu)
SEM_VALUE2_W4(DivS, divs)
SEM_VALUE2_W4(RemU, remu)
SEM_VALUE2_W4(RemS, rems)
SEM_VALUE2_W4(MinU, minu)
SEM_VALUE2_W4(MaxU, maxu)
SEM_VALUE2_W4(MinS, mins)
SEM_VALUE2_W4(MaxS, maxs)
SEM_VALUE2_W4(AndNot, andn)
SEM_VALUE2_W4(OrNot, orn)
SEM_VALUE2_W4(XorNot, xnor)
SEM_VALUE2(SetLtS, static_cast<int64_t>(x) < static_cast<int64_t>(y) ? 1 : 0)
SEM_VALUE2(SetLtU, x < y ? 1 : 0)
SEM_VALUE2(SetEq, x == y ? 1 : 0)
SEM_VALUE2(SetNe, x != y ? 1 : 0)
SEM_VALUE2(InsertL8, (x & ~uint64_t{0xff}) | (y & 0xff))
SEM_VALUE2(InsertH8, (x & ~uint64_t{0xff00}) | (y & 0xff) << 8)
SEM_VALUE2(InsertL16, (x & ~uint64_t{0xffff}) | (y & 0xffff))
SEM_VALUE2(SetHigh, (x & 0xffff'ffff) | y << 32)
#define SEM_32S(Name, expression) SEM_VALUE2(Name, static_cast<uint64_t>(arith::sext<32>(expression)))
SEM_32S(Add32s, x + y)
SEM_32S(Sub32s, x - y)
SEM_32S(Shl32s, arith::shl<32>(x, y, 0).value)
SEM_32S(Shr32s, arith::shr<32>(x, y, 0).value)
SEM_32S(Sar32s, arith::sar<32>(x, y, 0).value)
SEM_32S(Rol32s, arith::rol<32>(x, y, 0).value)
SEM_32S(Ror32s, arith::ror<32>(x, y, 0).value)
SEM_32S(MulLow32s, arith::mul<32>(x, y))
SEM_32S(DivU32s, arith::divu<32>(x, y))
SEM_32S(DivS32s, arith::divs<32>(x, y))
SEM_32S(RemU32s, arith::remu<32>(x, y))
SEM_32S(RemS32s, arith::rems<32>(x, y))
SEM_VALUE2(ShlUw, (x & 0xffff'ffff) << (y & 63))
#undef SEM_32S
#undef SEM_VALUE2_W4
#undef SEM_VALUE2

// -- addresses, literals, choice: a.imm is 0 unless a literal was given ----------------------------------------------
#define SEM_LEA(W) CHRYSALIS_SEM(Lea##W) { c.r[a.rd] = arith::low<W>(c.r[a.ra] + (c.r[a.rb] << a.scale) + static_cast<uint64_t>(a.imm)); }
SEM_LEA(16) SEM_LEA(32) SEM_LEA(64)
#undef SEM_LEA
CHRYSALIS_SEM(LeaUw) { c.r[a.rd] = c.r[a.ra] + ((c.r[a.rb] & 0xffff'ffff) << a.scale) + static_cast<uint64_t>(a.imm); }
CHRYSALIS_SEM(MovImm) { c.r[a.rd] = static_cast<uint64_t>(a.imm); }
CHRYSALIS_SEM(SetCc) { c.r[a.rd] = holds(a.cond, c.r[a.ra]) ? 1 : 0; }
CHRYSALIS_SEM(SelectCc) { c.r[a.rd] = holds(a.cond, c.r[a.rc]) ? c.r[a.ra] : c.r[a.rb]; }
CHRYSALIS_SEM(SelectNz) { c.r[a.rd] = c.r[a.rc] != 0 ? c.r[a.ra] : c.r[a.rb]; }

}  // namespace chrysalis::isa::semantics
