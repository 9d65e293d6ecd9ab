// Writes a page of docs/ from its prose: each line `<!-- table: NAME -->` is replaced by the table of that name.
//
//   chrysalis_gen_docs PROSE OUTPUT            writes the page
//   chrysalis_gen_docs --check PROSE PAGE      says whether PAGE is up to date

#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "isa-host/codec.h"
#include "isa-host/events.h"
#include "isa-host/machine.h"

namespace {

using namespace chrysalis::isa;
using Row = std::vector<std::string>;

std::string code(const std::string& text) { return text.empty() ? text : "`" + text + "`"; }

std::string table(const Row& heads, const std::vector<Row>& rows) {
  std::ostringstream out;
  const auto line = [&out](const Row& cells) {
    out << "|";
    for (const std::string& cell : cells) out << " " << cell << (cell.empty() ? "|" : " |");
    out << "\n";
  };
  line(heads);
  line(Row(heads.size(), "---"));
  for (const Row& row : rows) line(row);
  return out.str();
}

std::string upper_first(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

std::string errors() {
  std::vector<Row> rows;
  unsigned number = 0;
#define CODEC_ERROR(name, text) rows.push_back({std::to_string(number++), #name, text});
  CHRYSALIS_CODEC_ERRORS(CODEC_ERROR)
#undef CODEC_ERROR
  rows.erase(rows.begin());  // None
  return table({"code", "name", "meaning"}, rows);
}

std::string events() {
  std::vector<Row> rows;
  unsigned number = 0;
#define EVENT(name, text, rolls_back, meaning) rows.push_back({std::to_string(number++), #name, rolls_back ? "yes" : "no", upper_first(meaning)});
  CHRYSALIS_EVENTS(EVENT)
#undef EVENT
  rows.erase(rows.begin());  // None
  return table({"cause", "name", "rolls back", "when; `EADDR`; `EINFO`"}, rows);
}

std::string specials() {
  std::vector<Row> rows;
  unsigned number = 0;
#define SPECIAL(name, text, meaning) rows.push_back({std::to_string(number++), code(text), meaning});
  CHRYSALIS_SPECIALS(SPECIAL)
#undef SPECIAL
  return table({"number", "name", "meaning"}, rows);
}

std::string latencies() {
  std::vector<Row> rows;
  for (unsigned i = 0; i < kLatencies; ++i) {
    std::string units;
    for (unsigned unit = 0; unit < kUnits; ++unit)
      for (const AtomInfo& row : kAtomInfo)
        if (static_cast<unsigned>(row.latency) == i && static_cast<unsigned>(row.unit) == unit && row.unit != Unit::Any) {
          units += (units.empty() ? "" : ", ") + std::string(kUnitName[unit]);
          break;
        }
    rows.push_back({code(kLatencyName[i]), std::to_string(kDefaultLatency[i]), units});
  }
  return table({"class", "default", "units"}, rows);
}

std::string effects(const AtomInfo& row) {
  static const struct {
    uint32_t bit;
    const char* name;
  } kNames[] = {{kLoad, "load"}, {kStore, "store"}, {kProbe, "probe"}, {kPrefetch, "prefetch"}, {kGuest, "guest"}, {kConcealed, "concealed"},
                {kMayFault, "may raise an event"}, {kProtect, "protects"}, {kMasked, "checks aliases"}, {kBranch, "branch"}, {kConditional, "conditional"},
                {kIndirect, "indirect"}, {kCall, "links"}, {kCommit, "commits"}, {kRollback, "rolls back"}, {kFp, "FCR, FSR"}, {kSerializing, "serialising"},
                {kUncount, "changes the count"}};
  std::string text;
  for (const auto& entry : kNames)
    if (row.has(entry.bit)) text += (text.empty() ? "" : ", ") + std::string(entry.name);
  return text;
}

std::string atoms() {
  std::vector<Row> rows;
  for (const AtomInfo& row : kAtomInfo) {
    const std::string flags = row.has(kReadsFd) ? " f=+" : row.has(kWritesFd) ? " f=" : "";
    rows.push_back({code(row.mnemonic), code(row.operands + flags), code(row.pattern), kUnitName[static_cast<unsigned>(row.unit)],
                    kLatencyName[static_cast<unsigned>(row.latency)], effects(row)});
  }
  return table({"atom", "operands", "pattern", "unit", "latency", "effects"}, rows);
}

std::string parameters() {
  std::vector<Row> rows;
  for (const MachineParameter& row : machine_parameters())
    rows.push_back({code(row.key), row.type, row.accepted, row.default_value, row.unit, row.meaning});
  return table({"key", "type", "accepted", "default", "unit", "meaning"}, rows);
}

const std::map<std::string, std::function<std::string()>> kTables = {
    {"errors", errors}, {"events", events}, {"specials", specials}, {"latencies", latencies}, {"atoms", atoms}, {"parameters", parameters}};

bool read(const std::string& path, std::string& text) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  text = out.str();
  return in.good();
}

/// The page, or an error in `error`.
std::string render(const std::string& prose, std::string& error) {
  std::istringstream in(prose);
  std::string out, line;
  const std::string open = "<!-- table: ", close = " -->";
  while (std::getline(in, line)) {
    if (line.compare(0, open.size(), open) == 0 && line.size() > open.size() + close.size()) {
      const std::string name = line.substr(open.size(), line.size() - open.size() - close.size());
      const auto it = kTables.find(name);
      if (it == kTables.end()) {
        error = "there is no table '" + name + "'";
        return "";
      }
      out += it->second();
    } else {
      out += line + "\n";
    }
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool check = !arguments.empty() && arguments[0] == "--check";
  if (check) arguments.erase(arguments.begin());
  if (arguments.size() != 2) {
    std::cerr << "usage: chrysalis_gen_docs [--check] PROSE PAGE\n";
    return 2;
  }
  std::string prose, page, error;
  if (!read(arguments[0], prose)) {
    std::cerr << arguments[0] << ": cannot be read\n";
    return 2;
  }
  const std::string want = render(prose, error);
  if (!error.empty()) {
    std::cerr << arguments[0] << ": " << error << "\n";
    return 2;
  }
  if (!check) {
    std::ofstream out(arguments[1], std::ios::binary);
    if (!(out << want).flush()) {
      std::cerr << arguments[1] << ": cannot be written\n";
      return 2;
    }
    return 0;
  }
  if (!read(arguments[1], page) || page != want) {
    std::cerr << arguments[1] << " is not what " << arguments[0] << " and the tables give; run `ninja docs`\n";
    return 1;
  }
  return 0;
}
