// Code that changes: by its own stores, through other addresses, by the platform.
#include <gtest/gtest.h>

#include "firmware/translation_cache.h"
#include "isa-host/codec.h"
#include "tests/firmware/guest.h"

namespace chrysalis::test {
namespace {

class CodeChangeTest : public testing::TestWithParam<Setup> {};

// Patches the immediate of a later instruction of the same block, in a loop.
GUEST_CODE(patch_ahead, R"(
    mov $0, %eax
    mov $50, %ecx
    call 1f
1:  pop %ebx
loop:
    mov %ecx, patched + 1 - 1b(%ebx)
patched:
    mov $0, %edx
    add %edx, %eax
    dec %ecx
    jnz loop
    int $0x80
)")

TEST_P(CodeChangeTest, NextInstructionSeesTheNewBytes) {
  Guest guest(GUEST_BYTES(patch_ahead), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.eax(), 1275u);
  EXPECT_EQ(guest.instructions(), 4u + 250u + 1u);
}

// An instruction that overwrites itself.
GUEST_CODE(patch_self, R"(
    call 1f
1:  pop %ebx
    mov $3, %ecx
self:
    movl $0x90909090, self - 1b(%ebx)
    nop
    nop
    nop
    int $0x80
)")

TEST_P(CodeChangeTest, InstructionOverwritesItself) {
  Guest guest(GUEST_BYTES(patch_self), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.read32(kCode + 11), 0x90909090u);
}

// Writes a whole function, runs it, writes another to the same place.
GUEST_CODE(generate, R"(
    mov $0x500000, %ebx
    mov $20, %ecx
    mov $0, %edi
next:
    movb $0xb8, (%ebx)
    mov %ecx, 1(%ebx)
    movb $0xc3, 5(%ebx)
    call *%ebx
    add %eax, %edi
    dec %ecx
    jnz next
    mov %edi, %eax
    int $0x80
)")

TEST_P(CodeChangeTest, GeneratedCode) {
  Guest guest(GUEST_BYTES(generate), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.eax(), 210u);
}

// The page that holds the code is written through another linear address.
GUEST_CODE(alias, R"(
    mov $0x500000, %ebx
    mov $0x700000, %esi
    movb $0, (%esi)
    movl $0x000001b8, (%ebx)
    movl $0x0000c300, 4(%ebx)
    call *%ebx
    mov %eax, %edi
    movb $2, 1(%esi)
    call *%ebx
    shl $8, %edi
    or %edi, %eax
    int $0x80
)")

TEST_P(CodeChangeTest, WrittenThroughAnAlias) {
  Guest guest(GUEST_BYTES(alias), GetParam());
  guest.map(0x700000, 0x20'0000);
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.eax(), 0x102u);
}

// REP MOVS writes over itself: x86 goes on with the old instruction until it is interrupted; what counts is
// that the bytes land and that what follows is new.
GUEST_CODE(rep_over_code, R"(
    call 1f
1:  pop %ebx
    lea source - 1b(%ebx), %esi
    lea target - 1b(%ebx), %edi
    mov $6, %ecx
    cld
    rep movsb
target:
    mov $0, %eax
    hlt
    int $0x80
source:
    mov $9, %eax
    nop
)")

TEST_P(CodeChangeTest, StringInstructionWritesWhatFollows) {
  Guest guest(GUEST_BYTES(rep_over_code), GetParam());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.delivered[0].vector, 0x80u);
  EXPECT_EQ(guest.eax(), 9u);
}

GUEST_CODE(service, R"(
    mov $2, %ecx
1:  mov $1, %eax
    int $0x81
    dec %ecx
    jnz 1b
    int $0x80
)")

TEST_P(CodeChangeTest, ChangedByThePlatform) {
  Guest guest(GUEST_BYTES(service), GetParam());
  guest.on_exception = [&](const Delivered& d) {
    if (d.vector != 0x81) return uint32_t{fw::kReplyStop};
    guest.byte(kCode + 6) = 42;
    guest.mailbox().invalid_count = 1;
    guest.mailbox().invalid_page[0] = 0x100;
    return uint32_t{fw::kReplyInvalidateCode};
  };
  guest.run();
  EXPECT_EQ(guest.eax(), 42u);
}

// More code than the cache holds: everything is forgotten and goes on.
TEST_P(CodeChangeTest, CacheFlush) {
  std::vector<uint8_t> code;
  const uint32_t functions = 20'000;
  for (uint32_t i = 0; i < functions; ++i) {
    const uint8_t function[] = {0x40, 0x81, 0xc3, uint8_t(i), uint8_t(i >> 8), 0, 0, 0xe9, 1, 0, 0, 0, 0x90};  // inc eax; add ebx, i; jmp over the nop
    code.insert(code.end(), function, function + sizeof function);
  }
  const uint8_t last[] = {0xcd, 0x80};
  code.insert(code.end(), last, last + 2);
  Guest guest(code, GetParam());
  for (uint32_t i = 0; i <= code.size() >> 12; ++i) guest.map(kCode + (i << 12), 0x80'0000 + (i << 12));
  for (uint32_t i = 0; i < 16; ++i) guest.map(0x3000'0000 + (i << 12), 0x20'0000 + (i << 12));
  guest.reg(GuestReg::Esp) = 0x3000'8000;
  guest.write(kCode, code.data(), code.size());
  guest.run();
  ASSERT_EQ(guest.delivered.size(), 1u);
  EXPECT_EQ(guest.eax(), functions);
  if (GetParam().interpreter != fw::Interpreter::DecodeDispatch) {
    EXPECT_GE(guest.counter(fw::Counter::CacheFlushes), 1u);
  }
}

// Blocks of equal size until the cache is full, behind 0, 1, 2... instructions: in one of the runs what is left is just room enough
// for a block of one instruction.
TEST(CodeChange, NoEndlessLoopWhenABlockJustFits) {
  const uint32_t functions = 8'400;
  for (uint32_t before = 0; before < 34; ++before) {
    std::vector<uint8_t> code(0x1000, 0x90);
    const uint8_t to_start[] = {0xe9, uint8_t(0xffb - before), uint8_t((0xffb - before) >> 8), 0, 0};
    std::memcpy(&code[before], to_start, sizeof to_start);
    for (uint32_t i = 0; i < functions; ++i) {  // of 32 bytes, so that none crosses pages
      code.insert(code.end(), 30, 0x40);        // inc eax
      code.insert(code.end(), {0xeb, 0x00});    // jmp to what follows
    }
    code.insert(code.end(), {0xcd, 0x80});
    Guest guest(code);
    for (uint32_t i = 0; i <= code.size() >> 12; ++i) guest.map(kCode + (i << 12), 0x80'0000 + (i << 12));
    guest.write(kCode, code.data(), code.size());
    guest.run();
    ASSERT_EQ(guest.delivered.size(), 1u);
    EXPECT_EQ(guest.eax(), 30 * functions);
    EXPECT_EQ(guest.counter(fw::Counter::CacheFlushes), 1u);
  }
}

TEST(CodeCache, WhatEvictionStressLeavesIsNoMolecule) {
  uint32_t words[isa::kMaxWords];
  for (uint32_t& word : words) word = fw::kNoCode;
  isa::Molecule molecule;
  EXPECT_FALSE(isa::decode(words, isa::kMaxWords, 0, molecule).ok());
}

INSTANTIATE_TEST_SUITE_P(Interpreters, CodeChangeTest, testing::ValuesIn(kSetups), name);

}  // namespace
}  // namespace chrysalis::test
