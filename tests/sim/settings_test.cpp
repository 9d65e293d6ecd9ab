// Settings: what is accepted, what is refused, and what the messages say.
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "sim/error.h"
#include "sim/settings.h"

namespace chrysalis::sim {
namespace {

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    path_ = (std::filesystem::temp_directory_path() / ("chrysalis-settings-" + std::to_string(::getpid()) + ".toml")).string();
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Settings, AssignmentsSetTheirField) {
  Settings settings;
  apply_assignment(settings, "firmware.interpreter=indirect-threaded");
  apply_assignment(settings, "sim.quantum=1");
  apply_assignment(settings, "machine.memory.latency=80");
  EXPECT_EQ(settings.interpreter, "indirect-threaded");
  EXPECT_EQ(settings.quantum, 1u);
  ASSERT_EQ(settings.machine.size(), 1u);
  EXPECT_EQ(settings.machine[0].key, "memory.latency");
}

TEST(Settings, EveryAblationIsAnAssignmentThatChangesSomething) {
  const std::string machine = isa::to_toml(isa::load_machine("efficeon"));
  std::set<std::string> seen;
  for (const Ablation& ablation : ablation_table()) {
    Settings settings;
    apply_assignment(settings, "firmware.max_gear=3");
    const std::string before = to_toml(settings);
    apply_assignment(settings, ablation.assignment);
    EXPECT_NE(to_toml(settings), before) << ablation.assignment;
    if (!settings.machine.empty()) {
      EXPECT_NE(isa::to_toml(isa::load_machine("efficeon", settings.machine)), machine) << ablation.assignment;
    }
    EXPECT_FALSE(ablation.what.empty());
    EXPECT_TRUE(seen.insert(ablation.assignment).second) << ablation.assignment;
  }
  EXPECT_GT(seen.size(), 10u);
}

TEST(Settings, RefusalsNameTheKeyAndWhatIsAccepted) {
  Settings settings;
  EXPECT_NE(refusal([&] { apply_assignment(settings, "sim.quantun=1"); }).find("did you mean 'sim.quantum'"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_assignment(settings, "sim.quantum=0"); }).find("an integer from 1 to"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_assignment(settings, "sim.quantum=ten"); }).find("sim.quantum"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_assignment(settings, "sim.quantum=10x"); }).find("sim.quantum"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_assignment(settings, "firmware.max_gear=4"); }).find("0 to 3"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_assignment(settings, "firmware.interpreter=fast"); }).find("direct-threaded"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_assignment(settings, "quantum"); }).find("key=value"), std::string::npos);
  EXPECT_EQ(settings.quantum, Settings{}.quantum) << "a refused assignment changes nothing";
}

TEST(Settings, FilesNameLineAndColumn) {
  Settings settings;
  const TemporaryFile wrong_key("[sim]\nquantum = 5\nsped = 1\n");
  EXPECT_NE(refusal([&] { apply_file(settings, wrong_key.path()); }).find(wrong_key.path() + ":3:"), std::string::npos);
  const TemporaryFile wrong_type("[sim]\nquantum = \"5\"\n");
  EXPECT_NE(refusal([&] { apply_file(settings, wrong_type.path()); }).find(":2:"), std::string::npos);
  const TemporaryFile syntax("[sim\n");
  EXPECT_NE(refusal([&] { apply_file(settings, syntax.path()); }).find(":1:"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_file(settings, "/nonexistent/x.toml"); }).find("/nonexistent/x.toml"), std::string::npos);
  EXPECT_NE(refusal([&] { apply_file(settings, "/tmp"); }), "");
}

TEST(Settings, TheEffectiveConfigurationReadsBackAsItself) {
  Settings settings;
  apply_assignment(settings, "firmware.interpreter=decode-dispatch");
  apply_assignment(settings, "guest.ram=64");
  apply_assignment(settings, "machine.memory.latency=80");
  const TemporaryFile file(to_toml(settings));
  Settings again;
  apply_file(again, file.path());
  EXPECT_EQ(to_toml(again), to_toml(settings));
}

// Damaged configuration files are refused with a message or accepted; nothing else happens.
TEST(Settings, MutatedFilesAreRefusedOrAccepted) {
  const std::string valid = to_toml(Settings{}) + "\n[machine]\n[machine.memory]\nlatency = 80\n";
  std::mt19937 random(20250101);
  unsigned refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string text = valid;
    for (unsigned edits = 1 + random() % 6; edits > 0 && !text.empty(); --edits) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, 1 + random() % 9); break;
        case 2: text.insert(at, text.substr(random() % text.size(), random() % 20)); break;
        default: text.resize(at); break;
      }
    }
    const TemporaryFile file(text);
    Settings settings;
    refused += !refusal([&] { apply_file(settings, file.path()); }).empty();
  }
  EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace chrysalis::sim
