// Lockstep: the functional executor follows a core, record by record, and finds the first difference.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hw/observer.h"
#include "isa-host/functional.h"

namespace chrysalis::hw {

/// Which pages of [base, base+size) have host memory; bit 0 of each.
std::vector<unsigned char> touched_pages(const isa::PhysicalMemory& memory, uint64_t base, uint64_t size);

/// Where two executions part.
struct Difference {
  uint64_t record = 0;   ///< number of the molecule or event, from 0
  Cycle cycle = 0;       ///< in which it issued
  uint64_t address = 0;  ///< host PC of its molecule
  uint64_t guest_pc = 0; ///< of the last commit on which both agree
  std::string field;     ///< what differs
  std::string leader, follower;
};

/// What it follows, and what it compares:
/// - each molecule's address, event with EADDR and EINFO, register writes, guest stores with their bytes, and the
///   bytes in memory behind each concealed store;
/// - at each commit GPC, guest instructions, digest of the shadow state, and the bytes in memory of the released stores;
/// - at each platform service all memory that either has touched.
/// Time is the leader's: the follower reads it as `cycles`, and takes interrupts and samples when the leader does.
///
/// Its memory is its own, equal to the leader's when following begins, at reset. Devices are those that its owner attaches
/// to that memory. What a platform service does to the leader's memory is copied.
class Follower final : public Observer, private isa::PlatformPort {
 public:
  /// Both memories outlive the follower. `stop` is called once, at the first difference.
  Follower(const isa::CoreConfig& config, const isa::PhysicalMemory& leader, isa::PhysicalMemory& own, std::function<void()> stop);

  void observe(const Observation& observation) override;
  bool wants_records() const override { return true; }
  /// Around a platform service of the leader.
  void before_service();
  void after_service(const isa::PlatformResult& result) { result_ = result; }
  /// The leader's memory was changed from outside between two molecules: take it over.
  void copy_memory();
  /// Called for each page that a service of the leader has changed, when the follower takes it over.
  std::function<void(uint64_t address, const uint8_t* bytes)> page_copied;

  const std::optional<Difference>& difference() const { return difference_; }
  uint64_t records() const { return records_; }
  uint64_t commits() const { return commits_; }
  uint64_t guest_pc() const { return guest_pc_; }
  const isa::FunctionalExecutor& executor() const { return executor_; }
  isa::FunctionalExecutor& executor() { return executor_; }
  isa::PhysicalMemory& memory() { return own_; }
  /// One molecule of the leader, kept.
  struct Step {
    Observation observation;  ///< its `record` is null: see below
    RetireRecord record;
  };
  /// The last ones, oldest first; the difference, if any, is in the last.
  std::vector<Step> recent() const;
  static constexpr unsigned kRecent = 64;

 private:
  struct Range {
    uint64_t base, size;
  };
  isa::PlatformResult service(uint32_t number) override;
  void differ(const char* field, uint64_t leader, uint64_t follower);
  void differ(std::string field, std::string leader, std::string follower);
  uint64_t events() const;
  void follow(const Observation& observation, const RetireRecord& record);
  void compare_writes(const RetireRecord& record);
  void compare_accesses(const RetireRecord& record, uint32_t gated_before);
  void compare_commit(const CommitRecord& commit);
  /// Calls visit(address, leader, follower) for each page that differs and was touched in either memory.
  template <typename Visit> void for_different_pages(Visit visit);

  const isa::PhysicalMemory& leader_;
  isa::PhysicalMemory& own_;
  isa::FunctionalExecutor executor_;
  std::function<void()> stop_;
  isa::PlatformResult result_;
  std::optional<Difference> difference_;
  std::vector<uint64_t> unexplained_;  ///< addresses of words that differed before the service under way
  uint64_t records_ = 0, commits_ = 0, guest_pc_ = 0;
  uint64_t issued_ = 0, atoms_ = 0;    ///< molecules that have issued, and their atoms
  Cycle cycle_ = 0;                    ///< of the molecule under way
  uint64_t address_ = 0;
  std::vector<Step> recent_;
};

}  // namespace chrysalis::hw
