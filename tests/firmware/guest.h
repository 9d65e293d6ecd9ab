// A guest for tests of the firmware: flat memory with x86 page tables, code written in assembly, and a platform
// that records what the monitor delivers.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "firmware/abi.h"
#include "firmware/counters.h"
#include "tests/firmware/guest_machine.h"
#include "translator/ir/ir.h"

/// Assembles 32-bit code into name##_begin .. name##_end. It runs at kCode: only PC-relative references to its labels.
#define GUEST_CODE(name, text)                                                                                       \
  asm(".pushsection .rodata\n.code32\n" #name "_begin:\n" text "\n" #name "_end:\n.byte 0\n.code64\n.popsection\n"); \
  extern "C" const uint8_t name##_begin[], name##_end[];
#define GUEST_BYTES(name) std::vector<uint8_t>(name##_begin, name##_end)

namespace chrysalis::test {

using ir::GuestReg;

inline constexpr uint32_t kCode = 0x0040'0000, kData = 0x0050'0000, kStackTop = 0x0060'0000;

/// What a test of the monitor is run with.
struct Setup {
  fw::Interpreter interpreter = fw::Interpreter::DirectThreaded;
  Form form = Form::Hosted;
  const char* machine = "crusoe";
};
inline constexpr Setup kSetups[] = {
    {fw::Interpreter::DecodeDispatch, Form::Hosted},   {fw::Interpreter::IndirectThreaded, Form::Hosted},
    {fw::Interpreter::DirectThreaded, Form::Hosted},   {fw::Interpreter::DecodeDispatch, Form::Core},
    {fw::Interpreter::IndirectThreaded, Form::Core}, {fw::Interpreter::DirectThreaded, Form::Core}};
inline std::string name(const testing::TestParamInfo<Setup>& info) {
  static const char* const kInterpreter[] = {"decode", "indirect", "direct"};
  return std::string(kInterpreter[static_cast<unsigned>(info.param.interpreter)]) + (info.param.form == Form::Core ? "_core" : "_hosted") +
         (std::strcmp(info.param.machine, "crusoe") == 0 ? "" : std::string("_") + info.param.machine);
}
inline void PrintTo(const Setup& setup, std::ostream* out) { *out << name({setup, 0}); }

struct Delivered {
  uint32_t vector, error_code, cr2, eip;
  bool software;
};

class Guest {
 public:
  static constexpr uint32_t kRamSize = 16u << 20;
  static constexpr uint32_t kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 0x20, kDirty = 0x40;
  static constexpr uint32_t kUserPage = kPresent | kWritable | kUser;

  /// Code at kCode, 64 KiB of data at kData, 64 KiB of stack below kStackTop; all writable by the user.
  explicit Guest(const std::vector<uint8_t>& code, Setup setup = {})
      : machine_(make_machine(setup.form, kRamSize, [this](fw::Service service) { serve(service); }, setup.machine)),
        ram_(machine_->ram()),
        mailbox_(&machine_->mailbox()) {
    mailbox_->magic = fw::kMailboxMagic;
    mailbox_->guest_ram_size = kRamSize;
    mailbox_->interpreter = setup.interpreter;
    mailbox_->tsc_scale = uint64_t{1} << 32;
    fw::GuestContext& context = mailbox_->context;
    context.cr0 = 0x8001'0001;  // PG, WP, PE
    context.cr3 = kDirectory;
    context.cr4 = 0x10;  // PSE
    for (uint32_t i = 0; i <= code.size() >> 12; ++i) map(kCode + (i << 12), 0x10'0000 + (i << 12));
    for (uint32_t i = 0; i < 16; ++i) map(kData + (i << 12), 0x20'0000 + (i << 12));
    for (uint32_t i = 1; i <= 16; ++i) map(kStackTop - (i << 12), 0x30'0000 + (i << 12));
    write(kCode, code.data(), code.size());
    reg(GuestReg::Eip) = kCode;
    reg(GuestReg::Esp) = kStackTop - 16;
    reg(GuestReg::SysFlags) = 0x200;
    reg(GuestReg::CsSel) = 0x23;
    for (const GuestReg selector : {GuestReg::EsSel, GuestReg::SsSel, GuestReg::DsSel}) reg(selector) = 0x2b;
  }

  uint64_t& reg(GuestReg r) { return mailbox_->context.slot[static_cast<unsigned>(r)]; }
  uint32_t eax() { return static_cast<uint32_t>(reg(GuestReg::Eax)); }
  fw::Mailbox& mailbox() { return *mailbox_; }
  uint64_t counter(fw::Counter counter) { return mailbox_->counter[static_cast<unsigned>(counter)]; }

  /// Maps a page; flags 0 unmaps it.
  void map(uint32_t linear, uint32_t physical, uint32_t flags = kUserPage) {
    uint32_t& directory = word(kDirectory + (linear >> 22) * 4);
    if (directory == 0) {
      directory = next_table_ | kUserPage;
      next_table_ += 0x1000;
    }
    word((directory & ~0xfffu) + (linear >> 12 & 0x3ff) * 4) = flags == 0 ? 0 : physical | flags;
  }
  uint32_t page_entry(uint32_t linear) {
    const uint32_t directory = word(kDirectory + (linear >> 22) * 4);
    return word((directory & ~0xfffu) + (linear >> 12 & 0x3ff) * 4);
  }
  uint32_t& directory_entry(uint32_t linear) { return word(kDirectory + (linear >> 22) * 4); }

  /// By linear address, through the page tables.
  uint8_t& byte(uint32_t linear) { return ram_[(page_entry(linear) & ~0xfffu) + (linear & 0xfff)]; }
  void write(uint32_t linear, const void* from, size_t size) {
    for (size_t i = 0; i < size; ++i) byte(linear + static_cast<uint32_t>(i)) = static_cast<const uint8_t*>(from)[i];
  }
  /// Whole pages; one that is not mapped counts as zeros.
  std::vector<uint8_t> memory_at(uint32_t linear, uint32_t pages) {
    std::vector<uint8_t> out;
    for (uint32_t i = 0; i < pages; ++i) {
      const uint32_t entry = page_entry(linear + (i << 12));
      const uint64_t physical = entry & ~0xfffu;
      if (entry != 0 && physical < kRamSize) out.insert(out.end(), ram_ + physical, ram_ + physical + 0x1000);
      else out.insert(out.end(), 0x1000, 0);
    }
    return out;
  }
  uint32_t read32(uint32_t linear) {
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value |= uint32_t{byte(linear + i)} << 8 * i;
    return value;
  }
  uint32_t& word(uint32_t physical) { return *reinterpret_cast<uint32_t*>(&ram_[physical]); }

  /// Called for every exception; the default stops the run. Returns what to put into Mailbox::reply.
  std::function<uint32_t(const Delivered&)> on_exception = [](const Delivered&) { return uint32_t{fw::kReplyStop}; };
  std::function<uint32_t()> on_attention = [] { return uint32_t{fw::kReplyStop}; };

  /// Runs from the current context until stopped.
  void run() { machine_->run(); }
  uint64_t instructions() { return machine_->instructions(); }
  GuestMachine& machine() { return *machine_; }

  std::vector<Delivered> delivered;  ///< in order
  std::vector<uint32_t> unsupported;

 private:
  static constexpr uint32_t kDirectory = 0x1000;

  void serve(fw::Service service) {
    fw::Mailbox& m = *mailbox_;
    switch (service) {
      case fw::Service::GuestException:
        delivered.push_back({m.vector, m.error_code, m.context.cr2, static_cast<uint32_t>(reg(GuestReg::Eip)),
                             m.is_software_interrupt != 0});
        m.reply = on_exception(delivered.back());
        break;
      case fw::Service::Attention: m.reply = on_attention(); break;
      case fw::Service::UnsupportedInstruction: unsupported.push_back(static_cast<uint32_t>(m.argument[0])); break;
      default: break;
    }
  }

  std::unique_ptr<GuestMachine> machine_;
  uint8_t* ram_;
  fw::Mailbox* mailbox_;
  uint32_t next_table_ = 0x2000;
};

}  // namespace chrysalis::test
