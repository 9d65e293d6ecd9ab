// Ctrl-C: asks the running simulation to stop, so that it ends with its statistics written.
#pragma once

#include <atomic>

namespace chrysalis::sim {

/// Becomes true on SIGINT or SIGTERM while an InterruptGuard lives. A second signal ends the process at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  const std::atomic<bool>& flag() const;
};

}  // namespace chrysalis::sim
