// Speed of the cycle model: runs a host program for so many cycles and prints the account. For callgrind:
//
//   valgrind --tool=callgrind hw_bench tests/hw/bench/mix.hasm 1000000
//
// and the same with 2000000: the difference of the two instruction counts is a million cycles' worth.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/hw/host_program.h"

int main(int argc, char** argv) {
  using namespace chrysalis::hw;
  if (argc != 3) {
    std::fprintf(stderr, "usage: hw_bench PROGRAM.hasm CYCLES\n");
    return 2;
  }
  const test::HostProgram program = test::read_program_file(argv[1]);
  if (!program.code.ok()) return 1;
  Platform platform(program.machine, test::kGuestRam);
  platform.load(test::kConcealedBase, program.code.bytes.data(), program.code.bytes.size());
  const auto start = std::chrono::steady_clock::now();
  platform.run(std::strtoull(argv[2], nullptr, 0));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu cycles, %.2f million per second\n", static_cast<unsigned long long>(platform.cycles()),
              static_cast<double>(platform.cycles()) / seconds / 1e6);
  for (const Statistic& statistic : platform.statistics()) {
    if (statistic.value != 0) std::printf("%-40s %llu\n", statistic.name.c_str(), static_cast<unsigned long long>(statistic.value));
  }
  for (unsigned i = 0; i < kCharges; ++i) {
    uint64_t cycles = 0;
    for (const ModeAccount& mode : platform.account().mode) cycles += mode.cycles[i];
    if (cycles != 0) std::printf("%-40s %.1f%%\n", kChargeName[i], 100.0 * static_cast<double>(cycles) / static_cast<double>(platform.cycles()));
  }
}
