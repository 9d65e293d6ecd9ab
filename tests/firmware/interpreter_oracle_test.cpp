// The interpreters on the random sequences that the lifter is held to: registers, flags, memory and faults must
// be what the reference evaluator says, which tests/x86-frontend holds to the processor.
//
// CHRYSALIS_ORACLE_SEQUENCES sets their number (default 100,000 per interpreter); CHRYSALIS_ORACLE_SEED the first seed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/firmware/oracle_guest.h"
#include "tests/x86-frontend/sequence.h"

namespace chrysalis::test {
namespace {

using namespace oracle;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

class InterpreterOracle : public testing::TestWithParam<fw::Interpreter> {};

TEST_P(InterpreterOracle, RandomSequences) {
  std::string why_not;
  const auto oracle = Oracle::start(why_not);
  if (!oracle) GTEST_SKIP() << why_not;
  if (oracle->shared().flat_code != 0x23) GTEST_SKIP() << "the descriptor tables of this kernel are not modelled";
  Sequencer sequencer(oracle->shared(), Oracle::has_umip());
  OracleGuest guest(oracle->shared(), GetParam());
  const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", 100'000);
  uint64_t compared = 0;
  unsigned differences = 0;
  for (uint64_t seed = setting("CHRYSALIS_ORACLE_SEED", 0); compared < wanted && differences < 5; ++seed) {
    Sequence sequence;
    if (!sequencer.make(seed, sequence)) continue;
    ++compared;
    const Outcome outcome = guest.run(sequence.plan);
    const std::string what = difference(sequence, outcome);
    if (what.empty()) continue;
    ++differences;
    ADD_FAILURE() << "sequence of seed " << seed << ":\n" << what << describe(sequence, outcome);
  }
}

INSTANTIATE_TEST_SUITE_P(Interpreters, InterpreterOracle,
                         testing::Values(fw::Interpreter::DecodeDispatch, fw::Interpreter::IndirectThreaded,
                                         fw::Interpreter::DirectThreaded));

}  // namespace
}  // namespace chrysalis::test
