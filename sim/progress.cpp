#include "sim/progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

namespace chrysalis::sim {

Progress::Progress(bool quiet, const Limits& limits) : active_(!quiet && isatty(STDERR_FILENO)), limits_(limits) {}

Progress::~Progress() { clear(); }

void Progress::update(uint64_t cycles, uint64_t instructions, const std::optional<GearMix>& mix) {
  if (!active_) return;
  const auto now = Clock::now();
  if (now - last_ < std::chrono::milliseconds(500)) return;
  last_ = now;
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string eta;
  // The end is known only when a limit was given; the nearer limit decides.
  double left = -1;
  auto consider = [&](uint64_t limit, uint64_t done) {
    if (limit == UINT64_MAX || done == 0) return;
    const double rest = seconds * (static_cast<double>(limit) / static_cast<double>(done) - 1);
    left = left < 0 ? rest : std::min(left, rest);
  };
  consider(limits_.cycles, cycles);
  consider(limits_.instructions, instructions);
  if (left >= 0) eta = fmt::format(", at most {:.0f} s left", left);
  std::string gears;
  if (mix) {
    // Of what was committed since the line was drawn last.
    uint64_t now[4], all = 0;
    for (unsigned gear = 0; gear < 4; ++gear) all += now[gear] = mix->instructions[gear] - drawn_mix_.instructions[gear];
    for (unsigned gear = 0; gear < 4 && all != 0; ++gear)
      gears += fmt::format("{}{:.0f}", gear == 0 ? ", gears 0-3: " : "/", 100.0 * static_cast<double>(now[gear]) / static_cast<double>(all));
    if (all != 0) gears += " %";
    drawn_mix_ = *mix;
  }
  fmt::print(stderr, "\r\033[K{:.1f} M cycles, {:.2f} M x86 instructions, {:.2f} M cycles/s{}{}",
             static_cast<double>(cycles) / 1e6, static_cast<double>(instructions) / 1e6,
             static_cast<double>(cycles) / 1e6 / seconds, gears, eta);
  std::fflush(stderr);
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace chrysalis::sim
