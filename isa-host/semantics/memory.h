// Semantic functions of loads, stores, probes and prefetches. A function that raises an event has written
// nothing. Part of isa-host/semantics.h.
#pragma once

#include "isa-host/semantics/operand.h"

namespace chrysalis::isa::semantics {

/// Address of [ra+rm]; of [ra+long], where prepare() leaves 0 for an absent literal.
template <bool kImm, class C> uint64_t address(const C& c, const Atom& a) { return c.r[a.ra] + source<kImm>(c, a); }
template <class C> uint64_t address_long(const C& c, const Atom& a) { return c.r[a.ra] + static_cast<uint64_t>(a.imm); }

template <unsigned kSize, class C> [[gnu::always_inline]] inline bool concealed_load(C& c, uint64_t at, uint64_t& value) {
  value = 0;
  return c.concealed_load(at, kSize, reinterpret_cast<uint8_t*>(&value));
}

#define SEM_LOAD(Name, bits, extend)                                                              \
  CHRYSALIS_SEM(LdG##Name) {                                                                      \
    uint64_t x;                                                                                   \
    if (c.template guest_load<(bits) / 8>(static_cast<uint32_t>(address<kImm>(c, a)), x)) c.r[a.rd] = extend; \
  }                                                                                               \
  CHRYSALIS_SEM(LdC##Name) {                                                                      \
    uint64_t x;                                                                                   \
    if (concealed_load<(bits) / 8>(c, address<kImm>(c, a), x)) c.r[a.rd] = extend;                \
  }
SEM_LOAD(8U, 8, x)
SEM_LOAD(16U, 16, x)
SEM_LOAD(32U, 32, x)
SEM_LOAD(64, 64, x)
SEM_LOAD(8S, 8, static_cast<uint64_t>(arith::sext<8>(x)))
SEM_LOAD(16S, 16, static_cast<uint64_t>(arith::sext<16>(x)))
SEM_LOAD(32S, 32, static_cast<uint64_t>(arith::sext<32>(x)))
#undef SEM_LOAD

#define SEM_STORE(bits)                                                                                             \
  CHRYSALIS_SEM(LdProt##bits) {                                                                                     \
    uint64_t x;                                                                                                     \
    if (c.template guest_load<(bits) / 8>(static_cast<uint32_t>(address<kImm>(c, a)), x, a.alias)) c.r[a.rd] = x;   \
  }                                                                                                                 \
  CHRYSALIS_SEM(StG##bits) { c.template guest_store<(bits) / 8>(static_cast<uint32_t>(address<kImm>(c, a)), c.r[a.rd]); } \
  CHRYSALIS_SEM(StMask##bits) { c.template guest_store<(bits) / 8>(static_cast<uint32_t>(address_long(c, a)), c.r[a.rd], a.alias); } \
  CHRYSALIS_SEM(ProbeG##bits) { c.guest_probe(static_cast<uint32_t>(address<kImm>(c, a)), (bits) / 8); }            \
  CHRYSALIS_SEM(StC##bits) { c.concealed_store(address<kImm>(c, a), (bits) / 8, reinterpret_cast<const uint8_t*>(&c.r[a.rd])); }
SEM_STORE(8)
SEM_STORE(16)
SEM_STORE(32)
SEM_STORE(64)
#undef SEM_STORE

CHRYSALIS_SEM(PrefetchG) { c.guest_prefetch(static_cast<uint32_t>(address<kImm>(c, a))); }
CHRYSALIS_SEM(PrefetchC) { c.concealed_prefetch(address<kImm>(c, a)); }

// Floating-point registers: little-endian, so the low bytes of V128 are the value's.
template <unsigned kSize, class C> void load_v(C& c, const Atom& a, uint64_t at, unsigned entry) {
  V128 x;
  if (c.guest_load_slowly(static_cast<uint32_t>(at), kSize, reinterpret_cast<uint8_t*>(&x), entry)) c.set_v(a.rd, x);
}
template <unsigned kSize, class C> void store_v(C& c, const Atom& a, uint64_t at, unsigned mask) {
  c.guest_store_slowly(static_cast<uint32_t>(at), kSize, reinterpret_cast<const uint8_t*>(&c.v[a.rd]), mask);
}
#define SEM_FP_MEMORY(bits)                                                                                   \
  CHRYSALIS_SEM(FLdG##bits) { load_v<(bits) / 8>(c, a, address<kImm>(c, a), kMaxAlias); }                     \
  CHRYSALIS_SEM(FLdProt##bits) { load_v<(bits) / 8>(c, a, address<kImm>(c, a), a.alias); }                    \
  CHRYSALIS_SEM(FLdC##bits) {                                                                                 \
    V128 x;                                                                                                   \
    if (c.concealed_load(address<kImm>(c, a), (bits) / 8, reinterpret_cast<uint8_t*>(&x))) c.set_v(a.rd, x);  \
  }                                                                                                           \
  CHRYSALIS_SEM(FStG##bits) { store_v<(bits) / 8>(c, a, address<kImm>(c, a), 0); }                            \
  CHRYSALIS_SEM(FStMask##bits) { store_v<(bits) / 8>(c, a, address_long(c, a), a.alias); }                    \
  CHRYSALIS_SEM(FStC##bits) { c.concealed_store(address<kImm>(c, a), (bits) / 8, reinterpret_cast<const uint8_t*>(&c.v[a.rd])); }
SEM_FP_MEMORY(32)
SEM_FP_MEMORY(64)
SEM_FP_MEMORY(80)
SEM_FP_MEMORY(128)
#undef SEM_FP_MEMORY

}  // namespace chrysalis::isa::semantics
