#include "firmware/hosted/machine.h"

namespace chrysalis::fw::hosted {

Machine* g_machine = nullptr;

namespace {

constexpr unsigned kLink = isa::firmware_register(1), kArgument = isa::firmware_register(10);
/// Where host code returns to, and where events enter: nothing is there.
constexpr uint64_t kReturnAddress = kConcealedBase + kConcealedSize, kEventVector = kReturnAddress + 4;

}  // namespace

Machine::Machine(isa::PhysicalMemory& memory, std::function<void(Service)> platform, std::function<bool()> event)
    : memory_(memory),
      ram_(memory.ram(0, memory.guest_size())),
      ram_size_(memory.guest_size()),
      mailbox_(*reinterpret_cast<Mailbox*>(memory.ram(kMailboxAddress, sizeof(Mailbox)))),
      executor_({mailbox_.machine, kConcealedBase, kConcealedSize, kReturnAddress}, memory, *this),
      core_(executor_.core()),
      platform_(std::move(platform)),
      event_(std::move(event)),
      entries_(kEntries) {
  core_.special_ref(isa::Special::Vbase) = kEventVector;
}

void Machine::rollback() {
  ++core_.rollbacks;
  while (log_size_ != 0) {
    const Undo& undo = log_[--log_size_];
    std::memcpy(undo.at, &undo.old, undo.bytes);
  }
}

uint64_t Machine::read_special(isa::Special special) {
  switch (special) {
    case isa::Special::Cycles: return cycles();
    case isa::Special::Ipending: return attention() ? 1 : 0;
    default: return core_.read_special(special);
  }
}

void Machine::write_special(isa::Special special, uint64_t data) {
  const bool changes = core_.special_ref(special) != data;
  core_.write_special(special, data);
  if (!changes) return;
  if (special == isa::Special::TimerCompare) schedule_attention();
  if (special == isa::Special::UserMode) {
    for (Entry& entry : entries_) refresh(entry);
  }
}

// -- host code and time --------------------------------------------------------------------------------------

uint64_t Machine::call_code(uint64_t entry, uint64_t argument) {
  core_.r[kArgument] = argument;
  core_.r[kLink] = kReturnAddress;
  core_.pc = entry;
  for (;;) {
    executor_.pass((instructions() - settled_) * cycles_per_instruction_);
    const isa::StopReason reason = executor_.run_until(kReturnAddress);
    settled_ = instructions();  // those were translated: their molecules are their time
    schedule_attention();
    if (reason == isa::StopReason::Returned) return core_.r[kArgument];
    if (!event_()) {
      core_.stores.drop();
      std::longjmp(resume, 1);
    }
    core_.eret();
    core_.pc = core_.next_pc;
  }
}

void Machine::write_code(uint64_t address, const uint32_t* words, size_t count) {
  std::memcpy(memory_.ram(address, 4 * count), words, 4 * count);
  executor_.code_written(address, 4 * count);
}

isa::PlatformResult Machine::service(uint32_t number) {
  platform_(static_cast<Service>(number));
  return {};
}

void Machine::set_attention(bool on) {
  requested_ = on;
  executor_.set_interrupt_lines(on ? 1 : 0);
}

void Machine::set_limits(uint64_t instructions, uint64_t cycles) {
  instruction_limit_ = instructions;
  cycle_limit_ = cycles;
  executor_.set_alarm(instructions, cycles);
  schedule_attention();
}

void Machine::set_cycles_per_instruction(uint64_t cycles) {
  cycles_per_instruction_ = cycles;
  schedule_attention();
}

void Machine::schedule_attention() {
  const uint64_t timer = core_.special_ref(isa::Special::TimerCompare);
  const uint64_t due = timer != 0 && timer < cycle_limit_ ? timer : cycle_limit_;
  const uint64_t left = due > executor_.cycles() ? due - executor_.cycles() : 0;
  // Rounded up without passing the greatest number.
  const uint64_t instructions = left / cycles_per_instruction_ + (left % cycles_per_instruction_ != 0 ? 1 : 0);
  const uint64_t reached = instructions > ~uint64_t{0} - settled_ ? ~uint64_t{0} : settled_ + instructions;
  attention_at_ = reached < instruction_limit_ ? reached : instruction_limit_;
}

// -- TLB -----------------------------------------------------------------------------------------------------

/// Works out which accesses through the entry need no further look.
void Machine::refresh(Entry& entry) {
  entry.read_page = entry.write_page = kNoPage;
  const isa::TlbEntry& full = entry.full;
  const bool user = core_.special_ref(isa::Special::UserMode) != 0;
  if (!full.has(isa::kTlbValid) || (full.physical_page + 1) << isa::kPageShift > ram_size_) return;
  if (user && !full.has(isa::kTlbUser)) return;
  entry.data = ram_ + (full.physical_page << isa::kPageShift);
  entry.read_page = full.virtual_page;
  if (full.has(isa::kTlbWritable) && full.has(isa::kTlbDirty) && !full.has(isa::kTlbTranslated)) entry.write_page = full.virtual_page;
}

void Machine::tlb_write(const isa::TlbEntry& full) {
  Entry& entry = entry_of(full.virtual_page << isa::kPageShift);
  entry.full = full;
  refresh(entry);
  core_.tlb_write(full.word0(), full.word1());
}

void Machine::tlb_flush() {
  for (Entry& entry : entries_) entry = Entry{};
  core_.tlb.flush(false);
}

void Machine::tlb_flush_page(uint32_t address) {
  Entry& entry = entry_of(address);
  if (entry.full.virtual_page == address >> isa::kPageShift) entry = Entry{};
  core_.tlb.flush_page(address >> isa::kPageShift);
}

/// Enters the firmware as the core would; returns only if the access is to be repeated.
void Machine::raise(isa::Cause cause, uint32_t address, uint64_t info) {
  if (isa::rolls_back(cause)) rollback();
  core_.special_ref(isa::Special::Ecause) = static_cast<uint64_t>(cause);
  core_.special_ref(isa::Special::Eaddr) = address;
  core_.special_ref(isa::Special::Einfo) = info;
  core_.special_ref(isa::Special::Esave) = core_.special_ref(isa::Special::Imask);
  if (!event_()) std::longjmp(resume, 1);
}

/// True if the access, which lies in one page, may be made; otherwise an event has been handled: look again.
bool Machine::permitted(uint32_t address, unsigned bytes, uint64_t access) {
  const bool write = (access & isa::kInfoWrite) != 0;
  const bool user = core_.special_ref(isa::Special::UserMode) != 0;
  uint64_t info = access | (user ? uint64_t{isa::kInfoUser} : 0);
  const isa::TlbEntry& entry = entry_of(address).full;
  if (!entry.has(isa::kTlbValid) || entry.virtual_page != address >> isa::kPageShift) {
    raise(isa::Cause::TlbMiss, address, info);
    return false;
  }
  if (user && !entry.has(isa::kTlbUser)) info |= isa::kInfoSupervisor;
  if (write && !entry.has(isa::kTlbWritable)) info |= isa::kInfoReadOnly;
  else if (write && !entry.has(isa::kTlbDirty)) info |= isa::kInfoClean;
  if ((info & (isa::kInfoSupervisor | isa::kInfoReadOnly | isa::kInfoClean)) != 0) {
    raise(isa::Cause::GuestFault, address, info);
    return false;
  }
  if ((entry.physical_page + 1) << isa::kPageShift > ram_size_) {
    raise(isa::Cause::BusError, address, info);
    return false;
  }
  if (write && entry.has(isa::kTlbTranslated) && (entry.granules & isa::granules_of(address & kPageMask, bytes)) != 0) {
    raise(isa::Cause::TranslatedWrite, address, info | entry.physical_page << isa::kInfoPageShift);
    return false;
  }
  return true;
}

/// Makes sure that every byte of the access may be accessed; does not return if not. The lower page goes first.
void Machine::check_pages(uint32_t address, unsigned bytes, uint64_t access) {
  const unsigned in_first = static_cast<unsigned>(isa::kPageSize) - (address & kPageMask);
  const uint64_t info = access | bytes;
  if (bytes <= in_first) {
    while (!permitted(address, bytes, info)) {
    }
    return;
  }
  // Filling the entry of one page may evict the other's, or flush all.
  for (;;) {
    if (!permitted(address, in_first, info)) continue;
    if (permitted(address + in_first, bytes - in_first, info)) return;
  }
}

uint8_t* Machine::checked(uint32_t address) { return ram_ + (entry_of(address).full.physical_page << isa::kPageShift) + (address & kPageMask); }

uint64_t Machine::load_slow(uint32_t address, unsigned bytes) {
  check_pages(address, bytes, 0);
  uint64_t data = 0;
  for (unsigned i = 0; i < bytes; ++i) data |= uint64_t{*checked(address + i)} << 8 * i;
  return data;
}

void Machine::store_slow(uint32_t address, uint64_t data, unsigned bytes) {
  check_pages(address, bytes, isa::kInfoWrite);
  const unsigned in_first = static_cast<unsigned>(isa::kPageSize) - (address & kPageMask);
  const unsigned parts = bytes <= in_first ? 1 : 2;
  if (log_size_ + parts > kGatedStores) raise(isa::Cause::StoreBufferFull, address, bytes | isa::kInfoWrite);
  if (parts == 1) {
    write(checked(address), data, bytes);
  } else {
    write(checked(address), data, in_first);
    write(checked(address + in_first), data >> 8 * in_first, bytes - in_first);
  }
}

}  // namespace chrysalis::fw::hosted
