// Small programs through the hosted monitor, on all three interpreters.
#include <gtest/gtest.h>

#include "tests/firmware/guest.h"

namespace chrysalis::test {
namespace {

class MonitorTest : public testing::TestWithParam<Setup> {};

GUEST_CODE(sum, R"(
    mov $0, %eax
    mov $100, %ecx
1:  add %ecx, %eax
    dec %ecx
    jnz 1b
    int $0x80
    ud2
)")

TEST_P(MonitorTest, RunsALoop) {
  Guest guest(GUEST_BYTES(sum), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_TRUE(guest.delivered[0].software);
  EXPECT_EQ(guest.delivered[0].eip, kCode + static_cast<uint32_t>(sum_end - sum_begin) - 2);
  EXPECT_EQ(guest.eax(), 5050u);
  EXPECT_EQ(guest.instructions(), 2u + 300u + 1u);
}

GUEST_CODE(calls, R"(
    mov $10, %eax
    call fact
    mov %eax, 0x500010
    cmpl $3628800, 0x500010
    sete %bl
    int $0x80
fact:
    push %ebp
    mov %esp, %ebp
    push %ebx
    mov %eax, %ebx
    cmp $1, %eax
    jbe 1f
    dec %eax
    call fact
    imul %ebx, %eax
1:  pop %ebx
    leave
    ret
)")

TEST_P(MonitorTest, CallsAndReturns) {
  Guest guest(GUEST_BYTES(calls), GetParam());
  guest.run();
  EXPECT_EQ(guest.eax(), 3628800u);
  EXPECT_EQ(guest.read32(0x500010), 3628800u);
  EXPECT_EQ(guest.reg(GuestReg::Ebx) & 0xff, 1u);
  EXPECT_EQ(guest.reg(GuestReg::Esp), kStackTop - 16);
}

// Aliases between sources and destinations that folding operands must respect.
GUEST_CODE(swaps, R"(
    mov $0x11111111, %eax
    mov $0x22222222, %ebx
    xchg %eax, %ebx
    mov $0x500000, %esi
    mov %eax, (%esi)
    movl $0x500008, 4(%esi)
    xchg %ebx, (%esi)
    mov 4(%esi), %esi
    mov %esi, (%esi)
    mov (%esi), %esi
    push %esp
    pop %ecx
    push %esi
    pop (%esi)
    xadd %eax, %ebx
    mov $0x0102, %edx
    xchg %dl, %dh
    lea 1(%edx,%edx,2), %edx
    mov $7, %edi
    add %edi, %edi
    sub %edi, %edi
    sbb %edi, %edi
    adc $5, %edi
    int $0x80
)")

TEST_P(MonitorTest, RespectsAliases) {
  Guest guest(GUEST_BYTES(swaps), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.eax(), 0x22222222u);
  EXPECT_EQ(guest.reg(GuestReg::Ebx), 0x44444444u);
  EXPECT_EQ(guest.reg(GuestReg::Ecx), kStackTop - 16);
  EXPECT_EQ(guest.reg(GuestReg::Esi), 0x500008u);
  EXPECT_EQ(guest.read32(0x500000), 0x11111111u);
  EXPECT_EQ(guest.read32(0x500008), 0x500008u);
  EXPECT_EQ(guest.reg(GuestReg::Edx), 0x201u * 3 + 1);
  EXPECT_EQ(guest.reg(GuestReg::Edi), 5u);
}

GUEST_CODE(strings, R"(
    cld
    mov $0x500000, %edi
    mov $0x5a, %al
    mov $5000, %ecx
    rep stosb
    mov $0x500000, %esi
    mov $0x508000, %edi
    mov $1000, %ecx
    rep movsl
    mov $0x500000, %esi
    mov $0x508000, %edi
    movb $0, 0x508c00
    mov $5000, %ecx
    repe cmpsb
    mov %ecx, %ebx
    mov $0x508000, %edi
    mov $0, %al
    mov $5000, %ecx
    repne scasb
    xor %eax, %eax
    mov $0, %ecx
    rep stosl
    int $0x80
)")

TEST_P(MonitorTest, CountsARepeatedInstructionOnce) {
  Guest guest(GUEST_BYTES(strings), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.reg(GuestReg::Ebx), 5000u - 0xc01);
  EXPECT_EQ(guest.reg(GuestReg::Edi), 0x508c01u);
  EXPECT_EQ(guest.instructions(), 23u);
}

GUEST_CODE(divides, R"(
    mov $5, %eax
    mov $0, %edx
    movl $1, 0x500000
    mov $0, %ecx
    stc
    div %ecx
    int $0x80
)")

TEST_P(MonitorTest, FaultsPrecisely) {
  Guest guest(GUEST_BYTES(divides), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0u);
  EXPECT_FALSE(guest.delivered[0].software);
  EXPECT_EQ(guest.delivered[0].eip, kCode + static_cast<uint32_t>(divides_end - divides_begin) - 4);
  EXPECT_EQ(guest.eax(), 5u);
  EXPECT_EQ(guest.reg(GuestReg::Flags) & 1, 1u);
  EXPECT_EQ(guest.read32(0x500000), 1u);
  EXPECT_EQ(guest.instructions(), 5u);
}

// The same bytes again and again, in one block and in others, under an address that works and one that does not.
GUEST_CODE(repeated, R"(
    mov $0x500000, %esi
1:  mov (%esi), %eax
    add (%esi), %eax
    incl (%esi)
    movl $7, (%esi)
    mov (%esi), %eax
    add (%esi), %eax
    incl (%esi)
    movl $7, (%esi)
    mov $0x700000, %esi
    jmp 2f
2:  mov (%esi), %eax
    add (%esi), %eax
    incl (%esi)
    movl $7, (%esi)
    int $0x80
)")

TEST_P(MonitorTest, RepeatedInstructionsFaultWhereTheyLie) {
  Guest guest(GUEST_BYTES(repeated), GetParam());
  constexpr uint32_t kLengths[] = {2, 2, 2, 6};
  uint32_t at = kCode + static_cast<uint32_t>(repeated_end - repeated_begin) - 2 - 12;
  unsigned faults = 0;
  guest.on_exception = [&](const Delivered& fault) -> uint32_t {
    if (fault.vector != 14) return fw::kReplyStop;
    EXPECT_EQ(fault.eip, at);
    EXPECT_EQ(fault.cr2, 0x700000u);
    guest.reg(GuestReg::Eip) = at += kLengths[faults++ % 4];
    return 0;
  };
  guest.run();
  EXPECT_EQ(faults, 4u);
  EXPECT_EQ(guest.delivered.back().vector, 0x80u);
  EXPECT_EQ(guest.eax(), 14u);
  EXPECT_EQ(guest.read32(0x500000), 7u);
  // In the plain form they have too many micro-operations to be kept.
  if (GetParam().interpreter == fw::Interpreter::DirectThreaded) {
    EXPECT_GE(guest.counter(fw::Counter::PredecodedAgain), 8u);
  }
}

GUEST_CODE(undefined, R"(
    nop
    ud2
)")

TEST_P(MonitorTest, UndefinedOpcode) {
  Guest guest(GUEST_BYTES(undefined), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 6u);
  EXPECT_EQ(guest.delivered[0].eip, kCode + 1);
}

GUEST_CODE(single_step, R"(
    pushf
    orl $0x100, (%esp)
    popf
    nop
    mov $1, %eax
    pushf
    andl $~0x100, (%esp)
    popf
    nop
    int $0x80
)")

TEST_P(MonitorTest, SingleStep) {
  Guest guest(GUEST_BYTES(single_step), GetParam());
  guest.on_exception = [](const Delivered& d) { return d.vector == 1 ? 0 : uint32_t{fw::kReplyStop}; };
  guest.run();
  // After nop, mov, pushf, andl, popf: TF counts as it was before the instruction.
  ASSERT_EQ(guest.delivered.size(), 6u);
  EXPECT_EQ(guest.delivered[0].vector, 1u);
  EXPECT_EQ(guest.delivered[0].eip, kCode + 1 + 7 + 1 + 1);
  EXPECT_EQ(guest.delivered[5].vector, 0x80u);
}

GUEST_CODE(step_repeat, R"(
    mov $0x500000, %edi
    mov $3, %ecx
    pushf
    orl $0x100, (%esp)
    popf
    rep stosb
    int $0x80
)")

TEST_P(MonitorTest, SingleStepStopsAtEachIteration) {
  Guest guest(GUEST_BYTES(step_repeat), GetParam());
  guest.on_exception = [](const Delivered& d) { return d.vector == 1 ? 0 : uint32_t{fw::kReplyStop}; };
  guest.run();
  const uint32_t repeated = kCode + 10 + 1 + 7 + 1;
  ASSERT_EQ(guest.delivered.size(), 4u);
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(guest.delivered[i].vector, 1u);
    EXPECT_EQ(guest.delivered[i].eip, i < 2 ? repeated : repeated + 2);
  }
  EXPECT_EQ(guest.instructions(), 7u);
}

GUEST_CODE(enter_nested, R"(
    mov $0x508000, %ebp
    enter $16, $31
    leave
    pusha
    popa
    int $0x80
)")

TEST_P(MonitorTest, ManyStoresInOneInstruction) {
  Guest guest(GUEST_BYTES(enter_nested), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.reg(GuestReg::Ebp), 0x508000u);
  EXPECT_EQ(guest.reg(GuestReg::Esp), kStackTop - 16);
}

GUEST_CODE(segments, R"(
    mov $0x63, %eax
    mov %eax, %gs
    mov %gs:8, %ebx
    mov $0x23, %eax
    mov %eax, %ds
    mov 0x500008, %ecx
    mov $0x2b, %eax
    mov %eax, %ds
    xor %eax, %eax
    mov %eax, %gs
    mov %gs:8, %ebx
    int $0x80
)")

TEST_P(MonitorTest, SegmentRegisters) {
  Guest guest(GUEST_BYTES(segments), GetParam());
  guest.mailbox().tls[0] = {kData, fw::kTlsPresent};
  const uint32_t word = 0x12345678;
  guest.write(kData + 8, &word, 4);
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 13u);
  EXPECT_EQ(guest.reg(GuestReg::Ebx), word);
  EXPECT_EQ(guest.reg(GuestReg::Ecx), word);
  EXPECT_EQ(guest.reg(GuestReg::GsSel), 0u);
}

GUEST_CODE(forever, R"(
1:  inc %eax
    jmp 1b
)")

TEST_P(MonitorTest, StopsAtTheInstructionLimit) {
  Guest guest(GUEST_BYTES(forever), GetParam());
  guest.on_exception = [](const Delivered&) { return uint32_t{fw::kReplyStop}; };
  guest.mailbox().context.slot[0] = 0;
  guest.on_attention = [] { return uint32_t{fw::kReplyStop}; };
  guest.machine().set_instruction_limit(10'000);
  guest.run();
  EXPECT_GE(guest.instructions(), 10'000u);
  EXPECT_LT(guest.instructions(), 10'100u);
}

INSTANTIATE_TEST_SUITE_P(Interpreters, MonitorTest, testing::ValuesIn(kSetups), name);

}  // namespace
}  // namespace chrysalis::test
