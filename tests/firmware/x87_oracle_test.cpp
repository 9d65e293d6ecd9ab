// The x87 unit, reached through lifted code, against this machine's processor: random sequences, no difference allowed.
//
// CHRYSALIS_X87_SEQUENCES sets their number (default 100,000); CHRYSALIS_ORACLE_SEED the first seed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "tests/firmware/oracle_guest.h"
#include "tests/firmware/x87_model.h"

namespace chrysalis::test {
namespace {

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

class X87Oracle : public testing::Test {
 protected:
  void SetUp() override {
    std::string why_not;
    oracle_ = oracle::Oracle::start(why_not);
    if (!oracle_) GTEST_SKIP() << why_not;
    fill_x87_images(*oracle_);
    model_ = std::make_unique<X87Model>(oracle_->shared());
  }

  /// A switch to another task may lose the instruction and data pointers (they are saved only while an exception is
  /// pending), so a difference must be seen every time.
  std::string persistent_difference(const X87Sequence& s) {
    std::string what;
    for (unsigned attempt = 0; attempt < 4; ++attempt) {
      oracle_->batch()[0] = s.plan;
      oracle_->run(0, 1);
      what = x87_difference(s, oracle_->batch()[0].out);
      if (what.empty()) return what;
    }
    return what;
  }

  /// Cuts instructions off the end while the difference remains.
  X87Sequence minimise(X87Sequence s) {
    for (uint32_t size = 1; size < s.plan.code_size; ++size) {
      X87Sequence shorter = s;
      shorter.plan.code[size] = 0xcc;
      shorter.plan.code_size = size + 1;
      replay_x87_sequence(*model_, shorter);
      if (shorter.expected.trap == 3 && !persistent_difference(shorter).empty()) return shorter;
    }
    return s;
  }

  std::string memory_difference(const X87Sequence& s) {
    X87Sequence again = s;
    replay_x87_sequence(*model_, again);
    persistent_difference(s);
    std::string out;
    char line[80];
    unsigned shown = 0;
    for (unsigned p = 0; p < oracle::kPages; ++p) {
      for (unsigned i = 0; i < oracle::kPage; ++i) {
        const uint8_t expected = model_->page(p)[i], actual = oracle_->shared().page[p][i];
        if (expected == actual || ++shown > 32) continue;
        std::snprintf(line, sizeof line, "  [%08x] expected %02x, processor %02x\n", oracle::kPageMap[p].address + i, expected, actual);
        out += line;
      }
    }
    return out;
  }

  std::unique_ptr<oracle::Oracle> oracle_;
  std::unique_ptr<X87Model> model_;
};

TEST_F(X87Oracle, RandomSequences) {
  const uint64_t wanted = setting("CHRYSALIS_X87_SEQUENCES", 100000), first = setting("CHRYSALIS_ORACLE_SEED", 0);
  std::vector<X87Sequence> batch(oracle::kMaxBatch);
  std::map<unsigned, uint64_t> executed;  // by opcode, ModRM register field and form
  uint64_t instructions = 0, faults[20] = {};
  unsigned differences = 0;
  for (uint64_t done = 0; done < wanted;) {
    const auto n = static_cast<uint32_t>(std::min<uint64_t>(oracle::kMaxBatch, wanted - done));
    for (uint32_t i = 0; i < n; ++i) {
      batch[i] = make_x87_sequence(*model_, oracle_->shared(), first + done + i);
      oracle_->batch()[i] = batch[i].plan;
    }
    oracle_->run(0, n);
    std::vector<uint32_t> suspects;
    for (uint32_t i = 0; i < n; ++i) {
      for (const unsigned op : batch[i].opcodes) ++executed[op & (((op & 0xc0) == 0xc0 && op >> 8 != 0xd9) ? 0xfff8 : 0xffff) & ((op & 0xc0) == 0xc0 ? 0xffff : 0xff38)];
      instructions += batch[i].opcodes.size();
      ++faults[batch[i].expected.trap % 20];
      if (!x87_difference(batch[i], oracle_->batch()[i].out).empty()) suspects.push_back(i);
    }
    for (const uint32_t i : suspects) {
      if (persistent_difference(batch[i]).empty() || ++differences > 8) continue;
      const X87Sequence small = minimise(batch[i]);
      ADD_FAILURE() << "seed " << first + done + i << ":\n" << persistent_difference(small) << describe_x87(small) << memory_difference(small);
    }
    done += n;
  }
  std::printf("%llu sequences, %llu instructions, %zu forms; ended by #BP %llu, #PF %llu, #MF %llu; %u differences\n",
              static_cast<unsigned long long>(wanted), static_cast<unsigned long long>(instructions), executed.size(),
              static_cast<unsigned long long>(faults[3]), static_cast<unsigned long long>(faults[14]),
              static_cast<unsigned long long>(faults[16]), differences);
  EXPECT_EQ(differences, 0u);
  EXPECT_GT(faults[14], 0u);
  EXPECT_GT(faults[16], 0u);
  if (wanted < 100000) return;
  for (const auto& [form, count] : executed) EXPECT_GE(count, 50u) << std::hex << form;
}

// The same sequences in the interpreters, against what lifted code and unit make of them alone.
class X87Interpreters : public testing::TestWithParam<fw::Interpreter> {};

TEST_P(X87Interpreters, RandomSequences) {
  std::string why_not;
  const auto oracle = oracle::Oracle::start(why_not);
  if (!oracle) GTEST_SKIP() << why_not;
  fill_x87_images(*oracle);
  X87Model model(oracle->shared());
  OracleGuest guest(oracle->shared(), Form::Hosted, GetParam());
  const uint64_t wanted = setting("CHRYSALIS_X87_SEQUENCES", 100000) / 5, first = setting("CHRYSALIS_ORACLE_SEED", 0);
  unsigned differences = 0;
  for (uint64_t seed = first; seed < first + wanted && differences < 5; ++seed) {
    const X87Sequence sequence = make_x87_sequence(model, oracle->shared(), seed);
    const std::string what = x87_difference(sequence, guest.run(sequence.plan));
    if (what.empty()) continue;
    ++differences;
    ADD_FAILURE() << "seed " << seed << ":\n" << what << describe_x87(sequence);
  }
}

INSTANTIATE_TEST_SUITE_P(Interpreters, X87Interpreters,
                         testing::Values(fw::Interpreter::DecodeDispatch, fw::Interpreter::IndirectThreaded,
                                         fw::Interpreter::DirectThreaded));

}  // namespace
}  // namespace chrysalis::test
