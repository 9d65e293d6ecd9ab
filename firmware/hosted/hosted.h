// The monitor in its hosted form, as sim/ and the tests use it: the same firmware source compiled for the
// build machine. Translations run on a functional executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "firmware/abi.h"
#include "isa-host/functional.h"

namespace chrysalis::fw::hosted {

/// One monitor with its guest. Only one may exist at a time: the firmware has global state, as in the core.
class HostedFirmware {
 public:
  /// `memory`: guest memory, and concealed memory as firmware/abi.h has it, with the mailbox filled in as before a
  /// reset, addresses of heap and stack aside. It outlives this. `platform` serves fw::Service and answers by
  /// Mailbox::reply; on Panic it does not return normally: if it does, the process is aborted.
  HostedFirmware(isa::PhysicalMemory& memory, std::function<void(Service)> platform);
  ~HostedFirmware();
  HostedFirmware(const HostedFirmware&) = delete;
  HostedFirmware& operator=(const HostedFirmware&) = delete;

  /// Executes the guest until the platform replies kReplyStop.
  void run();

  /// Service::Attention follows at the next poll. May be called from a signal handler, and during a service.
  void request_attention();
  /// Service::Attention follows once so many guest instructions are complete or so many cycles have gone by, or
  /// Special::TimerCompare is reached: at the end of an interpreted block, at the next commit of a translation. So it does at
  /// every poll from then on, until the limit is raised.
  void set_limits(uint64_t instructions, uint64_t cycles = ~uint64_t{0});
  /// Guest instructions completed.
  uint64_t instructions() const;
  /// The cost model: host cycles per interpreted x86 instruction, calibrated against the core form. In translations, a molecule
  /// is a cycle.
  void set_cycles_per_instruction(uint64_t cycles);
  uint64_t cycles() const;
  /// What runs the translations.
  const isa::FunctionalExecutor& executor() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace chrysalis::fw::hosted
