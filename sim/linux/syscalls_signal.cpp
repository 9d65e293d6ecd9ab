// System calls on signals. Delivery is signals.cpp's, frames are signal_frame.cpp's.
#include <unistd.h>

#include <cerrno>

#include "sim/linux/signal_frame.h"
#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

using ir::GuestReg;

constexpr SignalSet kUnblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

// What the kernel keeps of sa_flags.
constexpr uint32_t kKnownFlags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |
                                 static_cast<uint32_t>(SA_RESETHAND) | abi::kSaRestorer;

bool is_signal(int signal) { return signal >= 1 && signal <= kSignalCount; }

int64_t change_action(Call& call, int signal, const SignalAction* action, SignalAction* old) {
  if (!is_signal(signal) || (action != nullptr && (kUnblockable & signal_bit(signal)) != 0)) return -EINVAL;
  SignalAction& slot = (*call.task.group->actions)[static_cast<size_t>(signal)];
  *old = slot;
  if (action == nullptr) return 0;
  slot = *action;
  slot.flags &= kKnownFlags;
  slot.mask &= ~kUnblockable;
  // POSIX: setting a signal to be ignored drops it where it is pending.
  constexpr SignalSet kIgnoredByDefault = signal_bit(SIGCHLD) | signal_bit(SIGCONT) | signal_bit(SIGWINCH) | signal_bit(SIGURG);
  if (slot.handler == 1 || (slot.handler == 0 && (kIgnoredByDefault & signal_bit(signal)) != 0)) {
    call.task.group->pending.remove(signal_bit(signal));
    for (auto& [tid, task] : call.kernel.tasks)
      if (task->group == call.task.group) task->pending.remove(signal_bit(signal));
  }
  return 0;
}

int64_t change_mask(Task& task, int how, SignalSet set, SignalSet* old) {
  *old = task.blocked;
  switch (how) {
    case SIG_BLOCK: task.blocked |= set; break;
    case SIG_UNBLOCK: task.blocked &= ~set; break;
    case SIG_SETMASK: task.blocked = set; break;
    default: return -EINVAL;
  }
  task.blocked &= ~kUnblockable;
  return 0;
}

int64_t suspend(Call& call, SignalSet mask) {
  if (call.again) return kBlock;
  call.task.saved_mask = call.task.blocked;
  call.task.blocked = mask & ~kUnblockable;
  return kBlock;
}

abi::Siginfo sent_by(const Call& call, int signal, int code) {
  abi::Siginfo info{};
  info.word[0] = signal;
  info.word[2] = code;
  info.word[3] = call.task.group->pid;
  info.word[4] = static_cast<int32_t>(getuid());
  return info;
}

int64_t send_to_thread(Call& call, int group, int tid, const abi::Siginfo& info) {
  if (tid <= 0 || info.word[0] < 0 || info.word[0] > kSignalCount) return -EINVAL;
  Task* task = call.kernel.find_task(tid);
  if (task == nullptr || (group != 0 && task->group->pid != group)) return -ESRCH;
  if (info.word[0] != 0) call.kernel.send(*task, info);
  return 0;
}

int64_t return_from_handler(Call& call, bool rt) {
  Task& task = call.task;
  if (!pop_signal_frame(task, rt, call.kernel.has_fxsr())) {
    abi::Siginfo info{};
    info.word[0] = SIGSEGV;
    info.word[2] = SI_KERNEL;
    call.kernel.force(task, info);
    return kNoResult;
  }
  // A selector that cannot be loaded becomes the null selector, as the kernel's fix-up makes it.
  const std::pair<GuestReg, GuestReg> segments[] = {{GuestReg::EsSel, GuestReg::EsBase}, {GuestReg::DsSel, GuestReg::DsBase},
                                                    {GuestReg::FsSel, GuestReg::FsBase}, {GuestReg::GsSel, GuestReg::GsBase}};
  for (const auto& [selector, base] : segments) {
    uint32_t value = task.reg(selector);
    if (value != 0) value |= 3;
    const auto found = call.kernel.segment_base(task, value);
    task.set(selector, found ? value : 0);
    task.set(base, found.value_or(0));
  }
  task.set(GuestReg::CsBase, 0);
  task.set(GuestReg::SsBase, 0);
  return kNoResult;
}

template <class Time>
int64_t timed_wait(Call& call) {
  SignalSet wanted;
  if (call.arg[3] != sizeof wanted) return -EINVAL;
  if (!call.get(call.arg[0], &wanted)) return -EFAULT;
  wanted &= ~kUnblockable;
  Task& task = call.task;
  std::optional<abi::Siginfo> info = task.pending.take(wanted);
  if (!info) info = task.group->pending.take(wanted);
  if (info) {
    if (call.arg[1] != 0 && !call.put(call.arg[1], *info)) return -EFAULT;
    return info->word[0];
  }
  std::optional<int64_t> timeout;
  if (!call.again && call.arg[2] != 0) {
    Time time;
    if (!call.get(call.arg[2], &time)) return -EFAULT;
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= kSecond) return -EINVAL;
    timeout = time.seconds * kSecond + time.nanoseconds;
  }
  return deadline_passed(call, timeout) ? -EAGAIN : kBlock;
}

}  // namespace

int64_t sys_signal(Call& call) {
  const SignalAction action{call.arg[1], static_cast<uint32_t>(SA_RESETHAND) | SA_NODEFER, 0, 0};
  SignalAction old;
  const int64_t result = change_action(call, call.sarg(0), &action, &old);
  return result < 0 ? result : old.handler;
}

int64_t sys_sigaction(Call& call) {
  SignalAction action, old;
  if (call.arg[1] != 0) {
    abi::OldSigaction in;
    if (!call.get(call.arg[1], &in)) return -EFAULT;
    action = {in.handler, in.flags, in.restorer, in.mask};
  }
  if (const int64_t result = change_action(call, call.sarg(0), call.arg[1] != 0 ? &action : nullptr, &old); result < 0) return result;
  const abi::OldSigaction out{old.handler, static_cast<uint32_t>(old.mask), old.flags, old.restorer};
  return call.arg[2] == 0 || call.put(call.arg[2], out) ? 0 : -EFAULT;
}

int64_t sys_rt_sigaction(Call& call) {
  if (call.arg[3] != sizeof(SignalSet)) return -EINVAL;
  SignalAction action, old;
  if (call.arg[1] != 0) {
    abi::Sigaction in;
    if (!call.get(call.arg[1], &in)) return -EFAULT;
    action = {in.handler, in.flags, in.restorer, in.mask};
  }
  if (const int64_t result = change_action(call, call.sarg(0), call.arg[1] != 0 ? &action : nullptr, &old); result < 0) return result;
  return call.arg[2] == 0 || call.put(call.arg[2], abi::Sigaction{old.handler, old.flags, old.restorer, old.mask}) ? 0 : -EFAULT;
}

int64_t sys_sgetmask(Call& call) { return static_cast<uint32_t>(call.task.blocked); }
int64_t sys_ssetmask(Call& call) {
  SignalSet old;
  change_mask(call.task, SIG_SETMASK, call.arg[0], &old);
  return static_cast<uint32_t>(old);
}

int64_t sys_sigprocmask(Call& call) {
  SignalSet old = call.task.blocked;
  if (call.arg[1] != 0) {
    uint32_t in;
    if (!call.get(call.arg[1], &in)) return -EFAULT;
    // Only the first 32 signals are this call's to change.
    const SignalSet upper = call.task.blocked & ~SignalSet{UINT32_MAX};
    const SignalSet set = call.sarg(0) == SIG_SETMASK ? in | upper : in;
    if (const int64_t result = change_mask(call.task, call.sarg(0), set, &old); result < 0) return result;
  }
  return call.arg[2] == 0 || call.put(call.arg[2], static_cast<uint32_t>(old)) ? 0 : -EFAULT;
}

int64_t sys_rt_sigprocmask(Call& call) {
  if (call.arg[3] != sizeof(SignalSet)) return -EINVAL;
  SignalSet old = call.task.blocked;
  if (call.arg[1] != 0) {
    SignalSet in;
    if (!call.get(call.arg[1], &in)) return -EFAULT;
    if (const int64_t result = change_mask(call.task, call.sarg(0), in, &old); result < 0) return result;
  }
  return call.arg[2] == 0 || call.put(call.arg[2], old) ? 0 : -EFAULT;
}

int64_t sys_sigpending(Call& call) {
  const auto set = static_cast<uint32_t>(call.kernel.pending_of(call.task) & call.task.blocked);
  return call.put(call.arg[0], set) ? 0 : -EFAULT;
}
int64_t sys_rt_sigpending(Call& call) {
  if (call.arg[1] > sizeof(SignalSet)) return -EINVAL;
  const SignalSet set = call.kernel.pending_of(call.task) & call.task.blocked;
  return call.task.space->write(call.arg[0], &set, call.arg[1]) ? 0 : -EFAULT;
}

// The classic call passes the mask itself, as its third argument.
int64_t sys_sigsuspend(Call& call) { return suspend(call, call.arg[2]); }
int64_t sys_rt_sigsuspend(Call& call) {
  SignalSet mask;
  if (call.arg[1] != sizeof mask) return -EINVAL;
  if (!call.get(call.arg[0], &mask)) return -EFAULT;
  return suspend(call, mask);
}

int64_t sys_rt_sigtimedwait(Call& call) { return timed_wait<abi::Timespec32>(call); }
int64_t sys_rt_sigtimedwait_time64(Call& call) { return timed_wait<abi::Timespec64>(call); }

int64_t sys_rt_sigqueueinfo(Call& call) {
  abi::Siginfo info;
  if (!call.get(call.arg[2], &info)) return -EFAULT;
  if (!is_signal(call.sarg(1))) return -EINVAL;
  info.word[0] = call.sarg(1);
  const auto group = call.kernel.find_group(call.sarg(0));
  if (group == nullptr) return -ESRCH;
  if (info.word[2] >= 0 && group != call.task.group) return -EPERM;
  call.kernel.send(*group, info);
  return 0;
}
int64_t sys_rt_tgsigqueueinfo(Call& call) {
  abi::Siginfo info;
  if (!call.get(call.arg[3], &info)) return -EFAULT;
  if (!is_signal(call.sarg(2))) return -EINVAL;
  info.word[0] = call.sarg(2);
  return send_to_thread(call, call.sarg(0), call.sarg(1), info);
}

int64_t sys_sigaltstack(Call& call) {
  Task& task = call.task;
  const uint32_t sp = task.reg(GuestReg::Esp);
  const bool active = task.alternate_size != 0 && sp > task.alternate_sp && sp - task.alternate_sp <= task.alternate_size;
  abi::SigAltStack old{task.alternate_sp, task.alternate_flags, task.alternate_size};
  if (task.alternate_size != 0 && active) old.flags |= SS_ONSTACK;
  if (call.arg[0] != 0) {
    abi::SigAltStack in;
    if (!call.get(call.arg[0], &in)) return -EFAULT;
    if (active) return -EPERM;
    const uint32_t mode = static_cast<uint32_t>(in.flags) & 0x7fff'ffff;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) return -EINVAL;
    if (mode == SS_DISABLE) {
      in.sp = in.size = 0;
    } else if (in.size < abi::kMinSigStack) {
      return -ENOMEM;
    }
    task.alternate_sp = in.sp;
    task.alternate_size = in.size;
    task.alternate_flags = in.flags;
  }
  return call.arg[1] == 0 || call.put(call.arg[1], old) ? 0 : -EFAULT;
}

int64_t sys_sigreturn(Call& call) { return return_from_handler(call, false); }
int64_t sys_rt_sigreturn(Call& call) { return return_from_handler(call, true); }

int64_t sys_kill(Call& call) {
  const int pid = call.sarg(0), signal = call.sarg(1);
  if (signal < 0 || signal > kSignalCount) return -EINVAL;
  const abi::Siginfo info = sent_by(call, signal, SI_USER);
  bool found = false;
  for (const auto& [number, group] : call.kernel.groups) {
    const bool chosen = pid > 0 ? number == pid : pid == 0 ? group->pgid == call.task.group->pgid
                        : pid == -1 ? group != call.task.group : group->pgid == -pid;
    if (!chosen) continue;
    found = true;
    if (signal != 0) call.kernel.send(*group, info);
  }
  return found ? 0 : -ESRCH;
}

int64_t sys_tkill(Call& call) { return send_to_thread(call, 0, call.sarg(0), sent_by(call, call.sarg(1), SI_TKILL)); }
int64_t sys_tgkill(Call& call) {
  if (call.sarg(0) <= 0) return -EINVAL;
  return send_to_thread(call, call.sarg(0), call.sarg(1), sent_by(call, call.sarg(2), SI_TKILL));
}

}  // namespace chrysalis::sim::kernel
