#include "sim/linux/kernel.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

using ir::GuestReg;

// Exception vectors, SDM Vol. 3A, table 6-1.
enum Vector : uint32_t {
  kDivide = 0, kDebug = 1, kBreakpoint = 3, kOverflow = 4, kBound = 5, kInvalidOpcode = 6, kNoDevice = 7,
  kInvalidTss = 10, kNotPresent = 11, kStackFault = 12, kProtection = 13, kPageFault = 14, kX87 = 16,
  kAlignment = 17, kSimd = 19, kSystemCall = 0x80,
};

constexpr uint32_t kResumeFlag = 0x1'0000;
constexpr uint32_t kErrorWrite = 2, kErrorUser = 4, kErrorFetch = 16;

// Linux: fpu__exception_code().
int fpu_code(uint32_t unmasked) {
  if ((unmasked & 0x01) != 0) return FPE_FLTINV;
  if ((unmasked & 0x04) != 0) return FPE_FLTDIV;
  if ((unmasked & 0x08) != 0) return FPE_FLTOVF;
  if ((unmasked & 0x12) != 0) return FPE_FLTUND;
  if ((unmasked & 0x20) != 0) return FPE_FLTRES;
  return 0;
}

}  // namespace

std::string describe_error(int error) { return std::strerror(error); }

Kernel::Kernel(ProcessConfig configuration)
    : config(std::move(configuration)),
      memory(config.ram, config.ram_size),
      objects(memory),
      random(config.seed),
      file_system(*this, config.sysroot) {}

Kernel::~Kernel() = default;

int64_t Kernel::to_ns(uint64_t cycles) const {
  return static_cast<int64_t>(static_cast<unsigned __int128>(cycles) * kSecond / config.frequency);
}

uint64_t Kernel::cpu_cycles(const Group& group) const {
  return group.cycles + (current != nullptr && current->group.get() == &group ? now_ - running_since_ : 0);
}

void Kernel::report(const std::string& message) const {
  if (config.report) {
    config.report(message);
  } else {
    fmt::print(stderr, "chrysalis: {}\n", message);
  }
}

void Kernel::report_unsupported(uint32_t number, const char* name) {
  if (std::find(unsupported.begin(), unsupported.end(), number) != unsupported.end()) return;
  unsupported.push_back(number);
  report(fmt::format("the guest's system call {} ({}) is not supported; it gets ENOSYS", number, name));
}

void Kernel::fail(const std::string& message) {
  if (!failure_) failure_ = message;
}

// -- Processes -------------------------------------------------------------------------------------

Task* Kernel::find_task(int tid) {
  const auto found = tasks.find(tid);
  return found == tasks.end() || found->second->exited ? nullptr : found->second.get();
}

std::shared_ptr<Group> Kernel::find_group(int pid) {
  const auto found = groups.find(pid);
  return found == groups.end() ? nullptr : found->second;
}

std::shared_ptr<Group> Kernel::add_group(const Group& parent) {
  auto group = std::make_shared<Group>();
  group->pid = next_pid_;
  group->parent = parent.pid;
  group->pgid = parent.pgid;
  group->sid = parent.sid;
  *group->actions = *parent.actions;
  group->limits = parent.limits;
  group->program = parent.program;
  group->arguments = parent.arguments;
  group->start_cycle = cycles();
  groups[group->pid] = group;
  return group;
}

Task& Kernel::add_task(const Task& parent, std::shared_ptr<Group> group) {
  auto task = std::make_unique<Task>();
  task->tid = next_pid_++;
  ++group->live_threads;
  task->group = std::move(group);
  task->space = parent.space;
  task->files = parent.files;
  task->fs = parent.fs;
  task->context = parent.context;
  task->tls = parent.tls;
  task->name = parent.name;
  task->blocked = parent.blocked;
  Task& result = *task;
  tasks[result.tid] = std::move(task);
  return result;
}

void Kernel::discard(Task& task) {
  if (--task.group->live_threads == 0) groups.erase(task.group->pid);
  tasks.erase(task.tid);
}

void Kernel::release_vfork_parent(Group& group) {
  if (!std::exchange(group.has_vfork_parent, false)) return;
  if (Task* parent = find_task(group.vfork_parent)) parent->waits_for_vfork = false;
}

void Kernel::exit_thread(Task& task, int status) {
  if (task.exited) return;
  task.exited = true;
  task.wait = Wait{};
  ++activity;
  if (&task == current) {
    task.group->cycles += now_ - running_since_;
    running_since_ = now_;
  }
  if (task.clear_child_tid != 0) {
    const uint32_t zero = 0;
    if (task.space.use_count() > 1 && task.space->write(task.clear_child_tid, &zero, sizeof zero))
      wake_futex(*this, task, task.clear_child_tid, 1, ~0u);
  }
  task.space.reset();
  task.files.reset();
  task.fs.reset();
  Group& group = *task.group;
  if (--group.live_threads > 0) return;
  release_vfork_parent(group);
  group.zombie = true;
  if (!group.exiting) group.status = status;
  if (group.pid == kFirstPid) program_status_ = group.status;
  reap_orphans(group.pid);
  notify_parent(group, WIFEXITED(group.status) ? CLD_EXITED : WCOREDUMP(group.status) ? CLD_DUMPED : CLD_KILLED,
                WIFEXITED(group.status) ? WEXITSTATUS(group.status) : WTERMSIG(group.status));
}

void Kernel::exit_process(Group& group, int status) {
  if (group.zombie) return;
  if (!group.exiting) {
    group.exiting = true;
    group.status = status;
  }
  const auto keep_alive = groups[group.pid];
  for (auto& [tid, task] : tasks)
    if (task->group.get() == &group) exit_thread(*task, status);
}

// Children of an exited process become process 1's, which waits for them at once.
void Kernel::reap_orphans(int parent) {
  for (auto group = groups.begin(); group != groups.end();) {
    if (group->second->parent == parent) {
      group->second->parent = 1;
      if (group->second->zombie) {
        group = groups.erase(group);
        continue;
      }
    }
    ++group;
  }
}

void Kernel::notify_parent(Group& group, int code, int status) {
  const auto parent = find_group(group.parent);
  if (parent == nullptr || parent->zombie) {
    if (group.zombie) groups.erase(group.pid);
    return;
  }
  const SignalAction& action = (*parent->actions)[SIGCHLD];
  abi::Siginfo info{};
  info.word[0] = group.zombie && group.exit_signal != 0 ? group.exit_signal : SIGCHLD;
  info.word[2] = code;
  info.word[3] = group.pid;
  info.word[4] = static_cast<int32_t>(getuid());
  info.word[5] = status;
  info.word[6] = static_cast<int32_t>(to_ns(group.cycles) / 10'000'000);
  if (code == CLD_STOPPED || code == CLD_CONTINUED) {
    if ((action.flags & SA_NOCLDSTOP) == 0) send(*parent, info);
    return;
  }
  // POSIX: a parent that ignores SIGCHLD has no zombies.
  const bool ignored = action.handler == 1 || (action.flags & SA_NOCLDWAIT) != 0;
  if (group.exit_signal != 0) send(*parent, info);
  if (ignored && info.word[0] == SIGCHLD) groups.erase(group.pid);
}

bool Kernel::others_can_run(const Task& task) const {
  return std::any_of(tasks.begin(), tasks.end(), [&](const auto& item) {
    const Task& other = *item.second;
    return &other != &task && !other.exited && !other.wait.active && !other.waits_for_vfork && !other.group->stopped;
  });
}

std::optional<uint32_t> Kernel::segment_base(const Task& task, uint32_t selector) const {
  selector &= 0xffff;
  if (selector <= 3) return 0;
  if ((selector | 3) == abi::kUserData || (selector | 3) == abi::kUserCode) return 0;
  const uint32_t entry = selector >> 3;
  if ((selector & 4) != 0 || entry < abi::kTlsEntry || entry >= abi::kTlsEntry + abi::kTlsCount) return std::nullopt;
  const abi::UserDesc& descriptor = task.tls[entry - abi::kTlsEntry];
  if (descriptor.entry == 0) return std::nullopt;
  return descriptor.base;
}

// -- Entering and leaving ----------------------------------------------------------------------------

void Kernel::enter(const fw::Mailbox& mailbox, uint64_t now) {
  now_ = std::max(now_, now);
  slept_before_ = slept_;
  yield_ = false;
  current->context = mailbox.context;
}

ServiceResult Kernel::on_service(fw::Mailbox& mailbox, uint64_t now) {
  enter(mailbox, now);
  expire_timers();
  exception(mailbox);
  return leave(mailbox);
}

ServiceResult Kernel::on_timer(fw::Mailbox& mailbox, uint64_t now) {
  enter(mailbox, now);
  expire_timers();
  yield_ = true;
  return leave(mailbox);
}

ServiceResult Kernel::leave(fw::Mailbox& mailbox) {
  ServiceResult result;
  Task* next = nullptr;
  while (!failure_) {
    // The running process goes on unless it gave way; then the others in order of number, after it.
    if (!yield_ && current != nullptr && ready_to_run(*current)) {
      next = current;
      break;
    }
    const int after = current == nullptr ? 0 : current->tid;
    std::vector<int> order;
    for (const auto& [tid, task] : tasks)
      if (tid > after) order.push_back(tid);
    for (const auto& [tid, task] : tasks)
      if (tid <= after && (yield_ || tid != after)) order.push_back(tid);
    yield_ = false;
    const uint64_t activity_before = activity;
    for (const int tid : order) {
      Task* candidate = find_task(tid);
      if (candidate != nullptr && ready_to_run(*candidate)) {
        next = candidate;
        break;
      }
    }
    if (next != nullptr || failure_) break;
    // A try that got nowhere itself may have unblocked one that was tried before it.
    if (activity != activity_before) continue;
    const bool any_left = std::any_of(tasks.begin(), tasks.end(), [](const auto& t) { return !t.second->exited; });
    if (!any_left) break;
    if (!sleep_until_event()) {
      if (program_status_) break;  // only children that wait for ever are left
      if (config.stop_requested != nullptr && config.stop_requested->load()) {
        // The platform ends the run; until then some process must be there.
        const auto alive = std::find_if(tasks.begin(), tasks.end(), [](const auto& t) { return !t.second->exited; });
        next = alive->second.get();
        break;
      }
      fail("every guest process waits for something that cannot happen any more");
    }
  }

  if (next != nullptr) {
    if (next != current) {
      if (current != nullptr && !current->exited) current->group->cycles += now_ - running_since_;
      running_since_ = now_;
      current = next;
    }
    current->set(GuestReg::SysFlags, current->reg(GuestReg::SysFlags) & ~kResumeFlag);
    current->context.cr3 = current->space->cr3();
    if (current->context.cr3 != loaded_directory_) memory.note_flush();
    loaded_directory_ = current->context.cr3;
    mailbox.context = current->context;
    for (uint32_t i = 0; i < abi::kTlsCount; ++i)
      mailbox.tls[i] = {current->tls[i].base, current->tls[i].entry != 0 ? fw::kTlsPresent : 0u};
  } else if (failure_) {
    result.kind = ServiceResult::Kind::Failed;
    result.code = 1;
    result.message = *failure_;
  } else {
    const int status = program_status_.value_or(0);
    result.kind = WIFSIGNALED(status) ? ServiceResult::Kind::Killed : ServiceResult::Kind::Exited;
    result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  }
  std::erase_if(tasks, [&](const auto& item) { return item.second->exited && item.second.get() != current; });
  memory.report(mailbox);
  if (result.kind != ServiceResult::Kind::Continue) mailbox.reply |= fw::kReplyStop;
  result.idle_cycles = slept_ - slept_before_;
  return result;
}

bool Kernel::ready_to_run(Task& task) {
  if (task.exited || task.waits_for_vfork || task.group->stopped) return false;
  // A waiting call: try again; failing that, a handler may interrupt it.
  if (task.wait.active) system_call(task);
  if (task.exited) return false;
  if (!deliver_signals(task)) return false;
  return !task.exited && !task.wait.active && !task.group->stopped && !task.waits_for_vfork;
}

void Kernel::expire_timers() {
  const int64_t now = now_ns();
  for (auto& [pid, group] : groups) {
    if (group->alarm_ns == 0 || group->alarm_ns > now || group->zombie) continue;
    if (group->alarm_interval_ns > 0) {
      group->alarm_ns += ((now - group->alarm_ns) / group->alarm_interval_ns + 1) * group->alarm_interval_ns;
    } else {
      group->alarm_ns = 0;
    }
    abi::Siginfo info{};
    info.word[0] = SIGALRM;
    info.word[2] = SI_KERNEL;
    send(*group, info);
  }
}

std::optional<uint64_t> Kernel::next_timer() const {
  std::optional<uint64_t> result;
  for (const auto& [pid, group] : groups) {
    if (group->alarm_ns == 0 || group->zombie) continue;
    const auto due = static_cast<uint64_t>(
        (static_cast<unsigned __int128>(group->alarm_ns) * config.frequency + kSecond - 1) / kSecond);
    const uint64_t cycle = due > slept_ ? due - slept_ : 0;
    if (!result || cycle < *result) result = cycle;
  }
  return result;
}

// Nobody can run. Host descriptors are waited for in real time; otherwise guest time jumps to the next
// deadline. False if there is nothing to wait for.
bool Kernel::sleep_until_event() {
  std::optional<int64_t> deadline;
  std::vector<pollfd> host;
  const auto consider = [&](int64_t at) { deadline = std::min(deadline.value_or(at), at); };
  for (const auto& [tid, task] : tasks) {
    if (task->exited || !task->wait.active || task->group->stopped) continue;
    if (task->wait.deadline_ns) consider(*task->wait.deadline_ns);
    host.insert(host.end(), task->wait.host.begin(), task->wait.host.end());
  }
  for (const auto& [pid, group] : groups)
    if (group->alarm_ns != 0 && !group->zombie) consider(group->alarm_ns);
  if (!deadline && host.empty()) return false;
  if (!host.empty()) {
    timespec timeout{};
    if (deadline) {
      const int64_t left = std::max<int64_t>(*deadline - now_ns(), 0);
      timeout = {left / kSecond, left % kSecond};
    }
    const int ready = ppoll(host.data(), host.size(), deadline ? &timeout : nullptr, nullptr);
    if (ready > 0) return true;
    if (ready < 0) return errno == EINTR && !(config.stop_requested != nullptr && config.stop_requested->load());
  }
  const auto due = static_cast<uint64_t>(
      (static_cast<unsigned __int128>(std::max<int64_t>(*deadline, 0)) * config.frequency + kSecond - 1) / kSecond);
  if (due > cycles()) slept_ += due - cycles();
  expire_timers();
  return true;
}

// -- Exceptions --------------------------------------------------------------------------------------

void Kernel::fault_signal(Task& task, int signal, int code, uint32_t address) {
  abi::Siginfo info{};
  info.word[0] = signal;
  info.word[2] = code;
  info.word[3] = static_cast<int32_t>(address);
  force(task, info);
}

void Kernel::exception(const fw::Mailbox& mailbox) {
  Task& task = *current;
  uint32_t vector = mailbox.vector;
  uint32_t error = mailbox.error_code;
  const bool software = mailbox.is_software_interrupt != 0;
  if (vector == kSystemCall && software) {
    system_call(task);
    return;
  }
  uint32_t eip = task.reg(GuestReg::Eip);
  if (software && vector != kBreakpoint && vector != kOverflow) {
    // Gates that a program may not call: #GP at the instruction, naming the gate (SDM Vol. 3A, 6.12.1.1).
    eip = mailbox.instruction;
    task.set(GuestReg::Eip, eip);
    error = vector << 3 | 2;
    vector = kProtection;
  }
  task.trap_number = vector;
  task.trap_error = error;
  // Faults (unlike traps) leave RF set in the flags that a handler sees.
  const bool is_trap = vector == kDebug || vector == kBreakpoint || vector == kOverflow;
  if (!is_trap) task.set(GuestReg::SysFlags, task.reg(GuestReg::SysFlags) | kResumeFlag);
  switch (vector) {
    case kDivide: return fault_signal(task, SIGFPE, FPE_INTDIV, eip);
    case kDebug: return fault_signal(task, SIGTRAP, (task.reg(GuestReg::SysFlags) & 0x100) != 0 ? TRAP_TRACE : TRAP_BRKPT, eip);
    case kBreakpoint: return fault_signal(task, SIGTRAP, SI_KERNEL, 0);
    case kOverflow:
    case kBound:
    case kInvalidTss:
    case kProtection: return fault_signal(task, SIGSEGV, SI_KERNEL, 0);
    case kInvalidOpcode:
    case kNoDevice: return fault_signal(task, SIGILL, ILL_ILLOPN, eip);
    case kNotPresent:
    case kStackFault: return fault_signal(task, SIGBUS, SI_KERNEL, 0);
    case kPageFault: return page_fault(task, task.context.cr2, error);
    case kAlignment: return fault_signal(task, SIGBUS, BUS_ADRALN, 0);
    case kX87: {
      const uint32_t raised = task.context.fsw & ~task.context.fcw & 0x3f;
      // Linux ignores an exception whose cause has gone.
      if (const int code = fpu_code(raised); code != 0) fault_signal(task, SIGFPE, code, eip);
      return;
    }
    case kSimd: {
      const uint32_t raised = task.context.mxcsr & ~(task.context.mxcsr >> 7) & 0x3f;
      if (const int code = fpu_code(raised); code != 0) fault_signal(task, SIGFPE, code, eip);
      return;
    }
    default:
      fail(fmt::format("the monitor passed on an exception that a user program cannot cause: vector {} at {:#010x}",
                       vector, eip));
  }
}

void Kernel::page_fault(Task& task, uint32_t address, uint32_t error) {
  const Access access = (error & kErrorWrite) != 0 ? Access::Write : (error & kErrorFetch) != 0 ? Access::Execute : Access::Read;
  switch (task.space->resolve(address, access)) {
    case Fault::None: return;
    case Fault::NotMapped:
      task.trap_error = error | kErrorUser;
      return fault_signal(task, SIGSEGV, SEGV_MAPERR, address);
    case Fault::NotPermitted:
      task.trap_error = error | kErrorUser;
      return fault_signal(task, SIGSEGV, SEGV_ACCERR, address);
    case Fault::BeyondFile:
      task.trap_error = error | kErrorUser;
      return fault_signal(task, SIGBUS, BUS_ADRERR, address);
    case Fault::OutOfMemory:
      return fail(fmt::format("guest RAM is exhausted ({} MiB); give the guest more", config.ram_size >> 20));
  }
}

// -- System calls --------------------------------------------------------------------------------------

void Kernel::system_call(Task& task) {
  const bool first = !task.wait.active;
  if (first) {
    task.wait = Wait{};
    ++syscall_count;
  }
  Call call{*this, task, task.reg(GuestReg::Eax), {}, !first};
  call.arg[0] = task.reg(GuestReg::Ebx);
  call.arg[1] = task.reg(GuestReg::Ecx);
  call.arg[2] = task.reg(GuestReg::Edx);
  call.arg[3] = task.reg(GuestReg::Esi);
  call.arg[4] = task.reg(GuestReg::Edi);
  call.arg[5] = task.reg(GuestReg::Ebp);
  task.wait.host.clear();
  finish_call(task, dispatch(call));
}

void Kernel::finish_call(Task& task, int64_t result) {
  if (task.exited) return;
  if (result == kBlock) {
    task.wait.active = true;
    return;
  }
  if (result == kHostInterrupted) {
    // The guest makes the call again, unless the platform stops the run first.
    task.wait = Wait{};
    task.set(GuestReg::Eip, task.reg(GuestReg::Eip) - 2);
    return;
  }
  task.wait = Wait{};
  if (result != kNoResult) task.set(GuestReg::Eax, static_cast<uint32_t>(result));
}

}  // namespace chrysalis::sim::kernel

namespace chrysalis::sim {

Process::Process(ProcessConfig config) : kernel_(std::make_unique<kernel::Kernel>(std::move(config))) {}
Process::~Process() = default;
std::optional<std::string> Process::load(fw::Mailbox& mailbox) { return kernel_->load(mailbox); }
ServiceResult Process::on_service(fw::Mailbox& mailbox, uint64_t now) { return kernel_->on_service(mailbox, now); }
ServiceResult Process::on_timer(fw::Mailbox& mailbox, uint64_t now) { return kernel_->on_timer(mailbox, now); }
std::optional<uint64_t> Process::next_timer() const { return kernel_->next_timer(); }
uint64_t Process::syscall_count() const { return kernel_->syscall_count; }
const std::vector<uint32_t>& Process::unsupported_syscalls() const { return kernel_->unsupported; }

}  // namespace chrysalis::sim
