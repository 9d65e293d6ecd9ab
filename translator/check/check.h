// The schedule checker: proves that a compiled region does what the region says. It shares no code with code generation,
// scheduling and register assignment, and trusts nothing of them: it follows values through the molecules as symbols
// (terms.h) and compares them with those of the region's operations. Build machine only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/compile.h"
#include "translator/region.h"

namespace chrysalis::translator::checking {

// RULE(Name, "name", "what it demands")
#define CHRYSALIS_CHECK_RULES(RULE)                                                                                                \
  RULE(Molecule, "molecule", "a molecule is well formed and fits the machine: slots, units, literals, addressing")                 \
  RULE(Latency, "latency", "no molecule is planned for a cycle before its operands are ready and its units are free")              \
  RULE(Register, "register", "registers that the region may not write keep their contents")                                        \
  RULE(Operand, "operand", "an atom with an effect has the operands of the operation that it performs")                            \
  RULE(Once, "once", "every operation with an effect is performed, once")                                                          \
  RULE(Source, "source", "an atom names the guest instruction whose access it makes")                                              \
  RULE(Exit, "exit", "exits come in order, under their conditions, and lead to their targets")                                     \
  RULE(Map, "map", "an exit or commit delivers its map: moves and exit stubs included")                                            \
  RULE(Commit, "commit", "what an exit leaves behind is committed, with the instructions completed and the guest PC")              \
  RULE(Visible, "visible", "a store, or change of what commits count, is made behind the exits and commits before it, and not behind those after it") \
  RULE(Fault, "fault", "an access that may fault is made before an exit or commit behind it; where faults do not roll back, in order") \
  RULE(Speculation, "speculation", "a load above an exit is allowed to be there")                                                  \
  RULE(Order, "order", "accesses that may overlap, one of them a store, keep their order, but for loads under protection")         \
  RULE(Alias, "alias", "the entry of a load that passed a store, or stands for a deleted one, is live at the store, and the store checks it") \
  RULE(Check, "check", "a store checks no entry without need, and none that the region has not filled")                           \
  RULE(Precise, "precise", "where nothing is taken back, a commit stands directly before each instruction that may fault, and accesses keep their order") \
  RULE(Buffer, "buffer", "between two commits there are no more guest stores than the store buffer holds")                         \
  RULE(Link, "link", "a link stub gives the target and the number of its exit, and changes nothing else")                          \
  RULE(Path, "path", "a path of a tree begins with its values where the exit that leads there has them, and with its checkpoint")

enum class Rule : uint8_t {
#define RULE(name, text, demand) name,
  CHRYSALIS_CHECK_RULES(RULE)
#undef RULE
};
const char* name(Rule rule);

/// One broken rule, at one atom.
struct Finding {
  static constexpr uint32_t kNone = 0xffffffff;
  Rule rule;
  uint32_t molecule = kNone;  ///< kNone: the region as a whole
  uint32_t atom = kNone;      ///< index within the molecule; kNone: the molecule as a whole
  std::string text;           ///< what is wrong, with the values concerned
};

struct CheckOptions {
  uint32_t first_exit = 0;    ///< CompileOptions::first_exit
  bool source = true;         ///< the compiled region's `guest` is to be held to the rule
  uint64_t context = 0;       ///< of guest code: concealed address of the slots that hold guest state, 32 bits in 8 bytes each; 0: not known
};

/// Whether the checker knows all operations of the region. It does not know those on floating-point registers.
bool can_check(const Region& region);

/// Checks `compiled` against `region`, as it was after the passes. Empty: proved.
///
/// In:    a region that satisfies verify_region() and can_check(); molecules of the main path, then stubs.
/// Cost:  quadratic in the region's memory accesses, linear in the rest.
std::vector<Finding> check(const Region& region, const isa::MachineDescription& machine, const CompiledRegion& compiled,
                           const CheckOptions& options = {});
/// The same for the paths of a tree, each of which is proved for itself.
std::vector<Finding> check(std::span<const Region> tree, const isa::MachineDescription& machine, const CompiledRegion& compiled,
                           const CheckOptions& options = {});

/// Lines "rule, molecule, atom `disassembly`: text", and the molecule concerned.
std::string report(const std::vector<Finding>& findings, const CompiledRegion& compiled);

/// The molecules, one a line, numbered, with the cycle that each is planned for.
std::string listing(const CompiledRegion& compiled);

}  // namespace chrysalis::translator::checking
