// The host's events, as the monitor handles them: TLB misses, forbidden accesses, writes to predecoded code.
#include "firmware/code_stubs.h"
#include "firmware/counters.h"
#include "firmware/monitor.h"
#include "firmware/paging.h"
#include "firmware/panic.h"

namespace chrysalis::fw {
namespace {

constexpr uint8_t kPageFault = 14, kMachineCheck = 18;

}  // namespace

Monitor::Resume Monitor::event() {
  const auto cause = static_cast<isa::Cause>(host::read_special<isa::Special::Ecause>());
  const uint32_t address = static_cast<uint32_t>(host::read_special<isa::Special::Eaddr>());
  const uint64_t info = host::read_special<isa::Special::Einfo>();
  // Only translations let interrupts come.
  if (host::read_special<isa::Special::Esave>() != 0) return event_in_translation(cause, address, info);
  switch (cause) {
    case isa::Cause::TlbMiss: return tlb_miss(address, (info & isa::kInfoWrite) != 0);
    case isa::Cause::GuestFault: return guest_fault(address, info);
    case isa::Cause::TranslatedWrite: return translated_write(address, info);
    // More stores than fit, or a device met with stores still gated: an interpreted instruction cannot be made
    // shorter, but it may let go of its stores one by one.
    case isa::Cause::StoreBufferFull:
    case isa::Cause::DeviceAccess:
      count(Counter::StoreBufferSteps);
      abandon(Pending::StepCommitting);
      return Resume::Abandon;
    // The page tables lead to where the firmware expects memory or a device, and there is none.
    case isa::Cause::ConcealedAccess:
    case isa::Cause::BusError: return exception(kMachineCheck, 0);
    case isa::Cause::PlatformReturn: return Resume::Repeat;
    default: panic("an event that compiled firmware cannot cause", address);
  }
}

/// A TLB miss is filled. Everything else gives the translation up: interpreting from its last commit shows whether the
/// event was the guest's or speculation's.
Monitor::Resume Monitor::event_in_translation(isa::Cause cause, uint32_t address, uint64_t info) {
  if (cause == isa::Cause::IllegalMolecule) panic("a translation is no code of this machine", address);
  if (cause == isa::Cause::Sample) {
    sampled_ = true;
    sampled_at_ = host::sample_clock();
    if (host::mailbox().gears.force_rollback != 0) {
      count(Counter::ForcedRollbacks);
      interpret_ = true;
    }
  }
  if (cause == isa::Cause::Interrupt || cause == isa::Cause::Sample) return abandon_translation();
  if (cause != isa::Cause::TlbMiss) return fault_in_translation(cause, address, info);
  const PageTranslation found = walk(address, (info & isa::kInfoWrite) != 0 ? Access::Write : Access::Read, user_mode());
  if (!found.ok || !fill_tlb(address, found)) return fault_in_translation(cause, address, info);
  count(Counter::TlbFills);
  return Resume::Repeat;
}

/// Interpretation goes on from the last commit, up to the instruction that the event was about and beyond.
Monitor::Resume Monitor::fault_in_translation(isa::Cause cause, uint32_t address, uint64_t info) {
  const uint64_t molecule = host::read_special<isa::Special::Epc>();
  abandon_translation();
  if (gears_ != nullptr) gears_->fault(cause, static_cast<uint32_t>(guest(ir::GuestReg::Eip)), molecule, address, info);
  interpret_ = true;
  return Resume::Abandon;
}

Monitor::Resume Monitor::abandon_translation() {
  host::call_code(fw::address(CodeStub::Recover), 0);
  pending_ = Pending::Nothing;
  return Resume::Abandon;
}

/// Gives up the instruction in progress: none of its stores happens, its registers are not yet written.
void Monitor::abandon(Pending pending) {
  host::rollback();
  const auto* u = static_cast<const Uop*>(scratch(base()).current);
  if (u != nullptr) guest(ir::GuestReg::Eip) = u->eip;
  from_ = nullptr;
  indirect_ = false;
  pending_ = pending;
}

Monitor::Resume Monitor::exception(uint8_t vector, uint32_t error_code) {
  abandon(Pending::Exception);
  vector_ = vector;
  error_code_ = error_code;
  return Resume::Abandon;
}

Monitor::Resume Monitor::page_fault(uint32_t address, uint32_t error_code) {
  if (gears_ != nullptr) gears_->confirm(address, true);
  const Resume resume = exception(kPageFault, error_code);
  context().cr2 = address;
  return resume;
}

/// Writes the entry for a page that the page tables allow; false if nothing is there.
bool Monitor::fill_tlb(uint32_t address, const PageTranslation& found) {
  isa::TlbEntry entry;
  entry.virtual_page = address >> isa::kPageShift;
  entry.physical_page = found.physical_page;
  entry.flags = isa::kTlbValid | (found.user ? isa::kTlbUser : 0u) | (found.writable ? isa::kTlbWritable : 0u) |
                (found.dirty ? isa::kTlbDirty : 0u);
  const Mailbox& mailbox = host::mailbox();
  const uint64_t begin = found.physical_page << isa::kPageShift, end = begin + isa::kPageSize;
  if (end <= mailbox.guest_ram_size) {
    const auto page = static_cast<uint32_t>(found.physical_page);
    entry.granules = code_.granules(page);
    if (entry.granules != 0) {
      entry.flags |= isa::kTlbTranslated;
      count(Counter::TlbFillsTranslated);
    }
    if (found.writable && found.dirty) code_.note_writable(page);
  } else if (begin >= mailbox.device_begin && end <= mailbox.device_end) {
    entry.flags |= isa::kTlbDevice;
  } else {
    return false;
  }
  host::tlb_write(entry);
  return true;
}

Monitor::Resume Monitor::tlb_miss(uint32_t address, bool write) {
  const PageTranslation found = walk(address, write ? Access::Write : Access::Read, user_mode());
  if (!found.ok) return page_fault(address, found.error);
  count(Counter::TlbFills);
  return fill_tlb(address, found) ? Resume::Repeat : exception(kMachineCheck, 0);
}

/// The entry forbids what was tried. Either the page tables do as well: #PF. Or they have changed to allow more
/// since the entry was written, or the page was clean: a new entry, and the instruction again.
Monitor::Resume Monitor::guest_fault(uint32_t address, uint64_t info) {
  const bool write = (info & isa::kInfoWrite) != 0;
  const PageTranslation found = walk(address, write ? Access::Write : Access::Read, user_mode());
  if (!found.ok) return page_fault(address, found.error);
  if ((info & isa::kInfoClean) != 0) count(Counter::DirtyFaults);
  if (gears_ != nullptr) gears_->confirm(address, false);
  host::tlb_flush_page(address);
  if (!fill_tlb(address, found)) return exception(kMachineCheck, 0);
  abandon(Pending::Nothing);
  return Resume::Abandon;
}

/// The store hits predecoded code. That code goes, its granules open up, and the instruction is executed again
/// on its own: if it lies in those granules itself, predecoding it would close them again.
Monitor::Resume Monitor::translated_write(uint32_t address, uint64_t info) {
  count(Counter::TranslatedWrites);
  const uint32_t size = static_cast<uint32_t>(info & isa::kInfoSizeMask);
  const uint32_t offset = address & (isa::kPageSize - 1);
  const uint32_t in_page = offset + size <= isa::kPageSize ? size : static_cast<uint32_t>(isa::kPageSize) - offset;
  const uint32_t page = static_cast<uint32_t>(info >> isa::kInfoPageShift);
  if (gears_ != nullptr) code_.changes().note(page, isa::granules_of(offset, in_page));
  code_.written({page, offset, in_page, false});
  code_.flush_tlb();  // whatever other addresses the page has
  abandon(Pending::Step);
  return Resume::Abandon;
}

}  // namespace chrysalis::fw
