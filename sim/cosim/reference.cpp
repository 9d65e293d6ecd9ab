#include "sim/cosim/reference.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include "hw/lockstep.h"
#include "hw/record_compare.h"
#include "sim/engine_core.h"
#include "translator/ir/ir.h"

namespace chrysalis::sim {
namespace {

constexpr const char* kName[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "flags"};
constexpr unsigned kRegisters = std::size(kName);
constexpr std::size_t kMostSteps = 4096;

uint64_t slot(const fw::GuestContext& context, ir::GuestReg reg) { return context.slot[static_cast<unsigned>(reg)]; }
ir::GuestReg guest_register(unsigned i) { return i < 8 ? ir::gpr(i) : ir::GuestReg::Flags; }

bool is_prefix(uint8_t byte) {
  static constexpr uint8_t kPrefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
  return std::find(std::begin(kPrefixes), std::end(kPrefixes), byte) != std::end(kPrefixes);
}

/// SDM Vol. 2, "REP": INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS.
bool repeats(const uint8_t* bytes, unsigned size) {
  bool rep = false;
  unsigned at = 0;
  for (; at < size && is_prefix(bytes[at]); ++at) rep |= bytes[at] == 0xf2 || bytes[at] == 0xf3;
  if (!rep || at == size) return false;
  const uint8_t opcode = bytes[at];
  return (opcode >= 0x6c && opcode <= 0x6f) || (opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf);
}

unsigned behind_prefixes(const uint8_t* bytes, unsigned size) {
  unsigned at = 0;
  while (at < size && is_prefix(bytes[at])) ++at;
  return at;
}

bool reads_time(const uint8_t* bytes, unsigned size) {
  const unsigned at = behind_prefixes(bytes, size);
  return at + 1 < size && bytes[at] == 0x0f && bytes[at + 1] == 0x31;
}

/// INT3, INT n, INTO: completed, and committed, before the exception is raised.
bool traps(const uint8_t* bytes, unsigned size) {
  const unsigned at = behind_prefixes(bytes, size);
  return at < size && bytes[at] >= 0xcc && bytes[at] <= 0xce;
}

}  // namespace

Reference::Reference(const isa::PhysicalMemory& leader)
    : leader_(leader),
      memory_(leader.guest_size(), leader.concealed_base(), leader.concealed_size()),
      mailbox_(mailbox_in(memory_)) {
  const std::vector<unsigned char> touched = hw::touched_pages(leader, 0, leader.guest_size());
  for (uint64_t i = 0; i < touched.size(); ++i)
    if ((touched[i] & 1) != 0) std::memcpy(memory_.ram(i * isa::kPageSize, isa::kPageSize), leader.ram(i * isa::kPageSize, isa::kPageSize), isa::kPageSize);
  std::memcpy(&mailbox_, leader.ram(fw::kMailboxAddress, sizeof mailbox_), sizeof mailbox_);
  // Its monitor looks for attention before each instruction, so that it can stop behind any.
  mailbox_.interpreter = fw::Interpreter::DecodeDispatch;
  mailbox_.max_gear = 0;
  mailbox_.attention_cycle = 0;
  firmware_ = std::make_unique<fw::hosted::HostedFirmware>(memory_, [this](fw::Service kind) { serve(kind); });
}

Reference::~Reference() = default;

// -- the leader's services ------------------------------------------------------------------------------------------

void Reference::before_service(fw::Service kind) {
  under_way_ = Served{};
  under_way_->kind = kind;
  std::memcpy(&under_way_->before, leader_.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)), sizeof(fw::Mailbox));
}

void Reference::after_service() { std::memcpy(&under_way_->after, leader_.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)), sizeof(fw::Mailbox)); }

void Reference::page(uint64_t address, const uint8_t* bytes) {
  if (under_way_ && address < leader_.guest_size()) under_way_->pages.push_back({address, {bytes, bytes + isa::kPageSize}});
}

void Reference::service_done(uint64_t instructions) {
  if (!under_way_) return;
  Served served = std::move(*under_way_);
  under_way_.reset();
  served.instructions = instructions;
  const bool acts = std::memcmp(&served.before.context, &served.after.context, sizeof served.after.context) != 0 ||
                    served.after.reply != 0 || !served.pages.empty();
  if (served.kind == fw::Service::GuestException || (served.kind == fw::Service::Attention && acts)) served_.push_back(std::move(served));
}

/// What the leader's service has made of mailbox and memory.
void Reference::answer() {
  const Served& served = served_.front();
  const auto* before = reinterpret_cast<const uint8_t*>(&served.before);
  const auto* after = reinterpret_cast<const uint8_t*>(&served.after);
  auto* own = reinterpret_cast<uint8_t*>(&mailbox_);
  const auto copy_changes = [&](const auto& field) {
    const std::size_t begin = static_cast<std::size_t>(reinterpret_cast<const uint8_t*>(&field) - after);
    for (std::size_t at = begin; at < begin + sizeof field; ++at)
      if (before[at] != after[at]) own[at] = after[at];
  };
  copy_changes(served.after.context);
  copy_changes(served.after.tls);
  mailbox_.reply = served.after.reply;
  mailbox_.invalid_count = served.after.invalid_count;
  std::memcpy(mailbox_.invalid_page, served.after.invalid_page, sizeof mailbox_.invalid_page);
  for (const auto& [address, bytes] : served.pages) std::memcpy(memory_.ram(address, bytes.size()), bytes.data(), bytes.size());
  served_.pop_front();
}

void Reference::serve(fw::Service kind) {
  switch (kind) {
    case fw::Service::Attention:
      if (!served_.empty() && served_.front().kind == kind && served_.front().instructions <= instructions()) {
        if (at_string_instruction()) adopt(served_.front().before.context);  // it was under way
        answer();
      } else {
        mailbox_.reply |= fw::kReplyStop;
      }
      break;
    case fw::Service::GuestException:
      if (served_.empty() || served_.front().kind != kind) {
        differ("x86 exception", "none", fmt::format("vector {} at eip {:#010x}", mailbox_.vector, slot(mailbox_.context, ir::GuestReg::Eip)));
      } else {
        compare_exception(served_.front());
        answer();
      }
      if (difference_) mailbox_.reply |= fw::kReplyStop;
      break;
    case fw::Service::Panic:
      throw std::runtime_error("the x86 reference's firmware stopped");
    default: break;
  }
}

// -- comparing --------------------------------------------------------------------------------------------------------

Reference::Registers Reference::registers() const {
  Registers r;
  for (unsigned i = 0; i < kRegisters; ++i) r.value[i] = slot(mailbox_.context, guest_register(i));
  return r;
}

bool Reference::run_to(uint64_t instructions) {
  while (this->instructions() < instructions && !difference_) {
    if (!served_.empty() && served_.front().kind == fw::Service::Attention && served_.front().instructions <= this->instructions()) {
      firmware_->set_limits(this->instructions());  // it looks at once
      firmware_->run();
      continue;
    }
    Step step{static_cast<uint32_t>(slot(mailbox_.context, ir::GuestReg::Eip)), {}};
    uint8_t bytes[15];
    const unsigned size = fetch(step.eip, bytes);
    // The service that the leader will ask for is not known yet.
    if (this->instructions() + 1 == instructions && served_.empty() && traps(bytes, size)) return false;
    const Registers before = registers();
    std::copy_n(before.value, kRegisters, step.registers);
    if (steps_.size() < kMostSteps) steps_.push_back(step);
    adopts_ |= reads_time(bytes, size);
    firmware_->set_limits(this->instructions() + 1);
    firmware_->run();
  }
  if (!served_.empty() && served_.front().kind == fw::Service::GuestException && served_.front().instructions < instructions)
    differ("x86 exception", fmt::format("vector {} at eip {:#010x}", served_.front().before.vector, slot(served_.front().before.context, ir::GuestReg::Eip)), "none");
  return !difference_;
}

void Reference::commit(const hw::Observation& observation, const isa::Shadow& shadow) {
  if (difference_) return;
  const hw::CommitRecord& record = observation.record->commit;
  for (unsigned i = 0; i < record.store_count; ++i)
    if (!record.stores[i].device) released_.push_back({record.stores[i].address, record.stores[i].size});
  if (observation.instructions == 0) return;
  if (!run_to(record.total_instructions)) return;
  // An interrupt that the leader has taken here comes when this goes on. A string instruction may be under way there.
  if (at_string_instruction()) return;
  Registers core;
  const bool translated = observation.mode >= hw::Mode::Translated1 && observation.mode <= hw::Mode::Translated3;
  const auto& context = reinterpret_cast<const fw::Mailbox*>(leader_.ram(fw::kMailboxAddress, sizeof(fw::Mailbox)))->context;
  for (unsigned i = 0; i < kRegisters; ++i) core.value[i] = !translated ? slot(context, guest_register(i)) : shadow.r[i < 8 ? i : isa::kGuestFlags];
  if (adopts_) {
    fw::GuestContext all = mailbox_.context;
    for (unsigned i = 0; i < kRegisters; ++i) all.slot[static_cast<unsigned>(guest_register(i))] = core.value[i];
    adopt(all);
  } else if (!compare(core) || !compare_stores()) {
    return;
  }
  ++compared_;
  agreed_ = instructions();
  steps_.clear();
  released_.clear();
}

bool Reference::at_string_instruction() const {
  uint8_t bytes[15];
  return repeats(bytes, fetch(static_cast<uint32_t>(slot(mailbox_.context, ir::GuestReg::Eip)), bytes));
}

/// Goes on with the leader's state, and with what it has stored since the last comparison.
void Reference::adopt(const fw::GuestContext& context) {
  mailbox_.context = context;
  for (const auto& [address, size] : released_) std::memcpy(memory_.ram(address, size), leader_.ram(address, size), size);
  adopts_ = false;
}

bool Reference::compare(const Registers& core) {
  const Registers own = registers();
  // Of the registers that differ, the one whose last writer comes first.
  int first = -1;
  std::size_t writer = 0;
  for (unsigned i = 0; i < kRegisters; ++i) {
    if (static_cast<uint32_t>(core.value[i]) == static_cast<uint32_t>(own.value[i])) continue;
    std::size_t last = 0;
    for (std::size_t s = 0; s < steps_.size(); ++s)
      if (steps_[s].registers[i] != (s + 1 < steps_.size() ? steps_[s + 1].registers[i] : own.value[i])) last = s;
    if (first < 0 || last < writer) {
      first = static_cast<int>(i);
      writer = last;
    }
  }
  if (first < 0) return true;
  differ(kName[first], hw::hex(core.value[first]), hw::hex(own.value[first]), static_cast<int>(writer));
  return false;
}

bool Reference::compare_stores() {
  for (const auto& [address, size] : released_) {
    const uint8_t *core = leader_.ram(address, size), *own = memory_.ram(address, size);
    if (std::memcmp(core, own, size) == 0) continue;
    differ("released store to " + hw::hex(address), hw::hex(core, size), hw::hex(own, size));
    return false;
  }
  return true;
}

void Reference::compare_exception(const Served& served) {
  const fw::Mailbox &core = served.before, &own = mailbox_;
  const auto number = [this](const char* field, uint64_t a, uint64_t b) {
    if (a != b && !difference_) differ(field, hw::hex(a), hw::hex(b));
  };
  number("x86 exception's vector", core.vector, own.vector);
  number("x86 exception's error code", core.error_code, own.error_code);
  number("eip at the exception", slot(core.context, ir::GuestReg::Eip), slot(own.context, ir::GuestReg::Eip));
  if (adopts_) adopt(core.context);
  for (unsigned i = 0; i < kRegisters; ++i) number(kName[i], slot(core.context, guest_register(i)), slot(own.context, guest_register(i)));
  for (unsigned i = 0; i < 8; ++i) {
    number("x87 significand", core.context.st[i].significand, own.context.st[i].significand);
    number("x87 sign and exponent", core.context.st[i].sign_exponent, own.context.st[i].sign_exponent);
  }
  number("x87 control word", core.context.fcw, own.context.fcw);
  number("x87 status word", core.context.fsw, own.context.fsw);
  number("cr2", core.context.cr2, own.context.cr2);
}

/// `writer`: place in steps_ of the instruction to blame, if it is known.
void Reference::differ(std::string field, std::string core, std::string reference, int writer) {
  if (difference_) return;
  Difference d{instructions(), std::move(field), std::move(core), std::move(reference), 0, agreed_, ""};
  if (steps_.empty()) {
    d.eip = static_cast<uint32_t>(slot(mailbox_.context, ir::GuestReg::Eip));
    d.code = text_at(d.eip);
  } else {
    const std::size_t place = writer >= 0 ? static_cast<std::size_t>(writer) : 0;
    d.eip = steps_[place].eip;
    d.number = agreed_ + place;
    d.code = text_at(d.eip);
    if (writer < 0 && steps_.size() > 1) d.code += fmt::format(" (or one of the {} behind it)", steps_.size() - 1);
  }
  difference_ = std::move(d);
}

std::string Reference::report() const {
  if (!difference_) return "";
  const Difference& d = *difference_;
  return fmt::format("After {} x86 instructions the x86 reference differs:\n  {}: core {}, reference {}\n"
                     "Both agree after {} x86 instructions. First x86 instruction with another result, number {}:\n  {:#010x}  {}\n",
                     d.instructions, d.field, d.core, d.reference, agreed_, d.number, d.eip, d.code);
}

// -- the reference's code ----------------------------------------------------------------------------------------------

/// SDM Vol. 3, 4.3: 32-bit paging, with pages of 4 MiB.
std::optional<uint64_t> Reference::physical(uint32_t address) const {
  const fw::GuestContext& c = mailbox_.context;
  if ((c.cr0 >> 31 & 1) == 0) return address;
  const auto word = [this](uint64_t at) {
    uint32_t value = 0;
    if (const uint8_t* bytes = memory_.ram(at, 4)) std::memcpy(&value, bytes, 4);
    return value;
  };
  const uint32_t directory = word((c.cr3 & ~0xfffu) + 4 * (address >> 22));
  if ((directory & 1) == 0) return std::nullopt;
  if ((directory & 0x80) != 0 && (c.cr4 & 0x10) != 0) return (directory & 0xffc0'0000) | (address & 0x3f'ffff);
  const uint32_t entry = word((directory & ~0xfffu) + 4 * (address >> 12 & 0x3ff));
  if ((entry & 1) == 0) return std::nullopt;
  return (entry & ~0xfffu) | (address & 0xfff);
}

unsigned Reference::fetch(uint32_t eip, uint8_t (&bytes)[15]) const {
  unsigned size = 0;
  for (; size < sizeof bytes; ++size) {
    const std::optional<uint64_t> at = physical(eip + size);
    const uint8_t* byte = at ? memory_.ram(*at, 1) : nullptr;
    if (byte == nullptr) break;
    bytes[size] = *byte;
  }
  return size;
}

std::string Reference::text_at(uint32_t eip) const {
  uint8_t bytes[15];
  const unsigned size = fetch(eip, bytes);
  ZydisDisassembledInstruction instruction;
  if (size == 0 || !ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LEGACY_32, eip, bytes, size, &instruction))) return "(no instruction)";
  return instruction.text;
}

}  // namespace chrysalis::sim
