// Co-simulation of one run: the SystemC core leads, the functional executor follows record by record, and the first
// difference ends the run. docs/verification.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hw/lockstep.h"
#include "isa-host/physical_memory.h"
#include "sim/observe/observer.h"

namespace chrysalis::sim {

class Cosim final : public RunObserver {
 public:
  Cosim();
  ~Cosim() override;

  void begin(Engine& engine, const isa::MachineModel& machine) override;
  bool wants_records() const override { return true; }
  void molecule(const hw::Observation& observation) override;
  void before_service() override;
  void after_service(bool stop) override;

  const std::optional<hw::Difference>& difference() const;
  uint64_t records() const;
  uint64_t commits() const;

  /// What a person needs to find the fault: the difference, x86 code around the last agreed commit, host code around the
  /// molecule. Before the engine is gone; empty without a difference.
  std::string report() const;
  /// The last records, one a line.
  std::string record_lines() const;

  /// For tests: called before each molecule is followed, and free to change the follower's state.
  std::function<void(hw::Follower&)> disturb;

 private:
  std::string guest_code() const;
  std::string host_code(uint64_t address) const;

  Engine* engine_ = nullptr;
  std::unique_ptr<isa::PhysicalMemory> memory_;
  std::unique_ptr<hw::Follower> follower_;
};

}  // namespace chrysalis::sim
