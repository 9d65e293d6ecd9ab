// `chrysalis explain`: runs a program and shows its hottest translations.
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/commands.h"
#include "sim/error.h"
#include "sim/explain/html.h"
#include "sim/run.h"
#include "sim/run_options.h"

namespace chrysalis::sim {
namespace {

struct Options {
  RunOptions common;
  uint64_t max_instructions = UINT64_MAX, max_cycles = UINT64_MAX;
  size_t top = 3;
  std::string region, html;
};

/// "0x8049176", with or without 0x.
std::optional<uint32_t> parse_address(const std::string& text) {
  if (text.empty()) return std::nullopt;
  size_t end = 0;
  unsigned long value = 0;
  try {
    value = std::stoul(text, &end, 16);
  } catch (const std::exception&) {
    end = 0;
  }
  if (end != text.size() || value > UINT32_MAX) throw UserError(fmt::format("--region {}: expected a guest address in hexadecimal", text));
  return static_cast<uint32_t>(value);
}

int run(const Options& options, const GuestCommand& guest) {
  const std::optional<uint32_t> eip = parse_address(options.region);
  RunRequest request = make_request(options.common, guest);
  if (request.fidelity != Fidelity::Cycle || request.form != FirmwareForm::Core)
    throw UserError("explain needs --fidelity cycle and --firmware core");
  if (request.settings.max_gear == 0) throw UserError("explain: there are no translations with firmware.max_gear = 0; add --set firmware.max_gear=3");
  request.limits = {options.max_instructions, options.max_cycles};
  TranslationLog log;
  request.observers.push_back(&log);
  std::vector<Explanation> regions;
  ExplainedRun facts;
  // Within the run, since the machine is gone when it returns.
  request.at_end = [&](const RunResult&) {
    for (const TranslationRecord* record : hottest(log, options.top, eip)) regions.push_back(explain(*record, log));
    for (const auto& record : log.translations()) ++facts.translations[record->gear - 1];
    facts.machine = log.machine().name;
  };
  const RunResult result = run_program(request);
  facts.command = fmt::format("{}", fmt::join(guest, " "));
  facts.cycles = result.statistics.count("host.cycles");
  facts.instructions = result.statistics.count("guest.instructions");
  if (eip && regions.empty()) throw UserError(fmt::format("--region {}: no translation contains this address", options.region));
  if (!result.message.empty()) fmt::print(stderr, "chrysalis: {}\n", result.message);
  if (options.html.empty()) fmt::print("{}", explanation_text(facts, regions));
  else write_text(options.html, explanation_html(facts, regions));
  return result.exit_code;
}

}  // namespace

Command add_explain_command(CLI::App& app, const GuestCommand& guest) {
  CLI::App* command = app.add_subcommand("explain", "run a program and show its hottest translations: chrysalis explain [OPTIONS] -- PROGRAM [ARGS...]");
  auto options = std::make_shared<Options>();
  add_run_options(*command, options->common);
  command->add_option("--top", options->top, "show so many translations, those with the most cycles (default 3)")->check(CLI::PositiveNumber)->type_name("N");
  command->add_option("--region", options->region, "only translations of this guest address")->type_name("ADDRESS");
  command->add_option("--html", options->html, "write a page to FILE instead of text to standard output")->type_name("FILE");
  command->add_option("--max-instructions", options->max_instructions, "stop after N x86 instructions")->check(CLI::NonNegativeNumber)->type_name("N");
  command->add_option("--max-cycles", options->max_cycles, "stop after N host cycles")->check(CLI::NonNegativeNumber)->type_name("N");
  return {command, [options, &guest] { return run(*options, guest); }};
}

}  // namespace chrysalis::sim
