// Watching a run: what its molecules do, and what the firmware tells of its translations. A run is the same, cycle by
// cycle, whether or not it is watched.
#pragma once

#include "firmware/abi.h"
#include "firmware/notice.h"
#include "hw/observer.h"
#include "isa-host/machine.h"

namespace chrysalis::sim {

class Engine;

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// The machine is built and nothing has run. Both outlive the run.
  virtual void begin(Engine&, const isa::MachineModel&) {}
  /// The firmware's memory is as it was when it sent the notice.
  virtual void notice(const fw::Notice&, uint64_t /*cycle*/) {}
  virtual void molecule(const hw::Observation&) {}
  /// Whether molecule() is to be given retire records.
  virtual bool wants_records() const { return false; }
  /// Around each platform service, which may change memory; `stop`: it ends the run.
  virtual void before_service(fw::Service) {}
  virtual void after_service(bool /*stop*/) {}
  /// The run has ended.
  virtual void end(uint64_t /*cycle*/) {}
};

}  // namespace chrysalis::sim
