// System calls that wait: for descriptors, for time, for other threads.
//
// Each is tried again while it returns kBlock; what must survive from one try to the next is in Task::wait.
#include <poll.h>
#include <sys/select.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "sim/linux/syscalls.h"

namespace chrysalis::sim::kernel {
namespace {

// -- Reading times ---------------------------------------------------------------------------------------

/// Nanoseconds of a guest time structure; `*error` is 0 or a negative errno.
template <class Time>
int64_t duration(Call& call, uint32_t address, int64_t* error) {
  Time in;
  *error = 0;
  if (!call.get(address, &in)) {
    *error = -EFAULT;
    return 0;
  }
  int64_t fraction;
  if constexpr (std::is_same_v<Time, abi::Timeval32>) {
    fraction = int64_t{in.microseconds} * 1000;
  } else {
    // The upper half of a 64-bit tv_nsec is padding for a 32-bit program.
    fraction = static_cast<int32_t>(in.nanoseconds);
  }
  if (in.seconds < 0 || fraction < 0 || (!std::is_same_v<Time, abi::Timeval32> && fraction >= kSecond)) {
    *error = -EINVAL;
    return 0;
  }
  constexpr int64_t kMaxSeconds = INT64_MAX / kSecond / 4;
  return std::min<int64_t>(in.seconds, kMaxSeconds) * kSecond + fraction;
}

template <class Time>
Time time_left(const Call& call) {
  const int64_t left = std::max<int64_t>(call.task.wait.deadline_ns.value_or(0) - call.kernel.now_ns(), 0);
  const int64_t unit = std::is_same_v<Time, abi::Timeval32> ? 1000 : 1;
  Time out{};
  std::memset(&out, 0, sizeof out);
  out.seconds = static_cast<decltype(out.seconds)>(left / kSecond);
  if constexpr (std::is_same_v<Time, abi::Timeval32>) out.microseconds = static_cast<int32_t>(left % kSecond / unit);
  else out.nanoseconds = static_cast<decltype(out.nanoseconds)>(left % kSecond / unit);
  return out;
}

// -- Readiness ---------------------------------------------------------------------------------------------

short check(Call& call, File& file, short events) {
  const short ready = file.ready() & (events | POLLERR | POLLHUP | POLLNVAL);
  if (ready == 0 && file.waits_for_host()) call.task.wait.host.push_back({file.host_fd(), events, 0});
  return ready;
}

/// Installs the mask of ppoll and pselect for the duration of the call.
int64_t enter_mask(Call& call, uint32_t mask_address, uint32_t size) {
  if (mask_address == 0 || call.again) return 0;
  if (size != sizeof(SignalSet)) return -EINVAL;
  SignalSet mask;
  if (!call.get(mask_address, &mask)) return -EFAULT;
  call.task.saved_mask = call.task.blocked;
  call.task.blocked = mask & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
  return 0;
}

int64_t poll_once(Call& call) {
  if (call.arg[1] > call.limit(RLIMIT_NOFILE)) return -EINVAL;
  std::vector<abi::Pollfd> set(call.arg[1]);
  const size_t bytes = set.size() * sizeof(abi::Pollfd);
  if (!set.empty() && !call.task.space->read(call.arg[0], set.data(), bytes)) return -EFAULT;
  int64_t count = 0;
  for (abi::Pollfd& item : set) {
    item.revents = 0;
    if (item.fd < 0) continue;
    const auto file = call.task.files->get(item.fd);
    item.revents = file == nullptr ? static_cast<int16_t>(POLLNVAL) : check(call, *file, item.events);
    if (item.revents != 0) ++count;
  }
  if (!set.empty() && !call.task.space->write(call.arg[0], set.data(), bytes)) return -EFAULT;
  return count;
}

int64_t finish_poll(Call& call, std::optional<int64_t> timeout) {
  const bool late = deadline_passed(call, timeout);
  const int64_t count = poll_once(call);
  return count == 0 && !late ? kBlock : count;
}

template <class Time>
int64_t poll_with_mask(Call& call) {
  std::optional<int64_t> timeout;
  if (!call.again) {
    int64_t error = 0;
    if (call.arg[2] != 0) timeout = duration<Time>(call, call.arg[2], &error);
    if (error == 0) error = enter_mask(call, call.arg[3], call.arg[4]);
    if (error != 0) return error;
  }
  const int64_t result = finish_poll(call, timeout);
  if (result != kBlock && call.arg[2] != 0 && call.task.wait.deadline_ns) call.put(call.arg[2], time_left<Time>(call));
  return result;
}

// Linux: fs/select.c, POLLIN_SET and its like.
constexpr short kSelectEvents[3] = {POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
                                    POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI};
constexpr short kSelectAsked[3] = {POLLIN, POLLOUT, POLLPRI};

int64_t select_once(Call& call, uint32_t count, const uint32_t (&addresses)[3], bool late) {
  const size_t words = (count + 31) / 32;
  std::vector<uint32_t> in[3], out[3];
  for (int set = 0; set < 3; ++set) {
    in[set].resize(words);
    out[set].resize(words);
    if (addresses[set] != 0 && !call.task.space->read(addresses[set], in[set].data(), words * 4)) return -EFAULT;
  }
  int64_t found = 0;
  for (uint32_t fd = 0; fd < count; ++fd) {
    short asked = 0;
    for (int set = 0; set < 3; ++set)
      if ((in[set][fd / 32] >> (fd % 32) & 1) != 0) asked |= kSelectAsked[set];
    if (asked == 0) continue;
    const auto file = call.task.files->get(static_cast<int>(fd));
    if (file == nullptr) return -EBADF;
    const short ready = check(call, *file, asked);
    for (int set = 0; set < 3; ++set) {
      if ((in[set][fd / 32] >> (fd % 32) & 1) == 0 || (ready & kSelectEvents[set]) == 0) continue;
      out[set][fd / 32] |= 1u << (fd % 32);
      ++found;
    }
  }
  if (found == 0 && !late) return kBlock;
  for (int set = 0; set < 3; ++set)
    if (addresses[set] != 0 && !call.task.space->write(addresses[set], out[set].data(), words * 4)) return -EFAULT;
  return found;
}

template <class Time>
int64_t select_until(Call& call, uint32_t count, const uint32_t (&addresses)[3], uint32_t timeout_address) {
  if (static_cast<int32_t>(count) < 0) return -EINVAL;
  count = std::min<uint32_t>(count, static_cast<uint32_t>((call.task.files->size() + 31) / 32 * 32));
  std::optional<int64_t> timeout;
  if (!call.again && timeout_address != 0) {
    int64_t error = 0;
    timeout = duration<Time>(call, timeout_address, &error);
    if (error != 0) return error;
  }
  const bool late = deadline_passed(call, timeout);
  const int64_t result = select_once(call, count, addresses, late);
  // Linux leaves the rest of the timeout.
  if (result >= 0 && result != kBlock && timeout_address != 0) call.put(timeout_address, time_left<Time>(call));
  return result;
}

template <class Time>
int64_t select_with_mask(Call& call) {
  if (!call.again && call.arg[5] != 0) {
    uint32_t mask[2];  // address, size
    if (!call.get(call.arg[5], &mask)) return -EFAULT;
    if (const int64_t error = enter_mask(call, mask[0], mask[1]); error != 0) return error;
  }
  return select_until<Time>(call, call.arg[0], {call.arg[1], call.arg[2], call.arg[3]}, call.arg[4]);
}

// -- Sleeping --------------------------------------------------------------------------------------------

template <class Time>
int64_t sleep_for(Call& call, int clock, bool absolute, uint32_t time_address, uint32_t rest_address) {
  std::optional<int64_t> length;
  if (!call.again) {
    int64_t error = 0;
    length = duration<Time>(call, time_address, &error);
    if (error != 0) return error;
    int64_t now = 0;
    if (!read_clock(call, clock, &now)) return -EINVAL;
    if (absolute) *length -= now;
    else if (rest_address != 0) {
      call.task.wait.remaining_address = rest_address;
      call.task.wait.remaining_is_64 = std::is_same_v<Time, abi::Timespec64>;
    }
  }
  return deadline_passed(call, length) ? 0 : kBlock;
}

template <class Time>
int64_t clock_sleep(Call& call) {
  return sleep_for<Time>(call, call.sarg(0), (call.arg[1] & TIMER_ABSTIME) != 0, call.arg[2], call.arg[3]);
}

// -- Futexes ---------------------------------------------------------------------------------------------

enum Futex : uint32_t { kWait = 0, kWake = 1, kRequeue = 3, kCompareRequeue = 4, kWakeOp = 5, kWaitBits = 9, kWakeBits = 10 };

// Futexes are told apart by the memory they lie in, so that processes can share them.
const void* identity(const Task& task, uint32_t address) {
  const auto spans = task.space->spans(address, sizeof(uint32_t), Access::Read);
  return spans.empty() ? nullptr : spans[0].iov_base;
}

std::vector<Task*> waiters(Kernel& kernel, const Task& by, uint32_t address) {
  std::vector<Task*> result;
  const void* wanted = identity(by, address);
  if (wanted == nullptr) return result;
  for (const auto& [tid, task] : kernel.tasks)
    if (!task->exited && task->futex_address != 0 && !task->futex_woken && identity(*task, task->futex_address) == wanted)
      result.push_back(task.get());
  std::sort(result.begin(), result.end(), [](const Task* a, const Task* b) { return a->futex_order < b->futex_order; });
  return result;
}

int64_t futex_wait(Call& call, uint32_t bits, std::optional<int64_t> timeout) {
  Task& task = call.task;
  if (bits == 0) return -EINVAL;
  if (!call.again) {
    uint32_t value;
    if ((call.arg[0] & 3) != 0) return -EINVAL;
    if (!call.get(call.arg[0], &value)) return -EFAULT;
    if (value != call.arg[2]) return -EAGAIN;
    task.futex_address = call.arg[0];
    task.futex_bits = bits;
    task.futex_woken = false;
    task.futex_order = ++call.kernel.futex_clock;
  }
  const bool late = deadline_passed(call, timeout);
  if (!task.futex_woken && !late) return kBlock;
  task.futex_address = 0;
  return std::exchange(task.futex_woken, false) ? 0 : -ETIMEDOUT;
}

int64_t requeue(Call& call, bool compare) {
  if (compare) {
    uint32_t value;
    if (!call.get(call.arg[0], &value)) return -EFAULT;
    if (value != call.arg[5]) return -EAGAIN;
  }
  const int64_t woken = wake_futex(call.kernel, call.task, call.arg[0], call.arg[2], ~0u);
  int64_t moved = 0;
  for (Task* waiter : waiters(call.kernel, call.task, call.arg[0])) {
    if (moved >= static_cast<int64_t>(call.arg[3])) break;
    waiter->futex_address = call.arg[4];
    ++moved;
  }
  return compare ? woken + moved : woken;
}

// FUTEX_WAKE_OP: changes the second word, wakes on the first, and on the second if it compared so.
int64_t wake_op(Call& call) {
  const uint32_t code = call.arg[5];
  int32_t old;
  if (!call.get(call.arg[4], &old)) return -EFAULT;
  auto operand = static_cast<int32_t>(code << 8) >> 20;
  const auto compared = static_cast<int32_t>(code << 20) >> 20;
  if ((code >> 31) != 0) operand = static_cast<int32_t>(1u << (operand & 31));
  int32_t value;
  switch (code >> 28 & 7) {
    case 0: value = operand; break;
    case 1: value = static_cast<int32_t>(static_cast<uint32_t>(old) + static_cast<uint32_t>(operand)); break;
    case 2: value = old | operand; break;
    case 3: value = old & ~operand; break;
    case 4: value = old ^ operand; break;
    default: return -ENOSYS;
  }
  if (!call.put(call.arg[4], value)) return -EFAULT;
  bool holds;
  switch (code >> 24 & 15) {
    case 0: holds = old == compared; break;
    case 1: holds = old != compared; break;
    case 2: holds = old < compared; break;
    case 3: holds = old <= compared; break;
    case 4: holds = old > compared; break;
    case 5: holds = old >= compared; break;
    default: return -ENOSYS;
  }
  int64_t woken = wake_futex(call.kernel, call.task, call.arg[0], call.arg[2], ~0u);
  if (holds) woken += wake_futex(call.kernel, call.task, call.arg[4], call.arg[3], ~0u);
  return woken;
}

template <class Time>
int64_t futex(Call& call) {
  constexpr uint32_t kPrivate = 128, kRealtime = 256;
  const uint32_t operation = call.arg[1] & ~(kPrivate | kRealtime);
  if (operation == kWait || operation == kWaitBits) {
    std::optional<int64_t> timeout;
    if (call.arg[3] != 0 && !call.again) {
      int64_t error = 0;
      timeout = duration<Time>(call, call.arg[3], &error);
      if (error != 0) return error;
      // FUTEX_WAIT takes a length, FUTEX_WAIT_BITSET a point in time.
      if (operation == kWaitBits)
        *timeout -= (call.arg[1] & kRealtime) != 0 ? call.kernel.realtime_ns() : call.kernel.now_ns();
    }
    return futex_wait(call, operation == kWait ? ~0u : call.arg[5], timeout);
  }
  if ((call.arg[0] & 3) != 0) return -EINVAL;
  switch (operation) {
    case kWake: return wake_futex(call.kernel, call.task, call.arg[0], call.arg[2], ~0u);
    case kWakeBits: return call.arg[5] == 0 ? -EINVAL : wake_futex(call.kernel, call.task, call.arg[0], call.arg[2], call.arg[5]);
    case kRequeue: return requeue(call, false);
    case kCompareRequeue: return requeue(call, true);
    case kWakeOp: return wake_op(call);
    default: return -ENOSYS;
  }
}

}  // namespace

int64_t wake_futex(Kernel& kernel, const Task& by, uint32_t address, uint32_t count, uint32_t bits) {
  int64_t woken = 0;
  for (Task* waiter : waiters(kernel, by, address)) {
    if (woken >= static_cast<int64_t>(count)) break;
    if ((waiter->futex_bits & bits) == 0) continue;
    waiter->futex_woken = true;
    ++woken;
  }
  return woken;
}

void store_remaining(Kernel& kernel, Task& task) {
  const Wait& wait = task.wait;
  if (wait.remaining_address == 0 || !wait.deadline_ns) return;
  const int64_t left = std::max<int64_t>(*wait.deadline_ns - kernel.now_ns(), 0);
  const abi::Timespec32 narrow{static_cast<int32_t>(left / kSecond), static_cast<int32_t>(left % kSecond)};
  const abi::Timespec64 wide{left / kSecond, left % kSecond};
  // An unwritable address was the guest's own choice; the sleep is over either way.
  if (wait.remaining_is_64) task.space->write(wait.remaining_address, &wide, sizeof wide);
  else task.space->write(wait.remaining_address, &narrow, sizeof narrow);
}

int64_t sys_poll(Call& call) {
  const int32_t milliseconds = call.sarg(2);
  return finish_poll(call, milliseconds < 0 ? std::nullopt : std::optional(milliseconds * int64_t{1'000'000}));
}
int64_t sys_ppoll(Call& call) { return poll_with_mask<abi::Timespec32>(call); }
int64_t sys_ppoll_time64(Call& call) { return poll_with_mask<abi::Timespec64>(call); }

int64_t sys__newselect(Call& call) {
  return select_until<abi::Timeval32>(call, call.arg[0], {call.arg[1], call.arg[2], call.arg[3]}, call.arg[4]);
}
int64_t sys_select(Call& call) {
  uint32_t a[5];
  if (!call.get(call.arg[0], &a)) return -EFAULT;
  return select_until<abi::Timeval32>(call, a[0], {a[1], a[2], a[3]}, a[4]);
}
int64_t sys_pselect6(Call& call) { return select_with_mask<abi::Timespec32>(call); }
int64_t sys_pselect6_time64(Call& call) { return select_with_mask<abi::Timespec64>(call); }

int64_t sys_nanosleep(Call& call) { return sleep_for<abi::Timespec32>(call, CLOCK_MONOTONIC, false, call.arg[0], call.arg[1]); }
int64_t sys_clock_nanosleep(Call& call) { return clock_sleep<abi::Timespec32>(call); }
int64_t sys_clock_nanosleep_time64(Call& call) { return clock_sleep<abi::Timespec64>(call); }
int64_t sys_pause(Call&) { return kBlock; }

int64_t sys_futex(Call& call) { return futex<abi::Timespec32>(call); }
int64_t sys_futex_time64(Call& call) { return futex<abi::Timespec64>(call); }

}  // namespace chrysalis::sim::kernel
