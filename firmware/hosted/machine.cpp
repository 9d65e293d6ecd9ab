#include "firmware/hosted/machine.h"

namespace chrysalis::fw::hosted {

Machine* g_machine = nullptr;

Machine::Machine(uint8_t* ram, uint64_t ram_size, Mailbox& mailbox, std::function<void(Service)> platform,
                 std::function<bool()> event)
    : ram_(ram), ram_size_(ram_size), mailbox_(mailbox), platform_(std::move(platform)), event_(std::move(event)), entries_(kEntries) {}

void Machine::rollback() {
  ++rollbacks_;
  while (log_size_ != 0) {
    const Undo& undo = log_[--log_size_];
    std::memcpy(undo.at, &undo.old, undo.bytes);
  }
}

uint64_t Machine::read_special(isa::Special special) const {
  switch (special) {
    case isa::Special::Gcount: return instructions_;
    case isa::Special::Cycles: return instructions_ * cycles_per_instruction_;
    case isa::Special::Commits: return commits_;
    case isa::Special::Rollbacks: return rollbacks_;
    default: return special_[static_cast<unsigned>(special)];
  }
}

void Machine::write_special(isa::Special special, uint64_t data) {
  uint64_t& at = special_[static_cast<unsigned>(special)];
  const bool changes = at != data;
  at = data;
  if (special == isa::Special::UserMode && changes) {
    for (Entry& entry : entries_) refresh(entry);
  }
}

/// Works out which accesses through the entry need no further look.
void Machine::refresh(Entry& entry) {
  entry.read_page = entry.write_page = kNoPage;
  const isa::TlbEntry& full = entry.full;
  const bool user = special_[static_cast<unsigned>(isa::Special::UserMode)] != 0;
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
}

void Machine::tlb_flush() {
  for (Entry& entry : entries_) entry = Entry{};
}

void Machine::tlb_flush_page(uint32_t address) {
  Entry& entry = entry_of(address);
  if (entry.full.virtual_page == address >> isa::kPageShift) entry = Entry{};
}

/// Enters the firmware as the core would; returns only if the access is to be repeated.
void Machine::raise(isa::Cause cause, uint32_t address, uint64_t info) {
  if (isa::rolls_back(cause)) rollback();
  special_[static_cast<unsigned>(isa::Special::Ecause)] = static_cast<uint64_t>(cause);
  special_[static_cast<unsigned>(isa::Special::Eaddr)] = address;
  special_[static_cast<unsigned>(isa::Special::Einfo)] = info;
  if (!event_()) std::longjmp(resume, 1);
}

/// True if the access, which lies in one page, may be made; otherwise an event has been handled: look again.
bool Machine::permitted(uint32_t address, unsigned bytes, uint64_t access) {
  const bool write = (access & isa::kInfoWrite) != 0;
  const bool user = special_[static_cast<unsigned>(isa::Special::UserMode)] != 0;
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
