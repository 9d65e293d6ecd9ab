#include "sim/run_options.h"

#include <cstring>
#include <fstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/error.h"

namespace chrysalis::sim {
namespace {

namespace fs = std::filesystem;

/// 64-bit FNV-1a: names the inputs of a run in its manifest.
std::string digest(const std::string& bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("--machine", options.machine, "crusoe, efficeon, denver, or the path of a machine file")->type_name("NAME|FILE");
  command.add_option("--fidelity", options.fidelity, "functional (no time), cycle (the SystemC model), or rtl (the verilated core)")
      ->check(CLI::IsMember({"functional", "cycle", "rtl"}));
  command.add_option("--firmware", options.firmware, "core (on the modelled core) or hosted (compiled for this machine)")
      ->check(CLI::IsMember({"core", "hosted"}));
  command.add_option("--set", options.assignments, "set a parameter, e.g. firmware.interpreter=indirect-threaded; repeatable")
      ->type_name("KEY=VALUE")->allow_extra_args(false);
  command.add_option("--config", options.files, "read parameters from a TOML file; repeatable")->type_name("FILE")->allow_extra_args(false);
  command.add_option("--sysroot", options.sysroot, "look the guest's absolute paths up in DIR first")->type_name("DIR");
  command.add_option("--env", options.environment, "add to the guest's environment, which is otherwise PATH, HOME and LC_ALL; repeatable")
      ->type_name("NAME=VALUE")->allow_extra_args(false);
  command.add_option("--argv0", options.argv0, "the guest's argv[0] (default: the program's base name)")->type_name("STRING");
  command.add_option("--seed", options.seed, "seed of the guest's random bytes")->check(CLI::NonNegativeNumber)->type_name("N");
  command.add_flag("--quiet", options.quiet, "no report on standard error");
  std::string footer = "Parameters for --set and --config:\n";
  for (const SettingInfo& setting : setting_table())
    footer += fmt::format("  {:<24} {} ({}{})\n", setting.name, setting.help, setting.accepted,
                          setting.unit.empty() ? "" : fmt::format("; {}", setting.unit));
  footer += "  machine.*                any key of the machine file; see `chrysalis machine show`\n";
  command.footer(footer);
}

void add_statistics_option(CLI::App& command, std::vector<std::string>& files) {
  command.add_option("--stats", files, "write statistics to FILE: .json, .txt (gem5 layout) or .sqlite; repeatable")
      ->type_name("FILE")->allow_extra_args(false);
}

RunRequest make_request(const RunOptions& options, const GuestCommand& guest) {
  RunRequest request;
  request.machine = options.machine;
  request.fidelity = options.fidelity == "functional" ? Fidelity::Functional
                     : options.fidelity == "rtl"      ? Fidelity::Rtl
                                                      : Fidelity::Cycle;
  request.form = options.firmware == "hosted" ? FirmwareForm::Hosted : FirmwareForm::Core;
  for (const std::string& file : options.files) apply_file(request.settings, file);
  for (const std::string& assignment : options.assignments) apply_assignment(request.settings, assignment);
  if (options.seed >= 0) request.settings.seed = static_cast<uint64_t>(options.seed);
  if (!options.sysroot.empty() && !fs::is_directory(options.sysroot))
    throw UserError(fmt::format("--sysroot {}: is not a directory", options.sysroot));
  request.sysroot = options.sysroot;
  request.argv0 = options.argv0;
  request.environment = {"PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C"};
  for (const std::string& item : options.environment) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) throw UserError(fmt::format("--env {}: expected NAME=VALUE", item));
    std::erase_if(request.environment, [&](const std::string& old) { return old.starts_with(item.substr(0, equals + 1)); });
    request.environment.push_back(item);
  }
  if (guest.empty()) throw UserError("no program given; the guest's command line comes after --, as in: chrysalis run -- ./program args");
  request.program = guest.front();
  request.arguments.assign(guest.begin() + 1, guest.end());
  request.quiet = options.quiet;
  return request;
}

std::string effective_configuration(const RunOptions& options, const RunRequest& request) {
  return fmt::format("# chrysalis {}: --machine {} --fidelity {} --firmware {}\n{}", CHRYSALIS_VERSION, options.machine,
                     options.fidelity, options.firmware, to_toml(request.settings));
}

std::string manifest(const RunRequest& request, const GuestCommand& guest) {
  nlohmann::ordered_json json;
  json["version"] = CHRYSALIS_VERSION;
  json["compiler"] = __VERSION__;
  json["machine"] = request.machine;
  json["command"] = guest;
  json["program_digest_fnv1a"] = digest(contents(request.program));
  json["configuration_digest_fnv1a"] = digest(to_toml(request.settings));
  json["seed"] = request.settings.seed;
  return json.dump(2) + "\n";
}

void write_text(const fs::path& path, const std::string& text) {
  const fs::path partial = path.string() + ".partial";
  std::ofstream out(partial, std::ios::binary);
  out << text;
  out.close();
  std::error_code error;
  if (out) fs::rename(partial, path, error);
  if (!out || error) {
    fs::remove(partial, error);
    throw UserError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
  }
}

}  // namespace chrysalis::sim
