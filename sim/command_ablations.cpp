// `chrysalis ablations`: what can be taken away. tests/kernels/ablate.py measures what each is worth.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sim/commands.h"
#include "sim/settings.h"

namespace chrysalis::sim {

Command add_ablations_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("ablations", "list what can be taken away: a --set assignment and what it loses, a tabulator between");
  return {command, [] {
            for (const Ablation& ablation : ablation_table()) fmt::print("{}\t{}\n", ablation.assignment, ablation.what);
            return 0;
          }};
}

}  // namespace chrysalis::sim
