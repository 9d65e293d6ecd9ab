// Machines as data: what a machine file says, read and checked. docs/machine-files.md is generated from the
// same tables.
//
// C++17; not for the core, which gets MachineDescription.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "isa-host/machine_description.h"

namespace chrysalis::isa {

struct CacheModel {
  uint32_t size_kib = 0, ways = 0, line = 0;
  uint32_t size() const { return size_kib * 1024; }
  uint32_t sets() const { return size() / (ways * line); }
};

struct LevelModel {
  uint32_t latency = 0, interval = 0;  ///< cycles
};

struct MachineModel {
  std::string name;
  std::string summary;      ///< one line
  std::string origin;       ///< file, or "built in"
  uint32_t frequency_mhz = 0;
  MachineDescription core;  ///< what translator and core model need; features folded in
  CacheModel l1i, l1d, l2;
  uint32_t miss_registers = 0;
  LevelModel l2_timing, memory_timing;
  bool has_alias = true, has_jtb = true, has_return_stack = true, has_sampling = true;

  /// Slots with a load or a store unit: ports of the data cache.
  unsigned memory_slots() const;
};

/// A setting from outside the file: dotted key, TOML value, where it was set (for messages).
struct MachineOverride {
  std::string key, value, origin;
};

/// Everything wrong with a machine, one line each, as "file:line: message".
class MachineError : public std::runtime_error {
 public:
  explicit MachineError(std::vector<std::string> problems);
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<std::string> problems_;
};

/// Loads a machine of ours by name, or a file by path (recognised by a '/' or ".toml"). Throws MachineError:
/// unknown name or key (with a suggestion), wrong type, out of range, or a machine that no code can be
/// scheduled for.
MachineModel load_machine(const std::string& name_or_path, const std::vector<MachineOverride>& overrides = {});

/// The same from text; `origin` stands in messages.
MachineModel parse_machine(std::string_view text, const std::string& origin, const std::vector<MachineOverride>& overrides = {});

/// The machines that come with us.
struct BuiltInMachine {
  const char* name;
  const char* text;  ///< its file
};
const std::vector<BuiltInMachine>& built_in_machines();

/// For people: units per slot, latencies, memory system.
std::string describe(const MachineModel& machine);

/// A file that parse_machine() reads back to the same machine.
std::string to_toml(const MachineModel& machine);

/// One row of the schema, for help and documentation.
struct MachineParameter {
  std::string key, type, accepted, default_value, unit, meaning;
};
std::vector<MachineParameter> machine_parameters();

}  // namespace chrysalis::isa
