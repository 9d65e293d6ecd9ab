#include "sim/statistics.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "sim/error.h"

namespace chrysalis::sim {
namespace {

namespace fs = std::filesystem;

enum class Format { Json, Text, Sqlite };

Format format_of(const std::string& path) {
  const std::string extension = fs::path(path).extension().string();
  if (extension == ".json") return Format::Json;
  if (extension == ".txt") return Format::Text;
  if (extension == ".sqlite" || extension == ".sqlite3" || extension == ".db") return Format::Sqlite;
  throw UserError(fmt::format("--stats {}: unknown extension '{}'; accepted: .json, .txt (gem5 layout), .sqlite", path, extension));
}

std::string shown(const Statistic& statistic) {
  if (const auto* count = std::get_if<uint64_t>(&statistic.value)) return fmt::format("{}", *count);
  return fmt::format("{:.6f}", std::get<double>(statistic.value));
}

/// An SQLite database as a file image, so that it can be written like the other formats: whole or not at all.
void write_sqlite(const Statistics& statistics, const std::string& path) {
  sqlite3* db = nullptr;
  auto check = [&](int result, int expected) {
    if (result == expected) return;
    const std::string why = db ? sqlite3_errmsg(db) : "out of memory";
    sqlite3_close(db);
    throw UserError(fmt::format("--stats {}: {}", path, why));
  };
  check(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  check(sqlite3_exec(db,
                     "PRAGMA journal_mode=OFF; BEGIN;"
                     "CREATE TABLE statistics(name TEXT PRIMARY KEY, value NUMERIC NOT NULL, unit TEXT NOT NULL,"
                     " description TEXT NOT NULL);",
                     nullptr, nullptr, nullptr),
        SQLITE_OK);
  sqlite3_stmt* insert = nullptr;
  check(sqlite3_prepare_v2(db, "INSERT INTO statistics VALUES(?,?,?,?)", -1, &insert, nullptr), SQLITE_OK);
  for (const Statistic& statistic : statistics.list()) {
    sqlite3_bind_text(insert, 1, statistic.name.c_str(), -1, SQLITE_TRANSIENT);
    if (const auto* count = std::get_if<uint64_t>(&statistic.value))
      sqlite3_bind_int64(insert, 2, static_cast<sqlite3_int64>(*count));
    else
      sqlite3_bind_double(insert, 2, std::get<double>(statistic.value));
    sqlite3_bind_text(insert, 3, statistic.unit.c_str(), -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(insert, 4, statistic.description.c_str(), -1, SQLITE_TRANSIENT);
    const int result = sqlite3_step(insert);
    if (result != SQLITE_DONE) sqlite3_finalize(insert);
    check(result, SQLITE_DONE);
    sqlite3_reset(insert);
  }
  sqlite3_finalize(insert);
  check(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
}

}  // namespace

void Statistics::add(std::string name, std::string unit, std::string description, uint64_t value) {
  if (find(name)) throw std::logic_error("statistic declared twice: " + name);
  list_.push_back({std::move(name), std::move(unit), std::move(description), value});
}

void Statistics::add(std::string name, std::string unit, std::string description, double value) {
  if (find(name)) throw std::logic_error("statistic declared twice: " + name);
  list_.push_back({std::move(name), std::move(unit), std::move(description), value});
}

const Statistic* Statistics::find(const std::string& name) const {
  const auto it = std::find_if(list_.begin(), list_.end(), [&](const Statistic& s) { return s.name == name; });
  return it == list_.end() ? nullptr : &*it;
}

uint64_t Statistics::count(const std::string& name) const {
  const Statistic* statistic = find(name);
  const uint64_t* value = statistic ? std::get_if<uint64_t>(&statistic->value) : nullptr;
  return value ? *value : 0;
}

std::string to_json(const Statistics& statistics) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const Statistic& statistic : statistics.list())
    std::visit([&](auto value) { json[statistic.name] = value; }, statistic.value);
  return json.dump(2) + "\n";
}

// Layout: gem5 src/base/stats/text.cc.
std::string to_gem5_text(const Statistics& statistics) {
  std::string text = "\n---------- Begin Simulation Statistics ----------\n";
  for (const Statistic& statistic : statistics.list())
    text += fmt::format("{:<40} {:>12} {:>10} {:>10} # {} ({})\n", statistic.name, shown(statistic), "", "",
                        statistic.description, statistic.unit);
  return text + "\n---------- End Simulation Statistics   ----------\n";
}

void check_statistics_path(const std::string& path) {
  format_of(path);
  const fs::path parent = fs::absolute(path).parent_path();
  if (fs::is_directory(path)) throw UserError(fmt::format("--stats {}: is a directory; name a file", path));
  if (!fs::is_directory(parent)) throw UserError(fmt::format("--stats {}: the folder {} does not exist", path, parent.string()));
  if (::access(parent.c_str(), W_OK) != 0)
    throw UserError(fmt::format("--stats {}: cannot write in {}: {}", path, parent.string(), std::strerror(errno)));
}

void write_statistics(const Statistics& statistics, const std::string& path) {
  const Format format = format_of(path);
  check_statistics_path(path);
  const std::string partial = path + ".partial";
  std::remove(partial.c_str());
  if (format == Format::Sqlite) {
    write_sqlite(statistics, partial);
  } else {
    std::ofstream out(partial, std::ios::binary);
    out << (format == Format::Json ? to_json(statistics) : to_gem5_text(statistics));
    out.close();
    if (!out) {
      std::remove(partial.c_str());
      throw UserError(fmt::format("--stats {}: cannot write: {}", path, std::strerror(errno)));
    }
  }
  std::error_code error;
  fs::rename(partial, path, error);
  if (error) {
    std::remove(partial.c_str());
    throw UserError(fmt::format("--stats {}: {}", path, error.message()));
  }
}

}  // namespace chrysalis::sim
