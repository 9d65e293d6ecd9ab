// Sending, choosing and delivering signals. Frames are signal_frame.cpp's.
#include <sys/wait.h>

#include <algorithm>
#include <bit>

#include "sim/linux/kernel.h"
#include "sim/linux/signal_frame.h"
#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

using ir::GuestReg;

constexpr SignalSet set_of(std::initializer_list<int> signals) {
  SignalSet set = 0;
  for (int signal : signals) set |= signal_bit(signal);
  return set;
}

constexpr SignalSet kUnblockable = set_of({SIGKILL, SIGSTOP});
constexpr SignalSet kStops = set_of({SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU});
constexpr SignalSet kIgnoredByDefault = set_of({SIGCHLD, SIGCONT, SIGWINCH, SIGURG});
constexpr SignalSet kDumps = set_of({SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS});

bool is_ignored(const SignalAction& action, int signal) {
  if (signal == SIGKILL || signal == SIGSTOP) return false;
  return action.handler == 1 || (action.handler == 0 && (kIgnoredByDefault & signal_bit(signal)) != 0);
}

}  // namespace

bool PendingSignals::contains(int signal) const {
  return std::any_of(queue.begin(), queue.end(), [&](const auto& info) { return info.word[0] == signal; });
}

void PendingSignals::add(const abi::Siginfo& info) {
  constexpr int kFirstRealTime = 32;
  if (info.word[0] < kFirstRealTime && contains(info.word[0])) return;
  queue.push_back(info);
}

std::optional<abi::Siginfo> PendingSignals::take(SignalSet wanted) {
  const SignalSet found = set() & wanted;
  if (found == 0) return std::nullopt;
  // Linux: synchronous signals go first, then the lowest number.
  constexpr SignalSet kSynchronous = set_of({SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS});
  const SignalSet choice = (found & kSynchronous) != 0 ? found & kSynchronous : found;
  const int signal = std::countr_zero(choice) + 1;
  const auto item = std::find_if(queue.begin(), queue.end(), [&](const auto& info) { return info.word[0] == signal; });
  abi::Siginfo info = *item;
  queue.erase(item);
  return info;
}

SignalSet PendingSignals::set() const {
  SignalSet result = 0;
  for (const auto& info : queue) result |= signal_bit(info.word[0]);
  return result;
}

void PendingSignals::remove(SignalSet signals) {
  std::erase_if(queue, [&](const auto& info) { return (signals & signal_bit(info.word[0])) != 0; });
}

namespace {

// What a signal does on arrival, whether or not it is delivered later.
void on_arrival(Kernel& kernel, Group& group, int signal) {
  const auto clear = [&](SignalSet signals) {
    group.pending.remove(signals);
    for (auto& [tid, task] : kernel.tasks)
      if (task->group.get() == &group) task->pending.remove(signals);
  };
  if (signal == SIGCONT) {
    clear(kStops);
    group.stopped = false;
  } else if ((kStops & signal_bit(signal)) != 0) {
    clear(signal_bit(SIGCONT));
  } else if (signal == SIGKILL) {
    group.stopped = false;
  }
}

}  // namespace

void Kernel::send(Group& group, const abi::Siginfo& info) {
  if (group.zombie) return;
  const int signal = info.word[0];
  on_arrival(*this, group, signal);
  const bool blocked_everywhere = std::all_of(tasks.begin(), tasks.end(), [&](const auto& item) {
    return item.second->group.get() != &group || (item.second->blocked & signal_bit(signal)) != 0;
  });
  if (is_ignored((*group.actions)[static_cast<size_t>(signal)], signal) && !blocked_everywhere) return;
  group.pending.add(info);
}

void Kernel::send(Task& task, const abi::Siginfo& info) {
  if (task.exited) return;
  const int signal = info.word[0];
  on_arrival(*this, *task.group, signal);
  if (is_ignored((*task.group->actions)[static_cast<size_t>(signal)], signal) && (task.blocked & signal_bit(signal)) == 0) return;
  task.pending.add(info);
}

// Linux: force_sig_info_to_task().
void Kernel::force(Task& task, const abi::Siginfo& info) {
  const int signal = info.word[0];
  SignalAction& action = (*task.group->actions)[static_cast<size_t>(signal)];
  if ((task.blocked & signal_bit(signal)) != 0 || action.handler == 1) {
    action.handler = 0;
    task.blocked &= ~signal_bit(signal);
  }
  task.pending.remove(signal_bit(signal));
  task.pending.add(info);
}

bool Kernel::has_deliverable(const Task& task) const {
  SignalSet ready = pending_of(task) & ~(task.blocked & ~kUnblockable);
  for (; ready != 0; ready &= ready - 1) {
    const int signal = std::countr_zero(ready) + 1;
    if (!is_ignored((*task.group->actions)[static_cast<size_t>(signal)], signal)) return true;
  }
  return false;
}

void Kernel::default_action(Task& task, int signal, const abi::Siginfo&) {
  Group& group = *task.group;
  if ((kIgnoredByDefault & signal_bit(signal)) != 0) return;
  if ((kStops & signal_bit(signal)) != 0) {
    group.stopped = true;
    group.status = W_STOPCODE(signal);
    group.stop_reported = false;
    notify_parent(group, CLD_STOPPED, signal);
    return;
  }
  exit_process(group, W_EXITCODE(0, signal) | ((kDumps & signal_bit(signal)) != 0 ? WCOREFLAG : 0));
}

void Kernel::push_frame(Task& task, const abi::Siginfo& info, const SignalAction& action) {
  const SignalSet saved = task.saved_mask.value_or(task.blocked);
  task.saved_mask.reset();
  if (!push_signal_frame(task, info, action, saved, has_fxsr())) {
    // Linux: force_sigsegv(): when even SIGSEGV cannot be delivered, it kills.
    if (info.word[0] == SIGSEGV) (*task.group->actions)[SIGSEGV].handler = 0;
    abi::Siginfo segv{};
    segv.word[0] = SIGSEGV;
    segv.word[2] = SI_KERNEL;
    force(task, segv);
    return;
  }
  task.blocked |= action.mask;
  if ((action.flags & SA_NODEFER) == 0) task.blocked |= signal_bit(info.word[0]);
  task.blocked &= ~kUnblockable;
}

bool Kernel::deliver_signals(Task& task) {
  while (!task.exited && !task.group->stopped) {
    const SignalSet wanted = ~(task.blocked & ~kUnblockable);
    std::optional<abi::Siginfo> info = task.pending.take(wanted);
    if (!info) info = task.group->pending.take(wanted);
    if (!info) break;
    ++activity;
    const int signal = info->word[0];
    SignalAction& action = (*task.group->actions)[static_cast<size_t>(signal)];
    if (is_ignored(action, signal)) continue;
    if (action.handler == 0) {
      default_action(task, signal, *info);
      continue;
    }
    if (task.wait.active) {
      // The handler interrupts a waiting call. Linux: handle_signal(), ERESTARTSYS and its relatives.
      if (task.wait.progress > 0 && restarts(task.reg(GuestReg::Eax))) {
        task.set(GuestReg::Eax, static_cast<uint32_t>(task.wait.progress));
      } else if (restarts(task.reg(GuestReg::Eax)) && (action.flags & SA_RESTART) != 0) {
        task.set(GuestReg::Eip, task.reg(GuestReg::Eip) - 2);
      } else {
        store_remaining(*this, task);
        task.set(GuestReg::Eax, static_cast<uint32_t>(-EINTR));
      }
      task.futex_address = 0;
      task.wait = Wait{};
    }
    const SignalAction taken = action;
    if ((action.flags & SA_RESETHAND) != 0) action.handler = 0;
    push_frame(task, *info, taken);
  }
  // sigsuspend and its relatives end with a handler; without one they go on waiting.
  if (!task.exited && !task.wait.active && task.saved_mask) {
    task.blocked = *task.saved_mask;
    task.saved_mask.reset();
  }
  return !task.exited && !task.group->stopped;
}

}  // namespace chrysalis::sim::kernel
