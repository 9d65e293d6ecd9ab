// Explanations for a terminal or a file.
#pragma once

#include <string>
#include <vector>

#include "sim/explain/explanation.h"

namespace chrysalis::sim {

/// What a report says of its run as a whole.
struct ExplainedRun {
  std::string machine, command;
  uint64_t cycles = 0, instructions = 0;
  uint64_t translations[3] = {};  ///< by gear
};

std::string explanation_text(const ExplainedRun& run, const std::vector<Explanation>& regions);

// Shared with the page.

/// "path 2", or "part 1, path 2" of a translation with several parts.
std::string path_text(const Explanation& region, PathOf where);

/// The sentences about a region: what it is, how often it ran, what it cost, what became of it.
std::vector<std::string> region_facts(const ExplainedRun& run, const Explanation& region);
/// "4: 8049181": the last x86 instruction that is complete, with all before it, when the row issues; "-" before the first is.
std::string complete_text(const Explanation& region, const MoleculeView& row);
/// Where a rollback in the row leads.
std::string back_text(const Explanation& region, const MoleculeView& row);
/// The rows of its compensation code; empty if it has none.
std::string rows_text(const ExitView& exit);
std::string exit_text(const Explanation& region, const ExitView& exit);

}  // namespace chrysalis::sim
