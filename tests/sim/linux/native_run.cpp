// Runs one program on the process personality, its user code natively: see native_machine.h.
//
//   native_run [--sysroot DIR] [--ram MIB] [--seed N] [--stats] [--name ARGV0] PROGRAM [ARGS...]
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "tests/sim/linux/native_machine.h"

using namespace chrysalis;

int main(int argc, char** argv) {
  sim::ProcessConfig config;
  uint64_t ram = 256;
  bool statistics = false;
  const char* name = nullptr;
  int at = 1;
  for (; at < argc && std::strncmp(argv[at], "--", 2) == 0; ++at) {
    if (std::strcmp(argv[at], "--sysroot") == 0) config.sysroot = argv[++at];
    else if (std::strcmp(argv[at], "--ram") == 0) ram = std::strtoull(argv[++at], nullptr, 0);
    else if (std::strcmp(argv[at], "--seed") == 0) config.seed = std::strtoull(argv[++at], nullptr, 0);
    else if (std::strcmp(argv[at], "--name") == 0) name = argv[++at];
    else if (std::strcmp(argv[at], "--stats") == 0) statistics = true;
  }
  if (at >= argc) return 64;
  config.program = argv[at];
  for (; at < argc; ++at) config.args.emplace_back(argv[at]);
  if (name != nullptr) config.args[0] = name;
  for (char** variable = environ; *variable != nullptr; ++variable) config.env.emplace_back(*variable);
  try {
    sim::test::NativeMachine machine(ram << 20);
    config.ram = machine.ram();
    config.ram_size = machine.ram_size();
    config.hwcap = 0x0781'abfd & ~(1u << 11);  // with FXSR: the build machine saves its SSE state
    sim::Process process(config);
    fw::Mailbox mailbox{};
    if (const auto error = process.load(mailbox)) {
      std::fprintf(stderr, "native_run: %s\n", error->c_str());
      return 125;
    }
    const sim::ServiceResult result = machine.run(process, mailbox, 10'000);
    if (statistics)
      std::fprintf(stderr, "native_run: %llu services, %llu system calls, %llu TLB fills\n",
                   static_cast<unsigned long long>(machine.services()), static_cast<unsigned long long>(process.syscall_count()),
                   static_cast<unsigned long long>(machine.tlb_fills()));
    if (result.kind == sim::ServiceResult::Kind::Failed) {
      std::fprintf(stderr, "native_run: %s\n", result.message.c_str());
      return 126;
    }
    return result.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "native_run: %s\n", error.what());
    return 127;
  }
}
