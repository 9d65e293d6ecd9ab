// Tree regions in both forms of the firmware: what gear 3 makes of both sides of branches does what interpretation does, each
// translation is proved by the schedule checker, and whatever interrupts one leaves a state that interpretation has too.
#include <gtest/gtest.h>

#include "firmware/region_shape.h"
#include "tests/firmware/guest.h"
#include "translator/passes/passes.h"

namespace chrysalis::test {
namespace {

using fw::Counter;

struct Case {
  const char* name;
  std::vector<uint8_t> code;
};

// Branches that go either way, by a linear congruential generator: flags and registers live across them, stores on both sides.
GUEST_CODE(tree_branches, R"(
    mov $6000, %ecx
    mov $12345, %eax
    xor %edi, %edi
    xor %ebp, %ebp
1:  imul $1103515245, %eax, %eax
    add $12345, %eax
    mov %eax, %edx
    shr $16, %edx
    test $1, %dl
    jz 2f
    add %edx, %edi
    adc $3, %ebp
    mov %edi, (%ebx)
    test $2, %dl
    jz 4f
    xor %ebp, %edi
    mov %ebp, 8(%ebx)
    inc %ebp
    jmp 5f
2:  sub %edx, %edi
    sbb $1, %ebp
    mov %dx, 4(%ebx)
    test $4, %dl
    jnz 3f
    add 4(%ebx), %edi
    rol $3, %edi
    jmp 5f
3:  mov 8(%ebx), %esi
    lea (%esi,%edi,2), %edi
    jmp 5f
4:  mov (%ebx), %esi
    add %esi, 12(%ebx)
5:  dec %ecx
    jnz 1b
    pushf
    pop %esi
    int $0x80
)")

// Calls that are inlined, on both sides of a branch; more stores on a path than a small store buffer holds.
GUEST_CODE(tree_calls, R"(
    mov $3000, %ecx
    mov $7, %eax
1:  imul $69069, %eax, %eax
    inc %eax
    test $0x10000, %eax
    jz 2f
    call 6f
    mov %eax, 0x40(%ebx)
    jmp 3f
2:  call 7f
    mov %edx, 0x44(%ebx)
    test $0x20000, %eax
    jnz 3f
    call 6f
3:  dec %ecx
    jnz 1b
    int $0x80
6:  push %esi
    mov %eax, %esi
    shr $20, %esi
    add %esi, %edi
    pop %esi
    ret
7:  push %edi
    push %eax
    .set at, 0x100
    .rept 20
    mov %eax, at(%ebx)
    .set at, at + 4
    .endr
    and $0xff, %eax
    lea 1(%edi,%eax,4), %edx
    pop %eax
    pop %edi
    ret
)")

// A side that is rare divides by what may be zero, and loads from a page that is not there.
GUEST_CODE(tree_faults, R"(
    mov $4000, %ecx
    mov $99, %eax
1:  imul $1664525, %eax, %eax
    add $1013904223, %eax
    mov %eax, %esi
    shr $24, %esi
    test $0x40000000, %eax
    jz 2f
    add %esi, %edi
    push %eax
    mov %esi, (%ebx)
    movzbl %al, %eax
    xor %edx, %edx
    div %esi
    add %eax, %edi
    pop %eax
    jmp 3f
2:  test $0x20000000, %eax
    jz 3f
    mov %edi, 4(%ebx)
    cmp $250, %esi
    jb 3f
    mov 0x20000(%ebx), %edx
3:  dec %ecx
    jnz 1b
    int $0x80
)")

// Branches that go either way around little: an arm that is skipped, two, one out of line, one with a load; conditions of every kind, flags
// that live across, registers written in parts.
GUEST_CODE(hammocks, R"(
    mov $5000, %ecx
    mov $12345, %eax
    xor %edi, %edi
    xor %ebp, %ebp
1:  imul $1103515245, %eax, %eax
    add $12345, %eax
    mov %eax, %edx
    shr $16, %edx
    test $1, %dl
    jz 2f
    inc %edi
    rol $3, %ebp
2:  cmp $0x4000, %dx
    jae 3f
    lea 5(%edi,%edx), %edi
    xor %edx, %ebp
    mov $7, %dl
    jmp 4f
3:  sub %edx, %ebp
    mov %dl, %dh
4:  adc $0, %edi
    test $0x20000, %eax
    jnz 8f
5:  mov %edi, (%ebx)
    cmp %ebp, %edi
    jl 6f
    add (%ebx), %ebp
    sbb 4(%ebx), %edi
6:  sbb $1, %ebp
    mov %ecx, %esi
    mov %eax, %ecx
    and $0x100000, %ecx
    jecxz 7f
    add $9, %edi
7:  mov %esi, %ecx
    mov %ebp, 4(%ebx)
    dec %ecx
    jnz 1b
    pushf
    pop %esi
    int $0x80
8:  add %edx, %edi
    neg %ebp
    jmp 5b
)")

// An arm loads through a pointer that is null whenever the arm is skipped; another one through a pointer that is rarely null, skipped or not.
GUEST_CODE(hammock_faults, R"(
    mov $6000, %ecx
    mov $99, %eax
1:  imul $1664525, %eax, %eax
    add $1013904223, %eax
    mov %eax, %esi
    sar $31, %esi
    and %ebx, %esi
    mov %ecx, %edx
    and $0x3ff, %edx
    mov %ebx, %ebp
    cmp $5, %edx
    jne 2f
    xor %ebp, %ebp
2:  test %esi, %esi
    jz 3f
    mov 0x10(%esi), %edx
    add 4(%esi), %edi
3:  lea (%edi,%edx,4), %edi
    test $0x20000000, %eax
    jz 4f
    mov 8(%ebp), %edx
    inc %edi
4:  add %edx, 8(%ebx)
    mov %edi, 0x10(%ebx)
    dec %ecx
    jnz 1b
    int $0x80
)")

// Two branches that go either way around so much that the tree, each way through both of them, is longer than a branch reaches.
GUEST_CODE(tree_too_long, R"(
    mov $1500, %ecx
    mov $12345, %eax
1:  imul $1103515245, %eax, %eax
    add $12345, %eax
    .macro side
    .rept 72
    addl $0x12345678, at(%ebx)
    .set at, at + 4
    .endr
    .endm
    .set at, 0x400
    test $0x10000, %eax
    jz 2f
    side
    jmp 3f
2:  side
3:  test $0x20000, %eax
    jz 4f
    side
    jmp 5f
4:  side
5:  dec %ecx
    jnz 1b
    .purgem side
    int $0x80
)")

// Threaded code: two indirect jumps to four handlers each, one of which is met half of the time and one rarely; loops of handlers; an indirect call.
GUEST_CODE(threads, R"(
    mov $12345, %eax
    mov $0x40, %ebp
    call 1f
1:  pop %esi
    add $(9f - 1b), %esi
    movl $6000, 8(%ebx)
2:  imul $1103515245, %eax, %eax
    add $12345, %eax
    mov %eax, %ecx
    shr $27, %ecx
    and $0x1c, %ecx
    mov $0x32110000, %edx
    shr %cl, %edx
    and $3, %edx
    shl $5, %edx
    add %esi, %edx
    jmp *%edx
3:  mov %eax, %ecx
    shr $20, %ecx
    and $0x1c, %ecx
    mov $0x00102103, %edx
    shr %cl, %edx
    and $3, %edx
    shl $5, %edx
    add %esi, %edx
    mov %edi, 4(%ebx)
    call *%edx
    decl 8(%ebx)
    jnz 2b
    int $0x80
    .p2align 5
9:  add %eax, %edi
    xor $0x5a5a, %edi
    mov %edi, (%ebx)
    cmp $0x200000, %esp
    xor $1, %ebp
    jp 3b
    ret
    .p2align 5
    sub (%ebx), %edi
    xor $1, %ebp
    jp 3b
    ret
    .p2align 5
    rol $5, %edi
    mov %edi, 12(%ebx)
    xor $1, %ebp
    jp 3b
    ret
    .p2align 5
    mov 4(%ebx), %ecx
    lea (%edi,%ecx,2), %edi
    xor $1, %ebp
    jp 3b
    ret
)")

// Loops of ten iterations, and of many; one that fills the store buffer.
GUEST_CODE(ten_iterations, R"(
    mov $3000, %ecx
1:  mov $10, %edx
    jmp 2f
2:  lea (%edi,%edx), %edi
    dec %edx
    jnz 2b
    dec %ecx
    jnz 1b
    int $0x80
)")
GUEST_CODE(many_iterations, R"(
    mov $30000, %ecx
2:  lea (%edi,%ecx), %edi
    dec %ecx
    jnz 2b
    int $0x80
)")
GUEST_CODE(storing_iterations, R"(
    mov $10000, %ecx
2:  pusha
    pusha
    add $64, %esp
    dec %ecx
    jnz 2b
    int $0x80
)")

// Counted loops of 120 to 151 iterations: to a pointer, by an index below and not above a bound, signed and not, down to zero, and with a condition that does
// not change. Some leave early, one faults, and one leaves with the flags of the test.
GUEST_CODE(counted_loops, R"(
    mov $150, %ebp
1:  lea 120(%ebp), %edx
    shr $1, %edx
    add $64, %edx
    lea (%ebx,%edx,4), %esi
    mov %ebx, %ecx
    jmp 2f
2:  add %ecx, (%ecx)
    add $4, %ecx
    cmp %esi, %ecx
    jne 2b
    pushf
    xor %ecx, %ecx
    jmp 3f
3:  mov (%ebx,%ecx,4), %eax
    xor %eax, %edi
    inc %ecx
    cmp %ecx, %edx
    jg 3b
    mov %edx, %ecx
    neg %ecx
    jmp 4f
4:  rol $1, %edi
    add $3, %ecx
    cmp $300, %ecx
    jle 4b
    mov %edx, %ecx
    jmp 5f
5:  lea (%edi,%ecx,8), %edi
    sub $1, %ecx
    jae 5b
    mov %edx, %ecx
    jmp 6f
6:  xor (%ebx,%ecx,4), %edi
    test %ebp, %ebp
    js 9f
    loop 6b
    mov %edi, %eax
    and $0x7f, %eax
    mov %edx, %ecx
    jmp 7f
7:  adc %ecx, %edi
    cmp %eax, %ecx
    je 8f
    dec %ecx
    jnz 7b
8:  pop %eax
    xor %eax, 0x1000(%ebx)
    dec %ebp
    jnz 1b
9:  pushf
    pop %esi
    int $0x80
)")

std::vector<Case> hammock_cases() { return {{"hammocks", GUEST_BYTES(hammocks)}, {"hammock_faults", GUEST_BYTES(hammock_faults)}}; }

std::vector<Case> cases() {
  return {{"branches", GUEST_BYTES(tree_branches)}, {"calls", GUEST_BYTES(tree_calls)}, {"faults", GUEST_BYTES(tree_faults)}};
}

/// What a guest can tell of a run.
struct Outcome {
  std::vector<uint64_t> registers;
  std::vector<uint8_t> memory;
  std::vector<uint32_t> events;
  uint64_t instructions = 0;
  bool operator==(const Outcome&) const = default;
};

struct TreeSetup {
  Form form;
  const char* machine;
  uint32_t force_rollback, eviction_stress;
  bool chaining;
};

class TreeTest : public testing::TestWithParam<TreeSetup> {
 protected:
  Outcome run(const Case& program, unsigned gear, uint32_t shape, uint32_t if_convert = 0) {
    const TreeSetup& setup = GetParam();
    Guest guest(program.code, {fw::Interpreter::DirectThreaded, gear == 0 ? Form::Hosted : setup.form, setup.machine});
    fw::Mailbox& mailbox = guest.mailbox();
    mailbox.max_gear = gear;
    fw::GearOptions& gears = mailbox.gears;
    gears.first_gear = 1;
    for (uint32_t& threshold : gears.threshold) threshold = 20;
    gears.max_instructions = 200;
    gears.unroll_instructions = 48;
    gears.if_convert_instructions = if_convert;
    gears.switches = fw::kSwitchReorder | fw::kSwitchPassStores | fw::kSwitchAdaptation | fw::kSwitchFollowCalls | fw::kSwitchCheck | shape |
                     (setup.chaining ? uint32_t{fw::kSwitchChaining} : 0u) | (setup.eviction_stress != 0 ? uint32_t{fw::kSwitchEvictionStress} : 0u);
    gears.misspeculations = 1'000'000;
    gears.passes = translator::kUsualPasses;
    gears.force_rollback = setup.force_rollback;
    guest.reg(GuestReg::Ebx) = kData;
    guest.reg(GuestReg::Edi) = 0;
    guest.reg(GuestReg::Esi) = guest.reg(GuestReg::Edx) = guest.reg(GuestReg::Ebp) = 1;
    Outcome out;
    guest.on_exception = [&](const Delivered& event) {
      for (const uint32_t word : {event.vector, event.error_code, event.cr2, event.eip}) out.events.push_back(word);
      for (unsigned i = 0; i < 9; ++i) out.events.push_back(static_cast<uint32_t>(guest.reg(static_cast<GuestReg>(i))));
      if (event.vector == 0x80) return uint32_t{fw::kReplyStop};
      // The handler: what was divided by is one now, and what was read is skipped.
      if (event.vector == 0) guest.reg(GuestReg::Esi) = 1;
      else guest.reg(GuestReg::Eip) += guest.reg(GuestReg::Ebp) == 0 ? 3 : 6;  // the loads' lengths
      return uint32_t{0};
    };
    guest.run();
    for (unsigned i = 0; i < static_cast<unsigned>(GuestReg::kCount); ++i) out.registers.push_back(guest.reg(static_cast<GuestReg>(i)));
    out.memory = guest.memory_at(kData, 2);
    for (const uint8_t byte : guest.memory_at(kStackTop - 0x1000, 1)) out.memory.push_back(byte);
    out.instructions = guest.instructions();
    made_ = guest.counter(Counter::Translations3);
    held_ = guest.counter(Counter::TranslatedInstructions3);
    converted_ = guest.counter(Counter::IfConversions);
    misspeculated_ = guest.counter(Counter::Misspeculations);
    jumps_ = guest.counter(Counter::JumpTargets);
    unrolled_ = guest.counter(Counter::UnrolledIterations);
    versions_ = guest.counter(Counter::Versions);
    too_long_ = guest.counter(Counter::RegionsTooLong);
    return out;
  }

  void expect_equal(const Outcome& outcome, const Outcome& expected) {
    EXPECT_EQ(outcome.registers, expected.registers);
    EXPECT_EQ(outcome.events, expected.events);
    EXPECT_EQ(outcome.instructions, expected.instructions);
    EXPECT_TRUE(outcome.memory == expected.memory);
  }

  uint64_t made_ = 0, held_ = 0, converted_ = 0, misspeculated_ = 0, jumps_ = 0, unrolled_ = 0, versions_ = 0, too_long_ = 0;
};

TEST_P(TreeTest, DoWhatInterpretationDoes) {
  for (const Case& program : cases()) {
    SCOPED_TRACE(program.name);
    const Outcome expected = run(program, 0, 0);
    ASSERT_FALSE(expected.events.empty());
    const Outcome superblocks = run(program, 3, 0);
    const uint64_t held = held_, made = made_;
    EXPECT_TRUE(superblocks == expected);
    const Outcome trees = run(program, 3, fw::kSwitchTrees);
    expect_equal(trees, expected);
    EXPECT_GE(made_, 1u);
    // Trees are larger: fewer of them hold as much.
    if (GetParam().eviction_stress == 0) {
      EXPECT_GT(held_ * made, held * made_) << "the trees are no larger than superblocks";
    }
  }
}

TEST_P(TreeTest, IfConvertedBranchesDoWhatInterpretationDoes) {
  for (const Case& program : hammock_cases()) {
    SCOPED_TRACE(program.name);
    const Outcome expected = run(program, 0, 0);
    ASSERT_FALSE(expected.events.empty());
    for (const unsigned gear : {2u, 3u}) {
      expect_equal(run(program, gear, 0), expected);
      EXPECT_EQ(converted_, 0u);
      expect_equal(run(program, gear, 0, 8), expected);
      EXPECT_GE(converted_, 1u);
      // What the load in an arm meets when the arm is skipped is soon found out, and left a branch.
      EXPECT_LE(misspeculated_, 100u);
    }
    expect_equal(run(program, 3, fw::kSwitchTrees, 8), expected);
    EXPECT_GE(converted_, 1u);
  }
}

class LongTreeTest : public TreeTest {};

// With half the instructions.
TEST_P(LongTreeTest, IsMadeShorter) {
  const Case program{"too_long", GUEST_BYTES(tree_too_long)};
  const Outcome expected = run(program, 0, 0);
  expect_equal(run(program, 3, 0), expected);
  EXPECT_GE(made_, 1u);
  EXPECT_EQ(too_long_, 0u);
  expect_equal(run(program, 3, fw::kSwitchTrees), expected);
  EXPECT_GE(too_long_, 1u);
  EXPECT_GE(made_, 1u);
}

TEST_P(TreeTest, IndirectJumpsDoWhatInterpretationDoes) {
  const Case program{"threads", GUEST_BYTES(threads)};
  const Outcome expected = run(program, 0, 0);
  ASSERT_EQ(expected.events.size(), 13u);
  EXPECT_GT(expected.instructions, 150'000u);
  expect_equal(run(program, 2, 0), expected);
  EXPECT_EQ(jumps_, 0u);
  expect_equal(run(program, 3, 0), expected);
  const uint64_t superblocks = jumps_;
  EXPECT_GE(superblocks, 1u);
  expect_equal(run(program, 3, fw::kSwitchTrees), expected);
  if (GetParam().eviction_stress == 0) {
    EXPECT_GT(jumps_, superblocks) << "no tree goes on at more than one target";
  }
}

TEST_P(TreeTest, VersionsOfLoopsDoWhatInterpretationDoes) {
  const Case program{"counted", GUEST_BYTES(counted_loops)};
  const Outcome expected = run(program, 0, 0);
  ASSERT_EQ(expected.events.size(), 13u);
  expect_equal(run(program, 3, 0), expected);
  EXPECT_EQ(versions_, 0u);
  for (const uint32_t shape : {0u, fw::kSwitchTrees}) {
    expect_equal(run(program, 3, shape | fw::kSwitchVersions), expected);
    if (GetParam().eviction_stress == 0) {
      EXPECT_GE(versions_, 4u);
    }
  }
}

// A loop of ten iterations is unrolled no further, however much fits; a long one as far as its instructions, or its stores, fit.
TEST_P(TreeTest, LoopsAreUnrolledAsOftenAsTheyIterate) {
  if (GetParam().eviction_stress != 0 || GetParam().force_rollback != 0) GTEST_SKIP() << "translations come and go";
  const auto iterations = [this](const Case& program) {
    const Outcome expected = run(program, 0, 0);
    expect_equal(run(program, 2, 0), expected);
    return unrolled_;
  };
  // The first iteration may be interpreted, and not counted.
  const uint64_t ten = iterations({"ten", GUEST_BYTES(ten_iterations)});
  EXPECT_GE(ten, 8u);
  EXPECT_LE(ten, 9u);
  EXPECT_EQ(iterations({"many", GUEST_BYTES(many_iterations)}), 15u);  // of three instructions, in 48
  EXPECT_EQ(iterations({"stores", GUEST_BYTES(storing_iterations)}), 3u);  // of 16 stores, in 64
}

std::string name_of(const testing::TestParamInfo<TreeSetup>& info) {
  return std::string(info.param.form == Form::Core ? "core_" : "hosted_") + info.param.machine + (info.param.force_rollback != 0 ? "_rollback" : "") +
         (info.param.eviction_stress != 0 ? "_stress" : "") + (info.param.chaining ? "" : "_unchained");
}
void PrintTo(const TreeSetup& setup, std::ostream* out) { *out << name_of({setup, 0}); }

INSTANTIATE_TEST_SUITE_P(Forms, TreeTest,
                         testing::Values(TreeSetup{Form::Hosted, "crusoe", 0, 0, true}, TreeSetup{Form::Hosted, "efficeon", 0, 0, true},
                                         TreeSetup{Form::Hosted, "denver", 0, 0, true}, TreeSetup{Form::Hosted, "efficeon", 40, 0, true},
                                         TreeSetup{Form::Hosted, "crusoe", 0, 1, true}, TreeSetup{Form::Hosted, "denver", 0, 0, false},
                                         TreeSetup{Form::Core, "crusoe", 0, 0, true}, TreeSetup{Form::Core, "efficeon", 0, 0, true}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Forms, LongTreeTest,
                         testing::Values(TreeSetup{Form::Hosted, "efficeon", 0, 0, true}, TreeSetup{Form::Hosted, "denver", 0, 0, false}), name_of);

}  // namespace
}  // namespace chrysalis::test
