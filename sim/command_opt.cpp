// `chrysalis opt`: runs translator passes on regions in text form, and prints what becomes of them.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "isa-host/assembler.h"
#include "isa-host/machine.h"
#include "isa-host/suggest.h"
#include "sim/commands.h"
#include "sim/error.h"
#include "translator/compile.h"
#include "translator/region_text.h"
#include "translator/tree.h"
#include "translator/verify_region.h"
#include "translator/versions.h"

namespace chrysalis::sim {
namespace {

using translator::Pass;

struct Options {
  std::string input, machine = "crusoe", stop_before, stop_after;
  std::vector<std::string> passes, disabled, print_after;
  bool verify = false, list = false, statistics = false, schedule = false, versions = false;
};

constexpr unsigned kPasses = static_cast<unsigned>(Pass::kCount);

Pass pass_of(const std::string& option, const std::string& name, bool rewrites) {
  std::vector<std::string_view> known;
  for (unsigned i = 0; i < kPasses; ++i) {
    const translator::PassInfo& row = translator::kPassInfo[i];
    if (rewrites && !row.rewrites) continue;
    if (name == row.name) return static_cast<Pass>(i);
    known.emplace_back(row.name);
  }
  throw UserError(fmt::format("{}: no pass is named '{}'{}; there are {}", option, name, isa::suggestion(name, known), fmt::join(known, ", ")));
}

std::string read_input(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw UserError(fmt::format("{}: is a directory; name a file, or - for standard input", path));
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) throw UserError(fmt::format("{}: cannot be read", path));
  }
  std::istream& in = path == "-" ? std::cin : file;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One run of the command.
class Session {
 public:
  explicit Session(const Options& options) : options_(options), machine_(isa::load_machine(options.machine)) {
    for (const std::string& name : options.passes) chosen_.push_back(pass_of("--pass", name, true));
    if (options.passes.empty()) choose_pipeline();
    for (const std::string& name : options.disabled) disabled_ |= translator::bit(pass_of("--disable", name, false));
    std::erase_if(chosen_, [this](Pass pass) { return (disabled_ & translator::bit(pass)) != 0; });
    for (const std::string& name : options.print_after) {
      if (name == "all") print_ = ~translator::PassMask{0};
      else print_ |= translator::bit(pass_of("--print-after", name, true));
    }
  }

  int run() {
    translator::ParsedRegions parsed = translator::parse_regions(read_input(options_.input));
    for (const translator::TextError& error : parsed.errors) complain(error.line, error.message);
    if (problems_ != 0) return kExitUserError;
    std::vector<std::vector<translator::Region>> trees;
    for (size_t first = 0, next = 0; first < parsed.regions.size(); first = next) {
      std::vector<translator::Region>& tree = trees.emplace_back();
      for (next = first; next == first || (next < parsed.regions.size() && parsed.regions[next].is_path); ++next) tree.push_back(parsed.regions[next].region);
      for (const auto& [path, violation] : translator::verify_tree(tree)) complain(parsed.regions[first + path].line_of(violation.inst), violation.rule);
    }
    if (problems_ != 0) return kExitUserError;
    for (std::vector<translator::Region>& tree : trees) rewrite(tree);
    if (options_.statistics) show_statistics();
    return 0;
  }

 private:
  /// The usual passes in their order, as far as they are asked for.
  void choose_pipeline() {
    const auto stop = [](const char* option, const std::string& name) { return name.empty() ? std::nullopt : std::optional(pass_of(option, name, true)); };
    const std::optional<Pass> before = stop("--stop-before", options_.stop_before), after = stop("--stop-after", options_.stop_after);
    for (const Pass pass : translator::pipeline()) {
      if (before == pass) break;
      if (translator::info(pass).usual) chosen_.push_back(pass);
      if (after == pass) break;
    }
  }

  void complain(unsigned line, const std::string& message) {
    fmt::print(stderr, "{}:{}: {}\n", options_.input, line, message);
    ++problems_;
  }

  void rewrite(std::vector<translator::Region>& tree) {
    if (options_.verify) return;
    if (options_.versions) make_version(tree);
    if (tree.size() == 1 || !options_.passes.empty()) {
      for (translator::Region& path : tree) {
        for (const Pass pass : chosen_) note_pass(pass, translator::run_pass(pass, path, machine_.core), path);
      }
    } else {
      translator::CompileOptions options;
      options.passes = 0;
      for (const Pass pass : chosen_) options.passes |= translator::bit(pass);
      options.observer = this;
      options.after_pass = [](void* self, Pass pass, const translator::PassStats& stats, const translator::Region& path) {
        static_cast<Session*>(self)->note_pass(pass, stats, path);
      };
      translator::optimize_tree(tree, machine_.core, options);
    }
    if (options_.schedule) show_schedule(tree);
    else fmt::print("{}", translator::tree_text(tree));
  }

  /// What gear 3 does with unrolled loops, before any pass.
  static void make_version(std::vector<translator::Region>& tree) {
    tree.emplace_back();
    if (translator::make_version(tree.front(), tree.back(), static_cast<uint16_t>(tree.size() - 1)) == 0) tree.pop_back();
    if (!translator::verify_tree(tree).empty()) throw std::logic_error("versions break the region:\n" + translator::tree_text(tree));
  }

  void note_pass(Pass pass, const translator::PassStats& stats, const translator::Region& region) {
    totals_[static_cast<unsigned>(pass)].changed += stats.changed;
    totals_[static_cast<unsigned>(pass)].removed += stats.removed;
    const char* const name = translator::info(pass).name;
    if (print_ & translator::bit(pass)) fmt::print("; after {}\n{}", name, translator::region_text(region));
    const std::vector<ir::Violation> violations = translator::verify_region(region);
    if (violations.empty()) return;
    std::string message = fmt::format("pass {} breaks the region:\n", name);
    for (const ir::Violation& violation : violations) message += fmt::format("operation {}: {}\n", violation.inst, violation.rule);
    throw std::logic_error(message + translator::region_text(region));
  }

  /// The molecules that the rest of the back end makes of the region, by cycle if nothing misses; then its exit stubs.
  void show_schedule(std::vector<translator::Region>& tree) {
    translator::CompileOptions compile;
    compile.passes = (disabled_ & translator::bit(Pass::Reorder)) != 0 ? 0 : translator::bit(Pass::Reorder);
    compile.verify = true;
    translator::CompiledRegion compiled;
    translator::compile(tree, machine_.core, compile, compiled);
    for (uint32_t m = 0; m < compiled.molecules.size(); ++m) {
      for (size_t path = 1; path < compiled.paths.size(); ++path) {
        if (m == compiled.paths[path] && m != compiled.path_end(path)) fmt::print("; path {}\n", path);
      }
      if (m == compiled.main_molecules) fmt::print("; exits\n");
      isa::Molecule molecule;
      molecule.count = compiled.molecules[m].count;
      for (unsigned i = 0; i < molecule.count; ++i) molecule.atoms[i] = compiled.atoms[compiled.molecules[m].first + i];
      fmt::print("{}\n", isa::disassemble(molecule));
    }
  }

  void show_statistics() const {
    for (unsigned i = 0; i < kPasses; ++i) {
      if (std::find(chosen_.begin(), chosen_.end(), static_cast<Pass>(i)) == chosen_.end()) continue;
      fmt::print(stderr, "{:<16} changed {:>5}, removed {:>5}\n", translator::kPassInfo[i].name, totals_[i].changed, totals_[i].removed);
    }
  }

  const Options& options_;
  const isa::MachineModel machine_;
  std::vector<Pass> chosen_;
  translator::PassMask print_ = 0, disabled_ = 0;
  translator::PassStats totals_[kPasses] = {};
  unsigned problems_ = 0;
};

int list_passes() {
  for (const translator::PassInfo& row : translator::kPassInfo) {
    fmt::print("{:<16} {}{}{}\n", row.name, row.does, row.rewrites ? "" : " (a step of the back end)", row.usual ? "" : " (off unless asked for)");
  }
  return 0;
}

int optimize(const Options& options) {
  if (options.list) return list_passes();
  if (options.input.empty()) throw UserError("opt: FILE is missing; it takes a file with regions in text form, or - for standard input");
  if (!options.passes.empty() && !(options.stop_before + options.stop_after).empty())
    throw UserError("opt: --stop-before and --stop-after stop the whole pipeline; they do not go with --pass");
  return Session(options).run();
}

}  // namespace

Command add_opt_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("opt", "run translator passes on regions in text form: chrysalis opt --pass=dead_code region.ir");
  auto options = std::make_shared<Options>();
  command->add_option("FILE", options->input, "regions in text form (translator/region_text.h); - for standard input");
  command->add_option("--pass", options->passes, "pass to run, in the order given (default: the whole pipeline)")->type_name("NAME")->allow_extra_args(false);
  command->add_option("--disable", options->disabled, "pass or step that does not run")->type_name("NAME")->allow_extra_args(false);
  command->add_option("--stop-before", options->stop_before, "end the pipeline before this pass")->type_name("NAME");
  command->add_option("--stop-after", options->stop_after, "end the pipeline after this pass")->type_name("NAME");
  command->add_option("--print-after", options->print_after, "print the region after this pass too, or after all")->type_name("NAME")->allow_extra_args(false);
  command->add_option("--machine", options->machine, "machine to optimise for: crusoe, efficeon, denver or a file")->type_name("MACHINE");
  command->add_flag("--verify", options->verify, "only verify: print what breaks a rule, with its line");
  command->add_flag("--versions", options->versions, "first make two versions of each region, one without the exits that a test at its entry rules out");
  command->add_flag("--schedule", options->schedule, "print the molecules instead of the region");
  command->add_flag("--statistics", options->statistics, "print what each pass did on standard error");
  command->add_flag("--list", options->list, "list the passes");
  return {command, [options] { return optimize(*options); }};
}

}  // namespace chrysalis::sim
