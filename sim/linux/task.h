// Guest processes and threads, as data.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firmware/abi.h"
#include "sim/linux/abi_i386.h"
#include "sim/linux/address_space.h"
#include "sim/linux/file.h"
#include "translator/ir/ir.h"

namespace chrysalis::sim::kernel {

inline constexpr int kSignalCount = 64;
using SignalSet = uint64_t;  ///< bit n-1 is signal n
inline constexpr SignalSet signal_bit(int signal) { return SignalSet{1} << (signal - 1); }

struct SignalAction {
  uint32_t handler = 0;  ///< 0 SIG_DFL, 1 SIG_IGN
  uint32_t flags = 0;
  uint32_t restorer = 0;
  SignalSet mask = 0;
};
using SignalActions = std::array<SignalAction, kSignalCount + 1>;

/// Signals sent and not yet delivered. Standard signals do not queue twice.
struct PendingSignals {
  std::deque<abi::Siginfo> queue;
  bool contains(int signal) const;
  void add(const abi::Siginfo& info);
  /// The lowest-numbered signal in `wanted`, taken out of the queue.
  std::optional<abi::Siginfo> take(SignalSet wanted);
  SignalSet set() const;
  void remove(SignalSet signals);
};

struct Descriptor {
  std::shared_ptr<File> file;
  bool close_on_exec = false;
};

/// Descriptor table; shared by the threads of a process.
class FdTable {
 public:
  std::shared_ptr<File> get(int fd) const;
  Descriptor* find(int fd);
  /// Lowest free number from `from` on, or -EMFILE.
  int64_t add(std::shared_ptr<File> file, bool close_on_exec, int from, uint64_t limit);
  void set(int fd, std::shared_ptr<File> file, bool close_on_exec);
  bool close(int fd);
  void close_for_exec();
  size_t size() const { return slots_.size(); }

 private:
  std::vector<Descriptor> slots_;
};

/// Working directory and umask; shared by the threads of a process.
struct FsContext {
  HostFd cwd;  ///< O_PATH
  uint32_t umask = 022;
};

/// A process: what its threads share besides memory and files.
struct Group {
  int pid = 0, parent = 0, pgid = 0, sid = 0;
  std::shared_ptr<SignalActions> actions = std::make_shared<SignalActions>();
  PendingSignals pending;
  bool exiting = false;
  bool stopped = false;
  bool stop_reported = true;
  bool zombie = false;
  int status = 0;         ///< as wait() reports it
  int exit_signal = SIGCHLD;
  unsigned live_threads = 0;
  int64_t alarm_ns = 0;   ///< guest time of ITIMER_REAL's next expiry; 0: disarmed
  int64_t alarm_interval_ns = 0;
  uint64_t cycles = 0, child_cycles = 0;  ///< CPU time
  uint64_t start_cycle = 0;
  std::array<rlimit, RLIM_NLIMITS> limits;
  std::string program;    ///< for /proc/self/exe
  std::vector<std::string> arguments;
  bool has_vfork_parent = false;
  int vfork_parent = 0;
};

/// A system call that waits: it is tried again, with the arguments still in the registers, until it
/// gives a result or a signal handler interrupts it.
struct Wait {
  bool active = false;
  std::optional<int64_t> deadline_ns;
  int64_t progress = 0;              ///< bytes already transferred, or the call's own state
  std::vector<pollfd> host;          ///< host descriptors it waits for
  std::shared_ptr<File> opening;     ///< our end of a named pipe whose other end open() waits for
  uint64_t opened_before = 0;        ///< other ends opened until then
  uint32_t remaining_address = 0;    ///< where an interrupted sleep leaves the rest
  bool remaining_is_64 = false;
};

/// A thread.
struct Task {
  int tid = 0;
  std::shared_ptr<Group> group;
  std::shared_ptr<AddressSpace> space;
  std::shared_ptr<FdTable> files;
  std::shared_ptr<FsContext> fs;
  fw::GuestContext context{};
  std::array<abi::UserDesc, abi::kTlsCount> tls{};
  bool exited = false;
  std::string name;

  SignalSet blocked = 0;
  std::optional<SignalSet> saved_mask;  ///< to restore after the handler that ends sigsuspend, ppoll, pselect
  PendingSignals pending;
  uint32_t alternate_sp = 0, alternate_size = 0;
  int32_t alternate_flags = SS_DISABLE;
  uint32_t trap_number = 0, trap_error = 0;  ///< of the last fault, for signal frames

  Wait wait;
  bool waits_for_vfork = false;
  bool futex_woken = false;
  uint32_t futex_address = 0;   ///< waiting on it, if nonzero
  uint32_t futex_bits = 0;
  uint64_t futex_order = 0;
  uint32_t clear_child_tid = 0;

  uint32_t reg(ir::GuestReg r) const { return static_cast<uint32_t>(context.slot[static_cast<unsigned>(r)]); }
  void set(ir::GuestReg r, uint32_t value) { context.slot[static_cast<unsigned>(r)] = value; }
};

}  // namespace chrysalis::sim::kernel
