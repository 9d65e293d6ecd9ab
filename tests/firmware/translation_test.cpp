// Translations, written by hand, under both forms of the firmware: entering and leaving them, and every event within.
// Each stands for a piece of x86 code; what interpreting that code gives is what the translation must give.
#include <gtest/gtest.h>

#include "firmware/code_stubs.h"
#include "isa-host/assembler.h"
#include "tests/firmware/guest.h"
#include "tests/firmware/translation_run.h"

namespace chrysalis::test {
namespace {

constexpr uint32_t kEntry = kCode + 16, kNext = kCode + 256;  // where TRANSLATED begins and what follows it
constexpr uint64_t kHost = fw::kGearAreaBase[0], kOtherHost = kHost + 0x1000;

/// A stop; at kEntry the code that is translated; at kNext a stop.
#define TRANSLATED(name, text)                                                                                    \
  GUEST_CODE(name, "int $0x80\n.org " #name "_begin + 16, 0x90\n" text "\njmp 9f\n.org " #name "_begin + 256, 0x90\n" \
                   "9: int $0x80\n")

class Translated {
 public:
  Translated(const std::vector<uint8_t>& code, Setup setup) : guest(code, setup) {
    // Above interpretation, but nothing ever gets so far by itself.
    guest.mailbox().max_gear = 1;
    guest.mailbox().gears.first_gear = 1;
    for (uint32_t& threshold : guest.mailbox().gears.threshold) threshold = 1'000'000'000;
    fw::GuestContext& context = guest.mailbox().context;
    for (unsigned i = 0; i < 8; ++i) context.slot[i] = 0x1000'0001u * (i + 1);
    guest.reg(GuestReg::Ebx) = kData;
    guest.reg(GuestReg::Esi) = kData + 0x100;
    guest.reg(GuestReg::Esp) = kStackTop - 16;
    guest.reg(GuestReg::Flags) = 0x41;  // CF, PF's neighbour: any
    guest.run();
    EXPECT_EQ(guest.delivered.size(), 1u);
    guest.reg(GuestReg::Eip) = kEntry;
  }

  /// Writes a translation; `text` may name stubs, kEntry and kNext.
  void translate(const std::string& text, uint64_t at = kHost) {
    const auto equ = [](const char* name, uint64_t value) { return std::string(".equ ") + name + ", " + std::to_string(value) + "\n"; };
    std::string all = equ("entry", kEntry) + equ("next", kNext);
#define STUB(name, meaning) all += equ(#name, fw::address(fw::CodeStub::name));
    CHRYSALIS_CODE_STUBS(STUB)
#undef STUB
    const isa::Assembly assembly = isa::assemble(all + text, at);
    ASSERT_TRUE(assembly.ok()) << assembly.error_text("translation");
    std::memcpy(guest.machine().memory().ram(at, assembly.bytes.size()), assembly.bytes.data(), assembly.bytes.size());
  }

  TranslationRequest& request() {
    return *reinterpret_cast<TranslationRequest*>(guest.machine().memory().ram(kRequestAddress, sizeof(TranslationRequest)));
  }

  /// From kEntry to the next stop: by the translation, or by interpreting all.
  void run_translation(uint64_t at = kHost) {
    request().translation = at;
    guest.run();
  }
  void interpret() { guest.run(); }

  Guest guest;
};

/// What a guest can tell of a run.
struct Outcome {
  explicit Outcome(Translated& from) : delivered(from.guest.delivered), instructions(from.guest.instructions()) {
    for (unsigned i = 0; i < static_cast<unsigned>(GuestReg::kCount); ++i) slots.push_back(from.guest.reg(static_cast<GuestReg>(i)));
    memory = from.guest.memory_at(kCode, 1);
    for (const uint8_t byte : from.guest.memory_at(kData, 16)) memory.push_back(byte);
  }

  std::vector<uint64_t> slots;
  std::vector<uint8_t> memory;
  std::vector<Delivered> delivered;
  uint64_t instructions;
};

void expect_same(const Outcome& translated, const Outcome& interpreted) {
  EXPECT_EQ(translated.slots, interpreted.slots);
  EXPECT_EQ(translated.instructions, interpreted.instructions);
  EXPECT_TRUE(translated.memory == interpreted.memory);
  ASSERT_EQ(translated.delivered.size(), interpreted.delivered.size());
  for (size_t i = 0; i < translated.delivered.size(); ++i) {
    const Delivered &a = translated.delivered[i], &b = interpreted.delivered[i];
    EXPECT_EQ(a.vector, b.vector);
    EXPECT_EQ(a.error_code, b.error_code);
    EXPECT_EQ(a.cr2, b.cr2);
    EXPECT_EQ(a.eip, b.eip);
  }
}

class TranslationTest : public testing::TestWithParam<Setup> {
 protected:
  using Prepare = void (*)(Guest&);

  Outcome interpret(const std::vector<uint8_t>& code, Prepare prepare = nullptr) {
    Translated interpreted(code, GetParam());
    if (prepare != nullptr) prepare(interpreted.guest);
    interpreted.interpret();
    return Outcome(interpreted);
  }

  /// Runs `host` and its x86 code; returns whether the translation was left by exit `id`, and not abandoned.
  [[nodiscard]] bool check(const std::vector<uint8_t>& code, const std::string& host, uint32_t id, Prepare prepare = nullptr) {
    const Outcome expected = interpret(code, prepare);
    Translated translated(code, GetParam());
    if (prepare != nullptr) prepare(translated.guest);
    translated.translate(host);
    translated.run_translation();
    expect_same(Outcome(translated), expected);
    if (translated.request().exits == 0) return false;
    EXPECT_EQ(translated.request().exits, 1u);
    EXPECT_EQ(translated.request().exit, id);
    return true;
  }
};

TRANSLATED(simple, R"(
    add %ecx, %eax
    mov %eax, (%ebx)
    mov (%ebx), %edx
    xchg %esi, %edi
)")
// Memory is written and read back through the gated store, and through a spill slot.
const std::string kSimple = R"(
    add.32 r0,r0,r1 f=r9
    stg.32 r0,[r3]
    stc.64 r6,[r31]
    ldg.32u r2,[r3]
    mov r6,r7
    ldc.64 r7,[r31]
    commit 5,next
    movi r8,next
    movi r30,7
    br Leave
)";

TEST_P(TranslationTest, EntersAndLeaves) { EXPECT_TRUE(check(GUEST_BYTES(simple), kSimple, 7)); }

TEST_P(TranslationTest, FillsTheTlb) {
  Translated translated(GUEST_BYTES(simple), GetParam());
  translated.translate(kSimple);
  const uint64_t fills = translated.guest.counter(fw::Counter::TlbFills);
  translated.run_translation();
  EXPECT_GT(translated.guest.counter(fw::Counter::TlbFills), fills);
  EXPECT_EQ(translated.guest.page_entry(kData) & (Guest::kAccessed | Guest::kDirty), Guest::kAccessed | Guest::kDirty);
  EXPECT_EQ(translated.request().exits, 1u);
}

// A store to a page of which the TLB knows that it is clean.
TEST_P(TranslationTest, FirstWriteToAPage) {
  const std::string reads_first = "ldg.32u r10,[r3]\n" + kSimple;
  EXPECT_FALSE(check(GUEST_BYTES(simple), reads_first, 7));
}

const std::string kRolledBack = R"(
    add.32 r0,r0,r1 f=r9
    stg.32 r0,[r3]
    movi r30,9
    br LeaveRolledBack
)";

TEST_P(TranslationTest, LeavesRolledBack) { EXPECT_TRUE(check(GUEST_BYTES(simple), kRolledBack, 9)); }

TEST_P(TranslationTest, LeavesRolledBackToTheLastCommit) {
  const std::string host = "add.32 r0,r0,r1 f=r9\ncommit 1,entry+2\n inc.32 r2,r2\n movi r30,10\n br LeaveRolledBack\n";
  EXPECT_TRUE(check(GUEST_BYTES(simple), host, 10));
}

TRANSLATED(faulting, R"(
    add %ecx, %eax
    mov %eax, (%ebx)
    inc %edx
    mov 0x3000(%ebx), %esi
    mov %edx, 4(%ebx)
)")
const std::string kFaulting = R"(
    add.32 r0,r0,r1 f=r9
    stg.32 r0,[r3]
    inc.32 r2,r2 f=r9
    add.32 r10,r3,0x3000
    ldg.32u r6,[r10]
    add.32 r10,r3,4
    stg.32 r2,[r10]
    commit 6,next
    movi r8,next
    movi r30,7
    br Leave
)";

TEST_P(TranslationTest, PageFaults) {
  EXPECT_FALSE(check(GUEST_BYTES(faulting), kFaulting, 7, [](Guest& guest) { guest.map(kData + 0x3000, 0, 0); }));
  EXPECT_TRUE(check(GUEST_BYTES(faulting), kFaulting, 7));
}

// The interpreter goes on from the commit, not from the entry.
TEST_P(TranslationTest, PageFaultsAfterACommit) {
  const std::string commits = R"(
      add.32 r0,r0,r1 f=r9
      { stg.32 r0,[r3] }
      commit 2,entry+4
      movi r8,0
      inc.32 r2,r2 f=r9
      add.32 r10,r3,0x3000
      ldg.32u r6,[r10]
      br LeaveRolledBack
  )";
  EXPECT_FALSE(check(GUEST_BYTES(faulting), commits, 7, [](Guest& guest) { guest.map(kData + 0x3000, 0, 0); }));
}

TEST_P(TranslationTest, LeadsNowhere) {  // #MC
  EXPECT_FALSE(check(GUEST_BYTES(faulting), kFaulting, 7, [](Guest& guest) { guest.map(kData + 0x3000, 0x5000'0000); }));
  EXPECT_FALSE(check(GUEST_BYTES(faulting), kFaulting, 7, [](Guest& guest) { guest.map(kData + 0x3000, fw::kConcealedBase); }));
}

class CountingDevice : public isa::Device {
 public:
  void read(uint64_t, unsigned size, uint8_t* bytes) override {
    std::memset(bytes, 0x5a, size);
    ++reads;
  }
  void write(uint64_t, unsigned, const uint8_t*) override {}
  unsigned reads = 0;
};
CountingDevice g_device;

// The translation must not read it: it might have to read it again.
TEST_P(TranslationTest, ReadsADevice) {
  if (GetParam().form == Form::Hosted) GTEST_SKIP() << "the hosted form has no devices";
  g_device.reads = 0;
  EXPECT_FALSE(check(GUEST_BYTES(faulting), kFaulting, 7, [](Guest& guest) {
    guest.machine().memory().add_device(0x6800'0000, 0x1000, g_device);
    guest.mailbox().device_begin = 0x6800'0000;
    guest.mailbox().device_end = 0x6800'1000;
    guest.map(kData + 0x3000, 0x6800'0000);
  }));
  EXPECT_EQ(g_device.reads, 2u);  // once in each run
}

TRANSLATED(overlapping, R"(
    mov %ecx, (%ebx)
    mov %edx, 2(%esi)
    mov (%ebx), %eax
)")
// The load has been moved above the second store, which may overlap.
const std::string kOverlapping = R"(
    stg.32 r1,[r3]
    ldgp.32 r0,[r3],0
    add.32 r10,r6,2
    stgm.32 r2,[r10],1
    commit 4,next
    movi r8,next
    movi r30,7
    br Leave
)";

TEST_P(TranslationTest, AliasFaults) {
  EXPECT_TRUE(check(GUEST_BYTES(overlapping), kOverlapping, 7));
  EXPECT_FALSE(check(GUEST_BYTES(overlapping), kOverlapping, 7, [](Guest& guest) { guest.reg(GuestReg::Esi) = kData; }));
}

TRANSLATED(many_stores, R"(
    cld
    mov %ebx, %edi
    mov $300, %ecx
    rep stosl
)")

TEST_P(TranslationTest, FillsTheStoreBuffer) {
  const std::string host = R"(
      mov r7,r3
      movi r1,300
  again:
      stg.32 r0,[r7]
      add.32 r7,r7,4
      sub.32 r1,r1,1
      brnz r1,again
      commit 5,next
      movi r8,next
      movi r30,7
      br Leave
  )";
  EXPECT_FALSE(check(GUEST_BYTES(many_stores), host, 7));
}

TRANSLATED(writes_code, R"(
    mov %ecx, %eax
    movl $0x90909090, 0x400000 + 8
    mov %eax, (%ebx)
)")

// The stop's granule is predecoded.
TEST_P(TranslationTest, WritesCode) {
  const std::string host = R"(
      mov r0,r1
      movi r10,0x400008
      movi r11,0x90909090-0x100000000
      stg.32 r11,[r10]
      stg.32 r0,[r3]
      commit 4,next
      movi r8,next
      movi r30,7
      br Leave
  )";
  EXPECT_FALSE(check(GUEST_BYTES(writes_code), host, 7, [](Guest& guest) { guest.byte(kCode + 8) = 1; }));
}

TRANSLATED(endless, R"(
1:  inc %ecx
    jmp 1b
)")
// Most of the time something is under way that has to be undone.
const std::string kEndless = R"(
again:
    add.32 r1,r1,1
    mov r2,r1
    mov r2,zero
    { mov r2,r10 }
    commit 2
    mov r10,r2
    br again
)";

class InterruptTest : public TranslationTest {
 protected:
  InterruptTest() : translated(GUEST_BYTES(endless), GetParam()) {
    translated.guest.reg(GuestReg::Edx) = 0;
    translated.translate("mov r10,zero\n" + kEndless);
    instructions_ = translated.guest.instructions();
  }
  void expect_precise() {
    Guest& guest = translated.guest;
    const uint64_t done = (guest.instructions() - instructions_) / 2;
    EXPECT_EQ(guest.reg(GuestReg::Ecx), 0x2000'0002u + done);
    EXPECT_EQ(guest.reg(GuestReg::Edx), 0u);
    EXPECT_EQ(guest.reg(GuestReg::Eip), kEntry);
    EXPECT_EQ(translated.request().exits, 0u);
  }
  Translated translated;
  uint64_t instructions_;
};

TEST_P(InterruptTest, ComesAtTheNextCommit) {
  translated.guest.machine().set_instruction_limit(instructions_ + 1001);
  translated.run_translation();
  expect_precise();
  EXPECT_EQ(translated.guest.instructions(), instructions_ + 1002);
}

TEST_P(InterruptTest, ComesFromTheTimer) {
  Guest& guest = translated.guest;
  const uint64_t due = guest.machine().cycles() + 20'000;
  uint32_t attentions = 0;
  guest.on_attention = [&] {
    EXPECT_GE(guest.machine().cycles(), due);
    ++attentions;
    guest.mailbox().attention_cycle = 0;
    return uint32_t{fw::kReplyStop};
  };
  // The firmware learns it with its next service.
  guest.reg(GuestReg::Eip) = kCode;
  guest.mailbox().attention_cycle = due;
  guest.run();
  guest.reg(GuestReg::Eip) = kEntry;
  instructions_ = guest.instructions();
  translated.run_translation();
  EXPECT_EQ(attentions, 1u);
  expect_precise();
  EXPECT_GT(guest.instructions(), instructions_ + 1000);
}

TRANSLATED(jumps, R"(
    add %ecx, %eax
    mov %ebp, %edx
    jmp *%ebp
    .org jumps_begin + 64, 0x90
    inc %edx
)")
const std::string kJumps = R"(
    add.32 r0,r0,r1 f=r9
    mov r2,r5
    commit.r 3,r5
    mov r8,r5
    br Indirect
)";

TEST_P(TranslationTest, IndirectExits) {
  const Prepare prepare = [](Guest& guest) { guest.reg(GuestReg::Ebp) = kCode + 64; };
  const Outcome expected = interpret(GUEST_BYTES(jumps), prepare);
  enum class Known { Nowhere, Buffer, Table };
  for (const Known known : {Known::Nowhere, Known::Buffer, Known::Table}) {
    Translated translated(GUEST_BYTES(jumps), GetParam());
    prepare(translated.guest);
    translated.translate(kJumps);
    translated.translate("inc.32 r2,r2 f=r9\ncommit 2,next\nmovi r8,next\nmovi r30,5\nbr Leave\n", kOtherHost);
    // Another address in the same place does not count.
    translated.request().jtb_guest = known == Known::Buffer ? kCode + 64 : kCode + 64 + 0x1000'0000;
    translated.request().jtb_host = kOtherHost;
    if (known == Known::Table) {
      const uint64_t at = fw::kJumpTableBase + sizeof(fw::JumpTableEntry) * fw::jump_table_index(kCode + 64);
      auto& entry = *reinterpret_cast<fw::JumpTableEntry*>(translated.guest.machine().memory().ram(at, sizeof(fw::JumpTableEntry)));
      entry.eip = kCode + 64;
      entry.code = kOtherHost;
    }
    translated.run_translation();
    expect_same(Outcome(translated), expected);
    EXPECT_EQ(translated.request().exits, 1u);
    EXPECT_EQ(translated.request().exit, known != Known::Nowhere ? 5u : fw::kExitIndirect);
  }
}

// Literals above 2 GiB come sign-extended.
TEST_P(TranslationTest, HighAddresses) {
  const Prepare prepare = [](Guest& guest) { guest.reg(GuestReg::Ebp) = 0xf000'0000; };
  const std::string work = "add.32 r0,r0,r1 f=r9\nmov r2,r5\ncommit 3,0xf0000000\nmovi r30,7\n";
  EXPECT_TRUE(check(GUEST_BYTES(jumps), work + "movi r8,0xf0000000-0x100000000\nbr Leave\n", 7, prepare));
  EXPECT_TRUE(check(GUEST_BYTES(jumps), work + "br LeaveRolledBack\n", 7, prepare));
  EXPECT_FALSE(check(GUEST_BYTES(jumps), work + "movi r10,0\nldg.32u r0,[r10]\nbr Leave\n", 7, prepare));
}

TEST_P(TranslationTest, GoesOnAfterEachOther) {
  constexpr unsigned kRounds = 5;
  std::vector<Outcome> expected;
  {
    Translated interpreted(GUEST_BYTES(simple), GetParam());
    for (unsigned round = 0; round < kRounds; ++round) {
      interpreted.interpret();
      expected.emplace_back(interpreted);
      interpreted.guest.reg(GuestReg::Eip) = kEntry;
    }
  }
  Translated translated(GUEST_BYTES(simple), GetParam());
  translated.translate(kSimple);
  translated.translate(kRolledBack, kOtherHost);
  for (unsigned round = 0; round < kRounds; ++round) {
    translated.run_translation(round % 2 == 0 ? kHost : kOtherHost);
    expect_same(Outcome(translated), expected[round]);
    EXPECT_EQ(translated.request().exits, round + 1);
    translated.guest.reg(GuestReg::Eip) = kEntry;
  }
}

constexpr Setup kTranslationSetups[] = {
    {fw::Interpreter::DirectThreaded, Form::Hosted, "crusoe"},   {fw::Interpreter::DirectThreaded, Form::Core, "crusoe"},
    {fw::Interpreter::DirectThreaded, Form::Hosted, "efficeon"}, {fw::Interpreter::DirectThreaded, Form::Core, "efficeon"},
    {fw::Interpreter::IndirectThreaded, Form::Hosted, "denver"}, {fw::Interpreter::IndirectThreaded, Form::Core, "denver"}};
INSTANTIATE_TEST_SUITE_P(Forms, TranslationTest, testing::ValuesIn(kTranslationSetups), name);
INSTANTIATE_TEST_SUITE_P(Forms, InterruptTest, testing::ValuesIn(kTranslationSetups), name);

class CodeStubs : public testing::TestWithParam<const char*> {};

TEST_P(CodeStubs, AreTheSameInBothForms) {
  std::vector<uint8_t> bytes[2];
  for (const Form form : {Form::Hosted, Form::Core}) {
    Translated translated(GUEST_BYTES(simple), {fw::Interpreter::DirectThreaded, form, GetParam()});
    const uint8_t* at = translated.guest.machine().memory().ram(fw::kCodeCacheBase, fw::kCodeStubsSize);
    bytes[static_cast<unsigned>(form)].assign(at, at + fw::kCodeStubsSize);
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  for (unsigned i = 0; i < static_cast<unsigned>(fw::CodeStub::kCount); ++i) {
    uint32_t first = 0;
    std::memcpy(&first, &bytes[0][i * fw::kCodeStubSize], sizeof first);
    EXPECT_NE(first, 0u) << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Machines, CodeStubs, testing::Values("crusoe", "efficeon", "denver"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace chrysalis::test
