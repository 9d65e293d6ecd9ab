// Where the firmware's cycles go: by what it works for (the account's mode) and function.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "firmware/image/image.h"
#include "hw/account.h"
#include "sim/observe/observer.h"

namespace chrysalis::sim {

/// Writes a CSV file, at end(): a row for each mode and function that took cycles, most of them first. Its columns are the mode, the
/// function, how often its first molecule has issued, all its cycles, and those by cause as the account has them.
class FirmwareProfile final : public RunObserver {
 public:
  /// Throws UserError if the file cannot be written.
  explicit FirmwareProfile(const std::string& path);

  void begin(Engine& engine, const isa::MachineModel& machine) override;
  void molecule(const hw::Observation& observation) override;
  void end(uint64_t cycle) override;

 private:
  struct Row {
    uint64_t entered = 0;
    uint64_t cycles[hw::kCharges] = {};
    uint64_t total() const;
  };
  static constexpr uint32_t kNobody = 0xffffffff;

  std::string path_;
  image::Image image_;
  std::vector<uint32_t> owner_;  ///< by word of the image's code: function
  std::vector<bool> entry_;      ///< by word: a function begins there
  std::vector<Row> rows_;        ///< by mode, then function
};

}  // namespace chrysalis::sim
