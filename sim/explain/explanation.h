// What one translation of a run is: its x86 instructions, its IR before and after the passes, its molecules cycle by
// cycle, its exits, and how it was used. Data for text.h and html.h.
//
// The translation is compiled again on the build machine, from what the firmware says that it compiled; that the result is
// the code which the core has, word for word, is checked. Blocks of gear 1 that check their own source are shown as installed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/observe/translation_log.h"

namespace chrysalis::sim {

/// An x86 instruction of the region, an IR operation, an atom: which guest instruction they belong to, by index; -1: none,
/// or not known (gear 1 does not keep it).
struct InstructionView {
  uint32_t eip;
  std::string bytes, text;
};
/// Which path of a tree, of which part.
struct PathOf {
  unsigned part = 0, path = 0;
  bool operator==(const PathOf&) const = default;
};
struct OperationView {
  std::string text;
  int guest;
  PathOf where;
  std::string map;   ///< of exits: where the guest's registers are, if not where they were at the entry
};
struct AtomView {
  unsigned slot;
  std::string text;
  int guest;
};

enum class MoleculePart : uint8_t {
  Main,          ///< the path that the region follows, or of a tree the paths
  Compensation,  ///< behind a side exit: brings registers to where the exit's map has them, and commits
  Link,          ///< behind an exit that is not chained: leaves to the monitor with the exit's number
};

struct MoleculeView {
  uint64_t address;
  MoleculePart part;
  PathOf where;                   ///< main paths only know their path
  unsigned cycle;                 ///< in which it issues if nothing misses and no branch is taken, from the beginning of what `part` says
  std::vector<AtomView> atoms;
  /// Main path, its checkpoint: guest instructions 0 to complete-1 are complete when it issues (translator/checkpoints.h).
  unsigned complete = 0;
  /// Main path: row of the commit to which a rollback in this molecule returns; -1: the state at the entry of the part.
  int back_to = -1;
  WordCount count;
  std::vector<std::pair<isa::Cause, uint64_t>> events;
};

struct ExitView {
  std::string kind;               ///< "side exit", "to path 2", "call-out", "end", "indirect", "trap", ...
  int guest = -1;                 ///< instruction that leaves
  uint32_t target = 0;            ///< guest address
  bool has_target = false;
  unsigned row = 0;               ///< molecule of its branch
  unsigned first = 0, last = 0;   ///< rows of its compensation code, `last` excluded; equal: none
  int link = -1;                  ///< row of its link stub
  uint64_t times = 0;
};

struct Explanation {
  const TranslationRecord* record = nullptr;
  unsigned slots = 0;             ///< of the machine
  std::vector<std::string> slot_names;
  std::vector<InstructionView> source;
  std::vector<OperationView> before, after;  ///< of gear 1: what was lifted; it has no passes
  std::vector<MoleculeView> molecules;
  std::vector<ExitView> exits;
  translator::CompileStats stats;
};

/// Errors: std::logic_error if compiling again does not give the core's code: a bug.
Explanation explain(const TranslationRecord& record, const TranslationLog& log);

/// Translations by the cycles spent in them, most first; of equals the older. `eip`: only those whose source
/// contains this guest address.
std::vector<const TranslationRecord*> hottest(const TranslationLog& log, size_t top, std::optional<uint32_t> eip);

}  // namespace chrysalis::sim
