// What runs the firmware in a test: the hosted form, or the core form on the functional executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "firmware/abi.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::test {

enum class Form : uint8_t { Hosted, Core };

class GuestMachine {
 public:
  virtual ~GuestMachine() = default;
  /// Guest RAM and concealed memory.
  virtual isa::PhysicalMemory& memory() = 0;
  /// All zero at first, but for the machine.
  fw::Mailbox& mailbox() { return *reinterpret_cast<fw::Mailbox*>(memory().ram(fw::kMailboxAddress, sizeof(fw::Mailbox))); }
  uint8_t* ram() { return memory().ram(0, memory().guest_size()); }
  /// Runs from reset, or goes on, until a service's reply has kReplyStop.
  virtual void run() = 0;
  virtual uint64_t instructions() = 0;
  virtual uint64_t cycles() = 0;
  /// Service::Attention comes soon after this many instructions.
  virtual void set_instruction_limit(uint64_t limit) = 0;
};

std::unique_ptr<GuestMachine> make_machine(Form form, uint64_t ram_size, std::function<void(fw::Service)> platform,
                                           const char* machine = "crusoe");

}  // namespace chrysalis::test
