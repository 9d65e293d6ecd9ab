// The same run on the RTL core, compared with the leader's record by record, cycles included.
//
// SystemC elaborates once per process and a platform exists once: the RTL runs in a process of its own, forked when the machine is
// built and nothing has run. The leader sends its records down a socket, and what each platform service has changed in memory, so
// that the guest's system calls happen once. The first difference is found where the RTL's memory is, and reported from there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hw/lockstep.h"
#include "hw/record_compare.h"
#include "isa-host/machine.h"

namespace chrysalis::sim {

class Engine;

class Replica {
 public:
  struct Options {
    isa::MachineModel machine;   ///< of the RTL core
    std::string waves;           ///< FST file for the last cycles before a difference; empty: none
  };

  /// Throws UserError where there is no such core. Nothing has run on `engine`.
  Replica(Engine& engine, const Options& options);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // The leader's side, in order of its molecules. A service comes before the molecule that has called it.
  void page(uint64_t address, const uint8_t* bytes);  ///< the service has changed this page
  void service(bool stop);
  void record(const hw::Observation& observation);

  /// Whether the RTL differs, as far as is known yet. Cheap.
  bool differs() const;
  /// Nothing more is sent: waits until it has compared everything.
  void finish();

  // After finish().
  const std::optional<hw::Difference>& difference() const { return difference_; }
  uint64_t records() const;
  /// Guest instructions at the last commit on which both agree.
  uint64_t instructions() const;
  /// The last records, and the host code around them, as the RTL has them; the leader's last record behind them.
  std::string record_lines() const;
  std::string host_code() const;
  /// What became of the waves; empty if none were asked for, or nothing differs.
  std::string waves() const;

 private:
  struct Shared;
  class Process;
  void send(const void* bytes, std::size_t size);
  void flush();
  void give_up(const char* what);
  bool made_progress();

  Shared* shared_;
  pid_t process_ = 0;
  int socket_ = -1;
  bool finished_ = false, broken_ = false;
  uint64_t seen_ = 0;            ///< records compared when it was last looked at
  std::vector<uint8_t> buffer_;
  std::optional<hw::Difference> difference_;
};

}  // namespace chrysalis::sim
