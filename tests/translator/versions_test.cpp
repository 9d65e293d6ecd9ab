// Versions of loops: for whatever the guest registers hold, both versions together leave by the same exit with the same registers as the
// region alone.
#include <gtest/gtest.h>

#include <random>

#include "tests/translator/evaluate.h"
#include "translator/region_text.h"
#include "translator/verify_region.h"
#include "translator/versions.h"

namespace chrysalis::test {
namespace {

using ir::Cond;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;
using translator::Region;

constexpr unsigned kRegisters = 9;
constexpr uint32_t kEntry = 0x1000, kOut = 0x2000;

/// A loop unrolled: in each copy `ops` change what is compared, with what `bound` says, and `leaves` is when control leaves.
struct Loop {
  enum class Step : uint8_t { Add, Sub, Inc, Dec, Lea } step = Step::Add;
  enum class Test : uint8_t { Compare, Reversed, OfStep, Itself, Value } test = Test::Compare;
  bool bound_is_constant = false;
  bool tests_first = false;
  bool moves = true;  ///< false: what is compared does not change
  int32_t by = 1;
  uint32_t bound = 0;
  Cond leaves = Cond::Z;
  unsigned copies = 4;
};

class Builder {
 public:
  Region region;

  explicit Builder(const Loop& loop) {
    region.eip = kEntry;
    region.faults_roll_back = true;
    for (unsigned i = 0; i < kRegisters; ++i) {
      region.allocatable |= uint64_t{1} << host(i);
      state_[i] = region.code.new_value();
      region.entry.push_back({state_[i], host(i)});
    }
    for (guest_ = 0; guest_ < loop.copies;) {
      if (loop.tests_first) test(loop);
      step(loop);
      if (!loop.tests_first) test(loop);
      ++guest_;
    }
    guest_ = loop.copies - 1;
    add(Op::Exit, kNoValue, kNoValue, false, false).imm = kEntry;
    map(loop.copies);
  }

 private:
  static uint8_t host(unsigned i) { return static_cast<uint8_t>(i < 8 ? i : 9); }

  ir::Inst& add(Op op, ValueId a, ValueId b, bool value, bool flags) {
    ir::Inst inst;
    inst.op = op;
    inst.src[0] = a;
    inst.src[1] = b;
    if (value) inst.value = region.code.new_value();
    if (flags) inst.flags = region.code.new_value();
    inst.guest = guest_;
    region.code.insts.push_back(inst);
    return region.code.insts.back();
  }
  ValueId constant(uint32_t value) {
    ir::Inst& inst = add(Op::Const, kNoValue, kNoValue, true, false);
    inst.imm = value;
    return inst.value;
  }

  void step(const Loop& loop) {
    if (!loop.moves) return;
    ValueId& x = state_[0];
    const bool is_lea = loop.step == Loop::Step::Lea;
    ir::Inst* made = nullptr;
    switch (loop.step) {
      case Loop::Step::Add: made = &add(Op::Add, x, constant(static_cast<uint32_t>(loop.by)), true, true); break;
      case Loop::Step::Sub: made = &add(Op::Sub, x, constant(static_cast<uint32_t>(loop.by)), true, true); break;
      case Loop::Step::Inc: made = &add(Op::Inc, x, state_[8], true, true); break;
      case Loop::Step::Dec: made = &add(Op::Dec, x, state_[8], true, true); break;
      case Loop::Step::Lea:
        made = &add(Op::Lea, x, kNoValue, true, false);
        made->imm = loop.by;
        break;
    }
    x = made->value;
    if (!is_lea) state_[8] = made->flags;
  }

  void test(const Loop& loop) {
    const ValueId bound = loop.bound_is_constant ? constant(loop.bound) : state_[1];
    switch (loop.test) {
      case Loop::Test::Compare: state_[8] = add(Op::Sub, state_[0], bound, false, true).flags; break;
      case Loop::Test::Reversed: state_[8] = add(Op::Sub, bound, state_[0], false, true).flags; break;
      case Loop::Test::Itself: state_[8] = add(Op::And, state_[0], state_[0], false, true).flags; break;
      case Loop::Test::OfStep:
      case Loop::Test::Value: break;
    }
    ir::Inst& exit = add(Op::ExitIf, loop.test == Loop::Test::Value ? state_[0] : state_[8], kNoValue, false, false);
    exit.cond = loop.leaves;
    exit.imm = kOut;
    map(guest_ + 1u);
  }

  void map(unsigned completed) {
    std::vector<translator::Binding> bindings;
    for (unsigned i = 0; i < kRegisters; ++i) bindings.push_back({state_[i], host(i)});
    region.add_map(bindings);
    region.maps.back().completed = static_cast<uint16_t>(completed);
  }

  ValueId state_[kRegisters] = {};
  uint16_t guest_ = 0;
};

using State = std::array<uint64_t, 64>;

struct Left {
  int64_t to = -1;
  unsigned completed = 0;
  std::vector<uint64_t> registers;
  bool operator==(const Left&) const = default;
};

/// Runs `tree` with these registers. `fast`: whether it has stayed on the first path.
Left run(std::span<const Region> tree, const State& registers, bool& fast) {
  size_t path = 0;
  State state = registers;
  for (;;) {
    const Region& region = tree[path];
    fast = path == 0;
    std::vector<uint64_t> values(region.code.next_value);
    for (const translator::Binding& binding : region.entry) values[binding.value] = state[binding.reg];
    size_t point = 0;
    for (const ir::Inst& inst : region.code.insts) {
      const size_t at = point;
      point += translator::is_point(inst);
      if (!ir::is_exit(inst)) {
        uint64_t sources[4] = {};
        for (unsigned i = 0; i < 4; ++i) sources[i] = inst.src[i] == kNoValue ? 0 : values[inst.src[i]];
        const Evaluated result = evaluate(inst, sources);
        if (inst.value != kNoValue) values[inst.value] = result.value;
        if (inst.flags != kNoValue) values[inst.flags] = result.flags;
        continue;
      }
      if (inst.op == Op::ExitIf && !taken(inst, values[inst.src[0]])) continue;
      Left left{inst.imm, region.maps[at].completed, {}};
      for (const translator::Binding& binding : region.map(at)) {
        state[binding.reg] = values[binding.value];
        left.registers.push_back(state[binding.reg]);
      }
      path = region.maps[at].path;
      if (path == 0) return left;
      break;
    }
  }
}

/// Compares them for `trials` contents of the registers, most of which are near the loop's end or an overflow. Returns how often the first version sufficed.
unsigned compare(const Loop& loop, unsigned trials, std::mt19937_64& random, unsigned* removed = nullptr) {
  std::vector<Region> alone{Builder(loop).region}, both = alone;
  both.emplace_back();
  const unsigned exits = translator::make_version(both[0], both[1], 1);
  if (removed != nullptr) *removed = exits;
  if (exits == 0) {
    both.pop_back();
    EXPECT_EQ(translator::tree_text(both), translator::tree_text(alone));
    return 0;
  }
  for (const translator::TreeViolation& violation : translator::verify_tree(both)) ADD_FAILURE() << violation.violation.rule;
  unsigned sufficed = 0;
  for (unsigned i = 0; i < trials; ++i) {
    constexpr uint32_t kCorners[] = {0, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff};
    State state{};
    for (unsigned reg = 0; reg < 8; ++reg) state[reg] = static_cast<uint32_t>(random());
    state[9] = random() & 0x8d5;
    const auto near = [&random] { return static_cast<uint32_t>(random() % 65) - 32; };
    if (random() % 2 != 0) state[0] = static_cast<uint32_t>(kCorners[random() % 4] + near());
    const uint32_t bound = loop.bound_is_constant ? loop.bound : static_cast<uint32_t>(state[1]);
    if (random() % 2 != 0) (loop.bound_is_constant ? state[0] : state[1]) = static_cast<uint32_t>((loop.bound_is_constant ? bound : state[0]) + near());
    bool fast = false, ignored;
    const Left expected = run(alone, state, ignored), got = run(both, state, fast);
    sufficed += fast;
    if (got == expected) continue;
    ADD_FAILURE() << "registers " << std::hex << state[0] << " and " << state[1] << ": leaves to " << got.to << " after " << got.completed << ", not to "
                  << expected.to << " after " << expected.completed << "\n" << translator::tree_text(both);
    return sufficed;
  }
  return sufficed;
}

TEST(Versions, LeaveAsTheRegionDoes) {
  std::mt19937_64 random(1);
  unsigned versions = 0, sufficed = 0;
  for (unsigned i = 0; i < 6000 && !HasFailure(); ++i) {
    constexpr int32_t kSteps[] = {1, -1, 4, -4, 3, 12, 0x4000'0000, INT32_MIN, 0x1000'0001};
    constexpr uint32_t kBounds[] = {0, 1, 100, 0x7fff'fffe, 0x8000'0000, 0xffff'fff0};
    Loop loop;
    loop.step = static_cast<Loop::Step>(random() % 5);
    loop.test = static_cast<Loop::Test>(random() % 5);
    loop.bound_is_constant = random() % 2 != 0;
    loop.tests_first = random() % 4 == 0;
    loop.moves = random() % 8 != 0;
    loop.by = kSteps[random() % std::size(kSteps)];
    loop.bound = kBounds[random() % std::size(kBounds)];
    loop.leaves = loop.test == Loop::Test::Value ? static_cast<Cond>(static_cast<unsigned>(Cond::Zero) + random() % 2) : static_cast<Cond>(random() % 16);
    loop.copies = 1 + static_cast<unsigned>(random() % 6);
    unsigned removed = 0;
    sufficed += compare(loop, 300, random, &removed);
    versions += removed != 0;
  }
  EXPECT_GT(versions, 1000u);
  EXPECT_GT(sufficed, 10'000u);
}

// What compilers make of counted loops.
TEST(Versions, OfCountedLoops) {
  using Step = Loop::Step;
  using Test = Loop::Test;
  const Loop loops[] = {
      {.step = Step::Add, .test = Test::Compare, .by = 4, .leaves = Cond::Z},                                   // add $4, %eax; cmp %ecx, %eax; jne
      {.step = Step::Lea, .test = Test::Reversed, .by = 4, .leaves = Cond::Z},
      {.step = Step::Inc, .test = Test::Compare, .bound_is_constant = true, .bound = 1000, .leaves = Cond::Z},
      {.step = Step::Dec, .test = Test::OfStep, .leaves = Cond::Z},                                             // dec %eax; jnz
      {.step = Step::Sub, .test = Test::OfStep, .by = 1, .leaves = Cond::B},                                    // sub $1, %eax; jae
      {.step = Step::Sub, .test = Test::OfStep, .by = 1, .leaves = Cond::S},                                    // sub $1, %eax; jns
      {.step = Step::Inc, .test = Test::Compare, .leaves = Cond::NL},                                           // inc %eax; cmp %ecx, %eax; jl
      {.step = Step::Inc, .test = Test::Reversed, .leaves = Cond::LE},
      {.step = Step::Add, .test = Test::Compare, .by = 8, .leaves = Cond::NB},
      {.step = Step::Dec, .test = Test::Itself, .leaves = Cond::LE},                                            // dec; test %eax, %eax; jg
      {.step = Step::Dec, .test = Test::Value, .leaves = Cond::Zero},                                           // loop
      {.step = Step::Inc, .test = Test::Compare, .tests_first = true, .leaves = Cond::NLE},
      {.step = Step::Add, .test = Test::Compare, .moves = false, .leaves = Cond::Z},                            // does not change
  };
  std::mt19937_64 random(2);
  for (const Loop& loop : loops) {
    SCOPED_TRACE(testing::Message() << "loop " << &loop - loops);
    unsigned removed = 0;
    EXPECT_GT(compare(loop, 2000, random, &removed), 200u);
    EXPECT_EQ(removed, loop.copies);
  }
}

// A step that comes round, and what depends on more than entries and constants.
TEST(Versions, AreNotMadeOfWhatIsNotKnown) {
  std::mt19937_64 random(3);
  unsigned removed = 1;
  compare({.by = 0x6000'0000, .leaves = Cond::Z}, 0, random, &removed);
  EXPECT_EQ(removed, 0u);
  compare({.leaves = Cond::P}, 0, random, &removed);
  EXPECT_EQ(removed, 0u);
  compare({.leaves = Cond::Z, .copies = 1}, 0, random, &removed);
  EXPECT_EQ(removed, 0u);
}

}  // namespace
}  // namespace chrysalis::test
