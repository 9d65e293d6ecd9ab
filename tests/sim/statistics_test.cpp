// Statistics: the three formats, and that a file appears whole or not at all.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "sim/error.h"
#include "sim/report.h"
#include "sim/statistics.h"

namespace chrysalis::sim {
namespace {

namespace fs = std::filesystem;

Statistics sample() {
  Statistics statistics;
  statistics.add("guest.instructions", "Count", "x86 instructions completed", uint64_t{12});
  statistics.add("guest.ipc", "Ratio", "x86 instructions per host cycle", 0.25);
  statistics.add("account.interpreter.issue", "Cycle", "cycles", uint64_t{30});
  statistics.add("account.idle.issue", "Cycle", "cycles", uint64_t{18});
  statistics.add("host.cycles", "Cycle", "host cycles", uint64_t{48});
  return statistics;
}

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("chrysalis-statistics-" + std::to_string(::getpid()))) { fs::create_directories(path_); }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(Statistics, JsonIsFlat) {
  const auto json = nlohmann::json::parse(to_json(sample()));
  EXPECT_EQ(json["guest.instructions"], 12);
  EXPECT_EQ(json["guest.ipc"], 0.25);
  EXPECT_EQ(json.size(), 5u);
}

TEST(Statistics, TextHasGem5Layout) {
  const std::string text = to_gem5_text(sample());
  EXPECT_NE(text.find("\n---------- Begin Simulation Statistics ----------\n"), std::string::npos);
  EXPECT_NE(text.find("guest.instructions                                 12 "), std::string::npos);
  EXPECT_NE(text.find("# x86 instructions completed (Count)\n"), std::string::npos);
}

TEST(Statistics, SqliteHoldsValueUnitAndDescription) {
  const Folder folder;
  const std::string path = folder.file("s.sqlite");
  write_statistics(sample(), path);
  write_statistics(sample(), path);  // again: replaced, not appended
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  sqlite3_stmt* query = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db, "SELECT value, unit FROM statistics WHERE name = 'host.cycles'", -1, &query, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_step(query), SQLITE_ROW);
  EXPECT_EQ(sqlite3_column_int64(query, 0), 48);
  EXPECT_STREQ(reinterpret_cast<const char*>(sqlite3_column_text(query, 1)), "Cycle");
  sqlite3_finalize(query);
  sqlite3_close(db);
}

TEST(Statistics, AFileAppearsWholeOrNotAtAll) {
  const Folder folder;
  EXPECT_THROW(write_statistics(sample(), folder.file("s.xml")), UserError);
  EXPECT_THROW(write_statistics(sample(), folder.file("no/such/s.json")), UserError);
  fs::create_directory(folder.file("d.json"));
  EXPECT_THROW(write_statistics(sample(), folder.file("d.json")), UserError);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1) << "nothing half-written is left";
}

TEST(Statistics, ANameIsDeclaredOnce) {
  Statistics statistics = sample();
  EXPECT_THROW(statistics.add("host.cycles", "Cycle", "again", uint64_t{1}), std::logic_error);
}

TEST(Report, TheAccountIsDrawnToItsTotal) {
  const std::string text = draw_account(sample(), 100);
  EXPECT_NE(text.find("62.50%"), std::string::npos);
  EXPECT_NE(text.find("total                                48 100.00%"), std::string::npos);
}

}  // namespace
}  // namespace chrysalis::sim
