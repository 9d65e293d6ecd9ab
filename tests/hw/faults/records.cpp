// Prints the retire records of the timing programs and of random programs: what a fault campaign compares.
//
//   hw_records [--stop-at FILE] SEEDS
//
// One line per record, "program cycles-so-far ready issued address event digest", and at the end of each program its
// account. With --stop-at, stops at the first line that differs from FILE and prints that one alone; exit code 1. If a check of
// the model stops it, or it uses up its processor time, it prints the last line that it has come to; exit code 3 or 4.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "tests/hw/random_program.h"

namespace chrysalis::hw::test {
namespace {

char last_line[200];  ///< and its end of line, for the handler

void stopped(int signal) {
  const ssize_t written = ::write(STDOUT_FILENO, last_line, std::strlen(last_line));
  ::_exit(written < 0 ? 2 : signal == SIGABRT ? 3 : 4);
}

class Output {
 public:
  explicit Output(const char* expected) : comparing_(expected != nullptr) {
    if (comparing_) expected_.open(expected);
  }
  void line(const std::string& text) {
    std::string expected;
    if (!comparing_) {
      std::puts(text.c_str());
    } else if (!std::getline(expected_, expected) || expected != text) {
      std::printf("%s\n", text.c_str());
      std::fflush(stdout);
      std::_Exit(1);  // the platform is in the middle of a run
    } else {
      std::snprintf(last_line, sizeof last_line, "%.198s\n", text.c_str());
    }
  }

 private:
  bool comparing_;
  std::ifstream expected_;
};

class Printer final : public Observer {
 public:
  Printer(Output& out, const std::string& program, uint64_t before) : out_(out), program_(program), before_(before) {}
  bool wants_records() const override { return true; }
  void observe(const Observation& o) override {
    uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&hash](uint64_t word) { hash = (hash ^ word) * 0x100000001b3; };
    add(o.record->event_address);
    add(o.record->event_info);
    for (unsigned i = 0; i < o.record->write_count; ++i) {
      add(o.record->writes[i].reg);
      add(o.record->writes[i].value.low);
      add(o.record->writes[i].value.high);
    }
    for (unsigned i = 0; i < o.record->access_count; ++i) {
      const MemoryAccess& access = o.record->accesses[i];
      add(static_cast<uint64_t>(access.kind));
      add(access.address);
      add(access.size);
      for (const uint8_t byte : access.bytes) add(byte);
    }
    if (o.record->committed) {
      add(o.record->commit.digest);
      add(o.record->commit.total_instructions);
      add(o.record->commit.store_count);
    }
    char text[200];
    std::snprintf(text, sizeof text, "%s %llu %llu %llu %llx %s %llx", program_.c_str(),
                  static_cast<unsigned long long>(before_ + o.issued), static_cast<unsigned long long>(o.ready),
                  static_cast<unsigned long long>(o.issued), static_cast<unsigned long long>(o.address), isa::name(o.event),
                  static_cast<unsigned long long>(hash));
    out_.line(text);
  }

 private:
  Output& out_;
  std::string program_;
  uint64_t before_;
};

uint64_t print(Output& out, const HostProgram& program, uint64_t before) {
  Platform platform(program.machine, kGuestRam);
  platform.load(kConcealedBase, program.code.bytes.data(), program.code.bytes.size());
  platform.set_service([](uint32_t number, uint64_t) { return serve(number); });
  Printer printer(out, program.name, before);
  platform.observe(&printer);
  platform.run(200'000);
  platform.observe(nullptr);
  std::string account = program.name + " " + std::to_string(before + platform.cycles()) + " account";
  for (unsigned mode = 0; mode < kModes; ++mode)
    for (unsigned i = 0; i < kCharges; ++i) account += " " + std::to_string(platform.account().mode[mode].cycles[i]);
  out.line(account);
  return before + platform.cycles();
}

}  // namespace
}  // namespace chrysalis::hw::test

int main(int argc, char** argv) {
  using namespace chrysalis::hw::test;
  const bool compares = argc == 4 && std::strcmp(argv[1], "--stop-at") == 0;
  if (argc != 2 && !compares) {
    std::fprintf(stderr, "usage: hw_records [--stop-at FILE] SEEDS\n");
    return 2;
  }
  Output out(compares ? argv[2] : nullptr);
  std::signal(SIGABRT, stopped);
  std::signal(SIGXCPU, stopped);
  uint64_t cycles = 0;
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(std::filesystem::path(CHRYSALIS_HW_TESTS) / "timing")) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  // Random programs first: they are what a lockstep campaign runs, and not made for any rule.
  const uint64_t seeds = std::strtoull(argv[argc - 1], nullptr, 0);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const Interrupts interrupts = seed % 3 == 0 ? Interrupts::CoreTimer : seed % 3 == 1 ? Interrupts::None : Interrupts::Devices;
    cycles = print(out, random_program(seed, 60, 4, interrupts), cycles);
  }
  for (const auto& file : files) cycles = print(out, read_program_file(file.string()), cycles);
  return 0;
}
