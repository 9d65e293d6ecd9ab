// Progress of a long run: one line on a terminal, redrawn; nothing in a pipe.
#pragma once

#include <chrono>
#include <optional>
#include <cstdint>

#include "sim/engine.h"

namespace chrysalis::sim {

class Progress {
 public:
  /// Silent if `quiet`, or if standard error is no terminal.
  Progress(bool quiet, const Limits& limits);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool active() const { return active_; }
  /// Called often; draws at most twice a second.
  void update(uint64_t cycles, uint64_t instructions, const std::optional<GearMix>& mix);
  /// Removes the line, before other output.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool active_;
  bool drawn_ = false;
  Limits limits_;
  GearMix drawn_mix_;  ///< when the line was drawn last
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace chrysalis::sim
