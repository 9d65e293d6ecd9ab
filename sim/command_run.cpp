// `chrysalis run`: one program, one machine.
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sim/commands.h"
#include "sim/error.h"
#include "sim/observe/firmware_counts.h"
#include "sim/observe/firmware_profile.h"
#include "sim/observe/pipeline.h"
#include "sim/observe/timeline.h"
#include "sim/report.h"
#include "sim/run.h"
#include "sim/run_options.h"

namespace chrysalis::sim {
namespace {

namespace fs = std::filesystem;

struct Options {
  RunOptions common;
  std::vector<std::string> statistics;
  std::string outdir, timeline, pipeline, profile, train, window, translations;
  uint64_t max_instructions = UINT64_MAX, max_cycles = UINT64_MAX;
};

unsigned terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

int run(const Options& options, const GuestCommand& guest) {
  RunRequest request = make_request(options.common, guest);
  request.limits = {options.max_instructions, options.max_cycles};
  request.translations = options.translations;
  std::vector<std::string> outputs = options.statistics;
  for (const std::string& path : outputs) check_statistics_path(path);
  if (!options.outdir.empty()) {
    std::error_code error;
    fs::create_directories(options.outdir, error);
    if (error || !fs::is_directory(options.outdir) || ::access(options.outdir.c_str(), W_OK) != 0)
      throw UserError(fmt::format("--outdir {}: cannot be written to: {}", options.outdir,
                                  error ? error.message() : std::string(std::strerror(errno))));
    for (const char* name : {"stats.json", "stats.txt"}) outputs.push_back((fs::path(options.outdir) / name).string());
  }
  const Window window = parse_window(options.window);
  if (options.timeline.empty() && options.pipeline.empty() && !options.window.empty())
    throw UserError("--window: of what? it belongs to --timeline and --pipeline");
  std::vector<std::unique_ptr<RunObserver>> observers;
  if (!options.timeline.empty()) observers.push_back(std::make_unique<Timeline>(options.timeline, window));
  if (!options.pipeline.empty()) observers.push_back(std::make_unique<Pipeline>(options.pipeline, window));
  if (!options.profile.empty()) observers.push_back(std::make_unique<FirmwareProfile>(options.profile));
  if (!options.train.empty()) observers.push_back(std::make_unique<FirmwareCounts>(options.train));
  request.firmware_by_blocks = !options.train.empty();
  for (const auto& observer : observers) request.observers.push_back(observer.get());
  const RunResult result = run_program(request);
  if (!options.outdir.empty()) {
    write_text(fs::path(options.outdir) / "config.toml", effective_configuration(options.common, request));
    write_text(fs::path(options.outdir) / "manifest.json", manifest(request, guest));
  }
  for (const std::string& path : outputs) write_statistics(result.statistics, path);
  if (!result.message.empty()) fmt::print(stderr, "chrysalis: {}\n", result.message);
  if (!request.quiet)
    fmt::print(stderr, "{}{}", summary(result.statistics), draw_account(result.statistics, terminal_width()));
  return result.exit_code;
}

}  // namespace

Command add_run_command(CLI::App& app, const GuestCommand& guest) {
  CLI::App* command = app.add_subcommand("run", "run an x86 program: chrysalis run [OPTIONS] -- PROGRAM [ARGS...]");
  auto options = std::make_shared<Options>();
  add_run_options(*command, options->common);
  add_statistics_option(*command, options->statistics);
  command->add_option("--outdir", options->outdir, "write statistics, effective configuration and manifest into DIR")->type_name("DIR");
  command->add_option("--timeline", options->timeline, "write the course of the run to FILE, for ui.perfetto.dev; 1 us is one cycle")->type_name("FILE.json");
  command->add_option("--pipeline", options->pipeline, "write every atom's way through the pipeline to FILE, for Konata; choose a --window")
      ->type_name("FILE.kanata");
  CLI::Option* const profile = command->add_option("--profile", options->profile, "write the firmware's cycles by mode, function and cause to FILE")->type_name("FILE.csv");
  command->add_option("--train", options->train, "add how often the firmware's blocks ran, each a region of its own, to FILE (firmware/image/profile.h)")
      ->type_name("FILE")->excludes(profile);
  command->add_option("--window", options->window, "what --timeline and --pipeline show: cycles=A:B or instructions=A:B")->type_name("WINDOW");
  command->add_option("--translations", options->translations, "write every translation, as it is installed, to FILE: gear, guest address, x86 instructions, host address, code")
      ->type_name("FILE");
  command->add_option("--max-instructions", options->max_instructions, "stop after N x86 instructions")
      ->check(CLI::NonNegativeNumber)->type_name("N");
  command->add_option("--max-cycles", options->max_cycles, "stop after N host cycles")
      ->check(CLI::NonNegativeNumber)->type_name("N");
  return {command, [options, &guest] { return run(*options, guest); }};
}

}  // namespace chrysalis::sim
