#include "isa-host/assembler.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "random.h"

namespace chrysalis::isa::test {
namespace {

std::string dump(const std::string& text, uint64_t base = 0x1000) {
  const Assembly assembly = assemble(text, base);
  if (!assembly.ok()) return assembly.error_text("t");
  return disassemble_bytes(assembly.bytes.data(), assembly.bytes.size(), base);
}

TEST(Assembler, WhatIsWrittenComesBack) {
  // In, and as the disassembler writes it.
  const std::pair<const char*, const char*> cases[] = {
      {"add.32 r1,r2,r3 f=r9", "{ add.32 r1,r2,r3 f=r9 }"},
      {"{ add.32 r1 , r2 , -1 | ldg.32u r4,[r5+8] }", "{ add.32 r1,r2,-1 | ldg.32u r4,[r5+8] }"},
      {"ldg.8s r4,[r5]", "{ ldg.8s r4,[r5] }"},
      {"ldg.8s r4,[r5+r6]", "{ ldg.8s r4,[r5+r6] }"},
      {"ldg.8s r4,[r5-32]", "{ ldg.8s r4,[r5-32] }"},
      {"ldg.8s r4,[r5-33]", "{ ldg.8s r4,[r5-33] }"},
      {"ldg.8s r4,[r5+long(3)]", "{ ldg.8s r4,[r5+long(3)] }"},
      {"add.64 r4,r5,long(3)", "{ add.64 r4,r5,long(3) }"},
      {"stgm.16 r4,[r5],0x81", "{ stgm.16 r4,[r5],0x81 }"},
      {"stgm.16 r4,[r5+4],0x81", "{ stgm.16 r4,[r5+4],0x81 }"},
      {"ldgp.64 r4,[r5+r6],7", "{ ldgp.64 r4,[r5+r6],7 }"},
      {"lea.32 r1,[r2+r3*8-4]", "{ lea.32 r1,[r2+r3*8-4] }"},
      {"lea.64 r1,[r2+0x12345]", "{ lea.64 r1,[r2+zero*1+0x12345] }"},
      {"lea.uw r1,[r2+r3]", "{ lea.uw r1,[r2+r3*1] }"},
      {"movi r1,0xffffffff - 0x100000000", "{ movi r1,-1 }"},
      {"movi r1,'A'", "{ movi r1,65 }"},
      {"movi r1,2+3*4", "{ movi r1,14 }"},
      {"movi r1,-(2+3)*4", "{ movi r1,-20 }"},
      {"setcc r1,nle,r9", "{ setcc r1,nle,r9 }"},
      {"brcc ge,r9,0x1010", "{ brcc nl,r9,0x1010 }"},
      {"sel r1,be,r9,r2,r3", "{ sel r1,be,r9,r2,r3 }"},
      {"selnz r1,r2,r3,zero", "{ selnz r1,r2,r3,zero }"},
      {"commit 3", "{ commit 3 }"},
      {"commit 3,0xffffffff", "{ commit 3,0xffffffff }"},
      {"mfs r1,gcount", "{ mfs r1,gcount }"},
      {"mts vbase,r1", "{ mts vbase,r1 }"},
      {"fadd.80 f1,f2,f63", "{ fadd.80 f1,f2,f63 }"},
      {"pshuf2.32 f1,f2,f3,0xe4", "{ pshuf2.32 f1,f2,f3,228 }"},
      {"call r40,0x2000", "{ call r40,0x2000 }"},
      {"call r40,0x10002000", "{ call r40,0x10002000 }"},
      {"rpush r1,0x900", "{ rpush r1,0x900 }"},
      {"{ br long(0x1008) }", "{ br long(0x1008) }"},
      {"{ nop\n | nop ; in two lines\n }", "{ nop | nop }"}};
  for (const auto& [in, want] : cases) {
    const Assembly assembly = assemble(in, 0x1000);
    ASSERT_TRUE(assembly.ok()) << in << "\n" << assembly.error_text("t");
    uint32_t words[kMaxWords] = {};
    std::memcpy(words, assembly.bytes.data(), assembly.bytes.size());
    Molecule molecule;
    ASSERT_TRUE(decode(words, static_cast<unsigned>(assembly.bytes.size() / 4), 0x1000, molecule).ok()) << in;
    EXPECT_EQ(disassemble(molecule), want);
  }
}

TEST(Assembler, LabelsAndDirectives) {
  const Assembly assembly = assemble(R"(
    .equ size, 3*4          // a constant
    start: other: movi r1,start
    .align 16
  data:
    .byte 1,2,0xff,-1
    .half 0x1234
    .word data
    .quad size, -1
    .ascii "a;b\n"
    .asciz "c"
    .zero 3
    .org 0x1040
  end:
    br end
  )", 0x1000);
  ASSERT_TRUE(assembly.ok()) << assembly.error_text("t");
  EXPECT_EQ(assembly.symbols.at("start"), 0x1000u);
  EXPECT_EQ(assembly.symbols.at("other"), 0x1000u);
  EXPECT_EQ(assembly.symbols.at("data"), 0x1010u);
  EXPECT_EQ(assembly.symbols.at("end"), 0x1040u);
  EXPECT_EQ(assembly.symbols.at("size"), 12u);
  const uint8_t want[] = {1, 2, 0xff, 0xff, 0x34, 0x12, 0x10, 0x10, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'a', ';', 'b', '\n', 'c', 0};
  ASSERT_EQ(std::memcmp(&assembly.bytes[0x10], want, sizeof want), 0);
  EXPECT_EQ(assembly.bytes.size(), 0x44u);
}

TEST(Assembler, BranchesTakeTheShortestFormThatReaches) {
  // brz reaches 2047 words ahead; a farther target takes a literal, which moves everything behind it.
  for (const unsigned gap : {2045u, 2046u, 2047u, 2048u}) {
    const Assembly assembly = assemble("brz r1,target\n .zero " + std::to_string(4 * gap) + "\ntarget: nop\n brz r1,near\n near: nop", 0x1000);
    ASSERT_TRUE(assembly.ok());
    EXPECT_EQ(assembly.symbols.at("target"), 0x1000 + 4 * gap + (gap <= 2046 ? 4 : 8)) << gap;
  }
  EXPECT_EQ(dump("a: br a\n br a"), "00001000  { br 0x1000 }\n00001004  { br 0x1000 }\n");
}

TEST(Assembler, ErrorsNameTheLineAndTheCure) {
  const std::pair<const char*, const char*> cases[] = {
      {"lfg.32u r1,[r2]", "t:1: unknown atom 'lfg.32u'; did you mean 'ldg.32u'?"},
      {".zero end\nend:", "t:1: labels and the sizes that depend on them do not settle"},
      {"\n\nadd.32 r1,r2", "t:3: expected ',' at the end"},
      {"add.32 r64,r2,r3", "t:1: there is no register 'r64'"},
      {"add.32 f1,r2,r3", "t:1: expected an integer register"},
      {"fadd.80 r1,f2,f3", "t:1: expected a floating-point register"},
      {"add.32 r1,r2,r3 f=r8", "t:1: flags go to r9 to r15"},
      {"mov r1,r2 f=r9", "t:1: 'mov' delivers no flags"},
      {"add.32 r1,r2,0x100000000", "literal out of range"},
      {"add.32 r1,r2,r3 r4", "t:1: unexpected 'r4'"},
      {"brcc xx,r9,0", "t:1: unknown condition 'xx'"},
      {"sel r1,nz,r9,r2,r3", "operand field out of range"},
      {"mfs r1,gcont", "t:1: unknown special register 'gcont'; did you mean 'gcount'?"},
      {"br nowhere", "t:1: unknown label 'nowhere'"},
      {"br 0x1002", "literal out of range"},
      {"a: nop\na: nop", "t:2: 'a' is defined twice"},
      {"{ nop | nop", "t:1: this molecule has no closing '}'"},
      {"{ }", "t:1: expected an atom"},
      {"{ nop | }", "t:1: expected an atom"},
      {"{ nop|nop|nop|nop|nop|nop|nop|nop|nop }", "a molecule has 1 to 8 atoms"},
      {"{ add.32 r1,r2,r3 | mov r1,r2 }", "two atoms write the same register"},
      {"{ br 0x1000 | jr r1 }", "more than one branch"},
      {"lea.32 r1,[r2+r3*3]", "t:1: a scale is 1, 2, 4 or 8"},
      {"ldg.32u r1,[r2+r3+4]", "t:1: an address is [register], [register+register] or [register+literal]"},
      {"ldg.32u r1,[8]", "t:1: expected an integer register"},
      {"stgm.8 r1,[r2],256", "t:1: 256 is out of range (0 to 255)"},
      {"ldgp.8 r1,[r2],8", "operand field out of range"},
      {"movi r1,0x", "t:1: '0x' is not a number"},
      {"movi r1,12z", "t:1: '12z' is not a number"},
      {"movi r1,99999999999999999999", "does not fit 64 bits"},
      {".byte 256", "t:1: 256 does not fit .byte"},
      {".align 3", "t:1: .align needs a power of two"},
      {".org 0", "t:1: .org 0 leads backwards or too far"},
      {".zero 999999999999", "leads backwards or too far"},
      {".ascii \"abc", "t:1: the string has no closing quote"},
      {".what 1", "t:1: unknown directive '.what'"},
      {".byte 1\nnop", "t:2: a molecule's address is a multiple of 4; use .align 4"}};
  for (const auto& [in, want] : cases) {
    const Assembly assembly = assemble(in, 0x1000);
    EXPECT_FALSE(assembly.ok()) << in;
    EXPECT_NE(assembly.error_text("t").find(want), std::string::npos) << in << " gave " << assembly.error_text("t");
  }
}

TEST(Assembler, EveryErrorIsReported) {
  const Assembly assembly = assemble("nop\nfoo\nnop\nbar\n", 0);
  ASSERT_EQ(assembly.errors.size(), 2u);
  EXPECT_EQ(assembly.errors[0].line, 2u);
  EXPECT_EQ(assembly.errors[1].line, 4u);
}

TEST(Assembler, DumpShowsWhatIsNoMolecule) {
  EXPECT_EQ(dump(".word 0, 0x00345678\n nop"),
            "00001000  .word 0x00000000  ; no atom has this opcode\n00001004  .word 0x00345678  ; " + std::string(message(CodecError::UnknownOpcode)) +
                "\n00001008  { nop }\n");
}

TEST(Assembler, MutatedTextNeverCrashes) {
  const std::string good = "start: { add.32 r1,r2,-3 f=r9 | ldg.32u r4,[r5+8] | brcc nz,r9,start }\n .equ n, 4*(2+1)\n lea.32 r1,[r2+r3*4+n]\n .asciz \"x\\n\"\n .align 4\n commit 3,0x401000\n";
  Random random(71);
  for (unsigned i = 0; i < 3000; ++i) {
    std::string text = good;
    for (unsigned edits = 1 + static_cast<unsigned>(random.below(5)); edits != 0 && !text.empty(); --edits) {
      const std::size_t at = random.below(text.size());
      switch (random.below(4)) {
        case 0: text[at] = static_cast<char>(random.next()); break;
        case 1: text.erase(at, random.below(9)); break;
        case 2: text.insert(at, text.substr(random.below(text.size()), random.below(12))); break;
        default: text.resize(at); break;
      }
    }
    const Assembly assembly = assemble(text, 0x1000);
    if (assembly.ok()) disassemble_bytes(assembly.bytes.data(), assembly.bytes.size(), 0x1000);
  }
}

}  // namespace
}  // namespace chrysalis::isa::test
