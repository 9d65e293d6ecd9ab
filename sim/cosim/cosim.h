// Co-simulation of one run: the SystemC core leads, the functional executor follows record by record, the RTL core too if that is
// asked for, and the first difference ends the run. docs/verification.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hw/lockstep.h"
#include "isa-host/physical_memory.h"
#include "sim/cosim/reference.h"
#include "sim/cosim/replica.h"
#include "sim/observe/observer.h"

namespace chrysalis::sim {

class Cosim final : public RunObserver {
 public:
  struct Options {
    std::optional<Replica::Options> rtl;  ///< the RTL core follows as well
    bool reference = false;               ///< and an x86 reference, at commits
  };
  Cosim();
  explicit Cosim(Options options);
  ~Cosim() override;

  void begin(Engine& engine, const isa::MachineModel& machine) override;
  bool wants_records() const override { return true; }
  void molecule(const hw::Observation& observation) override;
  void before_service(fw::Service kind) override;
  void after_service(bool stop) override;
  void end(uint64_t cycle) override;

  const std::optional<hw::Difference>& difference() const;
  uint64_t records() const;
  uint64_t commits() const;
  /// Records of the RTL core that were compared.
  uint64_t rtl_records() const { return replica_ ? replica_->records() : 0; }

  /// Commits at which the x86 reference was compared.
  uint64_t referenced() const { return reference_ ? reference_->compared() : 0; }
  /// Whether anything differs.
  bool differs() const { return difference().has_value() || (reference_ && reference_->difference()); }
  const Reference* reference() const { return reference_.get(); }

  /// What a person needs to find the fault: the difference, x86 code around the last agreed commit, host code around the
  /// molecule. Before the engine is gone; empty without a difference.
  std::string report() const;
  /// The last records, one a line.
  std::string record_lines() const;

  /// For tests: called before each molecule is followed, and free to change the follower's state.
  std::function<void(hw::Follower&)> disturb;
  /// The same for the x86 reference, before each commit that it follows.
  std::function<void(Reference&)> disturb_reference;

 private:
  bool of_the_rtl() const;
  std::string guest_code(uint64_t eip) const;
  std::string host_code() const;

  Options options_;
  Engine* engine_ = nullptr;
  std::unique_ptr<isa::PhysicalMemory> memory_;
  std::unique_ptr<hw::Follower> follower_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Reference> reference_;
  std::optional<bool> service_;  ///< one has been called by the molecule under way; whether it stops
};

}  // namespace chrysalis::sim
