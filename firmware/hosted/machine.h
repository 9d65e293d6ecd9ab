// The host operations of firmware/host.h on the build machine: guest memory through a TLB, gated stores,
// events, special registers. What the core does in hardware, as far as compiled firmware can tell.
//
// Host code (translations and the stubs around them) runs on a functional executor, whose core is also where the
// special registers live. The firmware's own guest accesses do not go there, but through a TLB of their own, for
// speed; what the firmware writes enters both. Their gating is done by an undo log: a store takes effect at
// once, and rollback puts the old bytes back. Nobody else looks at memory in between, so the difference
// cannot be seen.
#pragma once

#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "firmware/abi.h"
#include "firmware/hosted/operations.h"
#include "isa-host/events.h"
#include "isa-host/functional.h"
#include "isa-host/registers.h"
#include "isa-host/tlb_entry.h"

namespace chrysalis::fw::hosted {

/// Guest stores that fit between two commits, as on the cores of the machine files.
inline constexpr unsigned kGatedStores = 64;

class Machine : private isa::PlatformPort {
 public:
  /// `memory`: guest RAM and concealed memory, in which the mailbox says what machine this is. `event`: what the core's
  /// event vector would enter; true if the interrupted access or molecule is to be repeated.
  Machine(isa::PhysicalMemory& memory, std::function<void(Service)> platform, std::function<bool()> event);

  template <unsigned width>
  uint64_t load(uint32_t address) {
    constexpr unsigned bytes = width / 8;
    const Entry& entry = entry_of(address);
    if (entry.read_page != address >> isa::kPageShift || (address & kPageMask) + bytes > isa::kPageSize) {
      return load_slow(address, bytes);
    }
    uint64_t data = 0;
    std::memcpy(&data, entry.data + (address & kPageMask), bytes);
    return data;
  }

  template <unsigned width>
  void store(uint32_t address, uint64_t data) {
    constexpr unsigned bytes = width / 8;
    const Entry& entry = entry_of(address);
    if (entry.write_page != address >> isa::kPageShift || (address & kPageMask) + bytes > isa::kPageSize ||
        log_size_ >= kGatedStores) {
      store_slow(address, data, bytes);
      return;
    }
    write(entry.data + (address & kPageMask), data, bytes);
  }

  template <unsigned width>
  void probe_write(uint32_t address) {
    check_pages(address, width / 8, isa::kInfoWrite);
  }

  void commit(unsigned instructions) {
    core_.special_ref(isa::Special::Gcount) += instructions;
    ++core_.commits;
    log_size_ = 0;
  }
  void rollback();
  void platform(Service service) { platform_(service); }
  uint64_t read_special(isa::Special special);
  void write_special(isa::Special special, uint64_t data);
  void tlb_write(const isa::TlbEntry& entry);
  void tlb_flush();
  void tlb_flush_page(uint32_t address);
  void jtb_write(uint32_t guest, uint64_t host) { core_.jtb.write(guest, host); }
  void jtb_clear() { core_.jtb.clear(); }
  void return_clear() { core_.returns.clear(); }
  bool attention() const { return requested_ || instructions() >= attention_at_; }

  /// Runs host code from `entry` as a function until it returns. Events in it go to `event`; if that abandons, control
  /// continues at `resume`. From within an event, only if that is going to be abandoned.
  uint64_t call_code(uint64_t entry, uint64_t argument);
  void write_code(uint64_t address, const uint32_t* words, size_t count);
  uint8_t* concealed(uint64_t address) { return memory_.ram(address, 1); }

  uint8_t* physical(uint64_t address) { return ram_ + address; }
  Mailbox& mailbox() { return mailbox_; }

  void set_attention(bool on);
  void set_limits(uint64_t instructions, uint64_t cycles);
  void set_cycles_per_instruction(uint64_t cycles);
  uint64_t instructions() const { return core_.special[static_cast<unsigned>(isa::Special::Gcount)]; }
  /// Molecules executed, and the cost model's cycles for what was interpreted.
  uint64_t cycles() const { return executor_.cycles() + (instructions() - settled_) * cycles_per_instruction_; }
  const isa::FunctionalExecutor& executor() const { return executor_; }

  /// Where an abandoned instruction continues; set by the facade around the monitor's loop.
  std::jmp_buf resume;

 private:
  static constexpr uint32_t kPageMask = isa::kPageSize - 1;
  static constexpr unsigned kEntries = 1024;
  static constexpr uint32_t kNoPage = ~0u;

  struct Entry {
    uint32_t read_page = kNoPage;   ///< virtual page if loads need no further check
    uint32_t write_page = kNoPage;  ///< virtual page if stores need none
    uint8_t* data = nullptr;
    isa::TlbEntry full;
  };
  struct Undo {
    uint8_t* at;
    uint64_t old;
    unsigned bytes;
  };

  Entry& entry_of(uint32_t address) { return entries_[(address >> isa::kPageShift) % kEntries]; }
  void refresh(Entry& entry);
  void write(uint8_t* at, uint64_t data, unsigned bytes) {
    Undo& undo = log_[log_size_++];
    undo.at = at;
    undo.bytes = bytes;
    std::memcpy(&undo.old, at, bytes);
    std::memcpy(at, &data, bytes);
  }
  uint64_t load_slow(uint32_t address, unsigned bytes);
  void store_slow(uint32_t address, uint64_t data, unsigned bytes);
  void check_pages(uint32_t address, unsigned bytes, uint64_t access);
  bool permitted(uint32_t address, unsigned bytes, uint64_t access);
  uint8_t* checked(uint32_t address);
  void raise(isa::Cause cause, uint32_t address, uint64_t info);
  isa::PlatformResult service(uint32_t number) override;
  void schedule_attention();

  isa::PhysicalMemory& memory_;
  uint8_t* const ram_;
  const uint64_t ram_size_;
  Mailbox& mailbox_;
  isa::FunctionalExecutor executor_;
  isa::FunctionalCore& core_;
  const std::function<void(Service)> platform_;
  const std::function<bool()> event_;
  std::vector<Entry> entries_;
  Undo log_[kGatedStores];
  unsigned log_size_ = 0;
  uint64_t settled_ = 0;  ///< guest instructions whose time the executor's clock has
  uint64_t cycles_per_instruction_ = 40;
  uint64_t instruction_limit_ = ~uint64_t{0}, cycle_limit_ = ~uint64_t{0};
  uint64_t attention_at_ = ~uint64_t{0};  ///< guest instructions by which, if all are interpreted, a limit is reached or the timer due
  volatile bool requested_ = false;
};

/// The machine that the firmware runs on; one at a time.
extern Machine* g_machine;
inline Machine& machine() { return *g_machine; }

}  // namespace chrysalis::fw::hosted
