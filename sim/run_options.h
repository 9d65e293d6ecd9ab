// Options that `run` and `bench` share, and what a run writes beside its statistics.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sim/commands.h"
#include "sim/run.h"

namespace chrysalis::sim {

struct RunOptions {
  std::string machine = "crusoe", fidelity = "cycle", firmware = "core", sysroot, argv0;
  std::vector<std::string> assignments, files, environment;
  int64_t seed = -1;  ///< -1: as configured
  bool quiet = false;
};

void add_run_options(CLI::App& command, RunOptions& options);
/// --stats; check_statistics_path() before the run, write_statistics() behind it.
void add_statistics_option(CLI::App& command, std::vector<std::string>& files);

/// Applies configuration files, then --set, then the other options. Throws UserError.
RunRequest make_request(const RunOptions& options, const GuestCommand& guest);

/// The settings in force as TOML, with the machine and the forms of execution as comments.
std::string effective_configuration(const RunOptions& options, const RunRequest& request);

/// JSON: versions, hashes of program and configuration, seed.
std::string manifest(const RunRequest& request, const GuestCommand& guest);

/// Writes a text file whole or not at all. Throws UserError.
void write_text(const std::filesystem::path& path, const std::string& text);

}  // namespace chrysalis::sim
