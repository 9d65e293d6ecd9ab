// Settings of a run: declared once, in one table, from which the configuration files, `--set`, `--help`
// and the effective-configuration dump derive.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "isa-host/machine.h"

namespace chrysalis::sim {

struct Settings {
  std::string interpreter = "direct-threaded";
  uint64_t max_gear = 3;
  uint64_t gear1_threshold = 16, gear2_threshold = 400, gear3_threshold = 20;
  uint64_t first_gear = 1, sample_period = 10'000;
  uint64_t region_instructions = 200, unroll_instructions = 48, if_convert_instructions = 6;
  std::string eviction = "fifo";
  bool chaining = true, eviction_stress = false, pass_stores = true, reorder = true, adaptation = true, follow_calls = true, loop_versions = true, shadow = true;
  bool smc_page = true, smc_fine_grain = true, smc_revalidate = true, smc_self_check = true, smc_stylised = true, smc_groups = true;
  uint64_t smc_check_after = 8, smc_versions = 8;
  uint64_t code_cache_gear1 = 960, code_cache_gear2 = 2048, code_cache_gear3 = 1024;
  uint64_t force_rollback = 0, misspeculations = 2'000, profile_decay = 0;
#if defined(CHRYSALIS_VERIFY_PASSES)
  bool check = true;
#else
  bool check = false;
#endif
  std::string region = "superblock", profiling = "sampling";
#define TRANSLATOR_PASS(name, text, call, usual, does) bool pass_##name = usual != 0;
#define TRANSLATOR_STEP(name, text, usual, does) bool pass_##name = usual != 0;
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
  uint64_t quantum = 100'000;
  uint64_t seed = 1;
  uint64_t guest_ram_mib = 512;
  uint64_t stack_kib = 8192;
  /// `machine.*` keys, passed on to the machine file's own schema: dotted key without the prefix, TOML value,
  /// where it was set.
  std::vector<isa::MachineOverride> machine;
};

/// One row of the settings table.
struct SettingInfo {
  std::string_view name;   ///< as in `--set name=value` and, split at the dot, in a TOML file
  std::string_view unit;
  std::string_view help;
  std::string accepted;    ///< range or list of values, for messages
};

/// Something that can be taken away, to see what it is worth.
struct Ablation {
  std::string assignment;  ///< `key=value` that takes it away
  std::string_view what;   ///< what then is missing
};

/// Every ablation: settings that have a value for "off", gears, and features of the machine.
std::vector<Ablation> ablation_table();

/// Every setting, in the order of the documentation.
std::vector<SettingInfo> setting_table();

/// Applies one `key=value` of the command line. Throws UserError (unknown key with a suggestion, wrong type,
/// out of range).
void apply_assignment(Settings& settings, std::string_view assignment);

/// Applies a TOML file. Throws UserError naming file, line and column.
void apply_file(Settings& settings, const std::string& path);

/// The effective configuration as a TOML document that apply_file() reads back.
std::string to_toml(const Settings& settings);

/// The candidate closest to `word` by edit distance, or empty if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace chrysalis::sim
