#include "firmware/monitor.h"

#include "firmware/code_stubs.h"
#include "firmware/counters.h"
#include "firmware/descriptors.h"
#include "firmware/fast_forms.h"
#include "firmware/helper_call.h"
#include "firmware/paging.h"
#include "firmware/panic.h"

namespace chrysalis::fw {

Uop g_unlinked[1];
JumpEntry g_jumps[kJumpEntries];

namespace {

using ir::GuestReg;

constexpr uint64_t kTrapFlag = 0x100;
constexpr uint8_t kDebug = 1, kPageFault = 14;

/// Interpreted executions until the first gear above takes a block.
int64_t first_threshold(const Mailbox& mailbox) {
  return mailbox.max_gear == 0 ? 0 : mailbox.gears.threshold[mailbox.gears.first_gear - 1];
}

RunFunction run_function(Interpreter interpreter) {
  switch (interpreter) {
    case Interpreter::DecodeDispatch: return run_switch;
    case Interpreter::IndirectThreaded: return run_indirect;
    case Interpreter::DirectThreaded: return run_direct;
  }
  panic("the mailbox names no interpreter", 0);
}

}  // namespace

Monitor::Monitor()
    : interpreter_(host::mailbox().interpreter),
      form_(interpreter_ == Interpreter::DirectThreaded ? UopForm::Direct : UopForm::Coded),
      run_(run_function(interpreter_)),
      code_(host::mailbox().gears),
      cache_(code_, form_, host::mailbox().max_gear == 0 ? 0 : first_threshold(host::mailbox())) {
  if (host::mailbox().max_gear != 0) {
    gears_ = std::make_unique<Gears>(code_, cache_, host::mailbox());
  }

  g_unlinked[0] = Uop{};
  if (form_ == UopForm::Direct) g_unlinked[0].run = find_plain(kUopUnlinked);
  else g_unlinked[0].code = kUopUnlinked;
  scratch(base()).zero = 0;
  // The interpreters execute in order and speculate on nothing: they may talk to devices.
  host::write_special<isa::Special::Iomode>(1);
  if (gears_ != nullptr) host::write_special<isa::Special::SamplePeriod>(host::mailbox().gears.sample_period);
  if (host::mailbox().max_gear != 0) write_code_stubs(host::mailbox().machine);
}

void Monitor::loop() {
  stopped_ = false;
  refresh_assumptions();  // the platform may have written the context
  while (!stopped_) {
    if (host::attention()) {
      call_platform(Service::Attention);
      if (stopped_) return;
    }
    const Pending pending = pending_;
    if (pending == Pending::Exception) {
      pending_ = Pending::Nothing;
      deliver(vector_, error_code_, false);
    } else if (pending != Pending::Nothing || interpreter_ == Interpreter::DecodeDispatch ||
               (guest(GuestReg::SysFlags) & kTrapFlag) != 0) {
      step();
    } else {
      advance();
    }
  }
}

/// Enters the translation at EIP, or interprets.
void Monitor::advance() {
  if (gears_ != nullptr) gears_->stress(exit_, static_cast<uint32_t>(guest(GuestReg::Eip)));
  if (gears_ != nullptr && !interpret_) {
    gears_->settle();
    if (sampled_) {
      sampled_ = false;
      const auto eip = static_cast<uint32_t>(guest(GuestReg::Eip));
      // What goes on behind a call-out is not known by where it does.
      gears_->consider(resumed_ != kNothing && gears_->cache().find(eip) == nullptr ? resumed_ : eip, true);
    } else if (exit_ != nullptr && (exit_->owner->gear == 1 || gears_->counts_entries(*exit_->owner))) {
      gears_->consider(exit_->owner->eip, false);
    }
    if (Translation* const found = gears_->cache().find(static_cast<uint32_t>(guest(GuestReg::Eip)))) {
      run_translation(*found);
      return;
    }
  }
  exit_ = nullptr;
  jumped_ = false;
  run_block();
}

/// A test: translated code is rolled back by the next sample, which is made to come later with every entry.
void Monitor::arm_rollback() {
  const uint32_t latest = host::mailbox().gears.force_rollback;
  if (latest == 0) return;
  rollback_after_ = rollback_after_ % latest + 1;
  host::write_special<isa::Special::SamplePeriod>(host::sample_clock() - sampled_at_ + rollback_after_);
}

uint64_t Monitor::execute(uint64_t translation) {
  arm_rollback();
  from_ = nullptr;
  indirect_ = false;
  return host::call_code(fw::address(CodeStub::Enter), translation);
}

void Monitor::run_translation(Translation& translation) {
  TranslationCache& cache = gears_->cache();
  if (exit_ != nullptr) gears_->chain(*exit_, translation);
  if (jumped_) cache.enter_jump(translation);
  exit_ = nullptr;
  jumped_ = false;
  count(Counter::Entries);
  ++translation.entries;
  resumed_ = kNothing;
  uint64_t number = execute(translation.code);
  while (number >= kFirstExit) {
    const Exit& exit = cache.exit(static_cast<uint32_t>(number));
    if (exit.kind != ExitKind::CalledOut) break;
    if (!call_out(exit)) return;
    resumed_ = exit.owner->eip;
    number = execute(exit.resume);
  }
  if (number == kExitIndirect) {
    jumped_ = true;
  } else if (number == kExitTrap) {
    trapped();
  } else {
    leave_by(cache.exit(static_cast<uint32_t>(number)));
  }
}

/// Interprets what lies between two parts of a translation. True: it can go on with the next; otherwise the loop goes on from EIP.
/// Whatever may change translations, the page tables or the guest's mode comes with an event, an exception or another key.
bool Monitor::call_out(const Exit& exit) {
  const uint32_t key = code_.key();
  count(Counter::CallOuts);
  for (;;) {
    const auto eip = static_cast<uint32_t>(guest(GuestReg::Eip));
    if (gears_->steps(eip)) return false;
    FetchFault fault;
    Block* const block = cache_.find(eip, nullptr, fault);
    if (block == nullptr) return false;  // the loop finds the same
    BlockCache::detach(*block);
    scratch(base()).reason = static_cast<uint64_t>(Leave::Poll);
    run_(block->body, base());
    const auto reason = static_cast<Leave>(scratch(base()).reason);
    left();
    from_ = nullptr;
    indirect_ = false;
    if (reason != Leave::Exit && reason != Leave::Mode) return false;
    const auto now = static_cast<uint32_t>(guest(GuestReg::Eip));
    if (host::attention() || code_.key() != key || (guest(GuestReg::SysFlags) & kTrapFlag) != 0) return false;
    if (now == exit.resume_eip) return true;
    if (now <= eip || now > exit.resume_eip) return false;
  }
}

void Monitor::trapped() {
  count(Counter::Traps);
  interpret_ = !gears_->recheck(static_cast<uint32_t>(guest(GuestReg::Eip)));
}

void Monitor::leave_by(Exit& exit) {
  switch (exit.kind) {
    case ExitKind::Chained:
    case ExitKind::Returned: exit_ = &exit; break;
    case ExitKind::Indirect: jumped_ = true; break;
    case ExitKind::Interpreted:
    case ExitKind::CalledOut: break;
    case ExitKind::Trapped: trapped(); break;
  }
}

/// The block at `eip` has been executed so often that it is worth translating, or has been translated.
void Monitor::hot(uint32_t eip) {
  if (gears_->cache().find(eip) != nullptr) return;
  Block* const block = cache_.existing(eip);
  if (gears_->translate(eip) == nullptr && block != nullptr && block->valid) block->head->budget = INT64_MAX;
}

/// Finds and runs the block at EIP, and what it is linked to.
void Monitor::run_block() {
  const uint32_t eip = static_cast<uint32_t>(guest(GuestReg::Eip));
  if (gears_ != nullptr && gears_->steps(eip)) {
    if (!interpret_ && gears_->before_step(eip)) return;
    interpret_ = false;
    step();
    return;
  }
  FetchFault fault;
  Block* const block = cache_.find(eip, from_, fault);
  from_ = nullptr;
  if (block == nullptr) {
    if (fault.vector == kPageFault) context().cr2 = fault.address;
    deliver(fault.vector, fault.error, false);
    return;
  }
  if (indirect_) jump_entry(eip) = {eip, block->first};
  indirect_ = false;
  const Uop* const first = interpret_ ? block->body : block->first;
  interpret_ = false;
  run_(first, base());
  left();
}

/// Executes the one instruction at EIP without caching it.
void Monitor::step() {
  const uint32_t eip = static_cast<uint32_t>(guest(GuestReg::Eip));
  const bool traps = (guest(GuestReg::SysFlags) & kTrapFlag) != 0;
  const bool committing = pending_ == Pending::StepCommitting;
  pending_ = Pending::Nothing;
  from_ = nullptr;
  indirect_ = false;
  Fetched fetched;
  FetchFault fault;
  if (!code_.fetch(eip, fetched, fault)) {
    if (fault.vector == kPageFault) context().cr2 = fault.address;
    deliver(fault.vector, fault.error, false);
    return;
  }
  if (fetched.unsupported) report_unsupported(eip, fetched.inst.mnemonic);
  count(Counter::Steps);
  UopBuffer out = cache_.step_buffer();
  const Uop* const first = out.next;
  const uint32_t next = eip + fetched.length;
  if (!convert(code_.lifted(), eip, next, form_, {committing, traps}, out).ends_block) append_jump(next, form_, out);
  run_(first, base());
  left();
  // SDM Vol. 3, 17.3.1.4: a single-step trap follows the instruction; TF counts as it was before. An
  // exception or interrupt that the instruction raised comes first, and its gate clears TF.
  if (traps && pending_ == Pending::Nothing && !delivered_) deliver(kDebug, 0, false);
}

/// Brings EIP up to date and does what the interpreter left for.
void Monitor::left() {
  const auto* u = static_cast<const Uop*>(scratch(base()).left_by);
  delivered_ = false;
  switch (static_cast<Leave>(scratch(base()).reason)) {
    case Leave::Exit:
      guest(GuestReg::Eip) = static_cast<uint32_t>(u->imm);
      from_ = cache_.owns(u) ? const_cast<Uop*>(u) : nullptr;
      break;
    case Leave::Indirect: indirect_ = true; break;
    case Leave::Mode: refresh_assumptions(); break;
    case Leave::Trap:
      host::rollback();
      guest(GuestReg::Eip) = u->eip;
      deliver(static_cast<uint8_t>(u->d), static_cast<uint32_t>(u->imm), false);
      break;
    case Leave::SoftInt:
      host::mailbox().instruction = u->eip;
      deliver(static_cast<uint8_t>(u->d), 0, true);
      break;
    case Leave::Raise:
      host::rollback();
      pending_ = Pending::Nothing;
      deliver(vector_, error_code_, false);
      break;
    case Leave::Hot:
      guest(GuestReg::Eip) = static_cast<uint32_t>(u->imm);
      hot(static_cast<uint32_t>(u->imm));
      break;
    case Leave::Poll:
      guest(GuestReg::Eip) = static_cast<uint32_t>(u->imm);
      break;
  }
}

void Monitor::deliver(uint8_t vector, uint32_t error_code, bool software) {
  Mailbox& mailbox = host::mailbox();
  delivered_ = true;
  from_ = nullptr;
  indirect_ = false;
  mailbox.vector = vector;
  mailbox.error_code = error_code;
  mailbox.is_software_interrupt = software;
  count(vector == kPageFault && !software ? Counter::PageFaults : Counter::Exceptions);
  call_platform(Service::GuestException);
}

/// Calls the platform with a precise context and does what its reply asks.
void Monitor::call_platform(Service service) {
  Mailbox& mailbox = host::mailbox();
  mailbox.reply = 0;
  mailbox.invalid_count = 0;
  host::platform(service);
  host::write_special<isa::Special::TimerCompare>(mailbox.attention_cycle);
  const uint32_t reply = mailbox.reply;
  if ((reply & kReplyStop) != 0) stopped_ = true;
  if ((reply & kReplyInvalidateAll) != 0) {
    cache_.clear();
    if (gears_ != nullptr) gears_->cache().clear();
    remap();
  } else if ((reply & kReplyInvalidateCode) != 0) {
    for (uint32_t i = 0; i < mailbox.invalid_count; ++i) code_.written({mailbox.invalid_page[i], 0, isa::kPageSize, true});
  }
  if ((reply & kReplyFlushTlb) != 0) {
    code_.flush_tlb();
    remap();
  }
  refresh_assumptions();
}

/// Page tables have changed.
void Monitor::remap() {
  code_.remap();
  cache_.remap();
  if (gears_ != nullptr) gears_->cache().remap();
}

/// Tells the lifter what holds of the guest's segments now, and the hardware the guest's privilege.
void Monitor::refresh_assumptions() {
  x86::LiftOptions options{0, 0, 0};
  for (unsigned i = 0; i < 6; ++i) {
    const uint32_t selector = static_cast<uint32_t>(context().slot[static_cast<unsigned>(GuestReg::EsSel) + i]);
    const uint8_t bit = static_cast<uint8_t>(1u << i);
    // FS and GS hold the thread's base: assuming 0 while it is 0 would double the predecoded code.
    if (i < 4 && context().slot[static_cast<unsigned>(GuestReg::EsBase) + i] == 0) options.flat_segments |= bit;
    Descriptor found;
    if (is_null(selector)) options.unreadable_segments |= bit;
    else if (find_descriptor(selector, found) && !found.writable()) options.unwritable_segments |= bit;
  }
  if (code_.set_options(options)) {
    cache_.forget_jumps();
    if (gears_ != nullptr) gears_->cache().forget_jumps();
  }
  host::write_special<isa::Special::UserMode>(user_mode() ? 1 : 0);
}

void Monitor::raise(uint8_t vector, uint32_t error_code) {
  vector_ = vector;
  error_code_ = error_code;
  pending_ = Pending::Exception;
}

void raise_exception(uint8_t vector, uint32_t error_code) { monitor().raise(vector, error_code); }

}  // namespace chrysalis::fw
