// What translations learn from each cause of events: a guest for each, and the statistics that show the decision.
#include <gtest/gtest.h>

#include "tests/firmware/guest.h"
#include "translator/passes/passes.h"

namespace chrysalis::test {
namespace {

using fw::Counter;

constexpr Setup kForms[] = {{fw::Interpreter::DirectThreaded, Form::Hosted}, {fw::Interpreter::DirectThreaded, Form::Core}};

class AdaptationTest : public testing::TestWithParam<Setup> {
 protected:
  /// Regions of gear 2, soon, with all speculation.
  static void use_gears(Guest& guest) {
    fw::Mailbox& mailbox = guest.mailbox();
    mailbox.max_gear = 2;
    fw::GearOptions& gears = mailbox.gears;
    gears.first_gear = 2;
    for (uint32_t& threshold : gears.threshold) threshold = 16;
    gears.max_instructions = 200;
    gears.switches = fw::kSwitchChaining | fw::kSwitchReorder | fw::kSwitchPassStores | fw::kSwitchAdaptation;
    gears.misspeculations = 1'000'000;
    gears.passes = translator::kUsualPasses;
  }

  void run(Guest& guest) {
    use_gears(guest);
    prepare(guest);
    guest.reg(GuestReg::Ebx) = kData;
    guest.reg(GuestReg::Edi) = 0;
    guest.run();
    ASSERT_FALSE(guest.delivered.empty());
    EXPECT_EQ(guest.delivered.back().vector, 0x80u);
    EXPECT_GE(guest.counter(Counter::Translations2), 1u);
  }

  std::function<void(Guest&)> prepare = [](Guest&) {};
};

// The load may pass the store, whose data comes late, and always overlaps it.
GUEST_CODE(alias, R"(
    mov $2000, %ecx
    mov %ebx, %esi
1:  mov %ecx, %edx
    imul %edx, %edx
    imul %ecx, %edx
    imul %edx, %edx
    mov %edx, (%ebx)
    mov (%esi), %eax
    add %eax, %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

uint32_t sum_of_alias() {
  uint32_t sum = 0;
  for (uint32_t i = 1; i <= 2000; ++i) sum += (i * i * i) * (i * i * i);
  return sum;
}

TEST_P(AdaptationTest, LoadsStayBehindTheStoreThatTheyOverlap) {
  Guest guest(GUEST_BYTES(alias), GetParam());
  run(guest);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), sum_of_alias());
  EXPECT_GE(guest.counter(Counter::FaultsAlias), 1u);
  EXPECT_LE(guest.counter(Counter::FaultsAlias), 6u);
  EXPECT_GE(guest.counter(Counter::InstructionsOrdered), 1u);
  EXPECT_GE(guest.counter(Counter::Retranslations), 1u);
  EXPECT_EQ(guest.counter(Counter::InstructionsIsolated), 0u);
}

TEST_P(AdaptationTest, WithoutLearningEveryIterationFaults) {
  prepare = [](Guest& guest) { guest.mailbox().gears.switches &= ~uint32_t{fw::kSwitchAdaptation}; };
  Guest guest(GUEST_BYTES(alias), GetParam());
  run(guest);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), sum_of_alias());
  EXPECT_GE(guest.counter(Counter::FaultsAlias), 500u);
  EXPECT_EQ(guest.counter(Counter::Retranslations), 0u);
}

// One misspeculation in a million instructions is all that is put up with: the region made next speculates on nothing.
TEST_P(AdaptationTest, TheBudgetOfMisspeculationsRunsOut) {
  prepare = [](Guest& guest) { guest.mailbox().gears.misspeculations = 1; };
  Guest guest(GUEST_BYTES(alias), GetParam());
  run(guest);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), sum_of_alias());
  EXPECT_GE(guest.counter(Counter::ThrottledByBudget), 1u);
  EXPECT_EQ(guest.counter(Counter::ThrottledRegions), 0u);
}

// The pair is in two regions: one enters behind the branch, the other goes through it. Both are there before it overlaps for the first time. What
// one of them teaches, the other need not teach again at the price of leaving the store to the interpreter.
GUEST_CODE(alias_of_two, R"(
    mov $4000, %ecx
    lea 64(%ebx), %esi
1:  mov %ecx, %edx
    imul $0x9e3779b1, %edx, %edx
    shr $31, %edx
    jz 2f
    inc %edi
2:  cmp $2000, %ecx
    cmovb %ebx, %esi
    mov %ecx, %edx
    imul %edx, %edx
    imul %ecx, %edx
    imul %edx, %edx
    mov %edx, (%ebx)
    mov (%esi), %eax
    add %eax, %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(AdaptationTest, ALessonHoldsForEveryRegion) {
  Guest guest(GUEST_BYTES(alias_of_two), GetParam());
  guest.word(0x20'0040) = 7;
  run(guest);
  uint32_t sum = 0;
  for (uint32_t i = 1; i <= 4000; ++i) sum += (i < 2000 ? (i * i * i) * (i * i * i) : 7) + (i * 0x9e3779b1u >> 31);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), sum);
  EXPECT_GE(guest.counter(Counter::FaultsAlias), 3u);
  EXPECT_LE(guest.counter(Counter::FaultsAlias), 12u);
  EXPECT_EQ(guest.counter(Counter::InstructionsIsolated), 0u);
}

// One load meets no store; the other always does. Only that pair loses its freedom.
GUEST_CODE(alias_beside, R"(
    mov $4000, %ecx
    mov %ebx, %esi
    lea 64(%ebx), %ebp
1:  mov %ecx, %edx
    imul %edx, %edx
    imul %ecx, %edx
    imul %edx, %edx
    mov %edx, (%ebx)
    mov (%esi), %eax
    add %eax, %edi
    mov (%ebp), %eax
    imul %eax, %eax
    add %eax, %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(AdaptationTest, OnlyThePairKeepsItsOrder) {
  Guest guest(GUEST_BYTES(alias_beside), GetParam());
  guest.word(0x20'0040) = 5;
  run(guest);
  uint32_t sum = 0;
  for (uint32_t i = 1; i <= 4000; ++i) sum += (i * i * i) * (i * i * i) + 25;
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), sum);
  EXPECT_GE(guest.counter(Counter::InstructionsOrdered), 1u);
  EXPECT_LE(guest.counter(Counter::InstructionsOrdered), 2u);
  EXPECT_LE(guest.counter(Counter::FaultsAlias), 6u);
  EXPECT_EQ(guest.counter(Counter::InstructionsIsolated), 0u);
}

// Two dozen such pairs. Each would have to learn by itself; the region stops speculating before that.
GUEST_CODE(many_aliases, R"(
    mov $500, %ecx
    mov %ebx, %esi
1:  mov %ecx, %edx
    .set at, 0
    .rept 24
    imul %edx, %edx
    imul %ecx, %edx
    mov %edx, at(%ebx)
    mov at(%esi), %eax
    add %eax, %edi
    .set at, at + 4
    .endr
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(AdaptationTest, ARegionThatKeepsMisspeculatingStops) {
  Guest guest(GUEST_BYTES(many_aliases), GetParam());
  run(guest);
  uint32_t sum = 0;
  for (uint32_t i = 1; i <= 500; ++i) {
    uint32_t value = i;
    for (int k = 0; k < 24; ++k) sum += value = value * value * i;
  }
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), sum);
  EXPECT_GE(guest.counter(Counter::ThrottledRegions), 1u);
  EXPECT_LE(guest.counter(Counter::FaultsAlias), 40u);
}

// The pointer is there long before it is known whether it is null, as it is now and then.
GUEST_CODE(null_pointer, R"(
    mov $4000, %ecx
1:  mov %ecx, %esi
    imul $0x9e3779b1, %esi, %esi
    shr $27, %esi
    neg %esi
    sbb %esi, %esi
    and %ebx, %esi
    imul $3, %esi, %edx
    imul $5, %edx, %edx
    imul $7, %edx, %edx
    test %edx, %edx
    jz 2f
    mov 8(%esi), %eax
    add %eax, %edi
2:  dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(AdaptationTest, LoadsStayBehindTheBranchThatGuardsThem) {
  Guest guest(GUEST_BYTES(null_pointer), GetParam());
  guest.word(0x20'0008) = 3;
  run(guest);
  uint32_t sum = 0;
  for (uint32_t i = 1; i <= 4000; ++i) sum += (i * 0x9e3779b1u) >> 27 != 0 ? 3 : 0;
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), sum);
  EXPECT_EQ(guest.counter(Counter::PageFaults), 0u);
  EXPECT_GE(guest.counter(Counter::Misspeculations), 1u);
  EXPECT_LE(guest.counter(Counter::Misspeculations), 8u);
  EXPECT_GE(guest.counter(Counter::InstructionsOrdered), 1u);
}

// More stores than the buffer gates.
GUEST_CODE(stores, R"(
    mov $300, %ecx
1:  .set at, 0
    .rept 90
    mov %ecx, at(%ebx)
    .set at, at + 4
    .endr
    add 4(%ebx), %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

// Regions commit before the buffer is full, so the firmware is told of a larger one than there is.
TEST_P(AdaptationTest, RegionsThatFillTheStoreBufferGetShorter) {
  if (GetParam().form == Form::Hosted) GTEST_SKIP() << "the hosted form's buffer is as large as the firmware is told";
  Guest guest(GUEST_BYTES(stores), GetParam());
  prepare = [](Guest& g) { g.mailbox().machine.store_buffer_entries = 4096; };
  run(guest);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), 300u * 301 / 2);
  EXPECT_GE(guest.counter(Counter::FaultsStores), 1u);
  EXPECT_LE(guest.counter(Counter::FaultsStores), 16u);
  EXPECT_GE(guest.counter(Counter::RegionsShortened), 1u);
}

TEST_P(AdaptationTest, RegionsWithManyStoresCommitOnTheWay) {
  Guest guest(GUEST_BYTES(stores), GetParam());
  run(guest);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), 300u * 301 / 2);
  EXPECT_EQ(guest.counter(Counter::FaultsStores), 0u);
  EXPECT_EQ(guest.counter(Counter::RegionsShortened), 0u);
}

// A load that faults in every iteration; the guest's kernel skips it.
GUEST_CODE(faulting, R"(
    mov $400, %ecx
1:  add %ecx, %edi
    mov (%edx), %eax
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(AdaptationTest, AnInstructionThatFaultsAllTheTimeIsLeftToTheInterpreter) {
  Guest guest(GUEST_BYTES(faulting), GetParam());
  guest.on_exception = [&](const Delivered& d) {
    if (d.vector != 14) return uint32_t{fw::kReplyStop};
    guest.reg(GuestReg::Eip) += 2;
    return 0u;
  };
  guest.reg(GuestReg::Edx) = 0;
  run(guest);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), 400u * 401 / 2);
  EXPECT_EQ(guest.counter(Counter::PageFaults), 400u);
  EXPECT_EQ(guest.counter(Counter::InstructionsIsolated), 1u);
  EXPECT_LE(guest.counter(Counter::FaultsPage), 12u);
}

// A device among the hot loads: translations must not touch it.
GUEST_CODE(device, R"(
    mov $400, %ecx
1:  add (%ebp), %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

class Ticks final : public isa::Device {
 public:
  void read(uint64_t, unsigned size, uint8_t* bytes) override {
    const uint32_t value = ++reads;
    std::memcpy(bytes, &value, size);
  }
  void write(uint64_t, unsigned, const uint8_t*) override {}
  uint32_t reads = 0;
};

TEST_P(AdaptationTest, AccessesToDevicesAreLeftToTheInterpreter) {
  if (GetParam().form == Form::Hosted) return;  // which has no devices
  constexpr uint64_t kDevice = 0x6000'0000;
  Ticks ticks;
  Guest guest(GUEST_BYTES(device), GetParam());
  guest.machine().memory().add_device(kDevice, 0x1000, ticks);
  guest.mailbox().device_begin = kDevice;
  guest.mailbox().device_end = kDevice + 0x1000;
  guest.map(0x0070'0000, static_cast<uint32_t>(kDevice));
  guest.reg(GuestReg::Ebp) = 0x0070'0000;
  run(guest);
  EXPECT_EQ(ticks.reads, 400u);
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), 400u * 401 / 2);
  EXPECT_EQ(guest.counter(Counter::FaultsDevice), 1u);
  EXPECT_EQ(guest.counter(Counter::InstructionsIsolated), 1u);
}

INSTANTIATE_TEST_SUITE_P(Forms, AdaptationTest, testing::ValuesIn(kForms), name);

}  // namespace
}  // namespace chrysalis::test
