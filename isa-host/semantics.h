// What atoms and molecules do, written once: the functional executor and the cycle model both run this code.
//
// A molecule is prepared once and executed often. prepare() orders its atoms so that, for nearly all
// molecules, plain in-order execution has the effect of "all read, then all write": the atom that may raise
// an event first, readers of a register before its writer, what acts last at the end. The rest take
// execute()'s careful path, which withholds each atom's results until all have succeeded.
//
// C++17. `C` is a Core<Bus>, or derives from one.
#pragma once

#include <optional>
#include <utility>

#include "isa-host/semantics/control.h"
#include "isa-host/semantics/fp.h"
#include "isa-host/semantics/integer.h"
#include "isa-host/semantics/media.h"
#include "isa-host/semantics/memory.h"

namespace chrysalis::isa {

template <class C> using ExecFn = void (*)(C&, const Atom&);

/// A molecule ready for execution. Order of `atoms` is that of execution, not of slots.
struct Plan {
  Atom atoms[kMaxWords];   ///< as the semantic functions expect them, see prepare()
  uint8_t source[kMaxWords] = {};  ///< index of each in the molecule
  RegName writes[kMaxWords][2] = {};  ///< registers that each writes, as reg_use() lists them
  uint8_t write_count[kMaxWords] = {};
  uint8_t count = 0;
  uint8_t faulting = 0;    ///< the first so many can raise an event
  bool late_load = false;  ///< in-order execution is right if the first atom's result, an integer, arrives last
  bool acts_last = false;  ///< the last atom is a commit, rollback or serializing atom
  bool ordered = false;    ///< in-order execution is right as long as no atom raises an event
  bool direct = false;     ///< and in any case: faulting <= 1
  bool protects = false;   ///< some atom writes an alias entry
  bool polls = false;      ///< the last atom may raise an event (platform)
};

/// Analyses a molecule. In the plan's atoms a discarded result goes to register kDiscard, a branch's imm is
/// the absolute target, and imm is 0 where no literal was given.
Plan prepare(const Molecule& molecule);

namespace detail {
// One entry per atom and variant: bit 0 literal second source, bit 1 flags wanted. Atoms without the
// distinction share one function.
template <class C> constexpr ExecFn<C> kExecute[kOps][4] = {
#define ATOM(name, mnemonic, pattern, operands, unit, latency, effects)                                        \
  {&semantics::run_##name<C, false, false>, &semantics::run_##name<C, info(Op::name).uses(kReadsRm), false>,   \
   &semantics::run_##name<C, false, info(Op::name).has(kWritesFd)>,                                            \
   &semantics::run_##name<C, info(Op::name).uses(kReadsRm), info(Op::name).has(kWritesFd)>},
#include "isa-host/atoms.def"
#undef ATOM
};
}  // namespace detail

/// The function that executes an atom of a Plan.
template <class C> ExecFn<C> exec_function(const Atom& atom) {
  return detail::kExecute<C>[static_cast<unsigned>(atom.op)][(atom.mode != Mode::Register ? 1 : 0) | (atom.fd != 0 ? 2 : 0)];
}

/// A plan with its functions.
template <class C> struct Prepared {
  ExecFn<C> run[kMaxWords] = {};
  Plan plan;

  Prepared() = default;
  explicit Prepared(const Molecule& molecule) : plan(prepare(molecule)) {
    for (unsigned i = 0; i < plan.count; ++i) run[i] = exec_function<C>(plan.atoms[i]);
  }
};

template <class C> bool execute_carefully(C& c, const Prepared<C>& molecule);

/// Executes one molecule. Requires c.pc, and c.next_pc set to the following molecule. False: c.event is
/// raised and, but for Cause::PlatformReturn, nothing of the molecule has happened.
template <class C> inline bool execute(C& c, const Prepared<C>& molecule) {
  const Plan& plan = molecule.plan;
  if (!plan.direct) return execute_carefully(c, molecule);
  unsigned i = 0;
  if (plan.faulting != 0) {
    molecule.run[0](c, plan.atoms[0]);
    if (c.event.cause != Cause::None) return false;
    i = 1;
  }
  for (; i < plan.count; ++i) molecule.run[i](c, plan.atoms[i]);
  return !plan.polls || c.event.cause == Cause::None;
}

/// Commit, commit.r or rollback on the results of the whole molecule; `operand` is ra as it was before the molecule.
template <class C> inline void commit_or_roll_back(C& c, const Atom& atom, uint64_t operand) {
  if (atom.op == Op::Rollback) c.rollback();
  else if (atom.op == Op::Commit) c.commit(atom.count, atom.mode == Mode::Long, static_cast<uint64_t>(atom.imm));
  else c.commit(atom.count, true, static_cast<uint32_t>(operand));
}

/// The general case: every atom executes on the old registers, its results are kept aside and put in place
/// once no atom has raised an event. Loads come before stores, and guest stores before concealed ones.
template <class C> bool execute_late_load(C& c, const Prepared<C>& molecule);

template <class C> bool execute_carefully(C& c, const Prepared<C>& molecule) {
  if (molecule.plan.late_load) return execute_late_load(c, molecule);
  struct Kept {
    RegName reg;
    uint64_t low, high;  // high: floating-point registers only
  };
  const Plan& plan = molecule.plan;
  const unsigned gated = c.stores.size();
  std::optional<AliasUnit> alias;
  if (plan.protects) alias = c.alias;
  Kept kept[2 * kMaxWords];
  unsigned count = 0;
  const unsigned early = plan.count - (plan.acts_last ? 1 : 0);
  // Exchanges a register's contents and the ones kept.
  const auto exchange = [&c](Kept& item) {
    if (item.reg < kFpFile) {
      std::swap(item.low, c.r[item.reg]);
    } else {
      std::swap(item.low, c.v[item.reg - kFpFile].low);
      std::swap(item.high, c.v[item.reg - kFpFile].high);
    }
  };
  for (unsigned i = 0; i < early; ++i) {
    const unsigned first = count;
    for (unsigned w = 0; w < plan.write_count[i]; ++w) {
      Kept& old = kept[count++];
      old.reg = plan.writes[i][w];
      if (old.reg < kFpFile) {
        old.low = c.r[old.reg];
      } else {
        old.low = c.v[old.reg - kFpFile].low;
        old.high = c.v[old.reg - kFpFile].high;
      }
    }
    c.bus.note_atom(plan.atoms[i], plan.source[i]);
    molecule.run[i](c, plan.atoms[i]);
    if (c.event.cause != Cause::None) {  // atoms that may raise one come first: only memory is to be put back
      c.stores.drop(gated);
      if (alias) c.alias = *alias;
      return false;
    }
    for (unsigned k = first; k < count; ++k) exchange(kept[k]);
  }
  // Of the atoms that act last, commit and rollback need the others' results in place; the rest read old registers.
  const bool commits = plan.acts_last && info(plan.atoms[early].op).has(kCommit | kRollback);
  if (plan.acts_last && !commits) molecule.run[early](c, plan.atoms[early]);
  const uint64_t operand = commits ? c.r[plan.atoms[early].ra] : 0;
  for (unsigned k = 0; k < count; ++k) exchange(kept[k]);
  if (commits) commit_or_roll_back(c, plan.atoms[early], operand);
  return c.event.cause == Cause::None;
}

/// execute_carefully() for the most frequent case: a load into a register that others of the molecule read.
template <class C> bool execute_late_load(C& c, const Prepared<C>& molecule) {
  const Plan& plan = molecule.plan;
  uint64_t& destination = c.r[plan.writes[0][0]];
  const uint64_t old = destination;
  c.bus.note_atom(plan.atoms[0], plan.source[0]);
  molecule.run[0](c, plan.atoms[0]);
  if (c.event.cause != Cause::None) return false;
  const uint64_t loaded = destination;
  destination = old;
  const bool commits = plan.acts_last && info(plan.atoms[plan.count - 1].op).has(kCommit | kRollback);
  const uint64_t operand = commits ? c.r[plan.atoms[plan.count - 1].ra] : 0;
  const unsigned before = plan.count - (commits ? 1 : 0);
  for (unsigned i = 1; i < before; ++i) {
    c.bus.note_atom(plan.atoms[i], plan.source[i]);
    molecule.run[i](c, plan.atoms[i]);
  }
  destination = loaded;
  if (commits) commit_or_roll_back(c, plan.atoms[before], operand);
  return c.event.cause == Cause::None;
}

}  // namespace chrysalis::isa
