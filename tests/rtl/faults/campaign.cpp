// Finds the defects that seed.py has put into the RTL, one at a time, by comparing retire records, cycles and all, with the SystemC
// model's.
//
//   rtl_faults [--table FILE] [--every N] [SEEDS]
//
// Random programs come first: they are not made for any rule. Then come docs/timing.md's and those of programs/, each made for defects that
// these miss. --every N: each Nth defect alone. Exit code 0: the core without a defect differs nowhere, and every
// defect is found.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "rtl/engine.h"
#include "rtl/model.h"
#include "tests/hw/random_program.h"
#include "tests/rtl/records.h"

namespace chrysalis::rtl {
BuiltModel defective_model();  // generated, as built_models()' rows are
}

namespace {

unsigned chosen = 0;

struct Defect {
  const char *source, *rule, *name;
};
constexpr Defect kDefects[] = {
#include "faults.inc"
};

}  // namespace

extern "C" unsigned seeded_defect() { return chosen; }

namespace chrysalis::hw::test {
namespace {

struct Stimulus {
  HostProgram program;
  std::vector<KeptRecord> expected;
  uint64_t cycles = 0;  ///< of the programs before it
};

std::vector<Stimulus> stimuli(uint64_t seeds) {
  std::vector<Stimulus> all;
  uint64_t cycles = 0;
  const auto add = [&](HostProgram program) {
    Stimulus& s = all.emplace_back(Stimulus{std::move(program), {}, cycles});
    s.expected = records_of(s.program, systemc_engine);
    if (!s.expected.empty()) cycles += s.expected.back().observation.done;
  };
  for (uint64_t seed = 1; seed <= seeds; ++seed) add(random_program(seed, 60, 4, static_cast<Interrupts>(seed % 3)));
  std::vector<std::filesystem::path> files;
  for (const char* folder : {CHRYSALIS_HW_TESTS "/timing", CHRYSALIS_RTL_FAULTS "/programs"})
    for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) add(read_program_file(file.string()));
  return all;
}

/// What a child process says of a defect, in memory that it shares: if it does not come to the end, how far it came.
struct Verdict {
  bool done = false;
  bool differs = false;
  char program[64] = {};
  char field[96] = {};
  char values[160] = {};
  uint64_t cycles = 0;
};

void copy_text(char* to, std::size_t size, const std::string& text) { std::snprintf(to, size, "%s", text.c_str()); }

void judge(std::vector<Stimulus>& all, Verdict& verdict) {
  static const rtl::BuiltModel built = rtl::defective_model();
  const EngineFactory make = [](const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings) {
    return rtl::make_engine_of(built, parameters, memory, surroundings);
  };
  for (Stimulus& s : all) {
    copy_text(verdict.program, sizeof verdict.program, s.program.name);
    verdict.cycles = s.cycles;
    const auto difference = compare_records(s.program, make, s.expected);
    if (!difference) continue;
    verdict.differs = true;
    copy_text(verdict.field, sizeof verdict.field, difference->what.field);
    copy_text(verdict.values, sizeof verdict.values, difference->what.leader + ", " + difference->what.follower);
    verdict.cycles = s.cycles + difference->cycle;
    break;
  }
  verdict.done = true;
}

/// In a process of its own: a defective core may stop the process, or never come to an end.
Verdict judge_apart(std::vector<Stimulus>& all) {
  // Of processor time: what others do on the machine changes no verdict.
  constexpr itimerval kLimit{{0, 0}, {20, 0}};
  void* const shared = ::mmap(nullptr, sizeof(Verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::exit(2);
  Verdict& told = *new (shared) Verdict;
  const pid_t child = ::fork();
  if (child == 0) {
    ::setitimer(ITIMER_PROF, &kLimit, nullptr);
    judge(all, told);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  Verdict verdict = told;
  ::munmap(shared, sizeof(Verdict));
  if (!verdict.done) {
    verdict.differs = true;
    copy_text(verdict.field, sizeof verdict.field, WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF ? "it never ends" : "a check stops it");
  }
  return verdict;
}

int campaign(uint64_t seeds, std::size_t every, const char* table) {
  std::vector<Stimulus> all = stimuli(seeds);
  chosen = 0;
  const Verdict sound = judge_apart(all);
  if (sound.differs) {
    std::printf("FAIL without a defect: %s: %s: %s\n", sound.program, sound.field, sound.values);
    return 1;
  }
  std::string rows = "| defect | source | rule | first difference | cycles of stimulus |\n| --- | --- | --- | --- | --- |\n";
  unsigned missed = 0, tried = 0;
  for (std::size_t i = 0; i < std::size(kDefects); i += every, ++tried) {
    const Defect& defect = kDefects[i];
    chosen = static_cast<unsigned>(i) + 1;
    const Verdict verdict = judge_apart(all);
    missed += !verdict.differs;
    const std::string field = !verdict.differs ? "MISSED" : std::string(verdict.program) + ": " + verdict.field;
    const std::string cycles = (verdict.done ? "" : "beyond ") + std::to_string(verdict.cycles);
    std::printf("%s %s | %s | %s | %s\n", verdict.differs ? "ok  " : "FAIL", defect.name, defect.rule, field.c_str(), cycles.c_str());
    std::fflush(stdout);
    rows += std::string("| ") + defect.name + " | " + defect.source + " | " + defect.rule + " | " + field + " | " + cycles + " |\n";
  }
  if (table != nullptr) std::ofstream(table) << rows;
  std::printf("%u defects, %u missed\n", tried, missed);
  return missed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace chrysalis::hw::test

int main(int argc, char** argv) {
  const char* table = nullptr;
  uint64_t seeds = 30, every = 1;
  const auto number = [](const char* text, uint64_t& value) {
    char* end = nullptr;
    value = std::strtoull(text, &end, 10);
    return *end == 0 && end != text && value != 0;
  };
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--table") == 0 && i + 1 < argc) {
      table = argv[++i];
    } else if (std::strcmp(argv[i], "--every") == 0 && i + 1 < argc && number(argv[i + 1], every)) {
      ++i;
    } else if (!number(argv[i], seeds)) {
      std::fprintf(stderr, "usage: rtl_faults [--table FILE] [--every N] [SEEDS]\n");
      return 2;
    }
  }
  return chrysalis::hw::test::campaign(seeds, every, table);
}
