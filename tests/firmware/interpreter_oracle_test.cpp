// The interpreters on the random sequences that the lifter is held to: registers, flags, memory and faults must
// be what the reference evaluator says, which tests/x86-frontend holds to the processor.
//
// CHRYSALIS_ORACLE_SEQUENCES sets their number (default 100,000 per interpreter); CHRYSALIS_ORACLE_SEED the first seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "firmware/hosted/hosted.h"
#include "tests/x86-frontend/sequence.h"

namespace chrysalis::test {
namespace {

using namespace oracle;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// The oracle's address space under the hosted monitor.
class OracleGuest {
 public:
  OracleGuest(const Shared& shared, fw::Interpreter interpreter) : shared_(shared), ram_(kRamSize), mailbox_(new fw::Mailbox()) {
    mailbox_->magic = fw::kMailboxMagic;
    mailbox_->guest_ram_size = kRamSize;
    mailbox_->interpreter = interpreter;
    mailbox_->no_execute = kNoExecute;
    for (unsigned i = 0; i < 2; ++i) mailbox_->tls[(shared.tls_selector[i] >> 3) - fw::kFirstTlsEntry] = {kTlsBase[i], fw::kTlsPresent};
    for (unsigned i = 0; i < kCodePages; ++i) map(kCode + i * kPage, kCodeAt + i * kPage, 0);
    for (unsigned i = 0; i < kPages; ++i) map(kPageMap[i].address, kPagesAt + i * kPage, kNoExecute | (kPageMap[i].writable ? 2 : 0));
    firmware_ = std::make_unique<fw::hosted::HostedFirmware>(ram_.data(), ram_.size(), *mailbox_, [this](fw::Service s) { serve(s); });
    firmware_->set_instruction_limit(~uint64_t{0});
  }

  Outcome run(const Case& plan) {
    std::memset(&ram_[kCodeAt], 0xcc, kCodePages * kPage);
    std::memcpy(&ram_[kCodeAt + plan.code_at - kCode], plan.code, plan.code_size);
    std::memcpy(&ram_[kPagesAt], shared_.image[plan.image], kPages * kPage);
    fw::GuestContext& context = mailbox_->context;
    context = fw::GuestContext{};
    context.cr0 = 0x8001'0001;
    context.cr3 = kTables;
    for (unsigned i = 0; i < 8; ++i) context.slot[i] = plan.in.gpr[i];
    reg(ir::GuestReg::Eip) = plan.in.eip;
    reg(ir::GuestReg::Flags) = plan.in.eflags & kArithmetic;
    reg(ir::GuestReg::SysFlags) = plan.in.eflags & ~(kArithmetic | 2);
    for (unsigned i = 0; i < 6; ++i) {
      const uint32_t selector = i == kCs ? shared_.flat_code : plan.in.selector[i];
      context.slot[static_cast<unsigned>(ir::GuestReg::EsSel) + i] = selector;
      for (unsigned k = 0; k < 2; ++k) {
        if (selector >> 3 == shared_.tls_selector[k] >> 3) context.slot[static_cast<unsigned>(ir::GuestReg::EsBase) + i] = kTlsBase[k];
      }
    }
    outcome_ = Outcome{};
    firmware_->run();
    for (unsigned i = 0; i < 8; ++i) outcome_.state.gpr[i] = static_cast<uint32_t>(context.slot[i]);
    outcome_.state.eip = static_cast<uint32_t>(reg(ir::GuestReg::Eip));
    outcome_.state.eflags = static_cast<uint32_t>(reg(ir::GuestReg::Flags) | reg(ir::GuestReg::SysFlags) | 2);
    for (unsigned i = 0; i < 6; ++i) {
      outcome_.state.selector[i] = static_cast<uint16_t>(context.slot[static_cast<unsigned>(ir::GuestReg::EsSel) + i]);
    }
    for (unsigned i = 0; i < kPages; ++i) {
      if (kPageMap[i].writable) hash_page(&ram_[kPagesAt + i * kPage], outcome_.memory_hash);
    }
    return outcome_;
  }

 private:
  static constexpr uint32_t kRamSize = 1u << 20, kTables = 0x1000, kCodeAt = 0x4'0000, kPagesAt = 0x5'0000;
  static constexpr uint32_t kArithmetic = 0x8d5, kNoExecute = 0x200;

  uint64_t& reg(ir::GuestReg r) { return mailbox_->context.slot[static_cast<unsigned>(r)]; }
  uint32_t& word(uint32_t at) { return *reinterpret_cast<uint32_t*>(&ram_[at]); }
  void map(uint32_t linear, uint32_t physical, uint32_t flags) {
    uint32_t& directory = word(kTables + (linear >> 22) * 4);
    if (directory == 0) {
      directory = next_table_ | 7;
      next_table_ += 0x1000;
    }
    word((directory & ~0xfffu) + (linear >> 12 & 0x3ff) * 4) = physical | 5 | flags;
  }

  void serve(fw::Service service) {
    fw::Mailbox& m = *mailbox_;
    if (service != fw::Service::GuestException) return;
    outcome_.signal = 5;
    outcome_.trap = m.vector;
    outcome_.error = m.error_code;
    outcome_.address = m.context.cr2;
    // The gates of Linux: INT3, INTO and INT 0x80 may be called; INT1 (F1) needs no permission, INT 1 (CD 01) does.
    const uint8_t last_byte = ram_[kCodeAt + (static_cast<uint32_t>(reg(ir::GuestReg::Eip)) - 1 - kCode) % (kCodePages * kPage)];
    const bool int1 = m.vector == 1 && last_byte == 0xf1;
    if (m.is_software_interrupt && !int1 && m.vector != 3 && m.vector != 4 && m.vector != 0x80) {
      outcome_.trap = 13;
      outcome_.error = m.vector * 8 + 2;
      reg(ir::GuestReg::Eip) = m.instruction;
    }
    m.reply = fw::kReplyStop | fw::kReplyInvalidateAll | fw::kReplyFlushTlb;
  }

  const Shared& shared_;
  std::vector<uint8_t> ram_;
  std::unique_ptr<fw::Mailbox> mailbox_;
  std::unique_ptr<fw::hosted::HostedFirmware> firmware_;
  uint32_t next_table_ = kTables + 0x1000;
  Outcome outcome_;
};

class InterpreterOracle : public testing::TestWithParam<fw::Interpreter> {};

TEST_P(InterpreterOracle, RandomSequences) {
  std::string why_not;
  const auto oracle = Oracle::start(why_not);
  if (!oracle) GTEST_SKIP() << why_not;
  if (oracle->shared().flat_code != 0x23) GTEST_SKIP() << "the descriptor tables of this kernel are not modelled";
  Sequencer sequencer(oracle->shared(), Oracle::has_umip());
  OracleGuest guest(oracle->shared(), GetParam());
  const uint64_t wanted = setting("CHRYSALIS_ORACLE_SEQUENCES", 100'000);
  uint64_t compared = 0;
  unsigned differences = 0;
  for (uint64_t seed = setting("CHRYSALIS_ORACLE_SEED", 0); compared < wanted && differences < 5; ++seed) {
    Sequence sequence;
    if (!sequencer.make(seed, sequence)) continue;
    ++compared;
    const Outcome outcome = guest.run(sequence.plan);
    const std::string what = difference(sequence, outcome);
    if (what.empty()) continue;
    ++differences;
    ADD_FAILURE() << "sequence of seed " << seed << ":\n" << what << describe(sequence, outcome);
  }
}

INSTANTIATE_TEST_SUITE_P(Interpreters, InterpreterOracle,
                         testing::Values(fw::Interpreter::DecodeDispatch, fw::Interpreter::IndirectThreaded,
                                         fw::Interpreter::DirectThreaded));

}  // namespace
}  // namespace chrysalis::test
