// Page faults, accessed and dirty bits, TLB fills, and where the TLB must forget.
#include <gtest/gtest.h>

#include "tests/firmware/guest.h"

namespace chrysalis::test {
namespace {

class PagingTest : public testing::TestWithParam<Setup> {};

GUEST_CODE(read_missing, R"(
    mov $0x700123, %esi
    mov $7, %eax
    mov %eax, 0x500000
    add (%esi), %eax
    int $0x80
)")

TEST_P(PagingTest, ReadOfMissingPage) {
  Guest guest(GUEST_BYTES(read_missing), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 14u);
  EXPECT_EQ(guest.delivered[0].error_code, 4u);  // user
  EXPECT_EQ(guest.delivered[0].cr2, 0x700123u);
  EXPECT_EQ(guest.delivered[0].eip, kCode + 5 + 5 + 5);
  EXPECT_EQ(guest.eax(), 7u);
  EXPECT_EQ(guest.read32(kData), 7u);
  EXPECT_EQ(guest.instructions(), 3u);
}

GUEST_CODE(write_readonly, R"(
    mov $0x700ffe, %esi
    push $1
    addl $5, (%esi)
    int $0x80
)")

TEST_P(PagingTest, ReadModifyWriteFaultsAsWrite) {
  Guest guest(GUEST_BYTES(write_readonly), GetParam());
  guest.map(0x700000, 0x40'0000);
  guest.map(0x701000, 0x40'1000, Guest::kPresent | Guest::kUser);
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 14u);
  EXPECT_EQ(guest.delivered[0].error_code, 7u);  // present, write, user
  EXPECT_EQ(guest.delivered[0].cr2, 0x701000u);
  EXPECT_EQ(guest.delivered[0].eip, kCode + 7);
}

TEST_P(PagingTest, FaultIsRepairedAndTheInstructionRepeated) {
  Guest guest(GUEST_BYTES(write_readonly), GetParam());
  guest.map(0x700000, 0x40'0000);
  guest.on_exception = [&](const Delivered& d) {
    if (d.vector != 14) return uint32_t{fw::kReplyStop};
    guest.map(d.cr2 & ~0xfffu, 0x40'1000);
    return uint32_t{0};
  };
  const uint32_t word = 0x1fffe;
  guest.map(0x701000, 0x40'1000);
  guest.write(0x700ffe, &word, 4);
  guest.map(0x701000, 0, 0);
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 2u);
  EXPECT_EQ(guest.delivered[0].error_code, 6u);  // not present, write, user
  EXPECT_EQ(guest.delivered[1].vector, 0x80u);
  EXPECT_EQ(guest.read32(0x700ffe), 0x20003u);
}

TEST_P(PagingTest, SupervisorPageIsForbidden) {
  Guest guest(GUEST_BYTES(read_missing), GetParam());
  guest.map(0x700000, 0x40'0000, Guest::kPresent | Guest::kWritable);
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].error_code, 5u);  // present, user
}

GUEST_CODE(touch, R"(
    mov 0x500004, %eax
    mov 0x501004, %eax
    mov %eax, 0x501008
    mov %eax, 0x502008
    push %eax
    int $0x80
)")

TEST_P(PagingTest, AccessedAndDirtyBits) {
  Guest guest(GUEST_BYTES(touch), GetParam());
  guest.run();
  constexpr uint32_t both = Guest::kAccessed | Guest::kDirty;
  EXPECT_EQ(guest.page_entry(0x500000) & both, Guest::kAccessed);
  EXPECT_EQ(guest.page_entry(0x501000) & both, both);
  EXPECT_EQ(guest.page_entry(0x502000) & both, both);
  EXPECT_EQ(guest.page_entry(0x503000) & both, 0u);
  EXPECT_EQ(guest.page_entry(kStackTop - 16) & both, both);
  EXPECT_EQ(guest.page_entry(kCode) & both, Guest::kAccessed);
  EXPECT_NE(guest.directory_entry(kData) & Guest::kAccessed, 0u);
  EXPECT_EQ(guest.counter(fw::Counter::DirtyFaults), 1u);  // 0x501000: read first
}

GUEST_CODE(large_page, R"(
    mov 0xc12344, %eax
    mov %eax, 0xfffffc
    int $0x80
)")

TEST_P(PagingTest, LargePages) {
  Guest guest(GUEST_BYTES(large_page), GetParam());
  guest.directory_entry(0xc00000) = 0x800000 | 0x80 | Guest::kUserPage;
  guest.word(0x812344) = 77;
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.word(0xbffffc), 77u);
  EXPECT_EQ(guest.directory_entry(0xc00000) & 0x60, 0x60u);
}

// Code that runs off its page.
TEST_P(PagingTest, FetchFaultAtThePageEnd) {
  std::vector<uint8_t> code(4096, 0x90);
  Guest guest(code, GetParam());
  guest.map(kCode + 0x1000, 0, 0);
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 14u);
  EXPECT_EQ(guest.delivered[0].error_code, 4u);
  EXPECT_EQ(guest.delivered[0].cr2, kCode + 0x1000);
  EXPECT_EQ(guest.delivered[0].eip, kCode + 0x1000);
  EXPECT_EQ(guest.instructions(), 4096u);
}

// An instruction across two pages of which the second is missing: EIP before it, CR2 at the second page.
TEST_P(PagingTest, FetchFaultWithinAnInstruction) {
  std::vector<uint8_t> code(4096, 0x90);
  code[4094] = 0xb8;  // mov eax, imm32
  Guest guest(code, GetParam());
  guest.map(kCode + 0x1000, 0, 0);
  guest.on_exception = [&](const Delivered& d) {
    if (d.vector != 14) return uint32_t{fw::kReplyStop};
    guest.map(kCode + 0x1000, 0x50'0000);
    const uint8_t rest[] = {2, 3, 4, 0xcd, 0x80};
    guest.write(kCode + 0x1000, rest, sizeof rest);
    guest.byte(kCode + 0xfff) = 1;
    return uint32_t{fw::kReplyFlushTlb};
  };
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 2u);
  EXPECT_EQ(guest.delivered[0].cr2, kCode + 0x1000);
  EXPECT_EQ(guest.delivered[0].eip, kCode + 4094);
  EXPECT_EQ(guest.delivered[1].vector, 0x80u);
  EXPECT_EQ(guest.eax(), 0x04030201u);
}

// The same address means another page after the platform has changed the page tables.
GUEST_CODE(remap_code, R"(
    mov $0x700000, %ebx
    call *%ebx
    int $0x81
    call *%ebx
    int $0x80
)")

TEST_P(PagingTest, RemappedCode) {
  Guest guest(GUEST_BYTES(remap_code), GetParam());
  const uint8_t one[] = {0xb8, 1, 0, 0, 0, 0xc3}, two[] = {0xb8, 2, 0, 0, 0, 0xc3};
  guest.map(0x700000, 0x40'1000);
  guest.write(0x700000, two, sizeof two);
  guest.map(0x700000, 0x40'0000);
  guest.write(0x700000, one, sizeof one);
  uint32_t first = 0;
  guest.on_exception = [&](const Delivered& d) {
    if (d.vector != 0x81) return uint32_t{fw::kReplyStop};
    first = guest.eax();
    guest.map(0x700000, 0x40'1000);
    return uint32_t{fw::kReplyFlushTlb};
  };
  guest.run();
  EXPECT_EQ(first, 1u);
  EXPECT_EQ(guest.eax(), 2u);
}

// Page tables that lead into concealed memory: nothing is read, written or executed there.
GUEST_CODE(read_concealed, R"(
    mov 0x700000, %eax
    int $0x80
)")
GUEST_CODE(write_concealed, R"(
    movl $0x12345678, 0x700008
    int $0x80
)")
GUEST_CODE(push_concealed, R"(
    mov $0x701000, %esp
    pusha
    int $0x80
)")
GUEST_CODE(jump_concealed, R"(
    mov $0x700000, %eax
    jmp *%eax
)")
GUEST_CODE(string_concealed, R"(
    mov $0x6ffff0, %edi
    mov $64, %ecx
    rep stosb
    int $0x80
)")

TEST_P(PagingTest, ConcealedMemoryIsOutOfReach) {
  for (const auto& code : {GUEST_BYTES(read_concealed), GUEST_BYTES(write_concealed), GUEST_BYTES(push_concealed),
                           GUEST_BYTES(jump_concealed), GUEST_BYTES(string_concealed)}) {
    for (const uint32_t page : {0x7000'0000u, 0x7000'1000u, 0x7100'0000u, 0x77ff'f000u, 0x6fff'f000u, 0x100'0000u}) {
      Guest guest(code, GetParam());
      guest.map(0x700000, page);
      guest.map(0x6ff000, 0x41'0000);
      guest.run();
      ASSERT_EQ(guest.delivered.size(), 1u);
      EXPECT_EQ(guest.delivered[0].vector, 18u) << std::hex << page;
      EXPECT_EQ(guest.mailbox().magic, fw::kMailboxMagic);
      EXPECT_EQ(guest.mailbox().guest_ram_size, uint64_t{Guest::kRamSize});
    }
  }
}

// Page tables that lie in concealed memory are not there.
TEST_P(PagingTest, PageTablesInConcealedMemory) {
  Guest lost(GUEST_BYTES(read_concealed), GetParam());
  lost.mailbox().context.cr3 = 0x7000'0000;
  lost.run();
  ASSERT_EQ(lost.delivered.size(), 1u);
  EXPECT_EQ(lost.delivered[0].vector, 14u);
  EXPECT_EQ(lost.delivered[0].cr2, kCode);
}

INSTANTIATE_TEST_SUITE_P(Interpreters, PagingTest, testing::ValuesIn(kSetups), name);

}  // namespace
}  // namespace chrysalis::test
