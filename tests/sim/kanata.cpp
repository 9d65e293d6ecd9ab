#include "tests/sim/kanata.h"

#include <map>
#include <set>
#include <sstream>

namespace chrysalis::test {
namespace {

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '\t') fields.emplace_back();
    else fields.back() += c;
  }
  return fields;
}

bool is_number(const std::string& text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos; }

}  // namespace

KanataLog check_kanata(const std::string& text) {
  KanataLog log;
  std::istringstream in(text);
  std::string line;
  unsigned number = 0;
  const auto problem = [&](const std::string& what) { log.problems.push_back("line " + std::to_string(number) + ": " + what + ": " + line); };
  struct Record {
    bool alive = true;
    std::map<std::string, std::string> stage;  ///< open, by lane
  };
  std::map<uint64_t, Record> records;
  std::set<uint64_t> retire_ids;
  while (std::getline(in, line)) {
    ++number;
    const std::vector<std::string> f = fields_of(line);
    if (number == 1) {
      if (line != "Kanata\t0004") problem("header");
      continue;
    }
    if (number == 2) {
      if (f.size() != 2 || f[0] != "C=" || !is_number(f[1])) problem("start cycle");
      else log.first_cycle = log.last_cycle = std::stoull(f[1]);
      continue;
    }
    if (f[0] == "C") {
      if (f.size() != 2 || !is_number(f[1]) || f[1] == "0") problem("time must go on");
      else log.last_cycle += std::stoull(f[1]);
      continue;
    }
    if (f.size() != 4) {
      problem("fields");
      continue;
    }
    if (!is_number(f[1])) {
      problem("id");
      continue;
    }
    const uint64_t id = std::stoull(f[1]);
    if (f[0] == "I") {
      if (!is_number(f[2]) || !is_number(f[3])) problem("fields");
      if (!records.emplace(id, Record{}).second) problem("id used twice");
      ++log.records;
      continue;
    }
    const auto found = records.find(id);
    if (found == records.end()) {
      problem("id without I");
      continue;
    }
    Record& record = found->second;
    if (!record.alive) {
      problem("id has ended");
      continue;
    }
    if (f[0] == "L") {
      if (f[2] != "0" && f[2] != "1" && f[2] != "2") problem("label type");
    } else if (f[0] == "S") {
      if (f[2] != "0" && f[2] != "1") problem("lane");
      if (f[3].empty()) problem("stage");
      record.stage[f[2]] = f[3];
    } else if (f[0] == "E") {
      if (record.stage[f[2]] != f[3]) problem("stage has not begun");
      record.stage[f[2]].clear();
    } else if (f[0] == "R") {
      if (f[3] != "0" && f[3] != "1") problem("retire type");
      if (f[3] == "0" && (!is_number(f[2]) || !retire_ids.insert(std::stoull(f[2])).second)) problem("retire id");
      ++(f[3] == "0" ? log.retired : log.flushed);
      record.alive = false;
    } else if (f[0] == "W") {
      if (!is_number(f[2]) || records.find(std::stoull(f[2])) == records.end()) problem("producer");
      ++log.arrows;
    } else {
      problem("command");
    }
  }
  for (const auto& [id, record] : records)
    if (record.alive) log.problems.push_back("id " + std::to_string(id) + " never ends");
  return log;
}

}  // namespace chrysalis::test
