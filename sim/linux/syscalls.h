// System calls: their numbers, names and handlers.
//
// A handler is a function sys_NAME(Call&), listed in syscalls.def; its number comes from the kernel's header
// through the generated syscall_numbers.inc. It returns a value, a negative errno, kBlock (try again when others
// have run) or kNoResult.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/linux/kernel.h"

namespace chrysalis::sim::kernel {

struct Call {
  Kernel& kernel;
  Task& task;
  uint32_t number;
  uint32_t arg[6];
  bool again;  ///< an earlier try returned kBlock

  int32_t sarg(unsigned n) const { return static_cast<int32_t>(arg[n]); }
  /// The 64-bit value of two 32-bit arguments, low half first.
  int64_t wide(unsigned n) const { return static_cast<int64_t>(uint64_t{arg[n + 1]} << 32 | arg[n]); }

  // Guest memory; false where the guest gets EFAULT.
  template <class T>
  bool get(uint32_t address, T* value) {
    return task.space->read(address, value, sizeof(T));
  }
  template <class T>
  bool put(uint32_t address, const T& value) {
    return task.space->write(address, &value, sizeof(T));
  }
  /// A path argument; nonzero errno if it cannot be had.
  int path(uint32_t address, std::string* result);
  std::shared_ptr<File> file(unsigned n) const { return task.files->get(sarg(n)); }
  uint64_t limit(int resource) const { return task.group->limits[static_cast<size_t>(resource)].rlim_cur; }
};

int64_t dispatch(Call& call);
/// Name of a system call, "?" if the kernel's header knows none of that number.
const char* syscall_name(uint32_t number);
/// Whether a handler with SA_RESTART makes the interrupted call start again.
bool restarts(uint32_t number);

// -- Shared by handlers --------------------------------------------------------------------------
/// Spans of an i386 iovec array's accessible bytes; a negative errno in `*error` if it is unusable.
std::vector<iovec> guest_spans(Call& call, uint32_t address, uint32_t count, Access access, int64_t* error);
int64_t read_file(Call& call, File& file, std::vector<iovec> spans, std::optional<int64_t> offset);
int64_t write_file(Call& call, File& file, std::vector<iovec> spans, std::optional<int64_t> offset);
/// Wakes up to `count` threads that wait on the futex at `address` of `by`'s address space.
int64_t wake_futex(Kernel& kernel, const Task& by, uint32_t address, uint32_t count, uint32_t bits);
/// Leaves the rest of an interrupted sleep where the guest asked for it.
void store_remaining(Kernel& kernel, Task& task);
/// set_thread_area for `task`, with the descriptor at `address` of the caller.
int64_t set_tls(Call& call, Task& task, uint32_t address);
/// The guest clock of that number (CLOCK_*); false if there is none.
bool read_clock(const Call& call, int clock, int64_t* ns);
/// CPU time in the form of getrusage().
abi::Rusage usage_of(const Kernel& kernel, uint64_t cycles);
/// Sets a deadline at `nanoseconds` from now, on the first try only; true once it has passed.
bool deadline_passed(Call& call, std::optional<int64_t> nanoseconds);

#define SYSCALL(name, restart) int64_t sys_##name(Call& call);
#define SYSCALL_AS(name, handler, restart) int64_t sys_##handler(Call& call);
#include "sim/linux/syscalls.def"
#undef SYSCALL
#undef SYSCALL_AS

}  // namespace chrysalis::sim::kernel
