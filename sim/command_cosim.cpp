// `chrysalis cosim`: a run whose every molecule is executed twice and compared.
#include <filesystem>
#include <memory>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/commands.h"
#include "sim/cosim/cosim.h"
#include "sim/error.h"
#include "sim/run.h"
#include "sim/run_options.h"

namespace chrysalis::sim {
namespace {

namespace fs = std::filesystem;

struct Options {
  RunOptions common;
  std::string bundle;
  uint64_t max_instructions = UINT64_MAX, max_cycles = UINT64_MAX;
};

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Everything that it takes to see the difference again: `sh command.sh` in the folder of the run.
void write_bundle(const Options& options, const RunRequest& request, const GuestCommand& guest, const std::string& report,
                  const std::string& records) {
  const fs::path folder = options.bundle;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw UserError(fmt::format("--bundle {}: {}", options.bundle, error.message()));
  write_text(folder / "report.txt", report);
  write_text(folder / "records.txt", records);
  write_text(folder / "config.toml", effective_configuration(options.common, request));
  write_text(folder / "manifest.json", manifest(request, guest));
  fs::copy_file(request.program, folder / "program", fs::copy_options::overwrite_existing, error);
  if (error) throw UserError(fmt::format("--bundle {}: the program cannot be copied: {}", options.bundle, error.message()));
  std::string command = fmt::format("#!/bin/sh\n# Written by chrysalis {}. Standard input is the run's own affair.\nhere=$(dirname \"$0\")\n"
                                    "exec \"${{CHRYSALIS:-chrysalis}}\" cosim --machine {} --config \"$here/config.toml\" --argv0 {}",
                                    CHRYSALIS_VERSION, quoted(options.common.machine),
                                    quoted(request.argv0.empty() ? fs::path(request.program).filename().string() : request.argv0));
  if (!request.sysroot.empty()) command += " --sysroot " + quoted(request.sysroot);
  for (const std::string& variable : options.common.environment) command += " --env " + quoted(variable);
  command += " -- \"$here/program\"";
  for (const std::string& argument : request.arguments) command += " " + quoted(argument);
  write_text(folder / "command.sh", command + "\n");
}

int run(const Options& options, const GuestCommand& guest) {
  RunRequest request = make_request(options.common, guest);
  if (request.fidelity != Fidelity::Cycle || request.form != FirmwareForm::Core)
    throw UserError("cosim needs --fidelity cycle and --firmware core");
  request.limits = {options.max_instructions, options.max_cycles};
  Cosim cosim;
  request.observers.push_back(&cosim);
  std::string report, records;
  // Within the run, since the machine is gone when it returns.
  request.at_end = [&](const RunResult&) {
    report = cosim.report();
    records = cosim.record_lines();
  };
  const RunResult result = run_program(request);
  if (!report.empty()) {
    fmt::print(stderr, "chrysalis: {}", report);
    if (!options.bundle.empty()) {
      write_bundle(options, request, guest, report, records);
      fmt::print(stderr, "To see it again: CHRYSALIS=... sh {}/command.sh\n", options.bundle);
    }
    return kExitDifference;
  }
  if (!result.message.empty()) fmt::print(stderr, "chrysalis: {}\n", result.message);
  if (!request.quiet)
    fmt::print(stderr, "chrysalis: no difference in {} records and {} commits, {} cycles\n", cosim.records(), cosim.commits(),
               result.statistics.count("host.cycles"));
  return result.exit_code;
}

}  // namespace

Command add_cosim_command(CLI::App& app, const GuestCommand& guest) {
  CLI::App* command = app.add_subcommand("cosim", "run a program on two cores in lockstep: chrysalis cosim [OPTIONS] -- PROGRAM [ARGS...]");
  auto options = std::make_shared<Options>();
  add_run_options(*command, options->common);
  command->add_option("--bundle", options->bundle, "at a difference, write what reproduces it into DIR")->type_name("DIR");
  command->add_option("--max-instructions", options->max_instructions, "stop after N x86 instructions")->check(CLI::NonNegativeNumber)->type_name("N");
  command->add_option("--max-cycles", options->max_cycles, "stop after N host cycles")->check(CLI::NonNegativeNumber)->type_name("N");
  return {command, [options, &guest] { return run(*options, guest); }};
}

}  // namespace chrysalis::sim
