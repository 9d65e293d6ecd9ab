// How an atom's semantic function reaches its operands. Part of isa-host/semantics.h.
#pragma once

#include "isa-host/arith.h"
#include "isa-host/atom.h"
#include "isa-host/state/core.h"

namespace chrysalis::isa::semantics {

/// Defines the semantic function of the atom `Name`: `c` is the context (a Core), `a` the atom as prepare()
/// leaves it; kImm: the second source is a.imm; kFlags: a.fd names a register.
#define CHRYSALIS_SEM(Name) template <class C, bool kImm, bool kFlags> void run_##Name([[maybe_unused]] C& c, [[maybe_unused]] const Atom& a)

template <bool kImm, class C> uint64_t source(const C& c, const Atom& a) {
  if constexpr (kImm) return static_cast<uint64_t>(a.imm);
  return c.r[a.rb];
}
template <bool kFlags, class C> uint64_t old_flags(const C& c, const Atom& a) {
  if constexpr (kFlags) return c.r[flags_register(a.fd)];
  return 0;
}
template <bool kFlags, class C> void set_flags(C& c, const Atom& a, uint64_t flags) {
  if constexpr (kFlags) c.r[flags_register(a.fd)] = flags;
}

}  // namespace chrysalis::isa::semantics
