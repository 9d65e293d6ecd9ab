// The subcommands of `chrysalis`. Each adds its options to the command line and, when chosen, runs and returns the
// exit code.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace chrysalis::sim {

/// What follows `--` on the command line: the guest's own command line.
using GuestCommand = std::vector<std::string>;

struct Command {
  CLI::App* app;
  std::function<int()> run;
};

Command add_run_command(CLI::App& app, const GuestCommand& guest);
Command add_explain_command(CLI::App& app, const GuestCommand& guest);
Command add_machine_command(CLI::App& app);
Command add_ablations_command(CLI::App& app);
Command add_asm_command(CLI::App& app);
Command add_disasm_command(CLI::App& app);
Command add_lift_command(CLI::App& app);
Command add_opt_command(CLI::App& app);
Command add_cosim_command(CLI::App& app, const GuestCommand& guest);
Command add_bench_command(CLI::App& app, const GuestCommand& guest);

}  // namespace chrysalis::sim
