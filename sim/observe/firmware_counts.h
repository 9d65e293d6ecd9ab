// How often each block of the firmware runs: what superblocks of later images go by (firmware/image/profile.h).
#pragma once

#include <string>
#include <vector>

#include "firmware/image/profile.h"
#include "sim/observe/observer.h"

namespace chrysalis::sim {

/// Adds a run's counts to a profile: FILE, made if it is not there. The firmware has to be built by blocks
/// (RunRequest::firmware_by_blocks), so this is the one observer that a run is not the same with.
class FirmwareCounts final : public RunObserver {
 public:
  /// Throws UserError, and so does end(), for a file that is no profile or cannot be written.
  explicit FirmwareCounts(const std::string& path);

  void begin(Engine& engine, const isa::MachineModel& machine) override;
  void molecule(const hw::Observation& observation) override;
  void end(uint64_t cycle) override;

 private:
  static constexpr uint32_t kInside = 0xffffffff;
  uint32_t block_at(uint64_t address) const {
    const uint64_t word = (address - begin_) / 4;  // unsigned: addresses below are far beyond the end
    return word < block_.size() ? block_[word] : kInside;
  }

  std::string path_;
  image::Profile profile_;
  image::Program program_;
  uint64_t begin_ = 0;
  std::vector<uint32_t> block_;  ///< by word: the block that begins there
  std::vector<image::BlockCount> counts_;
  uint32_t last_ = kInside;      ///< block entered last
};

}  // namespace chrysalis::sim
