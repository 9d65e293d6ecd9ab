// What the processor cannot confirm: statuses, exit kinds, helpers, traps, and the shape of lifted code.
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "tests/x86-frontend/ir_eval.h"
#include "translator/ir/text.h"
#include "translator/ir/verify.h"
#include "x86-frontend/helpers.h"
#include "x86-frontend/lift.h"

namespace chrysalis::x86 {
namespace {

using ir::Op;

constexpr uint32_t kEip = 0x1000;

struct Lifted {
  ir::Code code;
  LiftStatus status = LiftStatus::Unsupported;
  DecodedInst inst;

  unsigned count(Op op) const {
    unsigned n = 0;
    for (const ir::Inst& i : code.insts) n += i.op == op;
    return n;
  }
  const ir::Inst& last() const { return code.insts.back(); }
};

Lifted lift_bytes(const std::vector<uint8_t>& bytes, LiftOptions options = {}) {
  Lifted l;
  EXPECT_EQ(decode(bytes, l.inst), DecodeStatus::Ok);
  l.status = lift(l.inst, kEip, options, l.code);
  ir::Code whole = l.code;
  if (l.status == LiftStatus::Continues) whole.insts.push_back({.op = Op::Exit});
  for (const ir::Violation& v : ir::verify(whole)) ADD_FAILURE() << v.rule << "\n" << ir::text(whole);
  return l;
}

ir::ExitKind kind(const ir::Inst& i) { return static_cast<ir::ExitKind>(i.aux); }

TEST(Lift, StatusTellsWhetherTheNextInstructionFollows) {
  EXPECT_EQ(lift_bytes({0x90}).status, LiftStatus::Continues);
  EXPECT_EQ(lift_bytes({0x74, 0x02}).status, LiftStatus::Continues);
  EXPECT_EQ(lift_bytes({0xeb, 0x02}).status, LiftStatus::Ends);
  EXPECT_EQ(lift_bytes({0xf3, 0xa4}).status, LiftStatus::Ends);
  EXPECT_EQ(lift_bytes({0xa4}).status, LiftStatus::Continues);
}

TEST(Lift, OperandsAreReloadedWhereTheyArePlain) {
  struct Case {
    std::vector<uint8_t> bytes;
    uint16_t reloaded;
    unsigned loads;
  };
  const Case cases[] = {
      {{0x05, 1, 2, 3, 4}, 0b11110, 1},                              // add eax, imm32
      {{0x66, 0x35, 1, 2}, 0b1100, 1},                               // xor ax, imm16
      {{0x83, 0xc0, 0xfe}, 0b100, 1},                                // add eax, imm8, sign-extended
      {{0xc1, 0xc0, 5}, 0b100, 1},                                   // rol eax, imm8
      {{0xd1, 0xc0}, 0, 0},                                          // rol eax, 1: in the opcode
      {{0x6b, 0xd0, 0x80}, 0b100, 1},                                // imul edx, eax, imm8
      {{0xb8, 1, 2, 3, 4}, 0b11110, 1},                              // mov eax, imm32
      {{0x68, 1, 2, 3, 4}, 0b11110, 1},                              // push imm32
      {{0x8b, 0x44, 0x24, 8}, 0b1000, 2},                            // mov eax, [esp+disp8]
      {{0x03, 0x04, 0x95, 1, 2, 3, 4}, 0b1111000, 2},                // add eax, [edx*4+disp32]
      {{0xa1, 1, 2, 3, 4}, 0b11110, 2},                              // mov eax, [disp32]
      {{0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8}, 0b1111111100, 2},       // mov dword [disp32], imm32
      {{0x80, 0x7b, 0x10, 0x20}, 0b1100, 3},                         // cmp byte [ebx+disp8], imm8
      {{0x0f, 0xa4, 0x43, 4, 7}, 0b11000, 3},                        // shld [ebx+disp8], eax, imm8
      {{0x8b, 0x03}, 0, 1},                                          // mov eax, [ebx]
      {{0x74, 5}, 0, 0},                                             // jz: its distance shapes the code
      {{0xe8, 1, 2, 3, 4}, 0, 0},                                    // call
      {{0xd4, 10}, 0, 0},                                            // aam
  };
  for (const Case& c : cases) {
    Lifted l;
    ASSERT_EQ(decode(c.bytes, l.inst), DecodeStatus::Ok);
    uint16_t reloaded = 0xffff;
    l.status = lift(l.inst, kEip, {}, l.code, &reloaded);
    EXPECT_EQ(reloaded, c.reloaded) << ir::text(l.code);
    EXPECT_EQ(l.count(Op::Load) + l.count(Op::LoadS), c.loads) << ir::text(l.code);
    for (const ir::Inst& set : l.code.insts) {
      if (set.op != Op::SetReg) continue;
      for (const ir::Inst& made : l.code.insts) EXPECT_FALSE(made.value == set.src[0] && made.op == Op::LoadS) << "more than 32 bits\n" << ir::text(l.code);
    }
    if (l.status == LiftStatus::Continues) l.code.insts.push_back({.op = Op::Exit});
    for (const ir::Violation& v : ir::verify(l.code)) ADD_FAILURE() << v.rule << "\n" << ir::text(l.code);
  }
}

TEST(Lift, MmxAndSseAreUnsupportedAndUndefined) {
  for (const std::vector<uint8_t>& bytes : {std::vector<uint8_t>{0x0f, 0x6f, 0xc1}, {0x0f, 0x28, 0xc1}, {0xf2, 0x0f, 0x10, 0xc1}}) {
    const Lifted l = lift_bytes(bytes);
    EXPECT_EQ(l.status, LiftStatus::Unsupported);
    EXPECT_EQ(l.last().op, Op::Trap);
    EXPECT_EQ(l.last().aux, 6);
  }
}

TEST(Lift, ExitKinds) {
  EXPECT_EQ(kind(lift_bytes({0xeb, 0x02}).last()), ir::ExitKind::Jump);
  EXPECT_EQ(kind(lift_bytes({0xe8, 2, 0, 0, 0}).last()), ir::ExitKind::Call);
  EXPECT_EQ(kind(lift_bytes({0xff, 0xd0}).last()), ir::ExitKind::Call);
  EXPECT_EQ(kind(lift_bytes({0xff, 0xe0}).last()), ir::ExitKind::Jump);
  EXPECT_EQ(kind(lift_bytes({0xc3}).last()), ir::ExitKind::Return);
}

TEST(Lift, JumpToItselfIsNotARepetition) {
  const Lifted jump = lift_bytes({0xeb, 0xfe});
  EXPECT_EQ(jump.last().imm, kEip);
  EXPECT_EQ(kind(jump.last()), ir::ExitKind::Jump);
  const Lifted string = lift_bytes({0xf3, 0xaa});
  EXPECT_EQ(string.last().imm, kEip);
  EXPECT_EQ(kind(string.last()), ir::ExitKind::Repeat);
}

TEST(Lift, BranchTargetsAreCutWithOperandSize16) {
  EXPECT_EQ(lift_bytes({0xeb, 0x10}).last().imm, 0x1012);
  Lifted l;
  const std::vector<uint8_t> bytes{0x66, 0xeb, 0x10};
  ASSERT_EQ(decode(bytes, l.inst), DecodeStatus::Ok);
  lift(l.inst, 0x12345678, {}, l.code);
  EXPECT_EQ(l.last().imm, 0x568b);
}

TEST(Lift, PrivilegedInstructionsAreProtectionFaults) {
  for (const std::vector<uint8_t>& bytes :
       {std::vector<uint8_t>{0xf4}, {0xfa}, {0xfb}, {0xec}, {0xee}, {0x6c}, {0xf3, 0x6e}, {0x0f, 0x30}, {0x0f, 0x20, 0xc0}}) {
    const Lifted l = lift_bytes(bytes);
    ASSERT_EQ(l.code.insts.size(), 1u);
    EXPECT_EQ(l.last().op, Op::Trap);
    EXPECT_EQ(l.last().aux, 13);
    EXPECT_EQ(l.last().imm, 0);
    EXPECT_EQ(l.status, LiftStatus::Ends);
  }
}

TEST(Lift, SystemEntryIsUndefined) {
  for (const std::vector<uint8_t>& bytes : {std::vector<uint8_t>{0x0f, 0x34}, {0x0f, 0x35}, {0x0f, 0x0b}}) {
    EXPECT_EQ(lift_bytes(bytes).last().aux, 6);
  }
}

TEST(Lift, SoftwareInterruptsSaveTheNextAddress) {
  const Lifted l = lift_bytes({0xcd, 0x80});
  EXPECT_EQ(l.last().op, Op::SoftInt);
  EXPECT_EQ(l.last().aux, 0x80);
  EXPECT_EQ(l.last().imm, 0);
  EXPECT_EQ(lift_bytes({0xcc}).last().aux, 3);
  const Lifted icebp = lift_bytes({0xf1});
  EXPECT_EQ(icebp.last().aux, 1);
  EXPECT_EQ(icebp.last().imm, 1);
  EXPECT_EQ(lift_bytes({0xce}).count(Op::ExitIf), 1u);
}

TEST(Lift, IdentityAndTimeAreHelpers) {
  EXPECT_EQ(lift_bytes({0x0f, 0xa2}).code.insts[0].imm, static_cast<int64_t>(HelperId::Cpuid));
  const Lifted l = lift_bytes({0x0f, 0x31});
  EXPECT_EQ(l.code.insts[0].imm, static_cast<int64_t>(HelperId::Rdtsc));
  EXPECT_EQ(l.count(Op::SetReg), 2u);
}

TEST(Lift, ReadModifyWriteProbesFirst) {
  for (const std::vector<uint8_t>& bytes :
       {std::vector<uint8_t>{0x01, 0x00}, {0xff, 0x00}, {0x87, 0x00}, {0x0f, 0xb1, 0x08}, {0x0f, 0xc7, 0x08}, {0xd3, 0x00}}) {
    const Lifted l = lift_bytes(bytes);
    for (const ir::Inst& i : l.code.insts) {
      if (i.op == Op::ProbeWrite) break;
      EXPECT_NE(i.op, Op::Load) << ir::text(l.code);
    }
    EXPECT_EQ(l.count(Op::ProbeWrite), 1u);
  }
  EXPECT_EQ(lift_bytes({0x39, 0x00}).count(Op::ProbeWrite), 0u);
}

TEST(Lift, SegmentBasesAreAddedUnlessFlat) {
  const auto reads_base = [](const Lifted& l) {
    for (const ir::Inst& i : l.code.insts) {
      if (i.op == Op::GetReg && i.aux >= static_cast<uint8_t>(ir::GuestReg::EsBase)) return true;
    }
    return false;
  };
  EXPECT_FALSE(reads_base(lift_bytes({0x8b, 0x00})));
  EXPECT_TRUE(reads_base(lift_bytes({0x65, 0x8b, 0x00})));
  EXPECT_TRUE(reads_base(lift_bytes({0x8b, 0x00}, {.flat_segments = 0})));
  EXPECT_FALSE(reads_base(lift_bytes({0x65, 0x8d, 0x00})));
}

TEST(Lift, StoresThroughCodeAndNullSegmentsAreProtectionFaults) {
  EXPECT_EQ(lift_bytes({0x2e, 0x89, 0x00}).count(Op::TrapIf), 1u);
  EXPECT_EQ(lift_bytes({0x2e, 0x8b, 0x00}).count(Op::TrapIf), 0u);
  EXPECT_EQ(lift_bytes({0x65, 0x8b, 0x00}, {.unreadable_segments = 0x20}).count(Op::TrapIf), 1u);
}

TEST(Lift, EnterUnrollsEveryLevel) {
  for (uint8_t level = 0; level < 32; ++level) {
    const Lifted l = lift_bytes({0xc8, 0x10, 0x00, level}, {.flat_segments = 0});
    EXPECT_EQ(l.count(Op::Store), level + 1u);
    EXPECT_EQ(l.count(Op::Load), level ? level - 1u : 0u);
    EXPECT_LE(l.code.insts.size(), 250u);
  }
}

TEST(Lift, HintsAreEmpty) {
  for (const std::vector<uint8_t>& bytes : {std::vector<uint8_t>{0x90}, {0xf3, 0x90}, {0x0f, 0x1f, 0x00}, {0x0f, 0x18, 0x00},
                                           {0xf3, 0x0f, 0x1e, 0xfb}, {0x0f, 0x0d, 0x08}}) {
    EXPECT_TRUE(lift_bytes(bytes).code.insts.empty());
  }
}

}  // namespace
}  // namespace chrysalis::x86
