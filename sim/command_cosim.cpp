// `chrysalis cosim`: a run whose every molecule is executed twice and compared.
#include <filesystem>
#include <memory>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rtl/engine.h"
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
  std::vector<std::string> statistics;
  std::string bundle;
  std::string follower = "functional", rtl_machine, waves;
  bool reference = false;
  uint64_t max_instructions = UINT64_MAX, max_cycles = UINT64_MAX;
};

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

void make_folder(const std::string& bundle) {
  std::error_code error;
  fs::create_directories(bundle, error);
  if (error) throw UserError(fmt::format("--bundle {}: {}", bundle, error.message()));
}

/// Everything that it takes to see the difference again: `sh command.sh` in the folder of the run.
void write_bundle(const Options& options, const RunRequest& request, const GuestCommand& guest, const std::string& report,
                  const std::string& records) {
  const fs::path folder = options.bundle;
  std::error_code error;
  make_folder(options.bundle);
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
  if (options.follower != "functional") command += " --follower " + options.follower;
  if (options.reference) command += " --reference";
  if (!options.rtl_machine.empty()) {
    // A file goes along; what is no file is the name of a machine of ours.
    const bool file = fs::exists(options.rtl_machine);
    if (file) fs::copy_file(options.rtl_machine, folder / "rtl-machine.toml", fs::copy_options::overwrite_existing, error);
    if (error) throw UserError(fmt::format("--bundle {}: {} cannot be copied: {}", options.bundle, options.rtl_machine, error.message()));
    command += " --rtl-machine " + (file ? std::string("\"$here/rtl-machine.toml\"") : quoted(options.rtl_machine));
  }
  if (!request.sysroot.empty()) command += " --sysroot " + quoted(request.sysroot);
  for (const std::string& variable : options.common.environment) command += " --env " + quoted(variable);
  command += " -- \"$here/program\"";
  for (const std::string& argument : request.arguments) command += " " + quoted(argument);
  write_text(folder / "command.sh", command + "\n");
}

/// Where the RTL's waves go: a bundle has them, too, if the build can.
std::string waves_file(const Options& options) {
  if (!options.waves.empty() || options.bundle.empty() || !rtl::has_waves()) return options.waves;
  make_folder(options.bundle);
  return (fs::path(options.bundle) / "waves.fst").string();
}

int run(const Options& options, const GuestCommand& guest) {
  RunRequest request = make_request(options.common, guest);
  if (request.fidelity != Fidelity::Cycle || request.form != FirmwareForm::Core)
    throw UserError("cosim needs --fidelity cycle and --firmware core");
  request.limits = {options.max_instructions, options.max_cycles};
  for (const std::string& path : options.statistics) check_statistics_path(path);
  if (options.follower != "rtl" && !(options.rtl_machine + options.waves).empty())
    throw UserError(fmt::format("--{} needs --follower rtl", options.waves.empty() ? "rtl-machine" : "waves"));
  if (!options.waves.empty() && !rtl::has_waves()) throw UserError("--waves: the RTL cores of this build cannot write waves; CMake's CHRYSALIS_RTL_WAVES=ON makes some that can");
  const auto with_rtl = [&] {
    return Replica::Options{isa::load_machine(options.rtl_machine.empty() ? request.machine : options.rtl_machine, request.settings.machine), waves_file(options)};
  };
  Cosim::Options pair;
  if (options.follower == "rtl") pair.rtl = with_rtl();
  pair.reference = options.reference;
  Cosim cosim(pair);
  request.observers.push_back(&cosim);
  std::string report, records;
  // Within the run, since the machine is gone when it returns.
  request.at_end = [&](const RunResult&) {
    report = cosim.report();
    records = cosim.record_lines();
  };
  const RunResult result = run_program(request);
  for (const std::string& path : options.statistics) write_statistics(result.statistics, path);
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
    fmt::print(stderr, "chrysalis: no difference in {} records{} and {} commits, {} cycles\n", cosim.records(),
               cosim.rtl_records() != 0 ? fmt::format(" ({} of the RTL core)", cosim.rtl_records()) : "",
               options.reference ? fmt::format("{} ({} against the x86 reference)", cosim.commits(), cosim.referenced()) : fmt::format("{}", cosim.commits()),
               result.statistics.count("host.cycles"));
  return result.exit_code;
}

}  // namespace

Command add_cosim_command(CLI::App& app, const GuestCommand& guest) {
  CLI::App* command = app.add_subcommand("cosim", "run a program on two cores in lockstep: chrysalis cosim [OPTIONS] -- PROGRAM [ARGS...]");
  auto options = std::make_shared<Options>();
  add_run_options(*command, options->common);
  add_statistics_option(*command, options->statistics);
  command->add_option("--bundle", options->bundle, "at a difference, write what reproduces it into DIR")->type_name("DIR");
  command->add_option("--follower", options->follower, "who follows the SystemC core: functional, the functional executor; rtl, the RTL core as "
                      "well, cycles included")->check(CLI::IsMember({"functional", "rtl"}))->type_name("functional|rtl")->capture_default_str();
  command->add_flag("--reference", options->reference, "compare each commit with an x86 reference as well: the interpreter, on the build machine");
  command->add_option("--rtl-machine", options->rtl_machine, "machine of the RTL core, if it is to be another than the SystemC core's")
      ->type_name("NAME|FILE");
  command->add_option("--waves", options->waves, "at a difference of the RTL core, write its last 2,000 molecules to FILE, for gtkwave; a bundle has them as waves.fst")
      ->type_name("FILE.fst");
  command->add_option("--max-instructions", options->max_instructions, "stop after N x86 instructions")->check(CLI::NonNegativeNumber)->type_name("N");
  command->add_option("--max-cycles", options->max_cycles, "stop after N host cycles")->check(CLI::NonNegativeNumber)->type_name("N");
  return {command, [options, &guest] { return run(*options, guest); }};
}

}  // namespace chrysalis::sim
