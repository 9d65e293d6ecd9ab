// The oracle's address space under the hosted monitor: its cases run in the interpreters.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "firmware/hosted/hosted.h"
#include "firmware/x87_state.h"
#include "tests/oracle/oracle.h"
#include "translator/ir/ir.h"

namespace chrysalis::test {

inline void load_x87(const oracle::X87State& state, fw::GuestContext& context) {
  fw::x87_set_control_word(context, static_cast<uint16_t>(state.environment[0]));
  fw::x87_set_status_word(context, static_cast<uint16_t>(state.environment[1]));
  fw::x87_set_tag_word(context, static_cast<uint16_t>(state.environment[2]));
  context.fip = state.environment[3];
  context.fcs = static_cast<uint16_t>(state.environment[4]);
  context.fop = static_cast<uint16_t>(state.environment[4] >> 16);
  context.fdp = state.environment[5];
  context.fds = static_cast<uint16_t>(state.environment[6]);
  for (unsigned i = 0; i < 8; ++i) {
    fw::GuestContext::X87Register& st = context.st[(context.x87_top + i) & 7];
    std::memcpy(&st.significand, state.st[i], 8);
    std::memcpy(&st.sign_exponent, state.st[i] + 8, 2);
  }
}

/// The pointers are 0: only what the guest stores of them is compared.
inline oracle::X87State store_x87(const fw::GuestContext& context) {
  oracle::X87State state{};
  state.environment[0] = context.fcw;
  state.environment[1] = fw::x87_status_word(context);
  state.environment[2] = fw::x87_tag_word(context);
  for (unsigned i = 0; i < 8; ++i) {
    const fw::GuestContext::X87Register& st = context.st[(context.x87_top + i) & 7];
    std::memcpy(state.st[i], &st.significand, 8);
    std::memcpy(state.st[i] + 8, &st.sign_exponent, 2);
  }
  return state;
}

/// The oracle's address space under the hosted monitor.
class OracleGuest {
 public:
  OracleGuest(const oracle::Shared& shared, fw::Interpreter interpreter) : shared_(shared), ram_(kRamSize), mailbox_(new fw::Mailbox()) {
    mailbox_->magic = fw::kMailboxMagic;
    mailbox_->guest_ram_size = kRamSize;
    mailbox_->interpreter = interpreter;
    mailbox_->no_execute = kNoExecute;
    for (unsigned i = 0; i < 2; ++i) mailbox_->tls[(shared.tls_selector[i] >> 3) - fw::kFirstTlsEntry] = {oracle::kTlsBase[i], fw::kTlsPresent};
    for (unsigned i = 0; i < oracle::kCodePages; ++i) map(oracle::kCode + i * oracle::kPage, kCodeAt + i * oracle::kPage, 0);
    for (unsigned i = 0; i < oracle::kPages; ++i) map(oracle::kPageMap[i].address, kPagesAt + i * oracle::kPage, kNoExecute | (oracle::kPageMap[i].writable ? 2 : 0));
    firmware_ = std::make_unique<fw::hosted::HostedFirmware>(ram_.data(), ram_.size(), *mailbox_, [this](fw::Service s) { serve(s); });
    firmware_->set_instruction_limit(~uint64_t{0});
  }

  oracle::Outcome run(const oracle::Case& plan) {
    std::memset(&ram_[kCodeAt], 0xcc, oracle::kCodePages * oracle::kPage);
    std::memcpy(&ram_[kCodeAt + plan.code_at - oracle::kCode], plan.code, plan.code_size);
    std::memcpy(&ram_[kPagesAt], shared_.image[plan.image], oracle::kPages * oracle::kPage);
    fw::GuestContext& context = mailbox_->context;
    context = fw::GuestContext{};
    context.cr0 = 0x8001'0001;
    context.cr3 = kTables;
    fw::x87_initialize(context);
    if (plan.loads_x87 != 0) load_x87(plan.x87, context);
    for (unsigned i = 0; i < 8; ++i) context.slot[i] = plan.in.gpr[i];
    reg(ir::GuestReg::Eip) = plan.in.eip;
    reg(ir::GuestReg::Flags) = plan.in.eflags & kArithmetic;
    reg(ir::GuestReg::SysFlags) = plan.in.eflags & ~(kArithmetic | 2);
    for (unsigned i = 0; i < 6; ++i) {
      const uint32_t selector = i == oracle::kCs ? shared_.flat_code : plan.in.selector[i];
      context.slot[static_cast<unsigned>(ir::GuestReg::EsSel) + i] = selector;
      for (unsigned k = 0; k < 2; ++k) {
        if (selector >> 3 == shared_.tls_selector[k] >> 3) context.slot[static_cast<unsigned>(ir::GuestReg::EsBase) + i] = oracle::kTlsBase[k];
      }
    }
    outcome_ = oracle::Outcome{};
    firmware_->run();
    for (unsigned i = 0; i < 8; ++i) outcome_.state.gpr[i] = static_cast<uint32_t>(context.slot[i]);
    outcome_.state.eip = static_cast<uint32_t>(reg(ir::GuestReg::Eip));
    outcome_.state.eflags = static_cast<uint32_t>(reg(ir::GuestReg::Flags) | reg(ir::GuestReg::SysFlags) | 2);
    for (unsigned i = 0; i < 6; ++i) {
      outcome_.state.selector[i] = static_cast<uint16_t>(context.slot[static_cast<unsigned>(ir::GuestReg::EsSel) + i]);
    }
    outcome_.x87 = store_x87(context);
    for (unsigned i = 0; i < oracle::kPages; ++i) {
      if (oracle::kPageMap[i].writable) oracle::hash_page(&ram_[kPagesAt + i * oracle::kPage], outcome_.memory_hash);
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
    const uint8_t last_byte = ram_[kCodeAt + (static_cast<uint32_t>(reg(ir::GuestReg::Eip)) - 1 - oracle::kCode) % (oracle::kCodePages * oracle::kPage)];
    const bool int1 = m.vector == 1 && last_byte == 0xf1;
    if (m.is_software_interrupt && !int1 && m.vector != 3 && m.vector != 4 && m.vector != 0x80) {
      outcome_.trap = 13;
      outcome_.error = m.vector * 8 + 2;
      reg(ir::GuestReg::Eip) = m.instruction;
    }
    m.reply = fw::kReplyStop | fw::kReplyInvalidateAll | fw::kReplyFlushTlb;
  }

  const oracle::Shared& shared_;
  std::vector<uint8_t> ram_;
  std::unique_ptr<fw::Mailbox> mailbox_;
  std::unique_ptr<fw::hosted::HostedFirmware> firmware_;
  uint32_t next_table_ = kTables + 0x1000;
  oracle::Outcome outcome_;
};

}  // namespace chrysalis::test
