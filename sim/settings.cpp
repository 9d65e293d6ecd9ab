#include "sim/settings.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "isa-host/toml.h"
#include "sim/error.h"

namespace chrysalis::sim {
namespace {

/// A row of the table: an integer with bounds, or one of several words.
struct Row {
  std::string_view name, unit, help;
  uint64_t Settings::*number = nullptr;
  uint64_t low = 0, high = 0;
  std::string Settings::*word = nullptr;
  std::vector<std::string> words = {};
  bool Settings::*flag = nullptr;
  std::string_view off = {};      ///< the value that takes away what `loss` says; empty: no ablation
  std::string_view loss = {};

  std::string accepted() const {
    if (flag) return "true or false";
    if (number) return fmt::format("an integer from {} to {}", low, high);
    return fmt::format("one of {}", fmt::join(words, ", "));
  }
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {.name = "firmware.interpreter", .unit = "", .help = "how gear 0 executes x86",
       .word = &Settings::interpreter,
       .words = {"decode-dispatch", "indirect-threaded", "direct-threaded"},
       .off = "indirect-threaded", .loss = "direct threading in gear 0"},
      {.name = "firmware.max_gear", .unit = "gear", .help = "highest gear that the firmware may use",
       .number = &Settings::max_gear, .low = 0, .high = 3},
      {.name = "firmware.gear1_threshold", .unit = "executions", .help = "of a block, interpreted, until gear 1 translates it",
       .number = &Settings::gear1_threshold, .low = 1, .high = 1'000'000'000},
      {.name = "firmware.gear2_threshold", .unit = "executions", .help = "of a block until gear 2 translates the region that begins there",
       .number = &Settings::gear2_threshold, .low = 1, .high = 1'000'000'000},
      {.name = "firmware.gear3_threshold", .unit = "samples", .help = "that meet a region until gear 3 translates it anew",
       .number = &Settings::gear3_threshold, .low = 1, .high = 1'000'000'000},
      {.name = "firmware.first_gear", .unit = "gear", .help = "what follows interpretation",
       .number = &Settings::first_gear, .low = 1, .high = 2, .off = "2", .loss = "gear 1"},
      {.name = "firmware.sample_period", .unit = "cycles", .help = "between samples of the running translation, which decide on gears",
       .number = &Settings::sample_period, .low = 5'000, .high = 1'000'000'000},
      {.name = "firmware.profiling", .unit = "", .help = "what finds translations that are hot: samples, or counting their entries, unchained until then",
       .word = &Settings::profiling, .words = {"sampling", "instrumentation"},
       .off = "instrumentation", .loss = "samples: translations stay unchained until they are hot"},
      {.name = "firmware.region", .unit = "", .help = "shape of gear 2's and 3's regions; trees, which follow both sides of branches, are gear 3's",
       .word = &Settings::region, .words = {"block", "superblock", "tree"}, .off = "block", .loss = "regions beyond a basic block"},
      {.name = "firmware.region_instructions", .unit = "instructions", .help = "longest region, in x86 instructions",
       .number = &Settings::region_instructions, .low = 1, .high = 200},
      {.name = "firmware.unroll_instructions", .unit = "instructions", .help = "a loop is unrolled up to so many x86 instructions; 0: never",
       .number = &Settings::unroll_instructions, .low = 0, .high = 200, .off = "0", .loss = "unrolling"},
      {.name = "firmware.if_convert_instructions", .unit = "instructions", .help = "a branch whose ways meet again is if-converted if they have at most so many x86 instructions together; 0: never",
       .number = &Settings::if_convert_instructions, .low = 0, .high = 32, .off = "0", .loss = "if-conversion of branches that are not biased"},
      {.name = "firmware.eviction", .unit = "", .help = "what goes when a gear's code cache is full: everything, the oldest translations, or the oldest that were not used",
       .word = &Settings::eviction, .words = {"flush", "fifo", "generational"}},
      {.name = "firmware.code_cache.gear1", .unit = "KiB", .help = "code cache for gear 1's translations",
       .number = &Settings::code_cache_gear1, .low = 32, .high = 960},
      {.name = "firmware.code_cache.gear2", .unit = "KiB", .help = "code cache for gear 2's translations",
       .number = &Settings::code_cache_gear2, .low = 32, .high = 2048},
      {.name = "firmware.code_cache.gear3", .unit = "KiB", .help = "code cache for gear 3's translations",
       .number = &Settings::code_cache_gear3, .low = 32, .high = 1024},
      {.name = "firmware.force_rollback", .unit = "cycles", .help = "translated code is rolled back 1, 2, ... so many cycles after each entry, in turn: a test; 0: never",
       .number = &Settings::force_rollback, .low = 0, .high = 10'000},
      {.name = "firmware.misspeculations", .unit = "events", .help = "for each million of guest instructions, that are put up with before new regions keep their accesses in order",
       .number = &Settings::misspeculations, .low = 1, .high = 1'000'000},
      {.name = "firmware.profile_decay", .unit = "instructions", .help = "after which what profiles have counted is halved; 0: counters only saturate",
       .number = &Settings::profile_decay, .low = 0, .high = 1'000'000'000},
      {.name = "firmware.chaining", .unit = "", .help = "exits of translations are led to their successors directly",
       .flag = &Settings::chaining, .off = "false", .loss = "chaining"},
      {.name = "firmware.eviction_stress", .unit = "", .help = "translations are evicted and chains undone at every opportunity that guest progress pays for: a test of the code cache",
       .flag = &Settings::eviction_stress},
      {.name = "firmware.pass_stores", .unit = "", .help = "loads may pass stores that may overlap, under alias protection",
       .flag = &Settings::pass_stores, .off = "false", .loss = "loads above stores that may overlap"},
      {.name = "firmware.reorder", .unit = "", .help = "guest accesses may change their order and pass exits",
       .flag = &Settings::reorder, .off = "false", .loss = "all reordering of memory accesses"},
      {.name = "firmware.adaptation", .unit = "", .help = "translations learn from events: order, isolation, length",
       .flag = &Settings::adaptation, .off = "false", .loss = "adaptation to events"},
      {.name = "firmware.follow_calls", .unit = "", .help = "gear 3 goes into calls and back, and where indirect jumps mostly go",
       .flag = &Settings::follow_calls, .off = "false", .loss = "regions through calls and indirect jumps"},
      {.name = "firmware.loop_versions", .unit = "", .help = "gear 3 makes a version of an unrolled loop without the exits that one test at its entry rules out",
       .flag = &Settings::loop_versions, .off = "false", .loss = "versions of loops"},
      {.name = "firmware.smc.page", .unit = "", .help = "stores to pages that hold code are noticed; otherwise all translations check their source, and what is interpreted is not cached",
       .flag = &Settings::smc_page},
      {.name = "firmware.smc.fine_grain", .unit = "", .help = "code is protected by granules of 128 bytes; otherwise by whole pages",
       .flag = &Settings::smc_fine_grain},
      {.name = "firmware.smc.revalidate", .unit = "", .help = "a translation whose granule was stored to is compared with its source and used again if nothing changed",
       .flag = &Settings::smc_revalidate},
      {.name = "firmware.smc.self_check", .unit = "", .help = "code that is often stored to is not protected: its translations check their source",
       .flag = &Settings::smc_self_check},
      {.name = "firmware.smc.stylised", .unit = "", .help = "immediates and displacements that change are loaded when they are used; needs self_check",
       .flag = &Settings::smc_stylised},
      {.name = "firmware.smc.groups", .unit = "", .help = "translations of earlier contents of the code are kept, for when those come back",
       .flag = &Settings::smc_groups},
      {.name = "firmware.smc.check_after", .unit = "stores", .help = "to a granule with code until that is checked instead of protected",
       .number = &Settings::smc_check_after, .low = 1, .high = 255},
      {.name = "firmware.smc.versions", .unit = "translations", .help = "of earlier contents kept for one address",
       .number = &Settings::smc_versions, .low = 1, .high = 1'000},
      {.name = "firmware.shadow", .unit = "", .help = "translations rely on shadow registers and gated stores; if not, they commit before each instruction that may fault, and memory is accessed in order",
       .flag = &Settings::shadow, .off = "false", .loss = "shadow registers and gated stores: conservative code"},
      {.name = "firmware.check", .unit = "", .help = "hosted form: every translation is proved by the schedule checker; in debug builds the default",
       .flag = &Settings::check},
#define TRANSLATOR_PASS(pass, text, call, usual, does) \
  {.name = "firmware.passes." text, .unit = "", .help = "gears 2 and 3: " does, .flag = &Settings::pass_##pass, \
   .off = (usual) ? "false" : "", .loss = "pass: " does},
#define TRANSLATOR_STEP(pass, text, usual, does) TRANSLATOR_PASS(pass, text, , usual, does)
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
      {.name = "sim.quantum", .unit = "cycles",
       .help = "longest burst of temporally decoupled execution; no result depends on it",
       .number = &Settings::quantum, .low = 1, .high = 1'000'000'000},
      {.name = "sim.seed", .unit = "", .help = "seed of the guest's random bytes (also --seed)",
       .number = &Settings::seed, .low = 0, .high = INT64_MAX},
      {.name = "guest.ram", .unit = "MiB", .help = "guest physical memory",
       .number = &Settings::guest_ram_mib, .low = 16, .high = 1536},
      {.name = "guest.stack_limit", .unit = "KiB", .help = "RLIMIT_STACK of the guest process",
       .number = &Settings::stack_kib, .low = 64, .high = 262'144},
  };
  return table;
}

const Row* find(std::string_view name) {
  for (const Row& row : rows())
    if (row.name == name) return &row;
  return nullptr;
}

[[noreturn]] void unknown_key(const std::string& origin, const std::string& name) {
  std::vector<std::string> names;
  for (const Row& row : rows()) names.emplace_back(row.name);
  const std::string guess = nearest(name, names);
  throw UserError(fmt::format("{}: unknown key '{}'{}; known keys: {}, and machine.* as in a machine file",
                              origin, name, guess.empty() ? "" : fmt::format(" (did you mean '{}'?)", guess),
                              fmt::join(names, ", ")));
}

void set_number(Settings& settings, const Row& row, const std::string& origin, std::optional<int64_t> value,
                std::string_view shown) {
  if (!value || *value < 0 || static_cast<uint64_t>(*value) < row.low || static_cast<uint64_t>(*value) > row.high)
    throw UserError(fmt::format("{}: {} = {} is not accepted; it takes {}", origin, row.name, shown, row.accepted()));
  settings.*row.number = static_cast<uint64_t>(*value);
}

void set_word(Settings& settings, const Row& row, const std::string& origin, std::string_view value) {
  if (std::find(row.words.begin(), row.words.end(), value) == row.words.end())
    throw UserError(fmt::format("{}: {} = '{}' is not accepted; it takes {}", origin, row.name, value, row.accepted()));
  settings.*row.word = std::string(value);
}

void set_flag(Settings& settings, const Row& row, const std::string& origin, std::optional<bool> value, std::string_view shown) {
  if (!value) throw UserError(fmt::format("{}: {} = {} is not accepted; it takes {}", origin, row.name, shown, row.accepted()));
  settings.*row.flag = *value;
}

std::string shown_value(const Settings& settings, const Row& row) {
  if (row.number) return fmt::format("{}", settings.*row.number);
  if (row.flag) return settings.*row.flag ? "true" : "false";
  return fmt::format("\"{}\"", settings.*row.word);
}

std::string position(const std::string& path, const toml::source_region& where) {
  return fmt::format("{}:{}:{}", path, where.begin.line, where.begin.column);
}

void apply_table(Settings& settings, const toml::table& table, const std::string& prefix, const std::string& path) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    const std::string origin = position(path, node.source());
    if (name == "machine" || name.starts_with("machine.")) {
      if (const auto* inner = node.as_table(); inner) {
        apply_table(settings, *inner, name + ".", path);
      } else {
        std::ostringstream text;
        text << toml::node_view<const toml::node>(node);
        settings.machine.push_back({name.substr(8), text.str(), origin});
      }
      continue;
    }
    if (const Row* row = find(name); row) {
      std::ostringstream text;
      text << toml::node_view<const toml::node>(node);
      if (row->number) {
        set_number(settings, *row, origin, node.is_integer() ? node.value<int64_t>() : std::nullopt, text.str());
      } else if (row->flag) {
        set_flag(settings, *row, origin, node.is_boolean() ? node.value<bool>() : std::nullopt, text.str());
      } else if (const auto* word = node.as_string(); word) {
        set_word(settings, *row, origin, word->get());
      } else {
        throw UserError(fmt::format("{}: {} = {} is not accepted; it takes {}", origin, name, text.str(), row->accepted()));
      }
    } else if (const auto* inner = node.as_table(); inner) {
      const bool known = std::any_of(rows().begin(), rows().end(),
                                     [&](const Row& r) { return r.name.starts_with(name + "."); });
      if (!known) unknown_key(origin, name);
      apply_table(settings, *inner, name + ".", path);
    } else {
      unknown_key(origin, name);
    }
  }
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = 4;  // farther than three edits is no suggestion
  for (const std::string& candidate : candidates) {
    std::vector<size_t> row(candidate.size() + 1);
    for (size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t substitute = diagonal + (word[i - 1] != candidate[j - 1]);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

std::vector<Ablation> ablation_table() {
  std::vector<Ablation> table;
  for (const Row& row : rows())
    if (!row.off.empty()) table.push_back({fmt::format("{}={}", row.name, row.off), row.loss});
  table.push_back({"firmware.max_gear=2", "gear 3"});
  table.push_back({"firmware.max_gear=1", "gears 2 and 3"});
  table.push_back({"firmware.max_gear=0", "all translation"});
  table.push_back({"machine.features.alias=false", "the alias hardware"});
  table.push_back({"machine.features.jtb=false", "the jump translation buffer"});
  table.push_back({"machine.features.return_stack=false", "the return stack"});
  return table;
}

std::vector<SettingInfo> setting_table() {
  std::vector<SettingInfo> table;
  for (const Row& row : rows()) table.push_back({row.name, row.unit, row.help, row.accepted()});
  return table;
}

void apply_assignment(Settings& settings, std::string_view assignment) {
  const std::string origin = fmt::format("--set {}", assignment);
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    throw UserError(fmt::format("{}: expected key=value", origin));
  const std::string name(assignment.substr(0, equals));
  const std::string_view value = assignment.substr(equals + 1);
  if (name.starts_with("machine.")) {
    settings.machine.push_back({name.substr(8), std::string(value), origin});
    return;
  }
  const Row* row = find(name);
  if (!row) unknown_key(origin, name);
  if (row->number) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = error == std::errc{} && end == value.data() + value.size();
    set_number(settings, *row, origin, whole ? std::optional(number) : std::nullopt, value);
  } else if (row->flag) {
    set_flag(settings, *row, origin, value == "true" ? std::optional(true) : value == "false" ? std::optional(false) : std::nullopt, value);
  } else {
    set_word(settings, *row, origin, value);
  }
}

void apply_file(Settings& settings, const std::string& path) {
  toml::table table;
  try {
    table = isa::parse_toml_file(path);
  } catch (const std::runtime_error& error) {
    throw UserError(error.what());
  }
  apply_table(settings, table, "", path);
}

std::string to_toml(const Settings& settings) {
  // Rows of one section stand together in the table, so sections open once each.
  std::string text, section;
  for (const Row& row : rows()) {
    const size_t dot = row.name.find('.');
    if (const std::string head(row.name.substr(0, dot)); head != section) {
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section = head);
    }
    text += fmt::format("{} = {}{}\n", row.name.substr(dot + 1), shown_value(settings, row), row.unit.empty() ? "" : fmt::format("  # {}", row.unit));
  }
  if (!settings.machine.empty()) text += "\n[machine]\n";
  for (const auto& item : settings.machine) text += fmt::format("{} = {}\n", item.key, item.value);
  return text;
}

}  // namespace chrysalis::sim
