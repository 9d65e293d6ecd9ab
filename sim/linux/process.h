// The process personality: runs an i386 Linux program (and what it forks) on the monitor, as a small
// kernel's worth of Linux ABI in native code.
//
// The platform calls load() once, starts the core, and hands every Service::GuestException to on_service().
// Everything the guest can observe follows from the configuration, the files of the host and the guest clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firmware/abi.h"

namespace chrysalis::sim {

struct ProcessConfig {
  std::string program;               ///< path; looked up like any guest path (sysroot first)
  std::vector<std::string> args;     ///< argv, the program's own name included
  std::vector<std::string> env;      ///< NAME=value
  std::string sysroot;               ///< empty: the host's file system as it is
  uint64_t seed = 1;                 ///< of AT_RANDOM, getrandom(), /dev/urandom
  uint64_t frequency = 700'000'000;  ///< host cycles per guest second
  int64_t epoch = 946'684'800;       ///< CLOCK_REALTIME at cycle 0: 2000-01-01 00:00:00 UTC
  uint32_t hwcap = 0;                ///< AT_HWCAP: CPUID.1:EDX of the guest processor
  uint8_t* ram = nullptr;            ///< guest-physical address 0, zeroed
  uint64_t ram_size = 0;
  /// Set (by a signal handler, say) to have waits for the host end; the platform then stops the run.
  const std::atomic<bool>* stop_requested = nullptr;
  /// Where messages for the user go, one line each without a newline; unset: standard error.
  std::function<void(const std::string&)> report;
};

/// What a service call means for the run.
struct ServiceResult {
  enum class Kind {
    Continue,  ///< resume the guest
    Exited,    ///< the program exited with `code`
    Killed,    ///< the program was killed by signal `code`
    Failed,    ///< it cannot go on: `message` says why (out of guest RAM, every process waits for ever)
  };
  Kind kind = Kind::Continue;
  int code = 0;
  std::string message;
  /// Guest time that passed, by this call, while every process slept. The guest clock already counts it;
  /// the platform may show it as idle.
  uint64_t idle_cycles = 0;

  /// The exit code of a shell: 128+n for signal n.
  int exit_code() const { return kind == Kind::Killed ? 128 + code : code; }
};

namespace kernel {
class Kernel;
}

/// In:     a configuration whose RAM outlives this object.
/// Out:    page tables and pages in guest RAM; GuestContext, tls[] and reply fields in the mailbox.
/// Units:  `now` in host cycles since reset, never decreasing; guest time is now / frequency plus what was slept.
/// Keeps:  equal configuration, files and `now` values give equal guest states.
///         A timer signal (alarm, setitimer) arrives with the first service at or after its time; see next_timer().
/// Errors: load() returns a message for the user, or nothing when the guest can start.
class Process {
 public:
  explicit Process(ProcessConfig config);
  ~Process();

  /// Loads the program, builds its stack and page tables and fills mailbox.context for its first instruction.
  std::optional<std::string> load(fw::Mailbox& mailbox);

  /// Handles the exception described in the mailbox; edits context and sets reply and invalid_page.
  ServiceResult on_service(fw::Mailbox& mailbox, uint64_t now);

  /// As on_service(), for a platform that interrupts the guest on its own: delivers timer signals that are due
  /// and lets another ready process run.
  ServiceResult on_timer(fw::Mailbox& mailbox, uint64_t now);

  /// Cycle at which the next timer signal is due, if one is armed.
  std::optional<uint64_t> next_timer() const;

  /// System calls made so far.
  uint64_t syscall_count() const;
  /// Numbers of the system calls refused because they are not supported, in order of first use.
  const std::vector<uint32_t>& unsupported_syscalls() const;

 private:
  std::unique_ptr<kernel::Kernel> kernel_;
};

}  // namespace chrysalis::sim
