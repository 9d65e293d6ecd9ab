// The schedule checker against compilations that are wrong: legal ones, each changed in one way that breaks a known rule.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "tests/translator/machines.h"
#include "tests/translator/random_region.h"
#include "translator/check/check.h"
#include "translator/ir/intrinsics.h"
#include "translator/ir/text.h"
#include "translator/regalloc.h"

namespace chrysalis::translator::checking {
void PrintTo(Rule rule, std::ostream* out) { *out << name(rule); }
}  // namespace chrysalis::translator::checking

namespace chrysalis::test {
namespace {

using translator::CompiledRegion;
using translator::checking::Finding;
using translator::checking::Rule;
using Rules = std::set<Rule>;

// A wrong value is noticed where it is observed.
const Rules kValue = {Rule::Operand, Rule::Exit, Rule::Map, Rule::Commit, Rule::Register, Rule::Molecule};

/// A compiled region whose molecules can be rearranged.
struct Code {
  struct Atom {
    isa::Atom atom;
    uint16_t guest = 0;
    bool aimed = false, linked = false;
    CompiledRegion::Fixup fixup{};
    CompiledRegion::Exit exit{};
  };
  struct Molecule {
    std::vector<Atom> atoms;
    uint32_t cycle = 0, number = 0;
  };
  std::vector<Molecule> molecules;
  std::vector<uint32_t> paths;  // numbers of their first molecules
  size_t main = 0;

  explicit Code(const CompiledRegion& from) : paths(from.paths), main(from.main_molecules) {
    for (uint32_t m = 0; m < from.molecules.size(); ++m) {
      Molecule& to = molecules.emplace_back();
      to.cycle = from.molecules[m].cycle;
      to.number = m;
      for (uint32_t a = from.molecules[m].first; a < from.molecules[m].first + from.molecules[m].count; ++a) {
        Atom& atom = to.atoms.emplace_back();
        atom.atom = from.atoms[a];
        atom.guest = from.guest[a];
        for (const auto& fixup : from.fixups) {
          if (fixup.atom == a) atom.aimed = true, atom.fixup = fixup;
        }
        for (const auto& exit : from.exits) {
          if (exit.atom == a) atom.linked = true, atom.exit = exit;
        }
      }
    }
  }

  /// A molecule of its own before molecule `at`.
  void insert(size_t at, const Atom& atom) {
    molecules.insert(molecules.begin() + static_cast<long>(at), Molecule{{atom}, molecules[at].cycle, ~0u});
    if (at < main) ++main;
  }

  CompiledRegion build() const {
    std::map<uint32_t, uint32_t> places;
    for (uint32_t m = 0; m < molecules.size(); ++m) places[molecules[m].number] = m;
    CompiledRegion out;
    out.main_molecules = static_cast<uint32_t>(main);
    for (size_t path = 0; path < paths.size(); ++path) out.paths.push_back(path == 0 ? 0 : places[paths[path]]);
    std::vector<CompiledRegion::Exit> exits;
    for (uint32_t m = 0; m < molecules.size(); ++m) {
      out.molecules.push_back({static_cast<uint32_t>(out.atoms.size()), static_cast<uint8_t>(molecules[m].atoms.size()), molecules[m].cycle});
      for (const Atom& atom : molecules[m].atoms) {
        const auto at = static_cast<uint32_t>(out.atoms.size());
        if (atom.aimed) {
          CompiledRegion::Fixup fixup = atom.fixup;
          fixup.molecule = m;
          fixup.atom = at;
          if (fixup.kind == translator::Target::Local) fixup.target = places[static_cast<uint32_t>(fixup.target)];
          out.fixups.push_back(fixup);
        }
        if (atom.linked) {
          CompiledRegion::Exit exit = atom.exit;
          exit.atom = at;
          exit.molecule = m;
          exit.link = places[exit.link];
          exits.push_back(exit);
        }
        out.atoms.push_back(atom.atom);
        out.guest.push_back(atom.guest);
      }
    }
    // The table's order is that of the exits' numbers, which their link stubs keep.
    std::sort(exits.begin(), exits.end(), [](const auto& a, const auto& b) { return a.link < b.link; });
    out.exits = exits;
    return out;
  }
};

const isa::AtomInfo& row(const Code::Atom& atom) { return isa::info(atom.atom.op); }

Code::Atom nop() { return {}; }

struct Subject {
  translator::Region region;
  isa::MachineDescription machine;
  CompiledRegion compiled;
  uint32_t passing = 0;  ///< loads that pass stores
};

/// Changes a copy of the subject. False: there is nothing to change at the `n`-th opportunity.
using Change = std::function<bool(Subject&, unsigned n)>;

/// Calls `change(atom, molecule, index)` for atoms that `fits`, at the n-th of them.
bool change_atom(Subject& s, unsigned n, const std::function<bool(const Code&, const Code::Atom&, size_t)>& fits,
                 const std::function<void(Code&, size_t, size_t)>& change) {
  Code code(s.compiled);
  for (size_t m = 0; m < code.molecules.size(); ++m) {
    for (size_t a = 0; a < code.molecules[m].atoms.size(); ++a) {
      if (!fits(code, code.molecules[m].atoms[a], m) || n-- != 0) continue;
      change(code, m, a);
      s.compiled = code.build();
      return true;
    }
  }
  return false;
}

bool in_main(const Code& code, size_t m) { return m < code.main; }

bool is_guest_load(const Code::Atom& a) { return row(a).has(isa::kLoad) && row(a).has(isa::kGuest); }
bool is_guest_store(const Code::Atom& a) { return row(a).has(isa::kStore) && row(a).has(isa::kGuest); }
bool is_uncount(const Code& code, const Code::Atom& a, size_t m) { return in_main(code, m) && row(a).has(isa::kUncount); }
bool has_branch(const Code::Molecule& m) {
  return std::any_of(m.atoms.begin(), m.atoms.end(), [](const Code::Atom& a) { return row(a).has(isa::kBranch); });
}

/// The last side exit's molecule from `m` on that certainly comes behind the atom in the region; 0: none.
size_t last_exit_behind(const Code& code, const Code::Atom& atom, size_t m) {
  size_t out = 0;
  for (; m + 1 < code.main; ++m) {
    for (const Code::Atom& other : code.molecules[m].atoms) {
      if (row(other).has(isa::kBranch) && other.guest > atom.guest) out = m;
    }
  }
  return out;
}

isa::Op protected_form(isa::Op op) {
  return static_cast<isa::Op>(static_cast<unsigned>(isa::Op::LdProt8) + static_cast<unsigned>(op) - static_cast<unsigned>(isa::Op::LdG8U));
}
isa::Op plain_form(isa::Op op) {
  return static_cast<isa::Op>(static_cast<unsigned>(isa::Op::LdG8U) + static_cast<unsigned>(op) - static_cast<unsigned>(isa::Op::LdProt8));
}

struct Mutation {
  const char* name;
  Rules intended;  ///< one of these has to refuse it
  Change change;
};

void PrintTo(const Mutation& mutation, std::ostream* out) { *out << mutation.name; }

const std::vector<Mutation>& mutations() {
  static const std::vector<Mutation> kMutations = {
      {"ACycleEarly", {Rule::Latency}, [](Subject& s, unsigned n) {
         // A cycle in which nothing issues is there because nothing could.
         for (uint32_t m = 1; m < s.compiled.main_molecules; ++m) {
           if (s.compiled.molecules[m].cycle == s.compiled.molecules[m - 1].cycle + 1 || n-- != 0) continue;
           --s.compiled.molecules[m].cycle;
           return true;
         }
         return false;
       }},
      {"InTheSameCycle", {Rule::Latency}, [](Subject& s, unsigned n) {
         if (n + 1 >= s.compiled.main_molecules) return false;
         s.compiled.molecules[n + 1].cycle = s.compiled.molecules[n].cycle;
         return true;
       }},
      {"ANarrowerMachine", {Rule::Molecule}, [](Subject& s, unsigned n) {
         uint8_t widest = 0;
         for (const auto& molecule : s.compiled.molecules) widest = std::max(widest, molecule.count);
         if (n != 0 || widest < 2) return false;
         s.machine.width = static_cast<uint8_t>(widest - 1);
         return true;
       }},
      {"AMissingAliasBit", {Rule::Alias}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return row(a).has(isa::kMasked); },
                            [](Code& code, size_t m, size_t a) {
                              uint8_t& mask = code.molecules[m].atoms[a].atom.alias;
                              mask = static_cast<uint8_t>(mask & (mask - 1));
                            });
       }},
      {"AnEntryUsedAgainEarly", {Rule::Alias, Rule::Check}, [](Subject& s, unsigned n) {
         // A load between a protected one and a store that checks its entry takes the entry.
         Code code(s.compiled);
         for (size_t store = 0; store < code.main; ++store) {
           for (const Code::Atom& check : code.molecules[store].atoms) {
             if (!row(check).has(isa::kMasked)) continue;
             const auto entry = static_cast<uint8_t>(__builtin_ctz(check.atom.alias));
             for (size_t m = store + 1; m-- > 0;) {
               const auto& atoms = code.molecules[m].atoms;
               if (std::any_of(atoms.begin(), atoms.end(), [&](const auto& a) { return row(a).has(isa::kProtect) && a.atom.alias == entry; })) break;
               for (Code::Atom& load : code.molecules[m].atoms) {
                 if (load.atom.op < isa::Op::LdG8U || load.atom.op > isa::Op::LdG64 || n-- != 0) continue;
                 load.atom.op = protected_form(load.atom.op);
                 load.atom.alias = entry;
                 s.compiled = code.build();
                 return true;
               }
             }
           }
         }
         return false;
       }},
      {"ALoadWithoutProtection", {Rule::Order, Rule::Alias, Rule::Check}, [](Subject& s, unsigned n) {
         return change_atom(s, n,
                            [](const Code& code, const Code::Atom& a, size_t m) {
                              if (a.atom.op < isa::Op::LdProt8 || a.atom.op > isa::Op::LdProt64) return false;
                              for (size_t later = m; later < code.main; ++later) {
                                for (const Code::Atom& other : code.molecules[later].atoms) {
                                  if (later > m && row(other).has(isa::kProtect) && other.atom.alias == a.atom.alias) return false;
                                  if (row(other).has(isa::kMasked) && (other.atom.alias >> a.atom.alias & 1)) return true;
                                }
                              }
                              return false;
                            },
                            [](Code& code, size_t m, size_t a) {
                              isa::Atom& atom = code.molecules[m].atoms[a].atom;
                              atom.op = plain_form(atom.op);
                              atom.alias = 0;
                            });
       }},
      {"ACheckOfAnEntryNotFilled", {Rule::Check}, [](Subject& s, unsigned n) {
         unsigned filled = 0;
         for (const isa::Atom& atom : s.compiled.atoms) {
           if (isa::info(atom.op).has(isa::kProtect)) filled |= 1u << atom.alias;
         }
         if (filled == 0xff) return false;
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return row(a).has(isa::kMasked); },
                            [filled](Code& code, size_t m, size_t a) {
                              uint8_t& mask = code.molecules[m].atoms[a].atom.alias;
                              mask = static_cast<uint8_t>(mask | (~filled & (filled + 1)));
                            });
       }},
      {"AnEntryThatTheMachineLacks", {Rule::Alias}, [](Subject& s, unsigned n) {
         if (n != 0) return false;
         for (const isa::Atom& atom : s.compiled.atoms) {
           if (!isa::info(atom.op).has(isa::kProtect)) continue;
           s.machine.alias_entries = atom.alias;
           return true;
         }
         return false;
       }},
      {"KeptInOrder", {Rule::Order, Rule::Speculation}, [](Subject& s, unsigned n) {
         if (n != 0) return false;
         s.region.in_order.assign(s.region.code.insts.back().guest + 1u, 1);
         return s.passing != 0;
       }},
      {"PairsKeptInOrder", {Rule::Order}, [](Subject& s, unsigned n) {
         if (n != 0) return false;
         s.region.in_order.assign(s.region.code.insts.back().guest + 1u, 4);
         return s.passing != 0;
       }},
      {"AMissingCommit", {Rule::Commit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return row(a).has(isa::kCommit); },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a] = nop(); });
       }},
      {"AWrongCount", {Rule::Commit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return row(a).has(isa::kCommit); },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a].atom.count ^= 1; });
       }},
      {"AWrongGuestPc", {Rule::Commit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return a.atom.op == isa::Op::Commit && a.atom.mode == isa::Mode::Long; },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a].atom.imm ^= 4; });
       }},
      {"AnUncountLost", {Rule::Once}, [](Subject& s, unsigned n) {
         return change_atom(s, n, is_uncount, [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a] = nop(); });
       }},
      {"AnUncountOfAnotherValue", {Rule::Commit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, is_uncount, [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a].atom.ra = kGuestBaseReg; });
       }},
      {"AnUncountBehindAnExit", {Rule::Visible, Rule::Commit}, [](Subject& s, unsigned n) {
         return change_atom(s, n,
                            [](const Code& code, const Code::Atom& a, size_t m) {
                              return is_uncount(code, a, m) && has_branch(code.molecules[m]) && m + 1 < code.main;
                            },
                            [](Code& code, size_t m, size_t a) {
                              const Code::Atom uncount = code.molecules[m].atoms[a];
                              code.molecules[m].atoms[a] = nop();
                              code.insert(m + 1, uncount);
                            });
       }},
      {"AStoreAboveAnExit", {Rule::Visible, Rule::Operand}, [](Subject& s, unsigned n) {
         return change_atom(s, n,
                            [](const Code& code, const Code::Atom& a, size_t m) {
                              if (!in_main(code, m) || !is_guest_store(a)) return false;
                              for (size_t before = 0; before < m; ++before) {
                                if (has_branch(code.molecules[before])) return true;
                              }
                              return false;
                            },
                            [](Code& code, size_t m, size_t a) {
                              const Code::Atom store = code.molecules[m].atoms[a];
                              code.molecules[m].atoms[a] = nop();
                              while (!has_branch(code.molecules[m - 1])) --m;
                              code.insert(m - 1, store);
                            });
       }},
      {"AStoreBehindAnExit", {Rule::Visible, Rule::Operand}, [](Subject& s, unsigned n) {
         return change_atom(s, n,
                            [](const Code& code, const Code::Atom& a, size_t m) {
                              if (!is_guest_store(a)) return false;
                              for (size_t later = m; later + 1 < code.main; ++later) {
                                if (has_branch(code.molecules[later])) return true;
                              }
                              return false;
                            },
                            [](Code& code, size_t m, size_t a) {
                              const Code::Atom store = code.molecules[m].atoms[a];
                              code.molecules[m].atoms[a] = nop();
                              while (!has_branch(code.molecules[m])) ++m;
                              code.insert(m + 1, store);
                            });
       }},
      {"AFaultBehindAnExit", {Rule::Fault, Rule::Operand, Rule::Once}, [](Subject& s, unsigned n) {
         return change_atom(s, n,
                            [](const Code& code, const Code::Atom& a, size_t m) {
                              return is_guest_load(a) && a.atom.rd == isa::kZero && last_exit_behind(code, a, m) != 0;
                            },
                            [](Code& code, size_t m, size_t a) {
                              const Code::Atom load = code.molecules[m].atoms[a];
                              const size_t exit = last_exit_behind(code, load, m);
                              code.molecules[m].atoms[a] = nop();
                              code.insert(exit + 1, load);
                            });
       }},
      {"ALoadLessOftenThanWritten", {Rule::Once, Rule::Operand, Rule::Exit, Rule::Map}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return is_guest_load(a); },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a] = nop(); });
       }},
      {"AStoreTwice", {Rule::Once, Rule::Operand}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code& code, const Code::Atom& a, size_t m) { return in_main(code, m) && is_guest_store(a); },
                            [](Code& code, size_t m, size_t a) { code.insert(m, code.molecules[m].atoms[a]); });
       }},
      {"ADisplacementOff", {Rule::Operand}, [](Subject& s, unsigned n) {
         return change_atom(s, n,
                            [](const Code&, const Code::Atom& a, size_t) {
                              return (is_guest_load(a) || is_guest_store(a)) && a.atom.mode == isa::Mode::Short && a.atom.imm != 0 && a.atom.imm != 31;
                            },
                            [](Code& code, size_t m, size_t a) { ++code.molecules[m].atoms[a].atom.imm; });
       }},
      {"AConditionInverted", {Rule::Exit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return a.atom.op == isa::Op::BrCc; },
                            [](Code& code, size_t m, size_t a) {
                              isa::Cond& cond = code.molecules[m].atoms[a].atom.cond;
                              cond = static_cast<isa::Cond>(static_cast<unsigned>(cond) ^ 1);
                            });
       }},
      {"ATestInverted", {Rule::Exit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return a.atom.op == isa::Op::BrZ || a.atom.op == isa::Op::BrNz; },
                            [](Code& code, size_t m, size_t a) {
                              isa::Op& op = code.molecules[m].atoms[a].atom.op;
                              op = op == isa::Op::BrZ ? isa::Op::BrNz : isa::Op::BrZ;
                            });
       }},
      {"AComparisonInverted", {Rule::Exit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return a.atom.op >= isa::Op::BrEq && a.atom.op <= isa::Op::BrGeU; },
                            [](Code& code, size_t m, size_t a) {
                              isa::Op& op = code.molecules[m].atoms[a].atom.op;
                              const unsigned index = static_cast<unsigned>(op) - static_cast<unsigned>(isa::Op::BrEq);
                              op = static_cast<isa::Op>(static_cast<unsigned>(isa::Op::BrEq) + (index ^ 1));
                            });
       }},
      {"AnotherTarget", {Rule::Exit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code&, const Code::Atom& a, size_t) { return a.aimed && a.fixup.kind == translator::Target::Label && row(a).has(isa::kBranch); },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a].fixup.target ^= 1; });
       }},
      {"AWrongRegisterInAMap", {Rule::Map, Rule::Commit}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code& code, const Code::Atom& a, size_t m) { return !in_main(code, m) && a.atom.op == isa::Op::Mov && a.atom.rd != translator::kMoveScratch; },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a].atom.ra = translator::kTargetScratch; });
       }},
      {"ALinkStubOfAnotherExit", {Rule::Link}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code& code, const Code::Atom& a, size_t m) { return !in_main(code, m) && a.atom.op == isa::Op::MovImm && a.atom.rd == translator::kExitNumber; },
                            [](Code& code, size_t m, size_t a) { ++code.molecules[m].atoms[a].atom.imm; });
       }},
      {"ALinkStubToAnotherAddress", {Rule::Link}, [](Subject& s, unsigned n) {
         if (n >= s.compiled.exits.size()) return false;
         s.compiled.exits[n].target ^= 1;
         return true;
       }},
      {"ARegisterOfSomebodyElse", {Rule::Register}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code& code, const Code::Atom& a, size_t m) { return in_main(code, m) && row(a).uses(isa::kWritesRd) && a.atom.rd != isa::kZero; },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a].atom.rd = 62; });
       }},
      {"ALoadOfAnotherInstruction", {Rule::Source}, [](Subject& s, unsigned n) {
         return change_atom(s, n, [](const Code& code, const Code::Atom& a, size_t m) { return in_main(code, m) && (is_guest_load(a) || is_guest_store(a)); },
                            [](Code& code, size_t m, size_t a) { code.molecules[m].atoms[a].guest = 999; });
       }},
      {"AStoreBufferTooSmall", {Rule::Buffer}, [](Subject& s, unsigned n) {
         if (n != 0 || !s.region.faults_roll_back) return false;
         unsigned stores = 0, most = 0;
         for (const ir::Inst& inst : s.region.code.insts) {
           if (inst.op == ir::Op::Store) most = std::max(most, ++stores);
           if (inst.op == ir::Op::Intrinsic) stores = 0;
         }
         if (most < 2) return false;
         s.machine.store_buffer_entries = static_cast<uint16_t>(most - 1);
         return true;
       }},
      {"ADependentMoleculeFirst", kValue, [](Subject& s, unsigned n) {
         // The second atom of a stored value's chain, exchanged with its molecule's predecessor.
         Code code(s.compiled);
         for (size_t m = 0; m + 1 < code.main; ++m) {
           if (has_branch(code.molecules[m]) || has_branch(code.molecules[m + 1])) continue;
           bool depends = false;
           for (const Code::Atom& a : code.molecules[m].atoms) {
             const isa::RegUse made = isa::reg_use(a.atom);
             for (const Code::Atom& b : code.molecules[m + 1].atoms) {
               const isa::RegUse used = isa::reg_use(b.atom);
               // Whoever stores or loads through it shows the difference.
               if (!row(b).has(isa::kStore | isa::kLoad)) continue;
               for (unsigned i = 0; i < used.read_count; ++i) {
                 for (unsigned j = 0; j < made.write_count; ++j) depends |= used.reads[i] == made.writes[j];
               }
             }
           }
           if (!depends || n-- != 0) continue;
           std::swap(code.molecules[m].atoms, code.molecules[m + 1].atoms);
           s.compiled = code.build();
           return true;
         }
         return false;
       }},
  };
  return kMutations;
}

class Mutations : public testing::TestWithParam<Mutation> {};

TEST_P(Mutations, AreRefusedByTheirRule) {
  const Mutation& mutation = GetParam();
  unsigned applied = 0, harmless = 0;
  for (const NamedMachine& machine : machines()) {
    if (machine.name != "crusoe" && machine.name != "efficeon") continue;
    const unsigned enough = applied + 40;
    for (uint64_t seed = 1; seed <= 1000 && applied < enough; ++seed) {
      RandomRegion random = random_region(seed, 5 + seed % 90, machine.machine.alias_entries);
      Subject legal{random.region, machine.machine, {}};
      legal.passing = translator::compile(legal.region, legal.machine, {}, legal.compiled).passing_loads;
      const std::vector<Finding> none = translator::checking::check(legal.region, legal.machine, Code(legal.compiled).build());
      ASSERT_TRUE(none.empty()) << translator::checking::report(none, legal.compiled);
      for (unsigned n = 0; n < 3; ++n) {
        Subject subject = legal;
        if (!mutation.change(subject, n)) break;
        ++applied;
        const std::vector<Finding> findings = translator::checking::check(subject.region, subject.machine, subject.compiled);
        // The checker sees through more addresses than code generation does: what was checked for no reason may go.
        if (findings.empty() && (mutation.intended.count(Rule::Alias) != 0 || mutation.intended.count(Rule::Order) != 0)) {
          ++harmless;
          continue;
        }
        const bool refused = std::any_of(findings.begin(), findings.end(), [&](const Finding& f) { return mutation.intended.count(f.rule) != 0; });
        ASSERT_TRUE(refused) << machine.name << ", seed " << seed << ", opportunity " << n << "\n"
                             << translator::checking::report(findings, subject.compiled) << ir::text(subject.region.code)
                             << translator::checking::listing(subject.compiled);
      }
    }
  }
  EXPECT_LE(harmless * 5, applied);
  EXPECT_GE(applied - harmless, 20u) << "the mutation hardly ever applies";
}

/// A tree of at least two paths that control can come to.
struct TreeSubject {
  std::vector<translator::Region> tree;
  isa::MachineDescription machine;
  CompiledRegion compiled;

  /// The n-th map of an exit to a path, or null.
  translator::Region::Map* exit_map(unsigned n, translator::Region*& path) {
    for (translator::Region& region : tree) {
      for (translator::Region::Map& map : region.maps) {
        if (map.path == 0 || n-- != 0) continue;
        path = &region;
        return &map;
      }
    }
    return nullptr;
  }
};

struct TreeMutation {
  const char* name;
  Rules intended;
  std::function<bool(TreeSubject&, unsigned n)> change;
};
void PrintTo(const TreeMutation& mutation, std::ostream* out) { *out << mutation.name; }

/// The fixup of an exit to path `path`, in the main path or in its stub.
CompiledRegion::Fixup* fixup_to(CompiledRegion& compiled, size_t path) {
  for (CompiledRegion::Fixup& fixup : compiled.fixups) {
    if (fixup.kind == translator::Target::Local && fixup.target == compiled.paths[path]) return &fixup;
  }
  return nullptr;
}

const std::vector<TreeMutation>& tree_mutations() {
  using translator::Region;
  static const std::vector<TreeMutation> kMutations = {
      {"ValuesExpectedElsewhere", {Rule::Path}, [](TreeSubject& s, unsigned n) {
         if (n + 1 >= s.tree.size() || s.tree[n + 1].entry.size() < 2) return false;
         std::swap(s.tree[n + 1].entry[0].reg, s.tree[n + 1].entry[1].reg);
         return true;
       }},
      {"ValuesLeftElsewhere", {Rule::Map}, [](TreeSubject& s, unsigned n) {
         Region* path = nullptr;
         Region::Map* const map = s.exit_map(n, path);
         if (map == nullptr || map->count < 2) return false;
         std::swap(path->bindings[map->first].value, path->bindings[map->first + 1].value);
         return true;
       }},
      {"AnotherCheckpoint", {Rule::Path, Rule::Commit}, [](TreeSubject& s, unsigned n) {
         if (n + 1 >= s.tree.size() || s.tree[n + 1].code.insts.empty()) return false;
         ++s.tree[n + 1].committed;
         return true;
       }},
      {"AnotherGuestPc", {Rule::Path}, [](TreeSubject& s, unsigned n) {
         if (n + 1 >= s.tree.size() || s.tree[n + 1].code.insts.empty()) return false;
         s.tree[n + 1].eip ^= 1;
         return true;
       }},
      {"ToTheWrongPath", {Rule::Exit}, [](TreeSubject& s, unsigned n) {
         if (n + 1 >= s.tree.size()) return false;
         CompiledRegion::Fixup* const fixup = fixup_to(s.compiled, n + 1);
         if (fixup == nullptr) return false;
         fixup->target = s.compiled.paths[n];
         return true;
       }},
      {"BehindThePathsBeginning", {Rule::Exit}, [](TreeSubject& s, unsigned n) {
         if (n + 1 >= s.tree.size() || s.compiled.path_end(n + 1) < s.compiled.paths[n + 1] + 2) return false;
         CompiledRegion::Fixup* const fixup = fixup_to(s.compiled, n + 1);
         if (fixup == nullptr) return false;
         ++fixup->target;
         return true;
       }},
      {"APathTooFew", {Rule::Path}, [](TreeSubject& s, unsigned n) {
         if (n != 0) return false;
         s.compiled.paths.pop_back();
         return true;
       }},
      {"ExitToThePathLeaves", {Rule::Exit, Rule::Commit, Rule::Map}, [](TreeSubject& s, unsigned n) {
         Region* path = nullptr;
         Region::Map* const map = s.exit_map(n, path);
         if (map == nullptr) return false;
         map->path = 0;
         return true;
       }},
  };
  return kMutations;
}

class TreeMutations : public testing::TestWithParam<TreeMutation> {};

TEST_P(TreeMutations, AreRefusedByTheirRule) {
  unsigned applied = 0;
  for (const NamedMachine& machine : machines()) {
    if (machine.name != "crusoe" && machine.name != "efficeon") continue;
    const unsigned enough = applied + 40;
    for (uint64_t seed = 1; seed <= 2000 && applied < enough; ++seed) {
      RandomRegion random = random_region(seed, 20 + seed % 90, machine.machine.alias_entries);
      TreeSubject legal{split(random, seed), machine.machine, {}};
      translator::compile(legal.tree, legal.machine, {}, legal.compiled);
      if (legal.tree.size() < 2 || std::any_of(legal.tree.begin(), legal.tree.end(), [](const auto& path) { return path.code.insts.empty(); })) continue;
      const std::vector<Finding> none = translator::checking::check(legal.tree, legal.machine, legal.compiled);
      ASSERT_TRUE(none.empty()) << translator::checking::report(none, legal.compiled);
      for (unsigned n = 0; n < 3; ++n) {
        TreeSubject subject = legal;
        if (!GetParam().change(subject, n)) break;
        ++applied;
        const std::vector<Finding> findings = translator::checking::check(subject.tree, subject.machine, subject.compiled);
        const bool refused = std::any_of(findings.begin(), findings.end(), [&](const Finding& f) { return GetParam().intended.count(f.rule) != 0; });
        ASSERT_TRUE(refused) << machine.name << ", seed " << seed << ", opportunity " << n << "\n"
                             << translator::checking::report(findings, subject.compiled) << translator::checking::listing(subject.compiled);
      }
    }
  }
  EXPECT_GE(applied, 20u) << "the mutation hardly ever applies";
}

INSTANTIATE_TEST_SUITE_P(Checker, TreeMutations, testing::ValuesIn(tree_mutations()), [](const auto& info) { return info.param.name; });

/// A region of guest code, written operation by operation.
struct Guest {
  translator::Region region;
  Guest() {
    region.allocatable = 0xfff'fffful & ~(uint64_t{1} << 8);
    region.faults_roll_back = true;
    for (uint8_t reg = 0; reg < 8; ++reg) region.entry.push_back({region.code.new_value(), reg});
  }
  ir::Inst& add(ir::Op op, unsigned guest, std::initializer_list<ir::ValueId> sources, int64_t imm = 0) {
    ir::Inst inst;
    inst.op = op;
    inst.guest = static_cast<uint16_t>(guest);
    inst.imm = imm;
    std::copy(sources.begin(), sources.end(), inst.src);
    region.code.insts.push_back(inst);
    return region.code.insts.back();
  }
  ir::ValueId value(ir::Op op, unsigned guest, std::initializer_list<ir::ValueId> sources, int64_t imm = 0) {
    ir::Inst& inst = add(op, guest, sources, imm);
    inst.width = op == ir::Op::Const ? 64 : 32;
    return inst.value = region.code.new_value();
  }
  void commit(unsigned guest, unsigned count, uint32_t eip) {
    const ir::ValueId number = value(ir::Op::Const, guest, {}, count);
    add(ir::Op::Intrinsic, guest, {number}, static_cast<int64_t>(ir::IntrinsicId::Commit));
    region.add_map(region.entry);
    region.maps.back().eip = eip;
    region.maps.back().completed = static_cast<uint16_t>(guest);
  }
  void exit(unsigned guest, unsigned completed, ir::ValueId eax) {
    add(ir::Op::Exit, guest, {}, 0x2000);
    region.add_map(std::vector<translator::Binding>{{eax, 0}});
    region.maps.back().completed = static_cast<uint16_t>(completed);
  }
  std::vector<Finding> check(const std::function<void(translator::Region&, CompiledRegion&)>& change = {}) {
    const isa::MachineDescription machine = denver_like();
    CompiledRegion compiled;
    translator::compile(region, machine, {}, compiled);
    if (change) change(region, compiled);
    return translator::checking::check(region, machine, compiled);
  }
};

Rules rules_of(const std::vector<Finding>& findings) {
  Rules out;
  for (const Finding& finding : findings) out.insert(finding.rule);
  return out;
}

// One absolute address has two constants: 32 bits extended with zeros, and with its sign.
TEST(Checker, AbsoluteAddressesOfBothSignsMeet) {
  Guest g;
  const ir::ValueId high = g.value(ir::Op::Const, 0, {}, 0xfffffff0), low = g.value(ir::Op::Const, 0, {}, 0);
  // The stored value comes late, and the load is only partly of it, so that it is a load after all.
  const ir::ValueId product = g.value(ir::Op::MulLow, 0, {1, 2});
  g.add(ir::Op::Store, 0, {high, product}).width = 32;
  const ir::ValueId loaded = g.value(ir::Op::Load, 1, {low}, -14);
  g.exit(1, 2, loaded);
  EXPECT_EQ(rules_of(g.check()), Rules{});
}

// What waits for a commit when a path of a tree begins waits with what the path stores.
TEST(Checker, StoresBeforeAPathAreInTheBuffer) {
  std::vector<translator::Region> tree(2);
  for (unsigned path = 0; path < 2; ++path) {
    Guest g;
    g.add(ir::Op::Store, 0, {0, 1}).width = 32;
    if (path == 0) {
      ir::Inst& leave = g.add(ir::Op::ExitIf, 0, {2}, 0x1000);
      leave.cond = ir::Cond::NonZero;
      g.region.add_map(g.region.entry);
      g.region.maps.back().path = 1;
    }
    g.exit(0, 1, 1);
    tree[path] = g.region;
  }
  const auto rules = [&tree](uint16_t entries) {
    isa::MachineDescription machine = denver_like();
    machine.store_buffer_entries = entries;
    std::vector<translator::Region> copy = tree;
    CompiledRegion compiled;
    translator::compile(copy, machine, {}, compiled);
    return rules_of(translator::checking::check(copy, machine, compiled));
  };
  EXPECT_EQ(rules(2), Rules{});
  EXPECT_EQ(rules(1), Rules{Rule::Buffer});
}

TEST(Checker, CommitsStandBeforeWhatMayFault) {
  Guest g;
  g.region.precise = true;
  g.region.in_order = {1, 1, 1};
  g.add(ir::Op::Store, 0, {1, 2}).width = 32;
  g.commit(1, 1, 0x1002);
  const ir::ValueId loaded = g.value(ir::Op::Load, 1, {3});
  g.exit(2, 3, loaded);
  Guest without = g;
  EXPECT_EQ(rules_of(g.check()), Rules{});
  // The same without its commit.
  auto& insts = without.region.code.insts;
  insts.erase(insts.begin() + 1, insts.begin() + 3);
  without.region.maps.erase(without.region.maps.begin());
  EXPECT_EQ(rules_of(without.check()), Rules{Rule::Precise});
}

TEST(Checker, CommitsLeaveTheirGuestPc) {
  Guest g;
  g.add(ir::Op::Store, 0, {1, 2}).width = 32;
  g.commit(1, 1, 0x1002);
  g.add(ir::Op::Store, 1, {2, 2}).width = 32;
  g.exit(2, 3, 0);
  EXPECT_EQ(rules_of(g.check()), Rules{});
  EXPECT_EQ(rules_of(g.check([](translator::Region& region, CompiledRegion&) { region.maps[0].eip = 0x1004; })), Rules{Rule::Commit});
}

INSTANTIATE_TEST_SUITE_P(Checker, Mutations, testing::ValuesIn(mutations()), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chrysalis::test
