// The command `chrysalis`: splits off the guest's command line, finds the subcommand, and turns errors into
// messages and exit codes.
#include <cstdio>
#include <cstring>

#include <CLI/CLI.hpp>

#include "isa-host/machine.h"
#include "sim/commands.h"
#include "sim/error.h"

namespace {

constexpr const char* kDescription =
    "Chrysalis simulates a co-designed virtual machine: a VLIW host whose concealed firmware runs x86.";

constexpr const char* kFooter =
    "Exit codes: the guest's own (128+n if signal n ended it); 124 a limit was reached; 125 an error in options,\n"
    "configuration, machine file or program; 123 an internal error; 122 cosim found a difference.\n"
    "Example: chrysalis run --machine crusoe -- ./busybox sha256sum file";

}  // namespace

int main(int argc, char** argv) {
  using namespace chrysalis::sim;
  // Everything after the first `--` belongs to the guest and is never looked at as an option.
  GuestCommand guest;
  int ours = argc;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") == 0) {
      guest.assign(argv + i + 1, argv + argc);
      ours = i;
      break;
    }
  }
  CLI::App app{kDescription, "chrysalis"};
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", CHRYSALIS_VERSION);
  const Command commands[] = {
      add_run_command(app, guest), add_machine_command(app),       add_asm_command(app),
      add_disasm_command(app),     add_bench_command(app, guest), add_cosim_command(app, guest), add_lift_command(app), add_opt_command(app),
      add_explain_command(app, guest), add_ablations_command(app),
  };
  try {
    app.parse(ours, argv);
    for (const Command& command : commands)
      if (command.app->parsed()) return command.run();
    return kExitUserError;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::fprintf(stderr, "chrysalis: %s\nRun with --help for the accepted options.\n", error.what());
    return kExitUserError;
  } catch (const chrysalis::isa::MachineError& error) {
    for (const std::string& problem : error.problems()) std::fprintf(stderr, "chrysalis: %s\n", problem.c_str());
    return kExitUserError;
  } catch (const UserError& error) {
    std::fprintf(stderr, "chrysalis: %s\n", error.what());
    return kExitUserError;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chrysalis: internal error: %s\n", error.what());
    return kExitInternal;
  }
}
