// `chrysalis machine list|show|check`: the machine files.
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
  CLI::App *list, *show, *check;
  std::vector<std::string> machines;
  bool toml = false;
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
      const image::Image image = build_firmware(machine);
      fmt::print("{}: sound; the firmware takes {} molecules, {} bytes\n", name, image.statistics.molecules, image.statistics.code_bytes);
    } catch (const isa::MachineError& error) {
      for (const std::string& problem : error.problems()) fmt::print(stderr, "chrysalis: {}\n", problem);
      sound = false;
    }
  }
  return sound ? 0 : kExitUserError;
}

}  // namespace

Command add_machine_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("machine", "list, show or check machine files");
  auto options = std::make_shared<Options>();
  command->require_subcommand(1);
  options->list = command->add_subcommand("list", "the machines that come with chrysalis");
  options->show = command->add_subcommand("show", "units, latencies and memory system of machines");
  options->show->add_option("MACHINE", options->machines, "names or files")->required();
  options->show->add_flag("--toml", options->toml, "as a machine file");
  options->check = command->add_subcommand("check", "check machine files, and that the firmware can be scheduled for them");
  options->check->add_option("MACHINE", options->machines, "names or files")->required();
  return {command, [options] {
            if (options->list->parsed()) return list();
            return options->show->parsed() ? show(*options) : check(*options);
          }};
}

}  // namespace chrysalis::sim
