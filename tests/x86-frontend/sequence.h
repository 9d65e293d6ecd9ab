// Random instruction sequences with what the reference evaluator says of them: the same sequences for the lifter, the
// firmware's interpreters and translations.
//
// A sequence grows as the evaluator runs it: the generator sees the state before each instruction. It ends in INT3 or
// a fault. Nothing that a processor may do differently reaches the comparison: a sequence is cut (an INT3 planted) before
// an instruction that would read a flag left undefined, has an undefined result, or is not deterministic.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/oracle/generator.h"
#include "tests/x86-frontend/guest_model.h"

namespace chrysalis::test {

/// One sequence: what to run (plan.in, code) and what must come out (expected).
struct Sequence {
  oracle::Case plan;
  oracle::Outcome expected;      ///< signal is not filled in
  uint32_t flags_compared = 0;   ///< of expected.state.eflags
  uint32_t gprs_compared = 0xff; ///< bit per register: POPA that faults may have loaded some
  bool fault_compared = true;    ///< false: which of several faults is reported depends on the processor
  bool memory_compared = true;   ///< false: a fault after stores of the same instruction, which processors may keep
  struct Step {
    uint32_t eip;
    int form;                    ///< index into oracle::kForms, or -1
    uint8_t variant;
  };
  std::vector<Step> steps;       ///< instructions in the order of execution, the faulting one included
};

/// Why a sequence was given up or cut.
enum class Cut : uint8_t { None, Undecided, Endless, Unsupported, UndefinedResult, UndefinedFlags, Incomparable, kCount };

class Sequencer {
 public:
  Sequencer(const oracle::Shared& shared, bool umip) : shared_(shared), umip_(umip), model_(shared) {}

  /// Makes sequence number `seed`. False if it had to be given up.
  bool make(uint64_t seed, Sequence& out);
  /// The same with random bytes for code, most of which end soon in an instruction that is not ours.
  bool make_from_bytes(uint64_t seed, Sequence& out);
  /// Makes sequence number `seed` and closes a loop over it: part of it runs again, with other values, until a counter
  /// or a register runs out or something faults. What reads the flags at the loop's end differs from seed to seed.
  bool make_loop(uint64_t seed, Sequence& out);
  /// The same with stores among it that change its instructions: bytes just ahead, behind, and the loop's own end.
  /// Needs CodePages::Writable.
  bool make_self_modifying(uint64_t seed, Sequence& out);
  /// Gives the code of `sequence` other registers, flags and memory, by `seed`, and replays it.
  bool vary(uint64_t seed, Sequence& sequence);
  /// Runs `sequence.plan` again and fills in the rest: for a plan that was edited.
  bool replay(Sequence& sequence);
  /// The shortest and emptiest variant of `sequence` whose difference from the processor remains.
  Sequence minimise(const Sequence& sequence, oracle::Oracle& oracle);
  /// One line per byte of memory in which the last replay and the oracle's last run differ.
  std::string memory_difference() const;
  const std::array<uint64_t, static_cast<unsigned>(Cut::kCount)>& cuts() const { return cuts_; }
  /// What the IR verifier said of lifted instructions; empty if it was content.
  const std::string& violations() const { return violations_; }

 private:
  enum class Step : uint8_t { Continue, Finished, CutHere, GiveUp };
  bool run(Sequence& sequence, oracle::Generator* generator);
  bool generate(Sequence& sequence, oracle::Generator& generator);
  Step step(Sequence& sequence, bool known_form);
  Step execute(Sequence& sequence, const x86::DecodedInst& inst, const uint8_t* bytes);
  bool kernel_emulates_exactly() const;
  bool is_unchanged(const Sequence& sequence) const;
  bool reads_undefined_flags(const ir::Code& code, uint32_t& spread);
  Step finish(Sequence& sequence, uint8_t vector, uint32_t error, uint32_t address, uint32_t eip);
  Step cut(Cut why);
  void verify_lifted(const x86::DecodedInst& inst, x86::LiftStatus status);

  void place(Sequence& sequence, oracle::Random& random);
  bool close_loop(Sequence& sequence, oracle::Random& random, bool patches);

  const oracle::Shared& shared_;
  bool umip_;
  GuestModel model_;
  Machine machine_;
  uint32_t eip_ = 0;
  uint32_t undefined_ = 0;         ///< flags whose value is not defined now
  std::vector<uint8_t> written_;   ///< code bytes that the generator has placed
  ir::Code code_;
  std::string violations_;
  StoreLog log_;
  std::array<uint64_t, static_cast<unsigned>(Cut::kCount)> cuts_{};
};

/// Empty if the processor did as expected, else one line per difference.
std::string difference(const Sequence& sequence, const oracle::Outcome& actual);
/// The sequence for a reader: state, disassembly by name, expected and actual outcome.
std::string describe(const Sequence& sequence, const oracle::Outcome& actual);

}  // namespace chrysalis::test
