// The monitor: what runs when no guest instruction does. Boots from the mailbox, keeps the interpreter
// supplied with predecoded code, handles the host's events, and delivers x86 exceptions to the platform.
//
// State of the guest lives in Mailbox::context. Between instructions it is complete and precise; EIP is kept
// up to date only when the interpreter has left.
#pragma once

#include <cstdint>
#include <memory>

#include "firmware/block_cache.h"
#include "firmware/gears.h"
#include "firmware/host.h"
#include "firmware/paging.h"
#include "firmware/uop.h"

namespace chrysalis::fw {

/// How the interpreters execute; firmware/interpreters.cpp and firmware/direct_plain.cpp.
using RunFunction = void (*)(const Uop* first, char* base);
void run_switch(const Uop* first, char* base);
void run_indirect(const Uop* first, char* base);
void run_direct(const Uop* first, char* base);

class Monitor {
 public:
  Monitor();

  /// Executes the guest until the platform says stop.
  void loop();

  /// Runs the translation at host address `translation` on the guest's state and returns the id of the exit by which control
  /// came back, with the context up to date. An event may abandon it: then this does not return, and the loop goes on from
  /// the state at the last commit.
  uint64_t execute(uint64_t translation);

  /// An event of the host, from fw_event(). Returns if the interrupted molecule is to be repeated; otherwise
  /// the instruction or translation in progress is abandoned, and what remains to be done about it is recorded.
  enum class Resume : uint8_t { Repeat, Abandon };
  Resume event();

  /// See raise_exception() in helper_call.h.
  void raise(uint8_t vector, uint32_t error_code);

 private:
  /// What the loop does next, before it executes anything.
  enum class Pending : uint8_t {
    Nothing,
    Step,          ///< one instruction, uncached: its own code lies where it writes
    StepCommitting,  ///< one instruction, each store released at once
    Exception,     ///< vector_, error_code_; the instruction at EIP has done nothing
  };

  void step();
  void advance();
  void arm_rollback();
  void run_block();
  void run_translation(Translation& translation);
  bool call_out(const Exit& exit);
  void leave_by(Exit& exit);
  void trapped();
  void hot(uint32_t eip);
  void left();
  void deliver(uint8_t vector, uint32_t error_code, bool software);
  void call_platform(Service service);
  void remap();
  void refresh_assumptions();
  void abandon(Pending pending);
  Resume abandon_translation();
  Resume fault_in_translation(isa::Cause cause, uint32_t address, uint64_t info);
  Resume event_in_translation(isa::Cause cause, uint32_t address, uint64_t info);
  Resume tlb_miss(uint32_t address, bool write);
  Resume guest_fault(uint32_t address, uint64_t info);
  Resume translated_write(uint32_t address, uint64_t info);
  Resume page_fault(uint32_t address, uint32_t error_code);
  bool fill_tlb(uint32_t address, const PageTranslation& found);
  Resume exception(uint8_t vector, uint32_t error_code);

  GuestContext& context() { return host::mailbox().context; }
  uint64_t& guest(ir::GuestReg reg) { return context().slot[static_cast<unsigned>(reg)]; }
  char* base() { return reinterpret_cast<char*>(context().slot); }

  const Interpreter interpreter_;
  const UopForm form_;
  const RunFunction run_;
  GuestCode code_;
  BlockCache cache_;
  std::unique_ptr<Gears> gears_;  ///< null: x86 is only interpreted
  Exit* exit_ = nullptr;     ///< of a translation: leads to the address in EIP
  bool jumped_ = false;      ///< an indirect exit of a translation leads there
  bool sampled_ = false;     ///< a sample met the translation at EIP
  uint64_t sampled_at_ = 0;  ///< sample_clock() of the last sample
  uint32_t resumed_ = kNothing;  ///< the translation entered last, if that was behind a call-out and not where it begins
  static constexpr uint32_t kNothing = ~0u;
  uint32_t rollback_after_ = 0;  ///< of the entry under way
  bool interpret_ = false;   ///< the block at EIP, whether translated or not
  Pending pending_ = Pending::Nothing;
  uint8_t vector_ = 0;
  uint32_t error_code_ = 0;
  bool stopped_ = false;
  bool delivered_ = false;   ///< since the interpreter left last
  Uop* from_ = nullptr;      ///< the exit that leads to the next block
  bool indirect_ = false;    ///< an indirect exit leads there
};

/// The one monitor; valid after boot.
Monitor& monitor();

/// What the firmware does once it has booted, again when it returns, and again when an event has abandoned it.
void run();

}  // namespace chrysalis::fw
