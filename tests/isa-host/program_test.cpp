// Small programs on the functional executor: events, branches, look-up help, code that changes.

#include <gtest/gtest.h>

#include "bench_core.h"

namespace chrysalis::isa::test {
namespace {

/// Sets VBASE to `handler` and falls into the text; `stop` ends the program.
std::string with_handler(const std::string& text) {
  return "movi r16,handler\n mts vbase,r16\n" + text + R"(
stop:
  platform zero
  br stop
)";
}

TEST(Program, LoopsAndCalls) {
  BenchCore bench;
  bench.run(R"(
    movi r1,10
    movi r2,0
  loop:
    { add.64 r2,r2,r1 | sub.64 r1,r1,1 f=r9 }
    { brcc nz,r9,loop }
    call r40,double
    movi r3,double
    callr r40,r3
    platform zero
  double:
    { add.64 r2,r2,r2 | jr r40 }
  )");
  EXPECT_EQ(bench.core.r[2], 55u * 4);
  EXPECT_EQ(bench.executor.molecules(), 2 + 20 + 1 + 1 + 1 + 1 + 1 + 1u);
}

TEST(Program, EveryCompareAndBranch) {
  const struct {
    const char* name;
    bool (*holds)(int64_t, int64_t);
  } list[] = {{"breq", [](int64_t a, int64_t b) { return a == b; }}, {"brne", [](int64_t a, int64_t b) { return a != b; }},
              {"brlts", [](int64_t a, int64_t b) { return a < b; }}, {"brges", [](int64_t a, int64_t b) { return a >= b; }},
              {"brltu", [](int64_t a, int64_t b) { return static_cast<uint64_t>(a) < static_cast<uint64_t>(b); }},
              {"brgeu", [](int64_t a, int64_t b) { return static_cast<uint64_t>(a) >= static_cast<uint64_t>(b); }}};
  BenchCore bench;
  for (const int64_t a : {int64_t{0}, int64_t{1}, int64_t{-1}, INT64_MIN, INT64_MAX})
    for (const int64_t b : {int64_t{0}, int64_t{1}, int64_t{-1}, INT64_MIN, INT64_MAX}) {
      bench.core.r[1] = static_cast<uint64_t>(a), bench.core.r[2] = static_cast<uint64_t>(b);
      for (const auto& branch : list) {
        for (const bool far : {false, true}) {
          const uint64_t target = kConcealedBase + (far ? 0x8000 : 0x40);
          ASSERT_TRUE(bench.execute(std::string(branch.name) + " r1,r2," + std::to_string(target)));
          ASSERT_EQ(bench.core.next_pc, branch.holds(a, b) ? target : kConcealedBase + (far ? 8 : 4)) << branch.name;
        }
      }
      ASSERT_TRUE(bench.execute("brz r1,0x1000010"));
      ASSERT_EQ(bench.core.next_pc, a == 0 ? kConcealedBase + 16 : kConcealedBase + 4);
      ASSERT_TRUE(bench.execute("brnz r1,0x1000010"));
      ASSERT_EQ(bench.core.next_pc, a != 0 ? kConcealedBase + 16 : kConcealedBase + 4);
    }
}

TEST(Program, TlbMissKeepsRegistersAndStoresAndRepeats) {
  BenchCore bench;
  bench.map(1, 1);
  bench.run(with_handler(R"(
    movi r1,0x1000
    movi r2,0x2000
    movi r3,42
    { stg.32 r3,[r1] | commit 0 }
    movi r3,43
    stg.32 r3,[r1+4]
    ldg.32u r4,[r2]
    mfs r5,gated
    br stop
  handler:
    mfs r28,ecause
    mfs r29,eaddr
    mfs r30,epc
    movi r31,0x1002       ; virtual page 2 is physical page 5
    movi r26,2
    movi r31,0x5067
    tlbw r26,r31
    eret
  )"));
  FunctionalCore& core = bench.core;
  EXPECT_EQ(core.r[3], 43u) << "no rollback";
  EXPECT_EQ(core.r[5], 1u) << "the store is still gated";
  EXPECT_EQ(core.r[28], static_cast<uint64_t>(Cause::TlbMiss));
  EXPECT_EQ(core.r[29], 0x2000u);
  EXPECT_EQ(bench.executor.events(Cause::TlbMiss), 1u);
  EXPECT_EQ(core.rollbacks, 0u);
}

TEST(Program, FaultRollsBackToTheLastCommit) {
  BenchCore bench;
  bench.map(1, 1);
  bench.map(2, 2, kTlbUser | kTlbDirty);  // read-only
  bench.run(with_handler(R"(
    movi r1,0x1000
    movi r2,0x2000
    movi r3,7
    { stg.32 r3,[r1] | commit 3,0x401000 }
    movi r3,8
    stg.32 r3,[r1]
    fmvr f1,r3
  fault:
    stg.32 r3,[r2]
    br stop
  handler:
    { mfs r20,ecause | br next }
  next:
    mfs r21,eaddr
    mfs r22,einfo
    mfs r23,epc
    mfs r24,gpc
    ldg.32u r25,[r1]
    br stop
  )"));
  FunctionalCore& core = bench.core;
  EXPECT_EQ(core.r[3], 7u);
  EXPECT_EQ(core.v[1].low, 0u);
  EXPECT_EQ(core.r[20], static_cast<uint64_t>(Cause::GuestFault));
  EXPECT_EQ(core.r[21], 0x2000u);
  EXPECT_EQ(core.r[22], 4u | kInfoWrite | kInfoReadOnly);
  EXPECT_EQ(core.r[23], bench.symbol("fault"));
  EXPECT_EQ(core.r[24], 0x401000u);
  EXPECT_EQ(core.r[25], 7u);
  EXPECT_EQ(core.read_special(Special::Gcount), 3u);
  EXPECT_EQ(core.rollbacks, 1u);
}

TEST(Program, CommitsCountLessWhatIsUncounted) {
  BenchCore bench;
  bench.run(with_handler(R"(
    movi r2,0x2000
    movi r19,0
    movi r20,1
    movi r9,0x40                  ; ZF
    uncount.cc 2,z,r9
    uncount.cc 40,nz,r9           ; does not hold
    uncount.z 40,r20
    { uncount.nz 3,r20 | movi r20,0 | commit 10 }   ; of the value before the molecule
    commit 5                      ; once only
    { uncount.z 1,r20 | uncount.cc 3,z,r9 }
    ldg.32u r3,[r2]               ; no page there yet: a TLB miss keeps what is uncounted
    commit 10
    uncount.z 9,r20               ; modulo 4096
    commit 7
    uncount.z 2,r20
    rollback
    commit 20
    uncount.z 2,r20
    stg.32 r3,[r2]                ; the page is read-only
  handler:
    { brnz r19,fault | movi r19,1 }
    movi r26,2
    movi r31,0x5065
    tlbw r26,r31
    eret
  fault:
    { commit 100 | br stop }      ; an event that rolls back forgets it
  )"));
  EXPECT_EQ(bench.core.read_special(Special::Gcount), 5u + 5u + 6u + 4094u + 20u + 100u);
  EXPECT_EQ(bench.executor.events(Cause::TlbMiss), 1u);
  EXPECT_EQ(bench.executor.events(Cause::GuestFault), 1u);
}

TEST(Program, EveryCauseCarriesItsDetails) {
  BenchCore bench;
  const std::string text = with_handler(R"(
    movi r1,0x1000
    br go
  handler:
    mfs r20,ecause
    br stop
  go:
  )");
  const auto cause_of = [&](const std::string& body) {
    bench.core.reset();
    bench.map(1, 1);
    bench.load(text + body);
    // The body follows `stop`, so jump there.
    const std::string jump = std::string(text).replace(text.find("br go"), 5, "br body");
    bench.run(jump + "body:\n" + body);
    return static_cast<Cause>(bench.core.r[20]);
  };
  EXPECT_EQ(cause_of("ldg.32u r2,[r1+0x7000]"), Cause::TlbMiss);
  EXPECT_EQ(cause_of("{ ldgp.32 r2,[r1],1 }\n stgm.32 r2,[r1],0x2"), Cause::AliasFault);
  EXPECT_EQ(cause_of("again: stg.32 r2,[r1]\n br again"), Cause::StoreBufferFull);
  EXPECT_EQ(cause_of(".word 0"), Cause::IllegalMolecule);
  EXPECT_EQ(bench.core.read_special(Special::Einfo), static_cast<uint64_t>(CodecError::UnknownOpcode));
  EXPECT_EQ(cause_of("movi r3,2\n jr r3"), Cause::IllegalMolecule);
  EXPECT_EQ(cause_of("movi r3,0x1000\n jr r3"), Cause::IllegalMolecule) << "code lives in concealed memory";
  EXPECT_EQ(cause_of("movi r3,0x7fffffff\n ldc.32u r2,[r3]"), Cause::BusError);
  EXPECT_EQ(cause_of("movi r2,7\n platform r2"), Cause::PlatformReturn);
  EXPECT_EQ(bench.core.read_special(Special::Einfo), 77u);
  EXPECT_EQ(bench.port.last, 0u);
}

TEST(Program, MoleculesOfAnotherMachineAreIllegal) {
  MachineDescription machine = wide_machine();
  machine.width = 2;
  machine.literal_slots = 1;
  machine.offset_addressing = 0;
  BenchCore bench(test_config(machine));
  for (const char* body : {"{ nop | nop | nop }", "{ movi r1,0x12345678 | movi r2,0x12345678 }", "{ movi r1,0x12345678 | nop }", "ldc.32u r2,[r1+4]"}) {
    bench.core.reset();
    bench.load(std::string("movi r16,1\n br body\nbody:\n ") + body);
    bench.executor.run(3);
    EXPECT_EQ(bench.core.read_special(Special::Ecause), static_cast<uint64_t>(Cause::IllegalMolecule)) << body;
    EXPECT_EQ(bench.core.read_special(Special::Einfo), kInfoNotThisMachine) << body;
  }
}

TEST(Program, InterruptsWaitForImask) {
  BenchCore bench;
  bench.executor.set_interrupt_lines(4);
  bench.run(with_handler(R"(
    movi r1,1
    mfs r25,ipending
    nop
    nop
    { mts imask,r1 }
  spin:
    brz r24,spin
    mfs r6,imask
    br stop
  handler:
    mfs r20,einfo
    mfs r21,imask
    mfs r22,esave
    movi r24,1            ; ends the loop once the molecule is repeated
    mts esave,zero        ; the line stays raised: return with interrupts off
    eret
  )"));
  FunctionalCore& core = bench.core;
  EXPECT_EQ(core.r[25], 4u);
  EXPECT_EQ(core.r[20], 4u);
  EXPECT_EQ(core.r[21], 0u);
  EXPECT_EQ(core.r[22], 1u);
  EXPECT_EQ(core.r[6], 0u);
  EXPECT_EQ(bench.executor.events(Cause::Interrupt), 1u);
}

TEST(Program, TimerRaisesLineZero) {
  BenchCore bench;
  bench.run(with_handler(R"(
    movi r1,1
    mfs r2,cycles
    add.64 r2,r2,30
    mts tcompare,r2
    mts imask,r1
  spin:
    br spin
  handler:
    mfs r20,einfo
    mfs r21,cycles
    br stop
  )"));
  EXPECT_EQ(bench.core.r[20], 1u);
  EXPECT_GE(bench.core.r[21], bench.core.r[2]);
}

TEST(Program, SamplesNameTheMolecule) {
  BenchCore bench;
  bench.run(with_handler(R"(
    movi r1,1
    movi r2,10
    mts speriod,r2
    mts imask,r1
  spin:
    br spin
  handler:
    mfs r20,saddr
    mfs r21,ecause
    br stop
  )"));
  EXPECT_EQ(bench.core.r[20], bench.symbol("spin"));
  EXPECT_EQ(bench.core.r[21], static_cast<uint64_t>(Cause::Sample));
}

TEST(Program, ReturnStack) {
  BenchCore bench;  // four entries
  bench.run(R"(
    movi r1,0x1000
    movi r2,0x2000
    rpush r1,back1
    rpush r2,back2
    ret r2
    movi r10,1           ; not reached
  back2:
    movi r11,1
    ret r2               ; the top is r1's: falls through, and it is gone
    movi r12,1
    ret r1
    movi r13,1
    rpush r1,back1
    rscl
    ret r1
    movi r14,1
    rpush r1,far
    ret r1
  back1:
    movi r15,1
    platform zero
    .align 4096
    .zero 0x9000
  far:
    movi r16,1
    platform zero
  )");
  FunctionalCore& core = bench.core;
  for (const unsigned reached : {11, 12, 13, 14, 16}) EXPECT_EQ(core.r[reached], 1u) << reached;
  EXPECT_EQ(core.r[10], 0u);
  EXPECT_EQ(core.r[15], 0u);
  ReturnStack stack(4);
  for (uint32_t i = 0; i < 6; ++i) stack.push(i, 100 + i);
  for (uint32_t i = 6; i-- > 2;) EXPECT_EQ(stack.pop(i), 100u + i);
  EXPECT_EQ(stack.pop(1), 0u) << "overwritten";
}

TEST(Program, JumpTranslationBuffer) {
  BenchCore bench;
  bench.run(R"(
    movi r1,0x401000
    movi r2,0x441000
    movi r3,target
    jtb r4,r1
    jtbw r1,r3
    jtb r5,r1
    jtb r6,r2
    jtbcl
    jtb r7,r1
  target:
    platform zero
  )");
  FunctionalCore& core = bench.core;
  EXPECT_EQ(core.r[4], 0u);
  EXPECT_EQ(core.r[5], bench.symbol("target"));
  EXPECT_EQ(core.r[6], 0u);
  EXPECT_EQ(core.r[7], 0u);
}

TEST(Program, LookUpHelpThatIsAbsent) {
  MachineDescription machine = wide_machine();
  machine.jtb_entries = machine.return_stack_entries = 0;
  BenchCore bench(test_config(machine));
  bench.run(R"(
    movi r1,0x401000
    jtbw r1,r1
    jtb r4,r1
    rpush r1,wrong
    ret r1
    platform zero
  wrong:
    movi r5,1
    platform zero
  )");
  EXPECT_EQ(bench.core.r[4], 0u);
  EXPECT_EQ(bench.core.r[5], 0u);
}

TEST(Program, StoresIntoCodeAreSeen) {
  BenchCore bench;
  bench.run(R"(
    movi r5,0
    movi r1,patch
    movi r6,2
  again:
    nop
  patch:
    add.64 r5,r5,1
    { ldc.32u r2,[r1] | sub.64 r6,r6,1 }
    movi r7,other
    ldc.32u r2,[r7]
    stc.32 r2,[r1]
    brnz r6,again
    platform zero
  other:
    add.64 r5,r5,16
    ; a store just before a molecule that spans the written word
  )");
  EXPECT_EQ(bench.core.r[5], 17u);
}

TEST(Program, StoreIntoTheLiteralOfARunningMolecule) {
  BenchCore bench;
  bench.run(R"(
    movi r6,2
    movi r1,site
    movi r2,0x22222222
  site:
    { movi r5,0x11111111 | add.64 r7,r7,r5 | stc.32 r2,[r1+16] | sub.64 r6,r6,1 }
    brnz r6,site
    add.64 r7,r7,r5
    platform zero
  )");
  EXPECT_EQ(bench.core.r[5], 0x2222'2222u);
  EXPECT_EQ(bench.core.r[7], 0x1111'1111u + 0x2222'2222u);
}

TEST(Program, Counters) {
  BenchCore bench;
  bench.map(1, 1);
  bench.run(R"(
    { nop | nop | nop }
    { commit 5 | nop }
    rollback
    { nop | commit 4095 }
    mfs r1,molecules
    mfs r2,atoms
    mfs r3,commits
    mfs r4,rollbacks
    mfs r20,gcount
    mfs r21,features
    platform zero
  )");
  FunctionalCore& core = bench.core;
  EXPECT_EQ(core.r[1], 5u);
  EXPECT_EQ(core.r[2], 3 + 2 + 1 + 2 + 1 + 1u);
  EXPECT_EQ(core.r[3], 2u);
  EXPECT_EQ(core.r[4], 1u);
  EXPECT_EQ(core.r[20], 4100u);
  EXPECT_EQ(core.r[21], wide_machine().features);
}

TEST(Program, SpecialRegistersHoldWhatTheyMay) {
  BenchCore bench;
  FunctionalCore& core = bench.core;
  for (unsigned i = 0; i < kSpecials; ++i) {
    const Special special = static_cast<Special>(i);
    const uint64_t before = core.read_special(special);
    core.r[1] = ~uint64_t{0};
    ASSERT_TRUE(bench.execute(std::string("mts ") + kSpecialName[i] + ",r1"));
    ASSERT_TRUE(bench.execute(std::string("mfs r2,") + kSpecialName[i]));
    const bool read_only = std::string(kSpecialMeaning[i]).find("read-only") != std::string::npos;
    if (read_only) {
      EXPECT_EQ(core.r[2], before) << kSpecialName[i];
    } else {
      EXPECT_NE(core.r[2], before) << kSpecialName[i];
    }
  }
}

TEST(Program, ResetForgetsEverything) {
  BenchCore bench;
  bench.map(1, 1);
  FunctionalCore& core = bench.core;
  core.r[1] = 0x1000;
  ASSERT_TRUE(bench.execute("{ stg.32 r1,[r1] | ldgp.8 r2,[r1],1 | movi r5,5 }"));
  core.reset();
  EXPECT_EQ(core.r[5], 0u);
  EXPECT_EQ(core.stores.size(), 0u);
  EXPECT_EQ(core.alias.valid(), 0u);
  EXPECT_EQ(core.tlb_probe(0x1000), 0u);
  EXPECT_EQ(core.pc, kConcealedBase);
  EXPECT_EQ(core.read_special(Special::Ecause), static_cast<uint64_t>(Cause::Reset));
}

}  // namespace
}  // namespace chrysalis::isa::test
