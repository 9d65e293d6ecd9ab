#include "isa-host/machine.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "isa-host/suggest.h"
#include "isa-host/toml.h"

namespace chrysalis::isa {
namespace {

enum class Kind { Number, Power, Switch };

/// A row of machine_parameters.def.
struct Row {
  const char* key;
  Kind kind;
  uint64_t least, greatest, initial;
  const char* unit;
  const char* meaning;
  void (*set)(MachineModel&, uint64_t);
  uint64_t (*get)(const MachineModel&);
};

#define ACCESS(member)                                                                                         \
  [](MachineModel& m, uint64_t v) { m.member = static_cast<std::decay_t<decltype(m.member)>>(v); },            \
      [](const MachineModel& m) -> uint64_t { return static_cast<uint64_t>(m.member); }
constexpr Row kRows[] = {
#define NUMBER(key, member, least, greatest, initial, unit, meaning) {key, Kind::Number, least, greatest, initial, unit, meaning, ACCESS(member)},
#define POWER(key, member, least, greatest, initial, unit, meaning) {key, Kind::Power, least, greatest, initial, unit, meaning, ACCESS(member)},
#define SWITCH(key, member, initial, meaning) {key, Kind::Switch, 0, 1, initial, "", meaning, ACCESS(member)},
#include "isa-host/machine_parameters.def"
#undef NUMBER
#undef POWER
#undef SWITCH
};
#undef ACCESS

constexpr uint64_t kLeastLatency = 1, kGreatestLatency = 250, kLeastWidth = 2, kGreatestWidth = kMaxWords;

std::string accepted(const Row& row) {
  if (row.kind == Kind::Switch) return "true or false";
  const std::string range = std::to_string(row.least) + " to " + std::to_string(row.greatest);
  if (row.kind == Kind::Number) return range;
  return row.least == 0 ? "0 or a power of two up to " + std::to_string(row.greatest) : "a power of two, " + range;
}

bool power_of_two(uint64_t v) { return v != 0 && (v & (v - 1)) == 0; }

std::vector<std::string_view> known_keys() {
  static const std::vector<std::string> latencies = [] {
    std::vector<std::string> keys;
    for (const char* name : kLatencyName) keys.push_back(std::string("latency.") + name);
    return keys;
  }();
  std::vector<std::string_view> keys = {"name", "summary", "width", "slots"};
  for (const Row& row : kRows) keys.emplace_back(row.key);
  keys.insert(keys.end(), latencies.begin(), latencies.end());
  return keys;
}

class Loader {
 public:
  explicit Loader(std::string origin) : origin_(std::move(origin)) {
    for (const Row& row : kRows) row.set(model_, row.initial);
    for (unsigned i = 0; i < kLatencies; ++i) model_.core.latency[i] = kDefaultLatency[i];
    model_.core.width = 0;
    model_.origin = origin_;
  }

  void read(const toml::table& table) { walk(table, ""); }

  void override_with(const MachineOverride& item) {
    override_origin_ = item.origin;
    try {
      const toml::table table = toml::parse("value = " + item.value);
      set(item.key, *table.get("value"));
    } catch (const std::runtime_error&) {
      fail(nullptr, "'" + item.value + "' is no TOML value");
    }
    override_origin_.clear();
  }

  MachineModel finish() {
    check_required();
    if (problems_.empty()) check_machine();
    if (!problems_.empty()) throw MachineError(problems_);
    if (!model_.has_alias) model_.core.alias_entries = 0;
    if (!model_.has_jtb) model_.core.jtb_entries = 0;
    if (!model_.has_return_stack) model_.core.return_stack_entries = 0;
    uint64_t& features = model_.core.features;
    if (model_.core.alias_entries != 0) features |= kFeatureAlias;
    if (model_.core.jtb_entries != 0) features |= kFeatureJtb;
    if (model_.core.return_stack_entries != 0) features |= kFeatureReturnStack;
    if (model_.has_sampling) features |= kFeatureSampling;
    if (model_.core.offset_addressing != 0) features |= kFeatureOffset;
    return model_;
  }

 private:
  void walk(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      if (const toml::table* inner = node.as_table()) {
        walk(*inner, name + ".");
      } else {
        set(name, node);
      }
    }
  }

  std::string place(const toml::node* node) const {
    if (!override_origin_.empty()) return override_origin_;
    if (node == nullptr || !node->source().begin) return origin_;
    return origin_ + ":" + std::to_string(node->source().begin.line);
  }
  void fail(const toml::node* node, const std::string& message) { problems_.push_back(place(node) + ": " + message); }
  /// Where a key was set, for checks that come later.
  std::string where(const std::string& key) const {
    const auto it = places_.find(key);
    return it == places_.end() ? origin_ : it->second;
  }
  void reject(const std::string& key, const std::string& message) { problems_.push_back(where(key) + ": " + message); }

  void set(const std::string& key, const toml::node& node) {
    places_[key] = place(&node);
    if (key == "name" || key == "summary") {
      const auto text = node.value_exact<std::string>();
      if (!text) return fail(&node, key + " is a string");
      (key == "name" ? model_.name : model_.summary) = *text;
    } else if (key == "width") {
      if (const auto value = number(key, node, kLeastWidth, kGreatestWidth, "")) model_.core.width = static_cast<uint8_t>(*value);
    } else if (key == "slots") {
      set_slots(node);
    } else if (key.rfind("latency.", 0) == 0) {
      for (unsigned i = 0; i < kLatencies; ++i)
        if (key.substr(8) == kLatencyName[i]) {
          if (const auto value = number(key, node, kLeastLatency, kGreatestLatency, "")) model_.core.latency[i] = static_cast<uint8_t>(*value);
          return;
        }
      unknown(key, node);
    } else {
      const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&key](const Row& r) { return key == r.key; });
      if (row == std::end(kRows)) return unknown(key, node);
      set_row(*row, node);
    }
  }

  void unknown(const std::string& key, const toml::node& node) {
    fail(&node, "unknown key '" + key + "'" + suggestion(key, known_keys()));
  }

  std::optional<uint64_t> number(const std::string& key, const toml::node& node, uint64_t least, uint64_t greatest, const std::string& accepts) {
    const std::string range = accepts.empty() ? std::to_string(least) + " to " + std::to_string(greatest) : accepts;
    const auto value = node.value_exact<int64_t>();
    if (!value) {
      fail(&node, key + " is an integer (" + range + ")");
      return std::nullopt;
    }
    if (*value < static_cast<int64_t>(least) || *value > static_cast<int64_t>(greatest)) {
      fail(&node, key + " = " + std::to_string(*value) + " is out of range (" + range + ")");
      return std::nullopt;
    }
    return static_cast<uint64_t>(*value);
  }

  void set_row(const Row& row, const toml::node& node) {
    if (row.kind == Kind::Switch) {
      const auto value = node.value_exact<bool>();
      if (!value) return fail(&node, std::string(row.key) + " is true or false");
      return row.set(model_, *value ? 1 : 0);
    }
    const auto value = number(row.key, node, row.least, row.greatest, accepted(row));
    if (!value) return;
    if (row.kind == Kind::Power && *value != 0 && !power_of_two(*value))
      return fail(&node, std::string(row.key) + " = " + std::to_string(*value) + " is not " + accepted(row));
    row.set(model_, *value);
  }

  void set_slots(const toml::node& node) {
    const toml::array* slots = node.as_array();
    if (slots == nullptr) return fail(&node, "slots is an array with an array of unit names per slot");
    if (slots->size() > kGreatestWidth) return fail(&node, "a machine has at most " + std::to_string(kGreatestWidth) + " slots");
    slot_count_ = static_cast<unsigned>(slots->size());
    std::vector<std::string_view> names(std::begin(kUnitName) + 1, std::end(kUnitName));
    for (unsigned i = 0; i < slot_count_; ++i) {
      const toml::array* units = (*slots)[i].as_array();
      if (units == nullptr || units->empty()) {
        fail(slots->get(i), "slot " + std::to_string(i) + " is an array of unit names, with at least one");
        continue;
      }
      uint16_t offered = 0;
      for (const toml::node& unit : *units) {
        const std::string name = unit.value_exact<std::string>().value_or("");
        const auto it = std::find(names.begin(), names.end(), name);
        if (it == names.end()) {
          std::string list;
          for (const std::string_view known : names) list += (list.empty() ? "" : ", ") + std::string(known);
          fail(&unit, "unknown unit '" + name + "'" + suggestion(name, names) + "; units are " + list);
          continue;
        }
        offered = static_cast<uint16_t>(offered | 1u << (it - names.begin() + 1));
      }
      model_.core.slot_units[i] = offered;
    }
  }

  void check_required() {
    for (const char* key : {"name", "width", "slots"})
      if (places_.find(key) == places_.end()) problems_.push_back(origin_ + ": '" + key + "' is missing");
  }

  void check_machine() {
    const MachineDescription& core = model_.core;
    if (slot_count_ != core.width)
      reject("slots", "there are " + std::to_string(slot_count_) + " slots, but width = " + std::to_string(core.width));
    for (const Unit unit : {Unit::Alu, Unit::Mul, Unit::Load, Unit::Store, Unit::Branch, Unit::Control, Unit::Fp}) {
      bool offered = false;
      for (unsigned i = 0; i < core.width; ++i) offered |= offers(core.slot_units[i], unit);
      if (!offered) reject("slots", std::string("no slot offers '") + kUnitName[static_cast<unsigned>(unit)] + "': no code can be scheduled for this machine");
    }
    if (core.literal_slots >= core.width) reject("literal_slots", "literal_slots leaves no slot for an atom: it must be below width");
    if (core.tlb_ways > core.tlb_entries) reject("tlb.ways", "tlb.ways exceeds tlb.entries");
    check_cache("l1i", model_.l1i);
    check_cache("l1d", model_.l1d);
    check_cache("l2", model_.l2);
    if (model_.l1i.line > model_.l2.line) reject("l2.line", "l2.line is smaller than l1i.line");
    if (model_.l1d.line > model_.l2.line) reject("l2.line", "l2.line is smaller than l1d.line");
    if (model_.miss_registers < 2 * model_.memory_slots())
      reject("l1d.miss_registers", "l1d.miss_registers is below two per slot with a load or store unit (" + std::to_string(model_.memory_slots()) + " slots)");
  }

  void check_cache(const std::string& name, const CacheModel& cache) {
    const uint64_t way = uint64_t{cache.ways} * cache.line;
    if (cache.size() % way != 0 || !power_of_two(cache.size() / way))
      reject(name + ".size_kib", name + ": size / (ways * line) is the number of sets, a power of two; here it is " +
                                     std::to_string(cache.size()) + " / (" + std::to_string(cache.ways) + " * " + std::to_string(cache.line) + ")");
  }

  std::string origin_, override_origin_;
  MachineModel model_;
  unsigned slot_count_ = 0;
  std::map<std::string, std::string> places_;
  std::vector<std::string> problems_;
};

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

}  // namespace

MachineError::MachineError(std::vector<std::string> problems) : std::runtime_error(joined(problems)), problems_(std::move(problems)) {}

unsigned MachineModel::memory_slots() const {
  unsigned count = 0;
  for (unsigned i = 0; i < core.width; ++i) count += offers(core.slot_units[i], Unit::Load) || offers(core.slot_units[i], Unit::Store) ? 1 : 0;
  return count;
}

namespace {

MachineModel build(const toml::table& table, const std::string& origin, const std::vector<MachineOverride>& overrides) {
  Loader loader(origin);
  loader.read(table);
  for (const MachineOverride& item : overrides) loader.override_with(item);
  return loader.finish();
}

}  // namespace

MachineModel parse_machine(std::string_view text, const std::string& origin, const std::vector<MachineOverride>& overrides) {
  toml::table table;
  try {
    table = toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    throw MachineError({origin + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description())});
  } catch (const std::runtime_error& error) {
    throw MachineError({origin + ": " + error.what()});
  }
  return build(table, origin, overrides);
}

MachineModel load_machine(const std::string& name_or_path, const std::vector<MachineOverride>& overrides) {
  const bool path = name_or_path.find('/') != std::string::npos ||
                    (name_or_path.size() > 5 && name_or_path.compare(name_or_path.size() - 5, 5, ".toml") == 0);
  if (!path) {
    std::vector<std::string_view> names;
    std::string list;
    for (const BuiltInMachine& machine : built_in_machines()) {
      if (name_or_path == machine.name) return parse_machine(machine.text, std::string(machine.name) + ".toml", overrides);
      names.emplace_back(machine.name);
      list += (list.empty() ? "" : ", ") + std::string(machine.name);
    }
    throw MachineError({"unknown machine '" + name_or_path + "'" + suggestion(name_or_path, names) + "; there are " + list +
                        ", or give the path of a .toml file"});
  }
  toml::table table;
  try {
    table = parse_toml_file(name_or_path);
  } catch (const std::runtime_error& error) {
    throw MachineError({error.what()});
  }
  return build(table, name_or_path, overrides);
}

std::string describe(const MachineModel& machine) {
  const MachineDescription& core = machine.core;
  std::ostringstream out;
  const auto count = [](unsigned n, const char* what) { return n == 0 ? std::string("none") : std::to_string(n) + " " + what; };
  out << machine.name << ": " << machine.summary << "\n"
      << "  from          " << machine.origin << "\n"
      << "  clock         " << machine.frequency_mhz << " MHz\n"
      << "  molecule      up to " << +core.width << " atoms and long literals, of those " << +core.literal_slots << " literal" << (core.literal_slots == 1 ? "" : "s") << "\n";
  for (unsigned i = 0; i < core.width; ++i) {
    out << "  slot " << i << "        ";
    for (unsigned unit = 1; unit < kUnits; ++unit)
      if (offers(core.slot_units[i], static_cast<Unit>(unit))) out << " " << kUnitName[unit];
    out << "\n";
  }
  out << "  latencies    ";
  for (unsigned i = 0; i < kLatencies; ++i) out << (i != 0 && i % 6 == 0 ? "\n               " : "") << " " << kLatencyName[i] << " " << +core.latency[i];
  out << "\n  addresses     " << (core.offset_addressing != 0 ? "[register], [register+register], [register+literal]" : "[register]") << "\n"
      << "  alias         " << count(core.alias_entries, "entries") << "\n"
      << "  store buffer  " << core.store_buffer_entries << " entries\n"
      << "  TLB           " << core.tlb_entries << " entries, " << core.tlb_ways << " ways\n"
      << "  jump buffer   " << count(core.jtb_entries, "entries") << "\n"
      << "  return stack  " << count(core.return_stack_entries, "entries") << "\n"
      << "  penalties     branch " << +core.branch_penalty << ", indirect " << +core.indirect_penalty << ", return " << +core.return_penalty
      << ", rollback " << +core.rollback_penalty << ", event " << +core.event_penalty << ", eret " << +core.eret_penalty << "\n";
  const auto cache = [&out](const char* name, const CacheModel& c) {
    out << "  " << name << c.size_kib << " KiB, " << c.ways << " ways, lines of " << c.line << " bytes";
  };
  cache("L1I           ", machine.l1i);
  cache("\n  L1D           ", machine.l1d);
  out << ", " << machine.miss_registers << " miss registers";
  cache("\n  L2            ", machine.l2);
  out << ", " << machine.l2_timing.latency << " cycles, one request per " << machine.l2_timing.interval << "\n"
      << "  memory        " << machine.memory_timing.latency << " cycles, one request per " << machine.memory_timing.interval << "\n";
  return out.str();
}

std::string to_toml(const MachineModel& machine) {
  std::ostringstream out;
  out << toml::table{{"name", machine.name}, {"summary", machine.summary}} << "\n";
  out << "width = " << +machine.core.width << "\nslots = [";
  for (unsigned i = 0; i < machine.core.width; ++i) {
    out << (i == 0 ? "[" : ", [");
    const char* separator = "";
    for (unsigned unit = 1; unit < kUnits; ++unit)
      if (offers(machine.core.slot_units[i], static_cast<Unit>(unit))) out << separator << '"' << kUnitName[unit] << '"', separator = ", ";
    out << "]";
  }
  out << "]\n";
  for (unsigned i = 0; i < kLatencies; ++i) out << "latency." << kLatencyName[i] << " = " << +machine.core.latency[i] << "\n";
  for (const Row& row : kRows) {
    const uint64_t value = row.get(machine);
    out << row.key << " = " << (row.kind == Kind::Switch ? (value != 0 ? "true" : "false") : std::to_string(value)) << "\n";
  }
  return out.str();
}

std::vector<MachineParameter> machine_parameters() {
  std::vector<MachineParameter> list = {
      {"name", "string", "", "required", "", "short name"},
      {"summary", "string", "", "empty", "", "one line about the machine"},
      {"width", "integer", std::to_string(kLeastWidth) + " to " + std::to_string(kGreatestWidth), "required", "slots", "atoms and long literals of a molecule"},
      {"slots", "array of arrays", "one per slot: alu, mul, load, store, branch, fp, media, control", "required", "", "the units that each slot offers; every unit but media must be offered by some slot"}};
  for (const Row& row : kRows) {
    const bool is_switch = row.kind == Kind::Switch;
    list.push_back({row.key, is_switch ? "boolean" : "integer", accepted(row), is_switch ? (row.initial != 0 ? "true" : "false") : std::to_string(row.initial), row.unit, row.meaning});
  }
  for (unsigned i = 0; i < kLatencies; ++i)
    list.push_back({std::string("latency.") + kLatencyName[i], "integer", std::to_string(kLeastLatency) + " to " + std::to_string(kGreatestLatency),
                    std::to_string(kDefaultLatency[i]), "cycles", "until a dependent atom may issue"});
  return list;
}

}  // namespace chrysalis::isa
