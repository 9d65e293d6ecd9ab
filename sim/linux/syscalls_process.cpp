// Making, replacing, ending and waiting for processes and threads.
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

using ir::GuestReg;

struct CloneRequest {
  uint32_t flags = 0;
  int exit_signal = 0;
  uint32_t stack = 0;
  uint32_t parent_tid = 0, child_tid = 0, tls = 0;
};

int64_t make_task(Call& call, const CloneRequest& request) {
  const uint32_t flags = request.flags;
  // A thread shares signal handlers, and those need shared memory.
  if ((flags & CLONE_THREAD) != 0 && (flags & CLONE_SIGHAND) == 0) return -EINVAL;
  if ((flags & CLONE_SIGHAND) != 0 && (flags & CLONE_VM) == 0) return -EINVAL;
  constexpr uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  if ((flags & kNamespaces) != 0) return -EPERM;
  Kernel& kernel = call.kernel;
  Task& parent = call.task;
  std::shared_ptr<AddressSpace> space = parent.space;
  if ((flags & CLONE_VM) == 0) {
    space = parent.space->fork();
    if (space == nullptr) return -ENOMEM;
  }
  std::shared_ptr<FsContext> fs = parent.fs;
  if ((flags & CLONE_FS) == 0) {
    fs = std::make_shared<FsContext>();
    fs->cwd = HostFd(fcntl(parent.fs->cwd.get(), F_DUPFD_CLOEXEC, 0));
    fs->umask = parent.fs->umask;
  }
  const bool thread = (flags & CLONE_THREAD) != 0;
  const auto group = thread ? parent.group : kernel.add_group(*parent.group);
  if (!thread) {
    group->exit_signal = request.exit_signal;
    if ((flags & CLONE_PARENT) != 0) group->parent = parent.group->parent;
    if ((flags & CLONE_SIGHAND) != 0) group->actions = parent.group->actions;
  }
  Task& child = kernel.add_task(parent, group);
  child.space = std::move(space);
  child.fs = std::move(fs);
  if ((flags & CLONE_FILES) == 0) child.files = std::make_shared<FdTable>(*parent.files);
  child.set(GuestReg::Eax, 0);
  if (request.stack != 0) child.set(GuestReg::Esp, request.stack);
  // Linux: a new thread of control has no alternate stack, unless it borrows its parent's memory (vfork).
  if ((flags & CLONE_VM) == 0 || (flags & CLONE_VFORK) != 0) {
    child.alternate_sp = parent.alternate_sp;
    child.alternate_size = parent.alternate_size;
    child.alternate_flags = parent.alternate_flags;
  }
  if ((flags & CLONE_SETTLS) != 0)
    if (const int64_t result = set_tls(call, child, request.tls); result < 0) {
      kernel.discard(child);
      return result;
    }
  const auto tid = static_cast<uint32_t>(child.tid);
  if ((flags & CLONE_PARENT_SETTID) != 0) call.put(request.parent_tid, tid);
  if ((flags & CLONE_CHILD_SETTID) != 0) child.space->write(request.child_tid, &tid, sizeof tid);
  if ((flags & CLONE_CHILD_CLEARTID) != 0) child.clear_child_tid = request.child_tid;
  if ((flags & CLONE_VFORK) != 0) {
    group->has_vfork_parent = true;
    group->vfork_parent = parent.tid;
    parent.waits_for_vfork = true;
  }
  return child.tid;
}

bool read_strings(Call& call, uint32_t address, std::vector<std::string>* result, int64_t* error) {
  constexpr size_t kMaxStrings = 1 << 20, kMaxLength = 128 << 10;
  // Linux takes a null array for an empty one.
  for (uint32_t at = address; address != 0; at += 4) {
    uint32_t text;
    bool too_long = false;
    *error = -EFAULT;
    if (!call.get(at, &text)) return false;
    if (text == 0) break;
    auto string = call.task.space->read_string(text, kMaxLength, &too_long);
    if (!string || result->size() >= kMaxStrings) {
      if (too_long || string) *error = -E2BIG;
      return false;
    }
    result->push_back(std::move(*string));
  }
  return true;
}

int64_t execute(Call& call, const std::string& path, uint32_t arguments_address, uint32_t environment_address) {
  std::vector<std::string> arguments, environment;
  int64_t error = 0;
  if (!read_strings(call, arguments_address, &arguments, &error) || !read_strings(call, environment_address, &environment, &error)) return error;
  if (path.empty()) return -ENOENT;
  std::string reason;
  const int64_t result = call.kernel.execute(call.task, path, path, std::move(arguments), environment, &reason);
  return result < 0 ? result : kNoResult;
}

// -- wait ----------------------------------------------------------------------------------------------

struct WaitFor {
  int pid = -1;  ///< as for waitpid()
  int options = 0;
  bool keep = false;  ///< WNOWAIT
};

/// What a wait found: the child, and its status as wait() encodes it. No child: the call's result.
struct Found {
  int64_t result = 0;
  std::shared_ptr<Group> child;
  int status = 0;
};

Found find_child(Call& call, const WaitFor& wanted) {
  const Group& self = *call.task.group;
  bool any = false;
  for (const auto& [pid, group] : call.kernel.groups) {
    if (group->parent != self.pid || group.get() == &self) continue;
    if (wanted.pid > 0 && pid != wanted.pid) continue;
    if (wanted.pid == 0 && group->pgid != self.pgid) continue;
    if (wanted.pid < -1 && group->pgid != -wanted.pid) continue;
    any = true;
    const bool dead = group->zombie && (wanted.options & WEXITED) != 0;
    const bool stopped = group->stopped && !group->stop_reported && (wanted.options & WUNTRACED) != 0;
    if (dead || stopped) return {pid, group, group->status};
  }
  if (!any) return {-ECHILD, nullptr, 0};
  return {(wanted.options & WNOHANG) != 0 ? 0 : kBlock, nullptr, 0};
}

void consume(Call& call, const Found& found, bool keep) {
  if (keep) return;
  if (found.child->zombie) {
    call.task.group->child_cycles += found.child->cycles + found.child->child_cycles;
    call.kernel.groups.erase(found.child->pid);
  } else {
    found.child->stop_reported = true;
  }
}

int64_t wait_child(Call& call, int pid, uint32_t status_address, int options, uint32_t usage_address) {
  constexpr int kKnown = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
  if ((options & ~kKnown) != 0) return -EINVAL;
  const Found found = find_child(call, {pid, options | WEXITED, false});
  if (found.child == nullptr) return found.result;
  const auto cycles = found.child->cycles;
  consume(call, found, false);
  if (status_address != 0 && !call.put(status_address, static_cast<int32_t>(found.status))) return -EFAULT;
  if (usage_address != 0 && !call.put(usage_address, usage_of(call.kernel, cycles))) return -EFAULT;
  return found.result;
}

}  // namespace

int64_t sys_exit(Call& call) {
  call.kernel.exit_thread(call.task, W_EXITCODE(call.sarg(0) & 0xff, 0));
  return kNoResult;
}

int64_t sys_exit_group(Call& call) {
  call.kernel.exit_process(*call.task.group, W_EXITCODE(call.sarg(0) & 0xff, 0));
  return kNoResult;
}

int64_t sys_fork(Call& call) { return make_task(call, {0, SIGCHLD, 0, 0, 0, 0}); }
int64_t sys_vfork(Call& call) { return make_task(call, {CLONE_VM | CLONE_VFORK, SIGCHLD, 0, 0, 0, 0}); }
int64_t sys_clone(Call& call) {
  return make_task(call, {call.arg[0] & ~uint32_t{CSIGNAL}, static_cast<int>(call.arg[0] & CSIGNAL), call.arg[1], call.arg[2], call.arg[4], call.arg[3]});
}

int64_t sys_execve(Call& call) {
  std::string path;
  if (const int error = call.path(call.arg[0], &path)) return -error;
  return execute(call, path, call.arg[1], call.arg[2]);
}

int64_t sys_execveat(Call& call) {
  std::string path;
  if (const int error = call.path(call.arg[1], &path)) return -error;
  if (path.empty() || path[0] != '/') {
    if (path.empty() && (call.sarg(4) & AT_EMPTY_PATH) == 0) return -ENOENT;
    if (call.sarg(0) != AT_FDCWD) {
      const auto base = call.file(0);
      if (base == nullptr) return -EBADF;
      path = path.empty() ? base->path : base->path + "/" + path;
    }
  }
  return execute(call, path, call.arg[2], call.arg[3]);
}

int64_t sys_waitpid(Call& call) { return wait_child(call, call.sarg(0), call.arg[1], call.sarg(2), 0); }
int64_t sys_wait4(Call& call) { return wait_child(call, call.sarg(0), call.arg[1], call.sarg(2), call.arg[3]); }

int64_t sys_waitid(Call& call) {
  const int options = call.sarg(3);
  if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) != 0 ||
      (options & (WEXITED | WSTOPPED | WCONTINUED)) == 0)
    return -EINVAL;
  WaitFor wanted{-1, options, (options & WNOWAIT) != 0};
  switch (call.sarg(0)) {
    case P_ALL: break;
    case P_PID: wanted.pid = call.sarg(1); break;
    case P_PGID: wanted.pid = call.arg[1] == 0 ? 0 : -call.sarg(1); break;
    default: return -EINVAL;
  }
  const Found found = find_child(call, wanted);
  if (found.result < 0 || found.result == kBlock) return found.result;
  abi::Siginfo info{};
  if (found.child != nullptr) {
    const int status = found.status;
    info.word[0] = SIGCHLD;
    info.word[2] = WIFEXITED(status) ? CLD_EXITED : WIFSTOPPED(status) ? CLD_STOPPED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
    info.word[3] = found.child->pid;
    info.word[4] = static_cast<int32_t>(getuid());
    info.word[5] = WIFEXITED(status) ? WEXITSTATUS(status) : WIFSTOPPED(status) ? WSTOPSIG(status) : WTERMSIG(status);
    const auto cycles = found.child->cycles;
    consume(call, found, wanted.keep);
    if (call.arg[4] != 0 && !call.put(call.arg[4], usage_of(call.kernel, cycles))) return -EFAULT;
  }
  return call.arg[2] == 0 || call.put(call.arg[2], info) ? 0 : -EFAULT;
}

}  // namespace chrysalis::sim::kernel
