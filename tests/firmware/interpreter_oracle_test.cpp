// The firmware on random sequences: both forms, all three interpreters, all gears, against what the reference evaluator says of
// registers, flags, memory and faults. tests/x86-frontend holds the evaluator to the processor on the same sequences.
//
// Every sequence runs five times: on nothing, on what the first run predecoded and linked, twice with other starting states
// on the same code, where it takes other ways and faults elsewhere, and as it was at first again. What the firmware knows
// is otherwise given up only now and then, so that the predecode cache fills up and is emptied in all manner of places.
//
// CHRYSALIS_ORACLE_SEQUENCES sets the number of sequences of every test here; CHRYSALIS_ORACLE_SEED the first seed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "firmware/region_shape.h"
#include "tests/firmware/oracle_guest.h"
#include "tests/x86-frontend/sequence.h"
#include "translator/passes/passes.h"

namespace chrysalis::test {
namespace {

using namespace oracle;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

struct Setup {
  const char* name;
  Form form;
  fw::Interpreter interpreter;
  uint64_t sequences;  ///< by default
  OracleGears gears = {};
};
void PrintTo(const Setup& setup, std::ostream* out) { *out << setup.name; }

constexpr Setup kSetups[] = {
    {"decode_hosted", Form::Hosted, fw::Interpreter::DecodeDispatch, 30'000},
    {"indirect_hosted", Form::Hosted, fw::Interpreter::IndirectThreaded, 30'000},
    {"direct_hosted", Form::Hosted, fw::Interpreter::DirectThreaded, 200'000},
    {"decode_core", Form::Core, fw::Interpreter::DecodeDispatch, 500},
    {"indirect_core", Form::Core, fw::Interpreter::IndirectThreaded, 500},
    {"direct_core", Form::Core, fw::Interpreter::DirectThreaded, 3'000},
    {"gear1_hosted", Form::Hosted, fw::Interpreter::DirectThreaded, 20'000, {1}},
    {"gear2_hosted", Form::Hosted, fw::Interpreter::DirectThreaded, 5'000, {2}},
    {"gear3_hosted", Form::Hosted, fw::Interpreter::DirectThreaded, 5'000, {3}},
    {"gear3_core", Form::Core, fw::Interpreter::DirectThreaded, 200, {3}},
};

class InterpreterOracle : public testing::TestWithParam<Setup> {
 protected:
  using Make = bool (Sequencer::*)(uint64_t, Sequence&);
  static constexpr unsigned kVariations = 2, kReported = 5;

  /// Runs a share of the setup's number of sequences.
  void campaign(Make make, CodePages code_pages, uint64_t share) {
    std::string why_not;
    const auto oracle = Oracle::start(why_not, code_pages);
    if (!oracle) GTEST_SKIP() << why_not;
    if (oracle->shared().flat_code != 0x23) GTEST_SKIP() << "the descriptor tables of this kernel are not modelled";
    Sequencer sequencer(oracle->shared(), Oracle::has_umip());
    OracleGuest guest(oracle->shared(), GetParam().form, GetParam().interpreter, GetParam().gears);
    guest_ = &guest;
    const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", GetParam().sequences / share);
    uint64_t seed = setting("CHRYSALIS_ORACLE_SEED", 0);
    for (uint64_t done = 0; done < wanted && differences_ < kReported; ++seed) {
      Sequence sequence;
      if (!(sequencer.*make)(seed, sequence)) continue;
      ++done;
      compare(seed, sequence, "first run", Afterwards::Keep);
      compare(seed, sequence, "second run", Afterwards::Keep);
      for (unsigned v = 0; v < kVariations; ++v) {
        Sequence other = sequence;
        if (sequencer.vary(seed * kVariations + v, other) && same_code(other, sequence)) {
          compare(seed, other, "other state", Afterwards::Keep);
        }
      }
      compare(seed, sequence, "last run", Afterwards::Forget);
    }
    if (GetParam().gears.gear != 0) {
      EXPECT_GT(guest.counter(fw::Counter::Entries), runs_ / 3);
    }
    std::printf("%llu runs, %llu instructions (%llu executed one at a time), %llu stores to predecoded code, %llu entries into translations\n",
                static_cast<unsigned long long>(runs_), static_cast<unsigned long long>(guest.instructions()),
                static_cast<unsigned long long>(guest.counter(fw::Counter::Steps)),
                static_cast<unsigned long long>(guest.counter(fw::Counter::TranslatedWrites)),
                static_cast<unsigned long long>(guest.counter(fw::Counter::Entries)));
  }

 private:
  /// A replay may have planted an INT3 to keep what is not comparable out.
  static bool same_code(const Sequence& a, const Sequence& b) {
    return std::equal(a.plan.code, a.plan.code + a.plan.code_size, b.plan.code);
  }

  void compare(uint64_t seed, const Sequence& sequence, const char* run, Afterwards afterwards) {
    ++runs_;
    const Outcome outcome = guest_->run(sequence.plan, afterwards);
    const std::string what = difference(sequence, outcome);
    if (what.empty() || ++differences_ > kReported) return;
    ADD_FAILURE() << "sequence of seed " << seed << ", " << run << " (\"processor\" is the firmware):\n"
                  << what << describe(sequence, outcome);
  }

  OracleGuest* guest_ = nullptr;
  uint64_t runs_ = 0;
  unsigned differences_ = 0;
};

TEST_P(InterpreterOracle, RandomSequences) { campaign(&Sequencer::make, CodePages::ReadOnly, 1); }
TEST_P(InterpreterOracle, Loops) { campaign(&Sequencer::make_loop, CodePages::ReadOnly, 10); }
TEST_P(InterpreterOracle, WritableCode) { campaign(&Sequencer::make, CodePages::Writable, 20); }
TEST_P(InterpreterOracle, SelfModifyingLoops) { campaign(&Sequencer::make_self_modifying, CodePages::Writable, 20); }

// Gear 3, with one thing different each.
constexpr Setup with(const char* name, void (*change)(fw::GearOptions&), Form form = Form::Hosted, const char* machine = "crusoe") {
  return {name, form, fw::Interpreter::DirectThreaded, form == Form::Core ? 100u : 1'000u, {3, machine, change}};
}
template <translator::Pass pass>
void without(fw::GearOptions& gears) {
  gears.passes &= ~translator::bit(pass);
}
constexpr Setup kOptions[] = {
    with("efficeon", nullptr, Form::Hosted, "efficeon"),
    with("denver", nullptr, Form::Hosted, "denver"),
    with("efficeon_core", nullptr, Form::Core, "efficeon"),
    with("denver_core", nullptr, Form::Core, "denver"),
    with("one_instruction", [](fw::GearOptions& g) { g.max_instructions = 1; }),
    with("unchained", [](fw::GearOptions& g) { g.switches &= ~fw::kSwitchChaining; }),
    with("unchained_core", [](fw::GearOptions& g) { g.switches &= ~fw::kSwitchChaining; }, Form::Core),
    with("eviction_stress", [](fw::GearOptions& g) { g.switches |= fw::kSwitchEvictionStress; }),
    with("eviction_stress_core", [](fw::GearOptions& g) { g.switches |= fw::kSwitchEvictionStress; }, Form::Core),
    with("rollbacks", [](fw::GearOptions& g) { g.force_rollback = 20; }),
    with("rollbacks_core", [](fw::GearOptions& g) { g.force_rollback = 40; }, Form::Core),
    with("rollbacks_denver", [](fw::GearOptions& g) { g.force_rollback = 30; }, Form::Core, "denver"),
    with("no_passing", [](fw::GearOptions& g) { g.switches &= ~fw::kSwitchPassStores; }),
    with("in_order", [](fw::GearOptions& g) { g.switches &= ~fw::kSwitchReorder; }),
    with("no_shadow", [](fw::GearOptions& g) { g.switches |= fw::kSwitchNoShadow; }),
    with("no_shadow_core", [](fw::GearOptions& g) { g.switches |= fw::kSwitchNoShadow; }, Form::Core),
    with("blocks", [](fw::GearOptions& g) { g.switches |= fw::kSwitchBlocks; }),
    with("trees", [](fw::GearOptions& g) { g.switches |= fw::kSwitchTrees; }),
    with("versions", [](fw::GearOptions& g) { g.switches |= fw::kSwitchVersions; }),
    with("versions_of_trees", [](fw::GearOptions& g) { g.switches |= fw::kSwitchVersions | fw::kSwitchTrees; }, Form::Hosted, "denver"),
    with("if_converted", [](fw::GearOptions& g) { g.if_convert_instructions = 8; }),
    with("rolled", [](fw::GearOptions& g) { g.unroll_instructions = 0; }),
    with("no_calls", [](fw::GearOptions& g) { g.switches &= ~fw::kSwitchFollowCalls; }),
    with("pages", [](fw::GearOptions& g) { g.switches |= fw::kSwitchWholePages; }),
    with("unprotected", [](fw::GearOptions& g) { g.switches |= fw::kSwitchUnprotected; }),
    with("only_protected", [](fw::GearOptions& g) { g.switches &= ~(fw::kSwitchRevalidate | fw::kSwitchSelfCheck | fw::kSwitchStylised | fw::kSwitchGroups); }),
    with("not_stylised", [](fw::GearOptions& g) { g.switches &= ~fw::kSwitchStylised; }),
    with("no_passes", [](fw::GearOptions& g) { g.passes = 0; }),
#define TRANSLATOR_PASS(name, text, call, usual, does) with("without_" text, without<translator::Pass::name>),
#define TRANSLATOR_STEP(name, text, usual, does) with("without_" text, without<translator::Pass::name>),
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
};

INSTANTIATE_TEST_SUITE_P(Options, InterpreterOracle, testing::ValuesIn(kOptions),
                         [](const auto& info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(Firmware, InterpreterOracle, testing::ValuesIn(kSetups),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace chrysalis::test
