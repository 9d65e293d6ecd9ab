// LOOPE and LOOPNE in regions. They have two exits, one of them to what follows: a region that goes on where they lead has
// to keep that one.
#include <gtest/gtest.h>

#include "tests/firmware/guest.h"
#include "translator/passes/passes.h"

namespace chrysalis::test {
namespace {

class LoopInstructionTest : public testing::TestWithParam<Setup> {};

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

TEST_P(LoopInstructionTest, TheCounterEndsTheLoop) {
  Guest guest(GUEST_BYTES(loops), GetParam());
  fw::Mailbox& mailbox = guest.mailbox();
  mailbox.max_gear = mailbox.gears.first_gear = 2;
  for (uint32_t& threshold : mailbox.gears.threshold) threshold = 16;
  mailbox.gears.max_instructions = mailbox.gears.unroll_instructions = 100;
  mailbox.gears.switches = fw::kSwitchChaining | fw::kSwitchReorder | fw::kSwitchCheck;
  mailbox.gears.passes = translator::kUsualPasses;
  guest.machine().set_instruction_limit(1'000'000);
  guest.run();
  EXPECT_EQ(static_cast<uint32_t>(guest.reg(GuestReg::Edi)), 600u * (5 + 16 * 4));
  EXPECT_GE(guest.counter(fw::Counter::Translations2), 2u);
}

INSTANTIATE_TEST_SUITE_P(Forms, LoopInstructionTest,
                         testing::Values(Setup{fw::Interpreter::DirectThreaded, Form::Hosted}, Setup{fw::Interpreter::DirectThreaded, Form::Core}), name);

}  // namespace
}  // namespace chrysalis::test
