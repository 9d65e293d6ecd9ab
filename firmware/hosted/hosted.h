// The monitor in its hosted form, as sim/ and the tests use it: the same firmware source compiled for the
// build machine, without the modelled core.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "firmware/abi.h"

namespace chrysalis::fw::hosted {

/// One monitor with its guest. Only one may exist at a time: the firmware has global state, as in the core.
class HostedFirmware {
 public:
  /// `ram`: guest memory from physical address 0, a multiple of 4 KiB; `mailbox`: filled in as before a reset,
  /// addresses of heap and stack aside. Both outlive this. `platform` serves fw::Service and answers by
  /// Mailbox::reply; on Panic it does not return normally: if it does, the process is aborted.
  HostedFirmware(uint8_t* ram, uint64_t ram_size, Mailbox& mailbox, std::function<void(Service)> platform);
  ~HostedFirmware();
  HostedFirmware(const HostedFirmware&) = delete;
  HostedFirmware& operator=(const HostedFirmware&) = delete;

  /// Executes the guest until the platform replies kReplyStop.
  void run();

  /// Service::Attention follows at the next poll. May be called from a signal handler, and during a service.
  void request_attention();
  /// Service::Attention follows once this many guest instructions are complete (at the end of a block), and at
  /// every poll from then on, until the limit is raised.
  void set_instruction_limit(uint64_t limit);
  /// Guest instructions completed.
  uint64_t instructions() const;
  /// The cost model: host cycles per x86 instruction, calibrated against the core form.
  void set_cycles_per_instruction(uint64_t cycles);
  uint64_t cycles() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace chrysalis::fw::hosted
