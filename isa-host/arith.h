// The integer arithmetic of host atoms, IR operations and x86 instructions: values and exact x86 flags.
// Written once, as pure functions; a caller that ignores the flags pays nothing for them.
//
// `W` is the width: 8, 16, 32 or 64. Sources may hold anything above their low W bits; results are
// zero-extended. `old` is the previous flags image. Undefined flags follow FlagPolicy::Documented: kept
// from `old` where there is one, else 0. Source: docs/host-isa.md, "Integer semantics".
//
// Freestanding C++17.
#pragma once

#include <cstdint>

#include "isa-host/registers.h"

namespace chrysalis::isa::arith {

struct Result {
  uint64_t value;
  uint64_t flags;
};

using Wide = unsigned __int128;
using SignedWide = __int128;

template <unsigned W> constexpr uint64_t mask() { return W == 64 ? ~uint64_t{0} : (uint64_t{1} << (W & 63)) - 1; }
template <unsigned W> constexpr uint64_t low(uint64_t v) { return v & mask<W>(); }
template <unsigned W> constexpr uint64_t msb(uint64_t v) { return v >> (W - 1) & 1; }
template <unsigned W> constexpr int64_t sext(uint64_t v) { return static_cast<int64_t>(v << (64 - W)) >> (64 - W); }

constexpr uint64_t parity_flag(uint64_t v) { return (__builtin_popcount(static_cast<unsigned>(v & 0xff)) & 1) == 0 ? kPF : 0; }
/// SF, ZF and PF of a W-bit result.
template <unsigned W> constexpr uint64_t szp(uint64_t v) {
  return (low<W>(v) == 0 ? kZF : 0) | (msb<W>(v) != 0 ? kSF : 0) | parity_flag(v);
}
constexpr uint64_t flag_if(bool condition, uint64_t flag) { return condition ? flag : 0; }

// -- addition and subtraction ---------------------------------------------------------------------------

template <unsigned W> constexpr Result add_carry(uint64_t a, uint64_t b, uint64_t carry) {
  a = low<W>(a), b = low<W>(b);
  const uint64_t r = low<W>(a + b + carry);
  const uint64_t carries = (a & b) | ((a | b) & ~r);  // carry out of each bit
  return {r, szp<W>(r) | msb<W>(carries) * kCF | ((a ^ b ^ r) & kAF) | msb<W>((a ^ r) & (b ^ r)) * kOF};
}
template <unsigned W> constexpr Result sub_borrow(uint64_t a, uint64_t b, uint64_t borrow) {
  a = low<W>(a), b = low<W>(b);
  const uint64_t r = low<W>(a - b - borrow);
  const uint64_t borrows = (~a & b) | ((~a | b) & r);
  return {r, szp<W>(r) | msb<W>(borrows) * kCF | ((a ^ b ^ r) & kAF) | msb<W>((a ^ b) & (a ^ r)) * kOF};
}
template <unsigned W> constexpr Result add(uint64_t a, uint64_t b, uint64_t) { return add_carry<W>(a, b, 0); }
template <unsigned W> constexpr Result adc(uint64_t a, uint64_t b, uint64_t old) { return add_carry<W>(a, b, old & kCF); }
template <unsigned W> constexpr Result sub(uint64_t a, uint64_t b, uint64_t) { return sub_borrow<W>(a, b, 0); }
template <unsigned W> constexpr Result sbb(uint64_t a, uint64_t b, uint64_t old) { return sub_borrow<W>(a, b, old & kCF); }
template <unsigned W> constexpr Result neg(uint64_t a, uint64_t) { return sub_borrow<W>(0, a, 0); }
// SDM Vol. 2, "INC", "DEC": CF is not affected.
template <unsigned W> constexpr Result inc(uint64_t a, uint64_t old) {
  const Result r = add_carry<W>(a, 1, 0);
  return {r.value, (r.flags & ~kCF) | (old & kCF)};
}
template <unsigned W> constexpr Result dec(uint64_t a, uint64_t old) {
  const Result r = sub_borrow<W>(a, 1, 0);
  return {r.value, (r.flags & ~kCF) | (old & kCF)};
}

// -- logic -------------------------------------------------------------------------------------------------

// SDM Vol. 2, "AND", "OR", "XOR": CF and OF are cleared, AF is undefined.
template <unsigned W> constexpr Result and_(uint64_t a, uint64_t b, uint64_t) { return {low<W>(a & b), szp<W>(a & b)}; }
template <unsigned W> constexpr Result or_(uint64_t a, uint64_t b, uint64_t) { return {low<W>(a | b), szp<W>(a | b)}; }
template <unsigned W> constexpr Result xor_(uint64_t a, uint64_t b, uint64_t) { return {low<W>(a ^ b), szp<W>(a ^ b)}; }

// -- shifts and rotates ----------------------------------------------------------------------------------------

/// x86 masks counts to 5 bits, or 6 for 64-bit operands.
template <unsigned W> constexpr unsigned count_of(uint64_t count) { return static_cast<unsigned>(count) & (W == 64 ? 63 : 31); }

// SDM Vol. 2, "SAL/SAR/SHL/SHR": a count of 0 changes no flag; OF is defined for counts of 1 only; AF is
// undefined; CF is undefined for SHL and SHR by the width or more.
template <unsigned W> constexpr Result shl(uint64_t a, uint64_t b, uint64_t old) {
  const unsigned n = count_of<W>(b);
  a = low<W>(a);
  if (n == 0) return {a, old & kFlagsMask};
  const uint64_t r = low<W>(a << n);
  const uint64_t cf = n < W ? a >> (W - n) & 1 : old & kCF;
  const uint64_t of = n == 1 ? (msb<W>(r) ^ cf) * kOF : old & kOF;
  return {r, szp<W>(r) | cf | of | (old & kAF)};
}
template <unsigned W> constexpr Result shr(uint64_t a, uint64_t b, uint64_t old) {
  const unsigned n = count_of<W>(b);
  a = low<W>(a);
  if (n == 0) return {a, old & kFlagsMask};
  const uint64_t r = a >> n;
  const uint64_t cf = n < W ? a >> (n - 1) & 1 : old & kCF;
  const uint64_t of = n == 1 ? msb<W>(a) * kOF : old & kOF;
  return {r, szp<W>(r) | cf | of | (old & kAF)};
}
template <unsigned W> constexpr Result sar(uint64_t a, uint64_t b, uint64_t old) {
  const unsigned n = count_of<W>(b);
  const int64_t s = sext<W>(a);
  if (n == 0) return {low<W>(a), old & kFlagsMask};
  const uint64_t r = low<W>(static_cast<uint64_t>(s >> n));
  const uint64_t cf = static_cast<uint64_t>(s >> (n - 1)) & 1;
  const uint64_t of = n == 1 ? 0 : old & kOF;
  return {r, szp<W>(r) | cf | of | (old & kAF)};
}

template <unsigned W> constexpr uint64_t rotate_left(uint64_t a, unsigned n) {
  n &= W - 1;
  return n == 0 ? low<W>(a) : low<W>(a << n | low<W>(a) >> (W - n));
}

// SDM Vol. 2, "RCL/RCR/ROL/ROR": SF, ZF, AF and PF stay; OF is defined for counts of 1 only; ROL and ROR by a
// masked count that is a non-zero multiple of the width still set CF.
template <unsigned W> constexpr Result rol(uint64_t a, uint64_t b, uint64_t old) {
  const unsigned n = count_of<W>(b);
  if (n == 0) return {low<W>(a), old & kFlagsMask};
  const uint64_t r = rotate_left<W>(a, n), cf = r & 1;
  const uint64_t of = n == 1 ? (msb<W>(r) ^ cf) * kOF : old & kOF;
  return {r, (old & kFlagsMask & ~(kCF | kOF)) | cf | of};
}
template <unsigned W> constexpr Result ror(uint64_t a, uint64_t b, uint64_t old) {
  const unsigned n = count_of<W>(b);
  if (n == 0) return {low<W>(a), old & kFlagsMask};
  const uint64_t r = rotate_left<W>(a, W - (n & (W - 1))), cf = msb<W>(r);
  const uint64_t of = n == 1 ? (cf ^ (r >> (W - 2) & 1)) * kOF : old & kOF;
  return {r, (old & kFlagsMask & ~(kCF | kOF)) | cf | of};
}
template <unsigned W> constexpr Result rcl(uint64_t a, uint64_t b, uint64_t old) {
  const unsigned masked = count_of<W>(b), n = W < 32 ? masked % (W + 1) : masked;
  a = low<W>(a);
  if (n == 0) return {a, old & kFlagsMask};
  const uint64_t cf = a >> (W - n) & 1;
  const uint64_t below = n == 1 ? 0 : a >> (W - n + 1);
  const uint64_t r = low<W>((n == 64 ? 0 : a << (n & 63)) | (old & kCF) << (n - 1) | below);
  const uint64_t of = masked == 1 ? (msb<W>(r) ^ cf) * kOF : old & kOF;
  return {r, (old & kFlagsMask & ~(kCF | kOF)) | cf | of};
}
template <unsigned W> constexpr Result rcr(uint64_t a, uint64_t b, uint64_t old) {
  const unsigned masked = count_of<W>(b), n = W < 32 ? masked % (W + 1) : masked;
  a = low<W>(a);
  if (n == 0) return {a, old & kFlagsMask};
  const uint64_t cf = a >> (n - 1) & 1;
  const uint64_t above = n == 1 ? 0 : a << (W - n + 1);
  const uint64_t r = low<W>(a >> n | (old & kCF) << (W - n) | above);
  const uint64_t of = masked == 1 ? (msb<W>(a) ^ (old & kCF)) * kOF : old & kOF;
  return {r, (old & kFlagsMask & ~(kCF | kOF)) | cf | of};
}

// SDM Vol. 2, "SHLD", "SHRD": OF is defined for counts of 1 only (sign change), AF is undefined; counts above the
// width leave destination and flags undefined (policy: both stay).
template <unsigned W> constexpr Result shld(uint64_t a, uint64_t fill, uint64_t b, uint64_t old) {
  const unsigned n = count_of<W>(b);
  a = low<W>(a), fill = low<W>(fill);
  if (n == 0 || n > W) return {a, old & kFlagsMask};
  const uint64_t r = n == W ? fill : low<W>(a << (n & 63) | fill >> (W - n));
  const uint64_t of = n == 1 ? msb<W>(a ^ r) * kOF : old & kOF;
  return {r, szp<W>(r) | (a >> (W - n) & 1) | of | (old & kAF)};
}
template <unsigned W> constexpr Result shrd(uint64_t a, uint64_t fill, uint64_t b, uint64_t old) {
  const unsigned n = count_of<W>(b);
  a = low<W>(a), fill = low<W>(fill);
  if (n == 0 || n > W) return {a, old & kFlagsMask};
  const uint64_t r = n == W ? fill : low<W>(a >> (n & 63) | fill << (W - n));
  const uint64_t of = n == 1 ? msb<W>(a ^ r) * kOF : old & kOF;
  return {r, szp<W>(r) | (a >> (n - 1) & 1) | of | (old & kAF)};
}

// -- bits --------------------------------------------------------------------------------------------------------

// SDM Vol. 2, "BT": CF is the bit, ZF stays, the others are undefined.
template <unsigned W> constexpr uint64_t bit_flags(uint64_t a, uint64_t b, uint64_t old) {
  return (old & kFlagsMask & ~kCF) | (a >> (b & (W - 1)) & 1);
}
template <unsigned W> constexpr uint64_t bit(uint64_t b) { return uint64_t{1} << (b & (W - 1)); }
template <unsigned W> constexpr Result bt(uint64_t a, uint64_t b, uint64_t old) { return {low<W>(a), bit_flags<W>(a, b, old)}; }
template <unsigned W> constexpr Result bts(uint64_t a, uint64_t b, uint64_t old) { return {low<W>(a | bit<W>(b)), bit_flags<W>(a, b, old)}; }
template <unsigned W> constexpr Result btr(uint64_t a, uint64_t b, uint64_t old) { return {low<W>(a & ~bit<W>(b)), bit_flags<W>(a, b, old)}; }
template <unsigned W> constexpr Result btc(uint64_t a, uint64_t b, uint64_t old) { return {low<W>(a ^ bit<W>(b)), bit_flags<W>(a, b, old)}; }

template <unsigned W> constexpr uint64_t clz(uint64_t a) {
  a = low<W>(a);
  return a == 0 ? W : static_cast<uint64_t>(__builtin_clzll(a)) - (64 - W);
}
template <unsigned W> constexpr uint64_t ctz(uint64_t a) {
  a = low<W>(a);
  return a == 0 ? W : static_cast<uint64_t>(__builtin_ctzll(a));
}
template <unsigned W> constexpr uint64_t popcnt(uint64_t a) { return static_cast<uint64_t>(__builtin_popcountll(low<W>(a))); }

// SDM Vol. 2, "BSF", "BSR": ZF says that the source is 0, the other flags are undefined; the destination then
// keeps its value, which `otherwise` brings.
template <unsigned W> constexpr Result bsf(uint64_t a, uint64_t otherwise, uint64_t old) {
  const bool zero = low<W>(a) == 0;
  return {zero ? low<W>(otherwise) : ctz<W>(a), (old & kFlagsMask & ~kZF) | flag_if(zero, kZF)};
}
template <unsigned W> constexpr Result bsr(uint64_t a, uint64_t otherwise, uint64_t old) {
  const bool zero = low<W>(a) == 0;
  return {zero ? low<W>(otherwise) : W - 1 - clz<W>(a), (old & kFlagsMask & ~kZF) | flag_if(zero, kZF)};
}

template <unsigned W> constexpr uint64_t bswap(uint64_t a) {
  return W == 16 ? __builtin_bswap16(static_cast<uint16_t>(a)) : W == 32 ? __builtin_bswap32(static_cast<uint32_t>(a)) : __builtin_bswap64(a);
}
/// Each non-zero byte becomes 0xff (Zbb orc.b).
constexpr uint64_t orcb(uint64_t a) {
  const uint64_t low7 = 0x7f7f'7f7f'7f7f'7f7f;
  const uint64_t nonzero = (((a & low7) + low7) | a) & ~low7;  // bit 7 of each non-zero byte
  return (nonzero >> 7) * 0xff;
}

// -- multiplication and division -------------------------------------------------------------------------------------

template <unsigned W> constexpr uint64_t mul(uint64_t a, uint64_t b) { return low<W>(a * b); }
template <unsigned W> constexpr uint64_t mulhu(uint64_t a, uint64_t b) { return low<W>(static_cast<uint64_t>(Wide{low<W>(a)} * low<W>(b) >> W)); }
template <unsigned W> constexpr uint64_t mulhs(uint64_t a, uint64_t b) { return low<W>(static_cast<uint64_t>(SignedWide{sext<W>(a)} * sext<W>(b) >> W)); }
template <unsigned W> constexpr uint64_t mulhsu(uint64_t a, uint64_t b) {
  return low<W>(static_cast<uint64_t>(SignedWide{sext<W>(a)} * static_cast<SignedWide>(low<W>(b)) >> W));
}
// SDM Vol. 2, "MUL", "IMUL": CF = OF = the product does not fit in W bits; the others are undefined.
template <unsigned W> constexpr uint64_t mul_flags_u(uint64_t a, uint64_t b) { return flag_if(mulhu<W>(a, b) != 0, kCF | kOF); }
template <unsigned W> constexpr uint64_t mul_flags_s(uint64_t a, uint64_t b) {
  const SignedWide product = SignedWide{sext<W>(a)} * sext<W>(b);
  return flag_if(product != sext<W>(static_cast<uint64_t>(product)), kCF | kOF);
}

// RISC-V's results: division by 0 gives all ones and the dividend as remainder, overflow the dividend and 0.
template <unsigned W> constexpr uint64_t divu(uint64_t a, uint64_t b) { return low<W>(b) == 0 ? mask<W>() : low<W>(a) / low<W>(b); }
template <unsigned W> constexpr uint64_t remu(uint64_t a, uint64_t b) { return low<W>(b) == 0 ? low<W>(a) : low<W>(a) % low<W>(b); }
template <unsigned W> constexpr uint64_t divs(uint64_t a, uint64_t b) {
  const int64_t n = sext<W>(a), d = sext<W>(b);
  if (d == 0) return mask<W>();
  if (d == -1) return low<W>(0 - static_cast<uint64_t>(n));
  return low<W>(static_cast<uint64_t>(n / d));
}
template <unsigned W> constexpr uint64_t rems(uint64_t a, uint64_t b) {
  const int64_t n = sext<W>(a), d = sext<W>(b);
  if (d == 0) return low<W>(a);
  return d == -1 ? 0 : low<W>(static_cast<uint64_t>(n % d));
}

// -- choice --------------------------------------------------------------------------------------------------------

template <unsigned W> constexpr uint64_t minu(uint64_t a, uint64_t b) { return low<W>(a) < low<W>(b) ? low<W>(a) : low<W>(b); }
template <unsigned W> constexpr uint64_t maxu(uint64_t a, uint64_t b) { return low<W>(a) < low<W>(b) ? low<W>(b) : low<W>(a); }
template <unsigned W> constexpr uint64_t mins(uint64_t a, uint64_t b) { return low<W>(sext<W>(a) < sext<W>(b) ? a : b); }
template <unsigned W> constexpr uint64_t maxs(uint64_t a, uint64_t b) { return low<W>(sext<W>(a) < sext<W>(b) ? b : a); }
template <unsigned W> constexpr uint64_t andn(uint64_t a, uint64_t b) { return low<W>(a & ~b); }
template <unsigned W> constexpr uint64_t orn(uint64_t a, uint64_t b) { return low<W>(a | ~b); }
template <unsigned W> constexpr uint64_t xnor(uint64_t a, uint64_t b) { return low<W>(~(a ^ b)); }
template <unsigned W> constexpr uint64_t not_(uint64_t a) { return low<W>(~a); }

}  // namespace chrysalis::isa::arith
