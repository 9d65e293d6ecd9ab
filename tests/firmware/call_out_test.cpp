// Instructions that only the interpreters execute, in the middle of hot code: translations call out for them and go on behind them.
#include <gtest/gtest.h>

#include "firmware/region_shape.h"
#include "tests/firmware/guest.h"
#include "translator/passes/passes.h"

namespace chrysalis::test {
namespace {

using fw::Counter;

struct Case {
  Form form;
  unsigned gear;
  bool trees = false;
};
std::string name(const Case& c) {
  return std::string(c.form == Form::Core ? "core" : "hosted") + "_gear" + std::to_string(c.gear) + (c.trees ? "_trees" : "");
}
void PrintTo(const Case& c, std::ostream* out) { *out << name(c); }

class CallOutTest : public testing::TestWithParam<Case> {
 protected:
  static void run(Guest& guest) {
    fw::Mailbox& mailbox = guest.mailbox();
    mailbox.max_gear = GetParam().gear;
    fw::GearOptions& gears = mailbox.gears;
    gears.first_gear = GetParam().gear == 1 ? 1 : 2;
    for (uint32_t& threshold : gears.threshold) threshold = 16;
    gears.max_instructions = gears.unroll_instructions = 100;
    gears.switches = fw::kSwitchChaining | fw::kSwitchReorder | fw::kSwitchPassStores | fw::kSwitchAdaptation | fw::kSwitchCheck;
    if (GetParam().trees) gears.switches |= fw::kSwitchTrees;
    gears.misspeculations = 1'000'000;
    gears.passes = translator::kUsualPasses;
    guest.reg(GuestReg::Ebx) = kData;
    guest.run();
    ASSERT_FALSE(guest.delivered.empty());
    EXPECT_EQ(guest.delivered.back().vector, 0x80u);
    EXPECT_GE(guest.counter(Counter::Entries), 1u);
  }
  static uint32_t edi(Guest& guest) { return static_cast<uint32_t>(guest.reg(GuestReg::Edi)); }
};

GUEST_CODE(sums, R"(
    fninit
    fldz
    mov $2000, %ecx
1:  mov %ecx, (%ebx)
    add %ecx, %edi
    fiaddl (%ebx)
    fiaddl (%ebx)
    lea 4(%edi), %edi
    fiaddl 4(%ebx)
    dec %ecx
    jnz 1b
    fistpl 8(%ebx)
    int $0x80
)")

TEST_P(CallOutTest, TheLoopStaysInTranslatedCode) {
  Guest guest(GUEST_BYTES(sums), {fw::Interpreter::DirectThreaded, GetParam().form});
  run(guest);
  EXPECT_EQ(edi(guest), 2001u * 1000 + 8000);
  EXPECT_EQ(guest.read32(kData + 8), 2001u * 2000);
  EXPECT_GE(guest.counter(Counter::CallOuts), 3900u);
  EXPECT_LE(guest.counter(Counter::Entries), GetParam().gear == 1 ? 2100u : 50u);  // gear 1 has one iteration of the loop in a translation
}

// Neither side of the branch is likely, and there are call-outs on both: one at once, one behind other instructions.
GUEST_CODE(sides, R"(
    fninit
    mov $2000, %ecx
1:  test $1, %ecx
    jz 2f
    inc %edi
    fld1
    add $1, %edi
    fstp %st(0)
    jmp 3f
2:  fldz
    add $100, %edi
    fstp %st(0)
3:  add $7, %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(CallOutTest, BothSidesOfABranch) {
  Guest guest(GUEST_BYTES(sides), {fw::Interpreter::DirectThreaded, GetParam().form});
  run(guest);
  EXPECT_EQ(edi(guest), 1000u * (2 + 100) + 2000 * 7);
  if (GetParam().trees) {
    EXPECT_LE(guest.counter(Counter::Entries), 100u);
  }
}

// What is called out for delivers a register, and reads flags.
GUEST_CODE(results, R"(
    fninit
    mov $600, %ecx
    mov $7, %edx
1:  fldz
    add $5, %edx
    fld1
    xor %eax, %eax
    fucompp
    fnstsw %ax
    and $0x4500, %eax
    add %eax, %edi
    cmp %ecx, %edx
    fldz
    fcmovb %st(0), %st(0)
    adc $0, %edi
    fstp %st(0)
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(CallOutTest, RegistersAndFlagsPassBothWays) {
  Guest guest(GUEST_BYTES(results), {fw::Interpreter::DirectThreaded, GetParam().form});
  run(guest);
  uint32_t sum = 0;
  for (uint32_t ecx = 600, edx = 7; ecx != 0; --ecx) sum += (edx += 5) < ecx;  // 1.0 is greater than 0: no condition code
  EXPECT_EQ(edi(guest), sum);
  EXPECT_GE(guest.counter(Counter::CallOuts), 500u);
}

GUEST_CODE(direction, R"(
    mov $600, %ecx
1:  lea 64(%ebx), %esi
    mov %ecx, 64(%ebx)
    std
    lodsl
    add %eax, %edi
    cld
    add $4, %esi
    lodsl
    sub %esi, %eax
    add %eax, %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(CallOutTest, SystemFlagsChangeInTheMiddle) {
  Guest guest(GUEST_BYTES(direction), {fw::Interpreter::DirectThreaded, GetParam().form});
  run(guest);
  uint32_t sum = 0;
  for (uint32_t ecx = 600; ecx != 0; --ecx) sum += 2 * ecx - (kData + 68);
  EXPECT_EQ(edi(guest), sum);
}

// LOOPE has two exits, one of them to what follows it: a region that goes on where it leads has to keep that one.
GUEST_CODE(loops, R"(
    mov $600, %esi
1:  mov $5, %ecx
2:  inc %edi
    cmp %edx, %edx
    loope 2b
    mov $7, %ecx
3:  add $16, %edi
    cmp $4, %ecx
    loopne 3b
    dec %esi
    jnz 1b
    int $0x80
)")

TEST_P(CallOutTest, ConditionalLoopInstructions) {
  Guest guest(GUEST_BYTES(loops), {fw::Interpreter::DirectThreaded, GetParam().form});
  run(guest);
  EXPECT_EQ(edi(guest), 600u * (5 + 16 * 4));
}

// The segment register's selector is bad in one iteration, in the middle of a call-out.
GUEST_CODE(selectors, R"(
    mov $600, %ecx
1:  xor %eax, %eax
    cmp $300, %ecx
    jne 2f
    mov $0x1234, %eax
2:  add $3, %edi
    mov %eax, %fs
    inc %edi
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(CallOutTest, ExceptionsArePrecise) {
  Guest guest(GUEST_BYTES(selectors), {fw::Interpreter::DirectThreaded, GetParam().form});
  unsigned faults = 0;
  guest.on_exception = [&](const Delivered& delivered) {
    if (delivered.vector != 13) return uint32_t{fw::kReplyStop};
    ++faults;
    EXPECT_EQ(delivered.error_code, 0x1234u);
    EXPECT_EQ(guest.reg(GuestReg::Ecx), 300u);
    EXPECT_EQ(edi(guest), 4u * 300 + 3);
    guest.reg(GuestReg::Eax) = 0;
    return uint32_t{0};
  };
  run(guest);
  EXPECT_EQ(faults, 1u);
  EXPECT_EQ(edi(guest), 4u * 600);
}

INSTANTIATE_TEST_SUITE_P(Gears, CallOutTest,
                         testing::Values(Case{Form::Hosted, 1}, Case{Form::Hosted, 2}, Case{Form::Hosted, 3}, Case{Form::Core, 1},
                                         Case{Form::Core, 2}, Case{Form::Core, 3}, Case{Form::Hosted, 3, true}, Case{Form::Core, 3, true}),
                         [](const auto& info) { return name(info.param); });

}  // namespace
}  // namespace chrysalis::test
