// Host assembly programs as tests: the text, what it expects, and runs of it on both executors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hw/lockstep.h"
#include "hw/platform.h"
#include "isa-host/assembler.h"
#include "isa-host/functional.h"

namespace chrysalis::hw::test {

inline constexpr uint64_t kGuestRam = 1 << 20;
inline constexpr uint64_t kConcealedBase = 0x7000'0000;
inline constexpr uint64_t kConcealedSize = 1 << 20;

/// A small machine whose numbers all differ, so that a test cannot pass by mistaking one for another:
/// slot 0 alu, load, store; 1 alu, mul, fp, media; 2 alu; 3 alu, branch, control; L1I 64-byte lines, L1D 1 KiB
/// in 32-byte lines; an L1 miss is answered 11 cycles after issue by L2, 61 by memory.
SystemParameters test_machine();

/// Sets "name=value" of a SET line. Names: {branch,indirect,return,rollback,event,eret}_penalty, store_buffer, alias,
/// miss_registers, jtb, returns, ports, quantum, latency.<class>.
void set_parameter(SystemParameters& parameters, const std::string& setting);

/// What is compared between executors.
struct State {
  std::vector<uint64_t> registers;   ///< integer, vector halves, specials that do not tell time, shadows
  std::vector<uint8_t> guest, concealed;
  uint32_t gated = 0;
  uint64_t pc = 0;
};
/// The first difference in words, or empty.
std::string difference(const State& functional, const State& cycle);

struct TimingExpectation {
  std::string later, earlier;
  int64_t cycles;
};

/// A program and the directives in its comments:
///
///   ; WHY: what is shown, and the arithmetic behind the numbers        (at least one)
///   ; SET name=value ...            another machine, see set_parameter()
///   ; EXPECT b - a = n              label b's molecule is ready n cycles after label a's, last time round
///   ; ACCOUNT [mode.]cause = n      cycles charged, in all modes or in one
///   ; STAT name = n                 statistic of the cycle model
///   ; FINAL r5 = n | fLOW5 = n      register at label `end`, on both executors
///   ; CYCLE-ONLY                    reads time: the functional executor is not compared
///   ; MODE name a b                 molecules from label a up to label b are accounted to that mode
///   ; EARLY X1 ... | ON-TIME X1 ... the rules of docs/timing.md of which it shows the side on which somebody is held,
///                                   charged or refused, or the one on which nobody is
struct HostProgram {
  struct ModeRange {
    Mode mode;
    std::string begin, end;
  };
  std::string name, text;
  isa::Assembly code;
  SystemParameters machine;
  bool explained = false, cycle_only = false;
  std::vector<TimingExpectation> timing;
  std::vector<ModeRange> modes;
  std::vector<std::string> early, on_time;
  std::map<std::string, uint64_t> account, statistics, registers;

  uint64_t symbol(const std::string& label) const;
};

/// Platform services of both executors; every other number stops the run.
inline constexpr uint32_t kServiceNothing = 0x1001;
inline constexpr uint32_t kServiceAttention = 0x1002;  ///< asks for attention, with EINFO 77

/// What they answer.
isa::PlatformResult serve(uint32_t number);

/// Parses and assembles. Test failures report what is wrong.
HostProgram read_program(const std::string& name, const std::string& text);
HostProgram read_program_file(const std::string& path);

/// Runs to label `end` on the functional executor.
State run_functional(const HostProgram& program, uint64_t max_molecules = 1'000'000);

/// What the cycle model did.
struct CycleRun {
  State state;
  uint64_t cycles = 0;
  std::map<uint64_t, uint64_t> ready;           ///< address: cycle in which it was last ready; if traced
  std::map<std::string, uint64_t> statistics;
  std::map<std::string, uint64_t> account;      ///< by "cause" and by "mode.cause"
  bool sums = false;                            ///< the account's leaves sum to the cycles
};
/// Runs to label `end` on the cycle model, molecule by molecule if `traced`, else in one run to the `platform`
/// atom or cycle limit. `engine` makes its core; `begin` may run it for a while first.
CycleRun run_cycles(const HostProgram& program, bool traced, uint64_t max_cycles = 10'000'000, const EngineFactory& engine = systemc_engine,
                    const std::function<void(Platform&)>& begin = {});


/// The cycle model with the functional executor in lockstep.
struct LockstepRun {
  std::optional<Difference> difference;
  uint64_t records = 0, commits = 0, cycles = 0;
};
LockstepRun run_lockstep(const HostProgram& program, uint64_t max_cycles = 10'000'000);

}  // namespace chrysalis::hw::test
