// Lifted code, evaluated, against this machine's processor: random sequences, no difference allowed.
//
// CHRYSALIS_ORACLE_SEQUENCES sets their number (default 200,000); CHRYSALIS_ORACLE_SEED the first seed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/x86-frontend/sequence.h"

namespace chrysalis::test {
namespace {

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// How often each form was executed, in all and per variant.
struct Coverage {
  uint64_t executed = 0, faulted = 0;
  uint64_t variant[7] = {};
};

class LiftOracle : public testing::Test {
 protected:
  using Make = bool (Sequencer::*)(uint64_t, Sequence&);

  explicit LiftOracle(oracle::CodePages code_pages = oracle::CodePages::ReadOnly) : code_pages_(code_pages) {}

  void SetUp() override {
    std::string why_not;
    oracle_ = oracle::Oracle::start(why_not, code_pages_);
    if (!oracle_) GTEST_SKIP() << why_not;
    if (oracle_->shared().flat_code != 0x23) GTEST_SKIP() << "the descriptor tables of this kernel are not modelled";
    sequencer_ = std::make_unique<Sequencer>(oracle_->shared(), oracle::Oracle::has_umip());
    coverage_.resize(oracle::kFormCount);
  }

  /// Compares `wanted` sequences; returns how many differed.
  unsigned campaign(Make make, uint64_t seed, uint64_t wanted) {
    std::vector<Sequence> batch(oracle::kMaxBatch);
    std::vector<uint64_t> seeds(oracle::kMaxBatch);
    unsigned differences = 0;
    while (compared_ < wanted) {
      uint32_t n = 0;
      for (; n < oracle::kMaxBatch && compared_ + n < wanted; ++seed) {
        if (!(sequencer_.get()->*make)(seed, batch[n])) {
          ++given_up_;
          continue;
        }
        seeds[n] = seed;
        oracle_->batch()[n] = batch[n].plan;
        ++n;
      }
      oracle_->run(0, n);
      std::vector<oracle::Outcome> outcomes;
      for (uint32_t i = 0; i < n; ++i) outcomes.push_back(oracle_->batch()[i].out);
      for (uint32_t i = 0; i < n; ++i) {
        count(batch[i]);
        const std::string what = difference(batch[i], outcomes[i]);
        if (!what.empty() && ++differences <= 5) report(seeds[i], what, batch[i]);
      }
      compared_ += n;
    }
    EXPECT_EQ(sequencer_->violations(), "");
    return differences;
  }

  void report(uint64_t seed, const std::string& what, const Sequence& sequence) {
    const Sequence small = sequencer_->minimise(sequence, *oracle_);
    const oracle::Outcome& actual = oracle_->batch()[0].out;
    ADD_FAILURE() << "sequence of seed " << seed << ":\n" << what << "minimised:\n" << difference(small, actual)
                  << describe(small, actual) << (small.memory_compared ? sequencer_->memory_difference() : "");
  }

  void count(const Sequence& s) {
    instructions_ += s.steps.size();
    for (std::size_t i = 0; i < s.steps.size(); ++i) {
      const Sequence::Step& step = s.steps[i];
      if (step.form < 0) continue;
      Coverage& c = coverage_[static_cast<unsigned>(step.form)];
      ++c.executed;
      c.faulted += i + 1 == s.steps.size() && s.expected.trap != 3;
      for (unsigned v = 0; v < 7; ++v) c.variant[v] += step.variant >> v & 1;
    }
  }

  void list_coverage() const {
    std::printf("%-26s %9s %8s %8s %8s %8s %8s %8s %8s %8s\n", "form", "executed", "faulted", "register", "memory", "16-bit",
                "addr16", "segment", "lock", "rep");
    for (unsigned f = 0; f < oracle::kFormCount; ++f) {
      const Coverage& c = coverage_[f];
      std::printf("%-26s %9llu %8llu", oracle::kForms[f].text, static_cast<unsigned long long>(c.executed),
                  static_cast<unsigned long long>(c.faulted));
      for (const uint64_t v : c.variant) std::printf(" %8llu", static_cast<unsigned long long>(v));
      std::printf("\n");
    }
  }

  const oracle::CodePages code_pages_;
  std::unique_ptr<oracle::Oracle> oracle_;
  std::unique_ptr<Sequencer> sequencer_;
  std::vector<Coverage> coverage_;
  uint64_t compared_ = 0, given_up_ = 0, instructions_ = 0;
};

TEST_F(LiftOracle, RandomSequences) {
  const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", 200000);
  const unsigned differences = campaign(&Sequencer::make, setting("CHRYSALIS_ORACLE_SEED", 0), wanted);
  list_coverage();
  std::printf("%llu sequences, %llu instructions compared; %llu sequences given up; %u differences\n",
              static_cast<unsigned long long>(compared_), static_cast<unsigned long long>(instructions_),
              static_cast<unsigned long long>(given_up_), differences);
  EXPECT_EQ(differences, 0u);
  if (wanted < 100000) return;
  for (unsigned f = 0; f < oracle::kFormCount; ++f) {
    const oracle::Form& form = oracle::kForms[f];
    const Coverage& c = coverage_[f];
    if ((form.hints & oracle::kUmip) && !oracle::Oracle::has_umip()) continue;
    EXPECT_GE(c.executed, 50u) << form.text;
    if (form.hints & oracle::kRare) continue;
    EXPECT_GT(c.executed, c.faulted) << form.text << " never completes";
    const bool modrm = form.encoding == oracle::Encoding::Modrm || form.encoding == oracle::Encoding::ModrmSeg;
    if (modrm) {
      EXPECT_GT(c.variant[0], 0u) << form.text << " with a register";
      EXPECT_GT(c.variant[1], 0u) << form.text << " with memory";
    }
    if (form.hints & oracle::kNoPrefix) continue;
    EXPECT_GT(c.variant[2], 0u) << form.text << " with operand size 16";
    EXPECT_GT(c.variant[3], 0u) << form.text << " with address size 16";
    EXPECT_GT(c.variant[4], 0u) << form.text << " with a segment override";
    const bool lockable = form.hints & oracle::kLock, repeatable = form.hints & oracle::kString;
    EXPECT_TRUE(!lockable || c.variant[5] > 0) << form.text << " with LOCK";
    EXPECT_TRUE(!repeatable || c.variant[6] > 0) << form.text << " with REP";
  }
}

TEST_F(LiftOracle, RandomBytes) {
  const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", 200000) / 4;
  EXPECT_EQ(campaign(&Sequencer::make_from_bytes, setting("CHRYSALIS_ORACLE_SEED", 0), wanted), 0u);
}

TEST_F(LiftOracle, Loops) {
  const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", 200000) / 10;
  EXPECT_EQ(campaign(&Sequencer::make_loop, setting("CHRYSALIS_ORACLE_SEED", 0), wanted), 0u);
  std::printf("%llu sequences, %llu instructions\n", static_cast<unsigned long long>(compared_),
              static_cast<unsigned long long>(instructions_));
}

class WritableCodeOracle : public LiftOracle {
 protected:
  WritableCodeOracle() : LiftOracle(oracle::CodePages::Writable) {}
};

TEST_F(WritableCodeOracle, RandomSequences) {
  const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", 200000) / 10;
  EXPECT_EQ(campaign(&Sequencer::make, setting("CHRYSALIS_ORACLE_SEED", 0), wanted), 0u);
}

TEST_F(WritableCodeOracle, SelfModifyingLoops) {
  const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", 200000) / 10;
  EXPECT_EQ(campaign(&Sequencer::make_self_modifying, setting("CHRYSALIS_ORACLE_SEED", 0), wanted), 0u);
  std::printf("%llu sequences, %llu instructions\n", static_cast<unsigned long long>(compared_),
              static_cast<unsigned long long>(instructions_));
}

}  // namespace
}  // namespace chrysalis::test
