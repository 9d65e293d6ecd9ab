// Statistics of a run: values with the name, unit and description that their component declared, written as
// flat JSON, gem5-layout text or SQLite. Components count; ratios are computed here, at output.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace chrysalis::sim {

struct Statistic {
  std::string name;         ///< hierarchical, dots between: `host.rollbacks.alias_fault`
  std::string unit;         ///< "Count", "Cycle", "Ratio", "Second", ...
  std::string description;
  std::variant<uint64_t, double> value;
};

/// An ordered list of statistics. Names are unique (asserted).
class Statistics {
 public:
  void add(std::string name, std::string unit, std::string description, uint64_t value);
  void add(std::string name, std::string unit, std::string description, double value);
  const std::vector<Statistic>& list() const { return list_; }
  const Statistic* find(const std::string& name) const;
  uint64_t count(const std::string& name) const;  ///< integer value, 0 if absent

 private:
  std::vector<Statistic> list_;
};

/// Writes to `path` in the format of its extension: .json, .txt, .sqlite or .db. The file appears whole or not at
/// all. Throws UserError for another extension or an unwritable path.
void write_statistics(const Statistics& statistics, const std::string& path);

/// The same check without writing, so that a long run does not end in an error that its start could have told.
void check_statistics_path(const std::string& path);

std::string to_json(const Statistics& statistics);
std::string to_gem5_text(const Statistics& statistics);

}  // namespace chrysalis::sim
