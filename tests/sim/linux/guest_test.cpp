// Whole guest programs: on the personality (user code native, see native_machine.h, and interpreted by the monitor)
// and on the build machine's kernel, each in its own empty folder; output and exit status must agree.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace {

namespace fs = std::filesystem;

struct Outcome {
  std::string output;
  int status = 0;
};

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "personality-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Outcome run(const std::string& command) {
  const Folder folder;
  const std::string line = fmt::format("cd {} && {{ {}; }} > output 2>&1 < /dev/null", folder.path().string(), command);
  const int status = std::system(line.c_str());
  std::ifstream file(folder.path() / "output");
  std::stringstream text;
  text << file.rdbuf();
  return {text.str(), WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
}

std::string guest(const char* name) { return std::string(CHRYSALIS_GUESTS) + "/guest_" + name; }
const std::string kRunner = CHRYSALIS_NATIVE_RUN;

class Guest : public testing::TestWithParam<const char*> {};

// exec: the shell must not add its own word on a program that a signal kills.
void expect_same(const std::string& runner, const std::string& program) {
  const Outcome native = run("exec " + program);
  const Outcome ours = run("exec " + runner + " " + program);
  EXPECT_EQ(ours.output, native.output);
  EXPECT_EQ(ours.status, native.status);
  EXPECT_FALSE(ours.output.empty());
}

TEST_P(Guest, BehavesAsOnTheBuildMachine) { expect_same(kRunner, guest(GetParam())); }

TEST_P(Guest, BehavesSoOnTheMonitor) {
  expect_same(std::string(CHRYSALIS_COMMAND) + " run --quiet --firmware hosted --fidelity functional --", guest(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Programs, Guest, testing::Values("files", "memory", "processes", "signals"), [](const auto& info) { return std::string(info.param); });

TEST(Runs, AreReproducible) {
  const std::string command = kRunner + " --stats " + guest("clock");
  const Outcome first = run(command), second = run("sleep 0.3; " + command);
  EXPECT_EQ(first.output, second.output);
  EXPECT_NE(first.output, run(kRunner + " --seed 2 --stats " + guest("clock")).output);
}

TEST(Runs, DoNotDependOnWhereTheProgramLies) {
  const std::string place = "mkdir -p a/much/longer/name; cp " + guest("clock") + " clock; cp clock a/much/longer/name;";
  const Outcome here = run(place + kRunner + " --stats --name clock ./clock"), there = run(place + kRunner + " --stats --name clock a/much/longer/name/clock");
  EXPECT_EQ(here.output, there.output);
  EXPECT_NE(here.output.find("/.program/clock\n"), std::string::npos) << here.output;
}

TEST(Sysroot, ShowsItsFilesFirstAndTheHostsElse) {
  const std::string setup =
      "mkdir -p root/etc root/bin root/real; echo inside > root/etc/hostname; ln -s /real root/link; echo linked > root/real/file;"
      "ln -s ../../../../etc/hostname root/real/up; mkdir out; echo host > out/file; cp " + guest("look") + " root/bin/look;";
  const Outcome outcome = run(setup + kRunner + " --sysroot root /bin/look /etc/hostname /link/file /real/up /../etc/hostname $PWD/out/file /nowhere; cat root/etc/made; ls root/etc");
  const std::string begin = "/etc/hostname: inside\n/link/file: linked\n/real/up: inside\n/../etc/hostname: inside\n";
  EXPECT_EQ(outcome.output.substr(0, begin.size()), begin);
  EXPECT_NE(outcome.output.find("out/file: host\n/nowhere: No such file or directory\ncwd /etc\nmade\nhostname\nmade\n"), std::string::npos) << outcome.output;
}

}  // namespace
