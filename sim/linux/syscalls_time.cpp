// Clocks, timers, accounting, and what the system says of itself. Time is the guest clock, never the host's.
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

constexpr int64_t kTick = kSecond / 100;  // CLK_TCK

template <class Time>
Time time_of(int64_t ns) {
  return {static_cast<decltype(Time::seconds)>(ns / kSecond), static_cast<decltype(Time::nanoseconds)>(ns % kSecond)};
}

abi::Timeval32 timeval_of(int64_t ns) {
  return {static_cast<int32_t>(ns / kSecond), static_cast<int32_t>(ns % kSecond / 1000)};
}

template <class Time>
int64_t get_clock(Call& call) {
  int64_t ns = 0;
  if (!read_clock(call, call.sarg(0), &ns)) return -EINVAL;
  return call.put(call.arg[1], time_of<Time>(ns)) ? 0 : -EFAULT;
}

template <class Time>
int64_t get_resolution(Call& call) {
  int64_t ns = 0;
  if (!read_clock(call, call.sarg(0), &ns)) return -EINVAL;
  const bool coarse = call.sarg(0) == CLOCK_REALTIME_COARSE || call.sarg(0) == CLOCK_MONOTONIC_COARSE;
  return call.arg[1] == 0 || call.put(call.arg[1], time_of<Time>(coarse ? 4'000'000 : 1)) ? 0 : -EFAULT;
}

int64_t remaining(const Call& call) {
  const int64_t at = call.task.group->alarm_ns;
  return at == 0 ? 0 : std::max<int64_t>(at - call.kernel.now_ns(), 1000);
}

abi::Itimerval32 timer_value(const Call& call) {
  return {timeval_of(call.task.group->alarm_interval_ns), timeval_of(remaining(call))};
}

constexpr const char kRelease[] = "6.1.0-chrysalis";

utsname system_name() {
  utsname name{};
  std::strcpy(name.sysname, "Linux");
  std::strcpy(name.nodename, "chrysalis");
  std::strcpy(name.release, kRelease);
  std::strcpy(name.version, "#1 SMP");
  // A 64-bit kernel tells a 32-bit program x86_64; this processor is a 32-bit one.
  std::strcpy(name.machine, "i686");
  std::strcpy(name.domainname, "(none)");
  return name;
}

}  // namespace

bool read_clock(const Call& call, int clock, int64_t* ns) {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: *ns = call.kernel.realtime_ns(); return true;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: *ns = call.kernel.now_ns(); return true;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID: *ns = call.kernel.to_ns(call.kernel.cpu_cycles(*call.task.group)); return true;
    default: return false;
  }
}

int64_t sys_time(Call& call) {
  const auto now = static_cast<int32_t>(call.kernel.realtime_ns() / kSecond);
  return call.arg[0] == 0 || call.put(call.arg[0], now) ? now : -EFAULT;
}

int64_t sys_gettimeofday(Call& call) {
  if (call.arg[0] != 0 && !call.put(call.arg[0], timeval_of(call.kernel.realtime_ns()))) return -EFAULT;
  if (call.arg[1] != 0 && !call.put(call.arg[1], abi::Timezone{0, 0})) return -EFAULT;
  return 0;
}

int64_t sys_settimeofday(Call&) { return -EPERM; }
int64_t sys_clock_gettime(Call& call) { return get_clock<abi::Timespec32>(call); }
int64_t sys_clock_gettime64(Call& call) { return get_clock<abi::Timespec64>(call); }
int64_t sys_clock_getres(Call& call) { return get_resolution<abi::Timespec32>(call); }
int64_t sys_clock_getres_time64(Call& call) { return get_resolution<abi::Timespec64>(call); }

int64_t sys_times(Call& call) {
  const Group& group = *call.task.group;
  const auto ticks = [&](uint64_t cycles) { return static_cast<int32_t>(call.kernel.to_ns(cycles) / kTick); };
  const abi::Tms out{ticks(call.kernel.cpu_cycles(group)), 0, ticks(group.child_cycles), 0};
  if (call.arg[0] != 0 && !call.put(call.arg[0], out)) return -EFAULT;
  return static_cast<uint32_t>(call.kernel.now_ns() / kTick);
}

abi::Rusage usage_of(const Kernel& kernel, uint64_t cycles) {
  abi::Rusage out{};
  out.user = timeval_of(kernel.to_ns(cycles));
  return out;
}

int64_t sys_getrusage(Call& call) {
  const Group& group = *call.task.group;
  constexpr int kThread = 1;
  uint64_t cycles = 0;
  if (call.sarg(0) == RUSAGE_SELF || call.sarg(0) == kThread) cycles = call.kernel.cpu_cycles(group);
  else if (call.sarg(0) == RUSAGE_CHILDREN) cycles = group.child_cycles;
  else return -EINVAL;
  abi::Rusage out = usage_of(call.kernel, cycles);
  if (call.sarg(0) == RUSAGE_SELF) out.values[0] = static_cast<int32_t>(call.task.space->resident_pages() * (kPageSize / 1024));
  return call.put(call.arg[1], out) ? 0 : -EFAULT;
}

int64_t sys_alarm(Call& call) {
  Group& group = *call.task.group;
  const int64_t left = remaining(call);
  group.alarm_ns = call.arg[0] == 0 ? 0 : call.kernel.now_ns() + call.arg[0] * kSecond;
  group.alarm_interval_ns = 0;
  // Rounded, but never to 0 while something was left.
  return left == 0 ? 0 : std::max<int64_t>((left + kSecond / 2) / kSecond, 1);
}

// Only the real-time timer signals; the CPU-time ones would need the monitor's help to be exact.
int64_t sys_setitimer(Call& call) {
  if (call.sarg(0) != ITIMER_REAL) return call.sarg(0) == ITIMER_VIRTUAL || call.sarg(0) == ITIMER_PROF ? -ENOSYS : -EINVAL;
  abi::Itimerval32 in{};
  if (call.arg[1] != 0 && !call.get(call.arg[1], &in)) return -EFAULT;
  for (const abi::Timeval32& t : {in.interval, in.value})
    if (t.seconds < 0 || t.microseconds < 0 || t.microseconds >= 1'000'000) return -EINVAL;
  if (call.arg[2] != 0 && !call.put(call.arg[2], timer_value(call))) return -EFAULT;
  const auto ns = [](const abi::Timeval32& t) { return t.seconds * kSecond + t.microseconds * int64_t{1000}; };
  Group& group = *call.task.group;
  group.alarm_ns = ns(in.value) == 0 ? 0 : call.kernel.now_ns() + ns(in.value);
  group.alarm_interval_ns = ns(in.value) == 0 ? 0 : ns(in.interval);
  return 0;
}

int64_t sys_getitimer(Call& call) {
  if (call.arg[0] > ITIMER_PROF) return -EINVAL;
  const abi::Itimerval32 out = call.sarg(0) == ITIMER_REAL ? timer_value(call) : abi::Itimerval32{};
  return call.put(call.arg[1], out) ? 0 : -EFAULT;
}

int64_t sys_uname(Call& call) { return call.put(call.arg[0], system_name()) ? 0 : -EFAULT; }

int64_t sys_olduname(Call& call) {
  const utsname name = system_name();
  char out[5][65];
  const char* fields[5] = {name.sysname, name.nodename, name.release, name.version, name.machine};
  for (int i = 0; i < 5; ++i) std::memcpy(out[i], fields[i], sizeof out[i]);
  return call.put(call.arg[0], out) ? 0 : -EFAULT;
}

int64_t sys_oldolduname(Call& call) {
  const utsname name = system_name();
  abi::OldUtsname out{};
  const std::pair<char*, const char*> fields[] = {{out.sysname, name.sysname}, {out.nodename, name.nodename}, {out.release, name.release},
                                                  {out.version, name.version}, {out.machine, name.machine}};
  // Eight characters each: what the old structure has room for.
  for (const auto& [to, from] : fields) std::memcpy(to, from, std::min<size_t>(std::strlen(from), sizeof out.sysname - 1));
  return call.put(call.arg[0], out) ? 0 : -EFAULT;
}

int64_t sys_sysinfo(Call& call) {
  abi::Sysinfo out{};
  out.uptime = static_cast<int32_t>(call.kernel.now_ns() / kSecond);
  out.totalram = call.kernel.memory.frame_count() * kPageSize;
  out.freeram = call.kernel.memory.free_frames() * kPageSize;
  out.procs = static_cast<uint16_t>(call.kernel.tasks.size());
  out.mem_unit = 1;
  return call.put(call.arg[0], out) ? 0 : -EFAULT;
}

}  // namespace chrysalis::sim::kernel
