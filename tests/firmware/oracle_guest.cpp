#include "tests/firmware/oracle_guest.h"

#include <cstring>

#include "tests/firmware/x87_exchange.h"
#include "translator/compile.h"

namespace chrysalis::test {

using namespace oracle;
using ir::GuestReg;

namespace {

constexpr uint32_t kArithmetic = 0x8d5, kNoExecute = 0x200, kWritable = 2, kPresentUser = 5;
constexpr unsigned kSelectors = static_cast<unsigned>(GuestReg::EsSel), kBases = static_cast<unsigned>(GuestReg::EsBase);
// How often forgetting is thorough. In between only the code pages are given up, so that the predecode cache fills, too.
constexpr unsigned kCasesPerClear = 256, kCasesPerFlush = 4;
// No case completes as many.
constexpr uint64_t kMostInstructions = 2000;
constexpr uint8_t kNoCode = 0xcc;

}  // namespace

OracleGuest::OracleGuest(const Shared& shared, Form form, fw::Interpreter interpreter, const OracleGears& gears)
    : shared_(shared), machine_(make_machine(form, kRamSize, [this](fw::Service s) { serve(s); }, gears.machine)) {
  fw::Mailbox& m = mailbox();
  m.magic = fw::kMailboxMagic;
  m.guest_ram_size = kRamSize;
  m.interpreter = interpreter;
  m.no_execute = kNoExecute;
  for (unsigned i = 0; i < 2; ++i) m.tls[(shared.tls_selector[i] >> 3) - fw::kFirstTlsEntry] = {kTlsBase[i], fw::kTlsPresent};
  for (unsigned i = 0; i < kCodePages; ++i) map(kCode + i * kPage, kCodeAt + i * kPage, shared.writable_code ? kWritable : 0);
  for (unsigned i = 0; i < kPages; ++i) {
    map(kPageMap[i].address, kPagesAt + i * kPage, kNoExecute | (kPageMap[i].writable ? kWritable : 0));
  }
  if (gears.gear != 0) use_gears(gears);
}

void OracleGuest::use_gears(const OracleGears& how) {
  mailbox().max_gear = how.gear;
  fw::GearOptions& gears = mailbox().gears;
  for (uint32_t& threshold : gears.threshold) threshold = 1;
  gears.first_gear = how.gear == 1 ? 1 : 2;
  gears.max_instructions = 200;
  gears.unroll_instructions = 64;
  // Without adaptation: what is learnt of an address says nothing of the next sequence there.
  gears.switches = fw::kSwitchChaining | fw::kSwitchPassStores | fw::kSwitchFollowCalls | fw::kSwitchReorder | fw::kSwitchRevalidate |
                   fw::kSwitchSelfCheck | fw::kSwitchStylised | fw::kSwitchGroups | fw::kSwitchCheck;
  gears.misspeculations = 1'000'000;
  gears.check_after = shared_.writable_code ? 3 : 0;  // the platform changes all code
  gears.versions = 4;
  gears.passes = translator::kUsualPasses;
  if (how.change != nullptr) how.change(gears);
}

void OracleGuest::map(uint32_t linear, uint32_t physical, uint32_t flags) {
  uint32_t& directory = word(kTables + (linear >> 22) * 4);
  if (directory == 0) {
    directory = next_table_ | kPresentUser | kWritable;
    next_table_ += 0x1000;
  }
  word((directory & ~0xfffu) + (linear >> 12 & 0x3ff) * 4) = physical | kPresentUser | flags;
}

Outcome OracleGuest::run(const Case& plan, Afterwards afterwards) {
  uint8_t* const ram = machine_->ram();
  std::memset(code_, kNoCode, sizeof code_);
  std::memcpy(code_ + (plan.code_at - kCode), plan.code, plan.code_size);
  std::memcpy(ram + kCodeAt, code_, sizeof code_);
  std::memcpy(ram + kPagesAt, shared_.image[plan.image], kPages * kPage);
  afterwards_ = afterwards;
  ++cases_;
  load_registers(plan);
  outcome_ = Outcome{};
  machine_->set_instruction_limit(machine_->instructions() + kMostInstructions);
  machine_->run();
  store_outcome();
  return outcome_;
}

void OracleGuest::load_registers(const Case& plan) {
  const State& in = plan.in;
  fw::GuestContext& context = mailbox().context;
  context = fw::GuestContext{};
  context.cr0 = 0x8001'0001;
  context.cr3 = kTables;
  fw::x87_initialize(context);
  if (plan.loads_x87 != 0) load_x87(plan.x87, context);
  for (unsigned i = 0; i < 8; ++i) context.slot[i] = in.gpr[i];
  reg(GuestReg::Eip) = in.eip;
  reg(GuestReg::Flags) = in.eflags & kArithmetic;
  reg(GuestReg::SysFlags) = in.eflags & ~(kArithmetic | 2);
  for (unsigned i = 0; i < 6; ++i) {
    const uint32_t selector = i == kCs ? shared_.flat_code : in.selector[i];
    context.slot[kSelectors + i] = selector;
    for (unsigned k = 0; k < 2; ++k) {
      if (selector >> 3 == shared_.tls_selector[k] >> 3) context.slot[kBases + i] = kTlsBase[k];
    }
  }
}

void OracleGuest::store_outcome() {
  const fw::GuestContext& context = mailbox().context;
  State& out = outcome_.state;
  for (unsigned i = 0; i < 8; ++i) out.gpr[i] = static_cast<uint32_t>(context.slot[i]);
  out.eip = static_cast<uint32_t>(reg(GuestReg::Eip));
  out.eflags = static_cast<uint32_t>(reg(GuestReg::Flags) | reg(GuestReg::SysFlags) | 2);
  for (unsigned i = 0; i < 6; ++i) out.selector[i] = static_cast<uint16_t>(context.slot[kSelectors + i]);
  outcome_.x87 = store_x87(context);
  const uint8_t* const ram = machine_->ram();
  for (unsigned i = 0; i < kPages; ++i) {
    if (kPageMap[i].writable) hash_page(ram + kPagesAt + i * kPage, outcome_.memory_hash);
  }
  for (unsigned i = 0; shared_.writable_code && i < kCodePages; ++i) hash_page(left_ + i * kPage, outcome_.memory_hash);
}

void OracleGuest::serve(fw::Service service) {
  fw::Mailbox& m = mailbox();
  if (service == fw::Service::Attention) {
    outcome_.signal = kTimedOut;
    m.reply = last_reply();
  }
  if (service != fw::Service::GuestException) return;
  outcome_.signal = 5;
  outcome_.trap = m.vector;
  outcome_.error = m.error_code;
  outcome_.address = m.context.cr2;
  // The gates of Linux: INT3, INTO and INT 0x80 may be called; INT1 (F1) needs no permission, INT 1 (CD 01) does.
  const uint32_t last = (static_cast<uint32_t>(reg(GuestReg::Eip)) - 1 - kCode) % (kCodePages * kPage);
  const bool int1 = m.vector == 1 && machine_->ram()[kCodeAt + last] == 0xf1;
  if (m.is_software_interrupt && !int1 && m.vector != 3 && m.vector != 4 && m.vector != 0x80) {
    outcome_.trap = 13;
    outcome_.error = m.vector * 8 + 2;
    reg(GuestReg::Eip) = m.instruction;
  }
  m.reply = last_reply();
}

uint32_t OracleGuest::last_reply() {
  fw::Mailbox& m = mailbox();
  uint32_t reply = fw::kReplyStop;
  uint8_t* const code = machine_->ram() + kCodeAt;
  std::memcpy(left_, code, sizeof left_);
  bool changes = afterwards_ == Afterwards::Forget;
  if (changes && cases_ % kCasesPerClear == 0) reply |= fw::kReplyInvalidateAll;
  if (changes && cases_ % kCasesPerFlush == 0) reply |= fw::kReplyFlushTlb;
  changes = changes || std::memcmp(code_, left_, sizeof code_) != 0;
  if (!changes) return reply;
  std::memset(code, kNoCode, sizeof code_);  // the firmware compares: it has to be something else by now
  m.invalid_count = kCodePages;
  for (unsigned i = 0; i < kCodePages; ++i) m.invalid_page[i] = (kCodeAt >> 12) + i;
  return reply | fw::kReplyInvalidateCode;
}

}  // namespace chrysalis::test
