// The personality's core: its processes, clock, scheduler and the way from an exception to a system call
// or a signal.
//
// Scheduling is cooperative: a process runs until it waits, exits, or the platform calls on_timer().
// A waiting call is tried again whenever the running process gives way, in order of process number, so that
// the order of events is a function of the guest's own actions.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/linux/file_system.h"
#include "sim/linux/process.h"
#include "sim/linux/task.h"

namespace chrysalis::sim::kernel {

inline constexpr int kFirstPid = 100;  ///< of the program; its parent is process 1
inline constexpr int64_t kSecond = 1'000'000'000;

class Kernel {
 public:
  explicit Kernel(ProcessConfig config);
  ~Kernel();

  std::optional<std::string> load(fw::Mailbox& mailbox);
  ServiceResult on_service(fw::Mailbox& mailbox, uint64_t now);
  ServiceResult on_timer(fw::Mailbox& mailbox, uint64_t now);
  std::optional<uint64_t> next_timer() const;

  // -- Clock -------------------------------------------------------------------------------------
  int64_t now_ns() const { return to_ns(cycles()); }            ///< CLOCK_MONOTONIC
  int64_t realtime_ns() const { return now_ns() + config.epoch * kSecond; }
  uint64_t cycles() const { return now_ + slept_; }
  int64_t to_ns(uint64_t cycles) const;
  /// CPU cycles of a process, up to now.
  uint64_t cpu_cycles(const Group& group) const;

  // -- Processes ---------------------------------------------------------------------------------
  Task* find_task(int tid);
  std::shared_ptr<Group> find_group(int pid);
  /// A thread in a new or existing process; its registers are a copy of `parent`'s.
  Task& add_task(const Task& parent, std::shared_ptr<Group> group);
  std::shared_ptr<Group> add_group(const Group& parent);
  /// Takes back a thread that add_task() made and that never ran.
  void discard(Task& task);
  int next_pid() const { return next_pid_; }
  /// Replaces the program of `task` (whose other threads end). A negative errno leaves it unchanged;
  /// `reason` then tells why in words. `name` is what AT_EXECFN shows.
  int64_t execute(Task& task, const std::string& path, const std::string& name, std::vector<std::string> arguments,
                  const std::vector<std::string>& environment, std::string* reason);
  void exit_thread(Task& task, int status);
  /// `status` as wait() encodes it.
  void exit_process(Group& group, int status);
  /// Lets a parent that vfork() stopped go on.
  void release_vfork_parent(Group& group);
  bool others_can_run(const Task& task) const;
  void yield() { yield_ = true; }

  // -- Signals (signals.cpp) -----------------------------------------------------------------------
  void send(Group& group, const abi::Siginfo& info);
  void send(Task& task, const abi::Siginfo& info);
  /// A fault of `task` itself: cannot be blocked or ignored.
  void force(Task& task, const abi::Siginfo& info);
  bool has_deliverable(const Task& task) const;
  SignalSet pending_of(const Task& task) const { return task.pending.set() | task.group->pending.set(); }

  // -- TLS ---------------------------------------------------------------------------------------
  /// Base of the segment that `selector` names for `task`; nothing if it cannot be loaded.
  std::optional<uint32_t> segment_base(const Task& task, uint32_t selector) const;

  /// Whether the guest processor has FXSAVE (AT_HWCAP says so too).
  bool has_fxsr() const { return (config.hwcap >> 24 & 1) != 0; }

  void report(const std::string& message) const;
  void report_unsupported(uint32_t number, const char* name);

  ProcessConfig config;
  GuestMemory memory;
  ObjectRegistry objects;
  RandomSource random;
  FileSystem file_system;
  std::map<int, std::unique_ptr<Task>> tasks;            // by tid
  std::map<int, std::shared_ptr<Group>> groups;          // by pid, zombies included
  Task* current = nullptr;
  /// Counts what may let a waiting process go on: bytes moved, processes ended, signals taken.
  uint64_t activity = 0;
  uint64_t futex_clock = 0;
  uint64_t next_inode = 1;
  uint64_t syscall_count = 0;
  std::vector<uint32_t> unsupported;

 private:
  void enter(const fw::Mailbox& mailbox, uint64_t now);
  ServiceResult leave(fw::Mailbox& mailbox);
  void exception(const fw::Mailbox& mailbox);
  void page_fault(Task& task, uint32_t address, uint32_t error);
  void fault_signal(Task& task, int signal, int code, uint32_t address);
  void system_call(Task& task);
  void finish_call(Task& task, int64_t result);
  /// Delivers signals until the task can run user code; false if it exited or waits.
  bool ready_to_run(Task& task);
  bool deliver_signals(Task& task);
  void default_action(Task& task, int signal, const abi::Siginfo& info);
  void push_frame(Task& task, const abi::Siginfo& info, const SignalAction& action);
  void expire_timers();
  void notify_parent(Group& group, int code, int status);
  void reap_orphans(int parent);
  bool sleep_until_event();
  void fail(const std::string& message);

  uint64_t now_ = 0;
  uint64_t slept_ = 0;
  uint64_t slept_before_ = 0;
  uint64_t running_since_ = 0;
  int next_pid_ = kFirstPid;
  bool yield_ = false;
  uint32_t loaded_directory_ = 0;
  std::optional<int> program_status_;             // of the first process
  std::optional<std::string> failure_;
};

/// A negative errno, or the text for -errno with the file in question.
std::string describe_error(int error);

}  // namespace chrysalis::sim::kernel
