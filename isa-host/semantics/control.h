// Semantic functions of branches, commit, rollback and system atoms. The executor has set c.next_pc to the
// following molecule; prepare() has made a.imm of a branch the absolute target. Part of isa-host/semantics.h.
#pragma once

#include "isa-host/semantics/operand.h"

namespace chrysalis::isa::semantics {

CHRYSALIS_SEM(Nop) {}
CHRYSALIS_SEM(Commit) { c.commit(a.count, a.mode == Mode::Long, static_cast<uint64_t>(a.imm)); }
CHRYSALIS_SEM(CommitPc) { c.commit(a.count, true, static_cast<uint32_t>(c.r[a.ra])); }
CHRYSALIS_SEM(UncountCc) { c.uncounted += holds(a.cond, c.r[a.ra]) ? a.count : 0u; }
CHRYSALIS_SEM(UncountZ) { c.uncounted += c.r[a.ra] == 0 ? a.count : 0u; }
CHRYSALIS_SEM(UncountNz) { c.uncounted += c.r[a.ra] != 0 ? a.count : 0u; }
CHRYSALIS_SEM(Rollback) { c.rollback(); }
CHRYSALIS_SEM(Eret) { c.eret(); }
CHRYSALIS_SEM(Platform) { c.platform(static_cast<uint32_t>(c.r[a.ra])); }
CHRYSALIS_SEM(Mfs) { c.r[a.rd] = c.read_special(static_cast<Special>(a.count)); }
CHRYSALIS_SEM(Mts) { c.write_special(static_cast<Special>(a.count), c.r[a.ra]); }
CHRYSALIS_SEM(TlbWrite) { c.tlb_write(c.r[a.ra], c.r[a.rb]); }
CHRYSALIS_SEM(TlbProbe) { c.r[a.rd] = c.tlb_probe(static_cast<uint32_t>(c.r[a.ra])); }
CHRYSALIS_SEM(TlbFlush) { c.tlb.flush(false); }
CHRYSALIS_SEM(TlbFlushLocal) { c.tlb.flush(true); }
CHRYSALIS_SEM(TlbFlushPage) { c.tlb.flush_page(static_cast<uint32_t>(c.r[a.ra]) >> kPageShift); }
CHRYSALIS_SEM(AliasClear) { c.alias.clear(); }

CHRYSALIS_SEM(Br) { c.next_pc = static_cast<uint64_t>(a.imm); }
CHRYSALIS_SEM(Call) {
  c.r[a.rd] = c.next_pc;
  c.next_pc = static_cast<uint64_t>(a.imm);
}
CHRYSALIS_SEM(BrInd) { c.next_pc = c.r[a.ra]; }
CHRYSALIS_SEM(CallInd) {
  const uint64_t target = c.r[a.ra];
  c.r[a.rd] = c.next_pc;
  c.next_pc = target;
}
CHRYSALIS_SEM(Ret) {
  if (const uint64_t host = c.returns.pop(static_cast<uint32_t>(c.r[a.ra]))) c.next_pc = host;
}
CHRYSALIS_SEM(ReturnPush) { c.returns.push(static_cast<uint32_t>(c.r[a.ra]), static_cast<uint64_t>(a.imm)); }
CHRYSALIS_SEM(ReturnClear) { c.returns.clear(); }
CHRYSALIS_SEM(JtbLookup) { c.r[a.rd] = c.jtb.find(static_cast<uint32_t>(c.r[a.ra])); }
CHRYSALIS_SEM(JtbWrite) { c.jtb.write(static_cast<uint32_t>(c.r[a.ra]), c.r[a.rb]); }
CHRYSALIS_SEM(JtbClear) { c.jtb.clear(); }

#define SEM_BRANCH(Name, condition)                                 \
  CHRYSALIS_SEM(Name) {                                             \
    if (condition) c.next_pc = static_cast<uint64_t>(a.imm);        \
  }
SEM_BRANCH(BrCc, holds(a.cond, c.r[a.ra]))
SEM_BRANCH(BrZ, c.r[a.ra] == 0)
SEM_BRANCH(BrNz, c.r[a.ra] != 0)
SEM_BRANCH(BrEq, c.r[a.ra] == c.r[a.rb])
SEM_BRANCH(BrNe, c.r[a.ra] != c.r[a.rb])
SEM_BRANCH(BrLtS, static_cast<int64_t>(c.r[a.ra]) < static_cast<int64_t>(c.r[a.rb]))
SEM_BRANCH(BrGeS, static_cast<int64_t>(c.r[a.ra]) >= static_cast<int64_t>(c.r[a.rb]))
SEM_BRANCH(BrLtU, c.r[a.ra] < c.r[a.rb])
SEM_BRANCH(BrGeU, c.r[a.ra] >= c.r[a.rb])
#undef SEM_BRANCH

}  // namespace chrysalis::isa::semantics
