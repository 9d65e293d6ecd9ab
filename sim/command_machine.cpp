// `chrysalis machine list|show|check|cost`: the machine files.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "hw/parameters.h"
#include "isa-host/machine.h"
#include "rtl/engine.h"
#include "sim/commands.h"
#include "sim/engine_core.h"
#include "sim/error.h"

namespace chrysalis::sim {
namespace {

struct Options {
  CLI::App *list, *show, *check, *cost;
  std::vector<std::string> machines, blocks;
  bool toml = false, no_margins = false, json = false;
  unsigned jobs = 0;
};

int list() {
  for (const isa::BuiltInMachine& machine : isa::built_in_machines())
    fmt::print("{:<10} {}\n", machine.name, isa::load_machine(machine.name).summary);
  return 0;
}

/// What `--fidelity rtl` has for the machine, and what of it is not hardware.
std::string rtl_core(const isa::MachineModel& machine) {
  std::string why;
  const std::string built = rtl::find_model(hw::system_parameters(machine, fw::kConcealedBase, fw::kConcealedSize).core, why);
  if (built.empty()) return fmt::format("RTL core: none built with this geometry: {}\n", why);
  return fmt::format("RTL core: as built for {}; not hardware yet, but calls into isa-host: floating-point and media atoms\n", built);
}

int show(const Options& options) {
  for (const std::string& name : options.machines) {
    const isa::MachineModel machine = isa::load_machine(name);
    fmt::print("{}", options.toml ? isa::to_toml(machine) : isa::describe(machine) + rtl_core(machine));
  }
  return 0;
}

/// A machine is sound if its file is, and if the firmware can be scheduled for it.
int check(const Options& options) {
  bool sound = true;
  for (const std::string& name : options.machines) {
    try {
      const isa::MachineModel machine = isa::load_machine(name);
      const image::Image image = firmware_image(machine);
      fmt::print("{}: sound; the firmware takes {} molecules, {} bytes\n", name, image.statistics.molecules, image.statistics.code_bytes);
    } catch (const isa::MachineError& error) {
      for (const std::string& problem : error.problems()) fmt::print(stderr, "chrysalis: {}\n", problem);
      sound = false;
    }
  }
  return sound ? 0 : kExitUserError;
}

/// rtl/synth/cost.py does all of it, in place of this process: it runs yosys, for minutes.
int cost(const Options& options) {
  std::vector<std::string> words = {"python3", CHRYSALIS_COST_SCRIPT, "--build", CHRYSALIS_BUILD};
  for (const std::string& block : options.blocks) words.insert(words.end(), {"--block", block});
  if (options.no_margins) words.emplace_back("--no-margins");
  if (options.json) words.emplace_back("--json");
  if (options.jobs != 0) words.insert(words.end(), {"--jobs", std::to_string(options.jobs)});
  for (const std::string& name : options.machines) {
    isa::load_machine(name);
    words.push_back(name);
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  throw UserError(fmt::format("machine cost runs {} with python3, which cannot be started: {}", CHRYSALIS_COST_SCRIPT, std::strerror(errno)));
}

}  // namespace

Command add_machine_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("machine", "list, show or check machine files; what a core costs");
  auto options = std::make_shared<Options>();
  command->require_subcommand(1);
  options->list = command->add_subcommand("list", "the machines that come with chrysalis");
  options->show = command->add_subcommand("show", "units, latencies and memory system of machines");
  options->show->add_option("MACHINE", options->machines, "names or files")->required();
  options->show->add_flag("--toml", options->toml, "as a machine file");
  options->check = command->add_subcommand("check", "check machine files, and that the firmware can be scheduled for them");
  options->check->add_option("MACHINE", options->machines, "names or files")->required();
  options->cost = command->add_subcommand("cost", "gates, flip-flops, memory and depth of a core's blocks, and what one more entry or slot costs");
  options->cost->add_option("MACHINE", options->machines, "names or files")->required();
  options->cost->add_option("--block", options->blocks, "this row of the table alone (may be given several times)")->allow_extra_args(false);
  options->cost->add_flag("--no-margins", options->no_margins, "not what one more costs: half the time");
  options->cost->add_flag("--json", options->json, "a line of JSON per machine");
  options->cost->add_option("--jobs", options->jobs, "blocks synthesised at a time, each with up to 3 GB (default: one per processor)")->check(CLI::Range(1, 256));
  return {command, [options] {
            if (options->list->parsed()) return list();
            if (options->cost->parsed()) return cost(*options);
            return options->show->parsed() ? show(*options) : check(*options);
          }};
}

}  // namespace chrysalis::sim
