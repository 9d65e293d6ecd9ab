#include "sim/linux/signal_frame.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "firmware/x87_state.h"

namespace chrysalis::sim::kernel {
namespace {

using ir::GuestReg;

constexpr uint32_t kTrapFlag = 0x100, kDirectionFlag = 0x400, kResumeFlag = 0x1'0000, kAlignFlag = 0x4'0000;
constexpr uint32_t kArithmeticFlags = 0x8d5;
// What sigreturn takes from the frame (Linux: FIX_EFLAGS).
constexpr uint32_t kRestoredFlags = kAlignFlag | kResumeFlag | kDirectionFlag | kTrapFlag | kArithmeticFlags;
constexpr uint32_t kMxcsrMask = 0xffff;
constexpr uint16_t kNoFxsave = 0xffff, kHasFxsave = 0;

void put_register(const fw::GuestContext& context, unsigned stack_index, uint8_t* to) {
  const auto& reg = context.st[(context.x87_top + stack_index) & 7];
  std::memcpy(to, &reg.significand, 8);
  std::memcpy(to + 8, &reg.sign_exponent, 2);
}

void save_fpu(const fw::GuestContext& context, bool fxsr, abi::FsaveState* fsave, abi::FxsaveState* fxsave) {
  *fsave = {};
  fsave->cw = context.fcw | 0xffff'0000;
  fsave->sw = fw::x87_status_word(context) | 0xffff'0000;
  fsave->tag = fw::x87_tag_word(context) | 0xffff'0000;
  fsave->ip_offset = context.fip;
  fsave->cs_selector = context.fcs | uint32_t{context.fop} << 16;
  fsave->data_offset = context.fdp;
  fsave->data_selector = context.fds | 0xffff'0000;
  for (unsigned i = 0; i < 8; ++i) put_register(context, i, fsave->st[i]);
  fsave->status = fw::x87_status_word(context);
  fsave->magic = fxsr ? kHasFxsave : kNoFxsave;

  *fxsave = {};
  fxsave->cw = context.fcw;
  fxsave->sw = fw::x87_status_word(context);
  fxsave->tag = context.x87_tag;
  fxsave->opcode = context.fop;
  fxsave->ip_offset = context.fip;
  fxsave->cs_selector = context.fcs;
  fxsave->data_offset = context.fdp;
  fxsave->data_selector = context.fds;
  fxsave->mxcsr = context.mxcsr;
  fxsave->mxcsr_mask = kMxcsrMask;
  for (unsigned i = 0; i < 8; ++i) put_register(context, i, fxsave->st[i]);
  std::memcpy(fxsave->xmm, context.xmm, sizeof context.xmm);
}

void restore_fpu(const abi::FsaveState& fsave, const abi::FxsaveState* fxsave, fw::GuestContext& context) {
  fw::x87_set_control_word(context, static_cast<uint16_t>(fsave.cw));
  fw::x87_set_status_word(context, static_cast<uint16_t>(fsave.sw));
  fw::x87_set_tag_word(context, static_cast<uint16_t>(fsave.tag));
  context.fip = fsave.ip_offset;
  context.fcs = static_cast<uint16_t>(fsave.cs_selector);
  context.fop = static_cast<uint16_t>(fsave.cs_selector >> 16 & 0x7ff);
  context.fdp = fsave.data_offset;
  context.fds = static_cast<uint16_t>(fsave.data_selector);
  for (unsigned i = 0; i < 8; ++i) {
    auto& reg = context.st[(context.x87_top + i) & 7];
    std::memcpy(&reg.significand, fsave.st[i], 8);
    std::memcpy(&reg.sign_exponent, fsave.st[i] + 8, 2);
  }
  if (fxsave == nullptr) return;
  context.mxcsr = fxsave->mxcsr & kMxcsrMask;
  std::memcpy(context.xmm, fxsave->xmm, sizeof context.xmm);
}

void save_registers(const Task& task, uint32_t fpstate, SignalSet mask, abi::Sigcontext* sc) {
  *sc = {};
  sc->gs = task.reg(GuestReg::GsSel);
  sc->fs = task.reg(GuestReg::FsSel);
  sc->es = task.reg(GuestReg::EsSel);
  sc->ds = task.reg(GuestReg::DsSel);
  sc->edi = task.reg(GuestReg::Edi);
  sc->esi = task.reg(GuestReg::Esi);
  sc->ebp = task.reg(GuestReg::Ebp);
  sc->esp = sc->esp_at_signal = task.reg(GuestReg::Esp);
  sc->ebx = task.reg(GuestReg::Ebx);
  sc->edx = task.reg(GuestReg::Edx);
  sc->ecx = task.reg(GuestReg::Ecx);
  sc->eax = task.reg(GuestReg::Eax);
  sc->trapno = task.trap_number;
  sc->error = task.trap_error;
  sc->eip = task.reg(GuestReg::Eip);
  sc->cs = task.reg(GuestReg::CsSel);
  sc->eflags = task.reg(GuestReg::SysFlags) | task.reg(GuestReg::Flags) | 2;
  sc->ss = task.reg(GuestReg::SsSel);
  sc->fpstate = fpstate;
  sc->oldmask = static_cast<uint32_t>(mask);
  sc->cr2 = task.context.cr2;
}

bool on_alternate_stack(const Task& task, uint32_t sp) {
  return sp > task.alternate_sp && sp - task.alternate_sp <= task.alternate_size;
}

}  // namespace

void reset_fpu(fw::GuestContext& context) {
  std::memset(context.st, 0, sizeof context.st);
  std::memset(context.xmm, 0, sizeof context.xmm);
  fw::x87_initialize(context);
  context.mxcsr = 0x1f80;
}

bool push_signal_frame(Task& task, const abi::Siginfo& info, const SignalAction& action, SignalSet saved_mask, bool fxsr) {
  const bool rt = (action.flags & SA_SIGINFO) != 0;
  uint32_t sp = task.reg(GuestReg::Esp);
  const bool nested_alternate = task.alternate_size != 0 && on_alternate_stack(task, sp);
  bool entering_alternate = false;
  if ((action.flags & SA_ONSTACK) != 0 && task.alternate_size != 0 && !nested_alternate) {
    sp = task.alternate_sp + task.alternate_size;
    entering_alternate = true;
  }
  // The FXSAVE image is aligned to 64 bytes; the FSAVE image stands right before it.
  const auto fx_size = static_cast<uint32_t>(fxsr ? sizeof(abi::FxsaveState) : 0);
  const uint32_t fx_address = (sp - fx_size) & ~63u;
  const auto fpstate = static_cast<uint32_t>(fx_address - sizeof(abi::FsaveState));
  const auto frame_size = static_cast<uint32_t>(rt ? sizeof(abi::RtSignalFrame) : sizeof(abi::SignalFrame));
  const uint32_t frame = ((fpstate - frame_size + 4) & ~15u) - 4;
  // Linux: a frame that would leave the alternate stack is not pushed.
  if ((entering_alternate || nested_alternate) && !on_alternate_stack(task, frame) &&
      (action.flags & SA_ONSTACK) != 0)
    return false;

  abi::FsaveState fsave;
  abi::FxsaveState fxsave;
  save_fpu(task.context, fxsr, &fsave, &fxsave);
  if (!task.space->write(fpstate, &fsave, sizeof fsave)) return false;
  if (fxsr && !task.space->write(fx_address, &fxsave, sizeof fxsave)) return false;

  const bool has_restorer = (action.flags & abi::kSaRestorer) != 0;
  uint32_t second = 0, third = 0;
  if (rt) {
    abi::RtSignalFrame image{};
    image.signal = static_cast<uint32_t>(info.word[0]);
    image.info_address = second = frame + static_cast<uint32_t>(offsetof(abi::RtSignalFrame, info));
    image.context_address = third = frame + static_cast<uint32_t>(offsetof(abi::RtSignalFrame, context));
    image.info = info;
    image.context.stack = {task.alternate_sp, task.alternate_flags, task.alternate_size};
    save_registers(task, fpstate, saved_mask, &image.context.context);
    image.context.mask = saved_mask;
    // mov $173, %eax; int $0x80: nobody runs it here, but debuggers recognise frames by it.
    static constexpr uint8_t kCode[8] = {0xb8, 173, 0, 0, 0, 0xcd, 0x80, 0};
    std::memcpy(image.return_code, kCode, sizeof kCode);
    image.return_address = has_restorer ? action.restorer : task.space->trampoline() + AddressSpace::kRtTrampoline;
    if (!task.space->write(frame, &image, sizeof image)) return false;
  } else {
    abi::SignalFrame image{};
    image.signal = static_cast<uint32_t>(info.word[0]);
    save_registers(task, fpstate, saved_mask, &image.context);
    image.extra_mask = static_cast<uint32_t>(saved_mask >> 32);
    // pop %eax; mov $119, %eax; int $0x80
    static constexpr uint8_t kCode[8] = {0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80};
    std::memcpy(image.return_code, kCode, sizeof kCode);
    image.return_address = has_restorer ? action.restorer : task.space->trampoline();
    if (!task.space->write(frame, &image, sizeof image)) return false;
  }

  task.set(GuestReg::Esp, frame);
  task.set(GuestReg::Eip, action.handler);
  task.set(GuestReg::Eax, static_cast<uint32_t>(info.word[0]));
  task.set(GuestReg::Edx, second);
  task.set(GuestReg::Ecx, third);
  task.set(GuestReg::DsSel, abi::kUserData);
  task.set(GuestReg::EsSel, abi::kUserData);
  task.set(GuestReg::SsSel, abi::kUserData);
  task.set(GuestReg::CsSel, abi::kUserCode);
  for (const GuestReg base : {GuestReg::DsBase, GuestReg::EsBase, GuestReg::SsBase, GuestReg::CsBase}) task.set(base, 0);
  task.set(GuestReg::SysFlags, task.reg(GuestReg::SysFlags) & ~(kTrapFlag | kDirectionFlag | kResumeFlag));
  reset_fpu(task.context);
  // SS_AUTODISARM (1<<31): the handler runs without an alternate stack until it returns.
  if (entering_alternate && (static_cast<uint32_t>(task.alternate_flags) >> 31) != 0) {
    task.alternate_sp = task.alternate_size = 0;
    task.alternate_flags = SS_DISABLE;
  }
  return true;
}

bool pop_signal_frame(Task& task, bool rt, bool fxsr) {
  abi::Sigcontext sc;
  SignalSet mask = 0;
  std::optional<abi::SigAltStack> restored_stack;
  // The handler's return has popped the return address; the classic trampoline also pops the signal number.
  if (rt) {
    abi::RtSignalFrame image;
    if (!task.space->read(task.reg(GuestReg::Esp) - 4, &image, sizeof image)) return false;
    sc = image.context.context;
    mask = image.context.mask;
    restored_stack = image.context.stack;
  } else {
    abi::SignalFrame image;
    if (!task.space->read(task.reg(GuestReg::Esp) - 8, &image, sizeof image)) return false;
    sc = image.context;
    mask = uint64_t{image.extra_mask} << 32 | sc.oldmask;
  }
  // A 64-bit kernel would return to 64-bit mode or fault here; this processor has one code segment.
  if (((sc.cs & 0xffff) | 3) != abi::kUserCode || ((sc.ss & 0xffff) | 3) != abi::kUserData) return false;

  if (sc.fpstate == 0) {
    reset_fpu(task.context);
  } else {
    abi::FsaveState fsave;
    if (!task.space->read(sc.fpstate, &fsave, sizeof fsave)) return false;
    abi::FxsaveState fxsave;
    const bool has_fxsave = fxsr && fsave.magic == kHasFxsave;
    if (has_fxsave && !task.space->read(sc.fpstate + sizeof fsave, &fxsave, sizeof fxsave)) return false;
    restore_fpu(fsave, has_fxsave ? &fxsave : nullptr, task.context);
  }

  task.blocked = mask & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
  // As sigaltstack() would: not while on that stack, and not if it is too small.
  if (restored_stack && !(task.alternate_size != 0 && on_alternate_stack(task, sc.esp))) {
    if ((restored_stack->flags & SS_DISABLE) != 0) {
      task.alternate_sp = task.alternate_size = 0;
      task.alternate_flags = SS_DISABLE;
    } else if (restored_stack->size >= abi::kMinSigStack) {
      task.alternate_sp = restored_stack->sp;
      task.alternate_size = restored_stack->size;
      task.alternate_flags = restored_stack->flags & ~SS_ONSTACK;
    }
  }
  task.set(GuestReg::GsSel, sc.gs & 0xffff);
  task.set(GuestReg::FsSel, sc.fs & 0xffff);
  task.set(GuestReg::EsSel, sc.es & 0xffff);
  task.set(GuestReg::DsSel, sc.ds & 0xffff);
  task.set(GuestReg::Edi, sc.edi);
  task.set(GuestReg::Esi, sc.esi);
  task.set(GuestReg::Ebp, sc.ebp);
  task.set(GuestReg::Esp, sc.esp);
  task.set(GuestReg::Ebx, sc.ebx);
  task.set(GuestReg::Edx, sc.edx);
  task.set(GuestReg::Ecx, sc.ecx);
  task.set(GuestReg::Eax, sc.eax);
  task.set(GuestReg::Eip, sc.eip);
  task.set(GuestReg::CsSel, abi::kUserCode);
  task.set(GuestReg::SsSel, abi::kUserData);
  task.set(GuestReg::Flags, sc.eflags & kArithmeticFlags);
  const uint32_t system = kRestoredFlags & ~kArithmeticFlags;
  task.set(GuestReg::SysFlags, (task.reg(GuestReg::SysFlags) & ~system) | (sc.eflags & system));
  return true;
}

}  // namespace chrysalis::sim::kernel
