// Who the process is, what it may use, and small services of the kernel to it.
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

// User and group numbers are the host's: they are how the files that the guest sees say who may use them.
uint16_t id16(uint32_t id) { return static_cast<uint16_t>(id > 0xffff ? 65534 : id); }

template <class Id>
int64_t put_three(Call& call, uint32_t id) {
  for (int i = 0; i < 3; ++i)
    if (!call.put(call.arg[i], static_cast<Id>(sizeof(Id) == 2 ? id16(id) : id))) return -EFAULT;
  return 0;
}

template <class Id>
int64_t get_groups(Call& call) {
  std::vector<gid_t> host(static_cast<size_t>(std::max(getgroups(0, nullptr), 0)));
  const int count = host.empty() ? 0 : getgroups(static_cast<int>(host.size()), host.data());
  if (count < 0) return -errno;
  if (call.sarg(0) < 0) return -EINVAL;
  if (call.arg[0] == 0) return count;
  if (call.sarg(0) < count) return -EINVAL;
  for (int i = 0; i < count; ++i)
    if (!call.put(call.arg[1] + static_cast<uint32_t>(i) * sizeof(Id), static_cast<Id>(sizeof(Id) == 2 ? id16(host[i]) : host[i]))) return -EFAULT;
  return count;
}

// A process may become what it is already; the simulator itself never changes.
int64_t become(std::initializer_list<uint32_t> wanted, uint32_t real, uint32_t effective) {
  for (const uint32_t id : wanted)
    if (id != ~0u && id != real && id != effective) return -EPERM;
  return 0;
}

// -- Limits --------------------------------------------------------------------------------------------

uint32_t narrow_limit(rlim_t value, uint32_t infinity) { return value >= infinity ? infinity : static_cast<uint32_t>(value); }

int64_t put_limit(Call& call, uint32_t infinity) {
  if (call.arg[0] >= RLIM_NLIMITS) return -EINVAL;
  const rlimit& limit = call.task.group->limits[call.arg[0]];
  const abi::Rlimit32 out{narrow_limit(limit.rlim_cur, infinity), narrow_limit(limit.rlim_max, infinity)};
  return call.put(call.arg[1], out) ? 0 : -EFAULT;
}

int64_t change_limit(Group& group, uint32_t resource, const rlimit& wanted) {
  if (resource >= RLIM_NLIMITS || wanted.rlim_cur > wanted.rlim_max) return -EINVAL;
  if (wanted.rlim_max > group.limits[resource].rlim_max) return -EPERM;
  group.limits[resource] = wanted;
  return 0;
}

rlim_t wide_limit(uint64_t value, uint64_t infinity) { return value >= infinity ? RLIM_INFINITY : value; }

std::shared_ptr<Group> group_of(Call& call, int pid) {
  if (pid == 0) return call.task.group;
  if (const Task* task = call.kernel.find_task(pid)) return task->group;
  return call.kernel.find_group(pid);
}

}  // namespace

int64_t sys_getpid(Call& c) { return c.task.group->pid; }
int64_t sys_gettid(Call& c) { return c.task.tid; }
int64_t sys_getppid(Call& c) { return c.task.group->parent; }
int64_t sys_getpgrp(Call& c) { return c.task.group->pgid; }
int64_t sys_getpgid(Call& c) {
  const auto group = group_of(c, c.sarg(0));
  return group == nullptr ? -ESRCH : group->pgid;
}
int64_t sys_getsid(Call& c) {
  const auto group = group_of(c, c.sarg(0));
  return group == nullptr ? -ESRCH : group->sid;
}

int64_t sys_setpgid(Call& call) {
  const auto group = group_of(call, call.sarg(0));
  if (call.sarg(1) < 0) return -EINVAL;
  if (group == nullptr || (group != call.task.group && group->parent != call.task.group->pid)) return -ESRCH;
  if (group->sid == group->pid || group->sid != call.task.group->sid) return -EPERM;
  const int wanted = call.arg[1] == 0 ? group->pid : call.sarg(1);
  if (wanted != group->pid) {
    const bool exists = std::any_of(call.kernel.groups.begin(), call.kernel.groups.end(), [&](const auto& item) {
      return item.second->pgid == wanted && item.second->sid == group->sid;
    });
    if (!exists) return -EPERM;
  }
  group->pgid = wanted;
  return 0;
}

int64_t sys_setsid(Call& call) {
  Group& group = *call.task.group;
  for (const auto& [pid, other] : call.kernel.groups)
    if (other->pgid == group.pid) return -EPERM;
  group.sid = group.pgid = group.pid;
  return group.pid;
}

int64_t sys_getuid(Call&) { return id16(getuid()); }
int64_t sys_geteuid(Call&) { return id16(geteuid()); }
int64_t sys_getgid(Call&) { return id16(getgid()); }
int64_t sys_getegid(Call&) { return id16(getegid()); }
int64_t sys_getuid32(Call&) { return getuid(); }
int64_t sys_geteuid32(Call&) { return geteuid(); }
int64_t sys_getgid32(Call&) { return getgid(); }
int64_t sys_getegid32(Call&) { return getegid(); }
int64_t sys_getresuid(Call& c) { return put_three<uint16_t>(c, getuid()); }
int64_t sys_getresgid(Call& c) { return put_three<uint16_t>(c, getgid()); }
int64_t sys_getresuid32(Call& c) { return put_three<uint32_t>(c, getuid()); }
int64_t sys_getresgid32(Call& c) { return put_three<uint32_t>(c, getgid()); }
int64_t sys_getgroups(Call& c) { return get_groups<uint16_t>(c); }
int64_t sys_getgroups32(Call& c) { return get_groups<uint32_t>(c); }
int64_t sys_setuid(Call& c) { return become({c.arg[0]}, getuid(), geteuid()); }
int64_t sys_setgid(Call& c) { return become({c.arg[0]}, getgid(), getegid()); }
int64_t sys_setreuid32(Call& c) { return become({c.arg[0], c.arg[1]}, getuid(), geteuid()); }
int64_t sys_setregid32(Call& c) { return become({c.arg[0], c.arg[1]}, getgid(), getegid()); }
int64_t sys_setresuid32(Call& c) { return become({c.arg[0], c.arg[1], c.arg[2]}, getuid(), geteuid()); }
int64_t sys_setresgid32(Call& c) { return become({c.arg[0], c.arg[1], c.arg[2]}, getgid(), getegid()); }
int64_t sys_setgroups32(Call&) { return -EPERM; }

// getrlimit's own infinity is that of signed numbers; ugetrlimit's that of unsigned ones.
int64_t sys_getrlimit(Call& c) { return put_limit(c, 0x7fff'ffff); }
int64_t sys_ugetrlimit(Call& c) { return put_limit(c, 0xffff'ffff); }

int64_t sys_setrlimit(Call& call) {
  abi::Rlimit32 in;
  if (!call.get(call.arg[1], &in)) return -EFAULT;
  return change_limit(*call.task.group, call.arg[0], {wide_limit(in.current, UINT32_MAX), wide_limit(in.maximum, UINT32_MAX)});
}

int64_t sys_prlimit64(Call& call) {
  const auto group = group_of(call, call.sarg(0));
  if (group == nullptr) return -ESRCH;
  if (call.arg[1] >= RLIM_NLIMITS) return -EINVAL;
  const rlimit old = group->limits[call.arg[1]];
  if (call.arg[2] != 0) {
    abi::Rlimit64 in;
    if (!call.get(call.arg[2], &in)) return -EFAULT;
    if (const int64_t result = change_limit(*group, call.arg[1], {in.current, in.maximum}); result != 0) return result;
  }
  return call.arg[3] == 0 || call.put(call.arg[3], abi::Rlimit64{old.rlim_cur, old.rlim_max}) ? 0 : -EFAULT;
}

// One processor, one scheduling class.
int64_t sys_getpriority(Call&) { return 20; }
int64_t sys_setpriority(Call&) { return 0; }
int64_t sys_nice(Call&) { return 0; }
int64_t sys_sched_yield(Call& call) {
  call.kernel.yield();
  return 0;
}
int64_t sys_sched_getaffinity(Call& call) {
  if (call.arg[1] < 4 || (call.arg[1] & 3) != 0) return -EINVAL;
  return call.put(call.arg[2], uint32_t{1}) ? 4 : -EFAULT;
}
int64_t sys_sched_setaffinity(Call& call) {
  uint32_t mask = 0;
  if (call.arg[1] < 4 || !call.get(call.arg[2], &mask)) return -EFAULT;
  return (mask & 1) != 0 ? 0 : -EINVAL;
}
int64_t sys_sched_getscheduler(Call&) { return SCHED_OTHER; }
int64_t sys_sched_setscheduler(Call&) { return 0; }
int64_t sys_sched_getparam(Call& call) { return call.put(call.arg[1], int32_t{0}) ? 0 : -EFAULT; }
int64_t sys_sched_get_priority_max(Call& call) { return call.arg[0] == SCHED_OTHER || call.arg[0] == SCHED_BATCH || call.arg[0] == SCHED_IDLE ? 0 : -EINVAL; }
int64_t sys_sched_rr_get_interval(Call& call) { return call.put(call.arg[1], abi::Timespec32{0, 0}) ? 0 : -EFAULT; }

int64_t sys_getcpu(Call& call) {
  for (int i = 0; i < 2; ++i)
    if (call.arg[i] != 0 && !call.put(call.arg[i], uint32_t{0})) return -EFAULT;
  return 0;
}

int64_t sys_set_tid_address(Call& call) {
  call.task.clear_child_tid = call.arg[0];
  return call.task.tid;
}
int64_t sys_set_robust_list(Call& call) { return call.arg[1] == 12 ? 0 : -EINVAL; }
int64_t sys_get_robust_list(Call&) { return -EPERM; }

// Processes take turns on one processor: memory is always ordered between them.
int64_t sys_membarrier(Call& call) {
  constexpr int64_t kGlobal = 1;
  return call.arg[0] == 0 ? kGlobal : call.arg[0] == kGlobal ? 0 : -EINVAL;
}

int64_t sys_prctl(Call& call) {
  Task& task = call.task;
  switch (call.sarg(0)) {
    case PR_SET_NAME: {
      char name[16] = {};
      for (uint32_t i = 0; i < 15; ++i) {
        if (!call.get(call.arg[1] + i, &name[i])) return -EFAULT;
        if (name[i] == 0) break;
      }
      task.name = name;
      return 0;
    }
    case PR_GET_NAME: {
      char name[16] = {};
      std::memcpy(name, task.name.data(), std::min<size_t>(task.name.size(), 15));
      return call.put(call.arg[1], name) ? 0 : -EFAULT;
    }
    case PR_GET_DUMPABLE: return 1;
    case PR_SET_DUMPABLE:
    case PR_SET_PDEATHSIG:
    case PR_SET_KEEPCAPS:
    case PR_SET_TIMERSLACK:
    case PR_SET_CHILD_SUBREAPER: return 0;
    case PR_SET_NO_NEW_PRIVS: return call.arg[1] == 1 ? 0 : -EINVAL;
    case PR_GET_NO_NEW_PRIVS: return 0;
    case PR_GET_PDEATHSIG: return call.put(call.arg[1], int32_t{0}) ? 0 : -EFAULT;
    default: return -EINVAL;
  }
}

int64_t sys_personality(Call& call) {
  // Addresses are never randomised; asking for that, or for anything else, changes nothing.
  (void)call;
  return 0;
}

int64_t sys_getrandom(Call& call) {
  constexpr uint32_t kKnown = 7;
  if ((call.arg[2] & ~kKnown) != 0) return -EINVAL;
  const auto spans = call.task.space->spans(call.arg[0], std::min<uint32_t>(call.arg[1], INT32_MAX), Access::Write);
  if (spans.empty() && call.arg[1] != 0) return -EFAULT;
  for (const iovec& span : spans) call.kernel.random.fill(span.iov_base, span.iov_len);
  return static_cast<int64_t>(total_size(spans));
}

int64_t sys_iopl(Call&) { return -EPERM; }

// What programs probe for at start and do without.
int64_t sys_rseq(Call&) { return -ENOSYS; }
int64_t sys_arch_prctl(Call&) { return -ENOSYS; }
int64_t sys_clone3(Call&) { return -ENOSYS; }
int64_t sys_socketcall(Call&) { return -EAFNOSUPPORT; }
int64_t sys_socket(Call&) { return -EAFNOSUPPORT; }
int64_t sys_getxattr(Call&) { return -EOPNOTSUPP; }

}  // namespace chrysalis::sim::kernel
