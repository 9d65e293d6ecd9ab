// `chrysalis bench`: how fast the simulator runs, per fidelity and firmware form.
#include <cstring>
#include <memory>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sim/commands.h"
#include "sim/error.h"
#include "sim/run.h"
#include "sim/run_options.h"

namespace chrysalis::sim {
namespace {

struct Options {
  RunOptions common;
  uint64_t cycles = 20'000'000;
};

/// What one row measured; crosses a pipe as bytes.
struct Row {
  uint64_t instructions, cycles, peak_kib;
  double seconds;
  int exit_code;
};

/// Runs in a process of its own: rows cannot disturb each other, peak memory is the row's own, and SystemC allows
/// one elaboration per process.
Row measure(const RunRequest& request) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error(std::strerror(errno));
  std::fflush(stdout);  // what is still buffered would be written by both processes
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::strerror(errno));
  if (child == 0) {
    close(ends[0]);
    const int output = dup(STDOUT_FILENO);
    // The guest's output is no part of the table.
    if (std::freopen("/dev/null", "w", stdout) == nullptr || output < 0) _exit(kExitInternal);
    int code = kExitInternal;
    try {
      const RunResult result = run_program(request);
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      const Row row{result.statistics.count("guest.instructions"), result.statistics.count("host.cycles"),
                    static_cast<uint64_t>(usage.ru_maxrss), std::get<double>(result.statistics.find("sim.seconds")->value),
                    result.exit_code};
      code = write(ends[1], &row, sizeof row) == sizeof row ? 0 : kExitInternal;
    } catch (const std::exception& error) {
      fmt::print(stderr, "chrysalis: {}\n", error.what());
      code = kExitUserError;
    }
    _exit(code);
  }
  close(ends[1]);
  Row row{};
  const ssize_t got = read(ends[0], &row, sizeof row);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (got != sizeof row) throw UserError("bench: a run did not finish; its message stands above");
  return row;
}

int run(const Options& options, const GuestCommand& guest) {
  const GuestCommand command = guest.empty() ? GuestCommand{CHRYSALIS_BENCH_KERNEL, "100000"} : guest;
  RunRequest request = make_request(options.common, command);
  request.quiet = true;
  fmt::print("{:<44} {:>12} {:>14} {:>9} {:>12} {:>12} {:>10} {:>9}\n", "", "x86 instr.", "host cycles", "cyc/x86", "M cycles/s",
             "M x86/s", "seconds", "peak MiB");
  const auto show = [&](const std::string& name) {
    const Row row = measure(request);
    fmt::print("{:<44} {:>12} {:>14} {:>9.2f} {:>12.2f} {:>12.3f} {:>10.2f} {:>9.1f}\n", name, row.instructions, row.cycles,
               static_cast<double>(row.cycles) / static_cast<double>(std::max<uint64_t>(row.instructions, 1)),
               static_cast<double>(row.cycles) / row.seconds / 1e6, static_cast<double>(row.instructions) / row.seconds / 1e6,
               row.seconds, static_cast<double>(row.peak_kib) / 1024);
    std::fflush(stdout);
  };
  request.limits.cycles = options.cycles;
  // Translated, with what the command was told or the defaults; then each interpreter alone.
  for (const auto& [fidelity, form, text] : {std::tuple{Fidelity::Cycle, FirmwareForm::Core, "cycle, core"},
                                             {Fidelity::Functional, FirmwareForm::Core, "functional, core"},
                                             {Fidelity::Functional, FirmwareForm::Hosted, "functional, hosted"}}) {
    request.fidelity = fidelity;
    request.form = form;
    show(fmt::format("{}, {}, gear {}", options.common.machine, text, request.settings.max_gear));
  }
  request.settings.max_gear = 0;
  for (const char* interpreter : {"direct-threaded", "indirect-threaded", "decode-dispatch"}) {
    request.settings.interpreter = interpreter;
    request.form = FirmwareForm::Core;
    for (const auto& [fidelity, text] : {std::pair{Fidelity::Cycle, "cycle"}, {Fidelity::Functional, "functional"}}) {
      request.fidelity = fidelity;
      show(fmt::format("{}, {}, core, {}", options.common.machine, text, interpreter));
    }
    request.form = FirmwareForm::Hosted;
    request.fidelity = Fidelity::Functional;
    show(fmt::format("{}, functional, hosted, {}", options.common.machine, interpreter));
  }
  // The verilated core, for fewer cycles.
  request.settings.interpreter = "direct-threaded";
  request.form = FirmwareForm::Core;
  request.fidelity = Fidelity::Rtl;
  request.limits.cycles = std::max<uint64_t>(options.cycles / 20, 1);
  show(fmt::format("{}, rtl, core, direct-threaded", options.common.machine));
  return 0;
}

}  // namespace

Command add_bench_command(CLI::App& app, const GuestCommand& guest) {
  CLI::App* command = app.add_subcommand(
      "bench", "measure simulation speed per fidelity: chrysalis bench [OPTIONS] [-- PROGRAM ARGS...]");
  auto options = std::make_shared<Options>();
  add_run_options(*command, options->common);
  command->add_option("--cycles", options->cycles, "host cycles per row (default 20,000,000)")->type_name("N");
  return {command, [options, &guest] { return run(*options, guest); }};
}

}  // namespace chrysalis::sim
