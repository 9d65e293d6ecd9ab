#include "sim/report.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace chrysalis::sim {
namespace {

double ratio(double numerator, double denominator) { return denominator > 0 ? numerator / denominator : 0; }

std::string bar(double share, unsigned columns) {
  // Eighths of a column, from the block elements of Unicode.
  static const char* const kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<unsigned>(share * columns * 8 + 0.5);
  std::string text;
  for (unsigned i = 0; i < eighths / 8; ++i) text += "█";
  return text + kEighths[eighths % 8];
}

}  // namespace

std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

namespace {

std::string translation_summary(const Statistics& statistics) {
  const uint64_t instructions = statistics.count("guest.instructions");
  std::string text;
  for (unsigned gear = 1; gear <= 3; ++gear) {
    const uint64_t made = statistics.count(fmt::format("firmware.translations.gear{}", gear));
    if (made == 0) continue;
    const uint64_t committed = statistics.count(fmt::format("guest.instructions.translated_{}", gear));
    const Statistic* const ipc = statistics.find(fmt::format("guest.ipc.translated_{}", gear));
    text += fmt::format("{}gear {}: {:.1f} % at IPC {:.3f}, {} translations", text.empty() ? "" : "; ", gear,
                        100 * ratio(static_cast<double>(committed), static_cast<double>(instructions)),
                        ipc ? std::get<double>(ipc->value) : 0.0, grouped(made));
  }
  if (text.empty()) return text;
  text += fmt::format("; {} rollbacks", grouped(statistics.count("host.rollbacks")));
  const auto found = [&](const char* what, const char* hits, const char* asked) {
    if (const uint64_t count = statistics.count(asked); count != 0)
      text += fmt::format("; {} {:.1f} %", what, 100 * ratio(static_cast<double>(statistics.count(hits)), static_cast<double>(count)));
  };
  found("jump buffer hits", "host.jtb.hits", "host.jtb.lookups");
  found("return stack hits", "host.return_stack.hits", "host.return_stack.pops");
  return text + "\n";
}

}  // namespace

std::string summary(const Statistics& statistics) {
  const uint64_t instructions = statistics.count("guest.instructions");
  const uint64_t cycles = statistics.count("host.cycles");
  const Statistic* speed = statistics.find("sim.host_cycles_per_second");
  std::string text = fmt::format("{} x86 instructions in {} host cycles: {:.2f} cycles per instruction, IPC {:.3f}",
                                 grouped(instructions), grouped(cycles),
                                 ratio(static_cast<double>(cycles), static_cast<double>(instructions)),
                                 ratio(static_cast<double>(instructions), static_cast<double>(cycles)));
  if (speed) text += fmt::format("; simulated at {:.2f} M cycles/s", std::get<double>(speed->value) / 1e6);
  return text + "\n" + translation_summary(statistics);
}

std::string draw_account(const Statistics& statistics, unsigned width) {
  struct Leaf {
    std::string mode, cause;
    uint64_t cycles;
  };
  std::vector<Leaf> leaves;
  std::vector<std::string> modes;
  uint64_t total = 0;
  for (const Statistic& statistic : statistics.list()) {
    if (!statistic.name.starts_with("account.")) continue;
    const size_t dot = statistic.name.find('.', 8);
    const uint64_t cycles = std::get<uint64_t>(statistic.value);
    if (dot == std::string::npos || cycles == 0) continue;
    leaves.push_back({statistic.name.substr(8, dot - 8), statistic.name.substr(dot + 1), cycles});
    if (std::find(modes.begin(), modes.end(), leaves.back().mode) == modes.end()) modes.push_back(leaves.back().mode);
    total += cycles;
  }
  const unsigned columns = width > 60 ? std::min(width - 48, 40u) : 12;
  std::string text;
  for (const std::string& mode : modes) {
    uint64_t sum = 0;
    for (const Leaf& leaf : leaves) sum += leaf.mode == mode ? leaf.cycles : 0;
    const double share = ratio(static_cast<double>(sum), static_cast<double>(total));
    text += fmt::format("  {:<22} {:>16} {:>6.2f}% {}\n", mode, grouped(sum), share * 100, bar(share, columns));
    for (const Leaf& leaf : leaves) {
      if (leaf.mode != mode) continue;
      const double part = ratio(static_cast<double>(leaf.cycles), static_cast<double>(total));
      text += fmt::format("    {:<20} {:>16} {:>6.2f}% {}\n", leaf.cause, grouped(leaf.cycles), part * 100, bar(part, columns));
    }
  }
  text += fmt::format("  {:<22} {:>16} 100.00%\n", "total", grouped(total));
  return text;
}

}  // namespace chrysalis::sim
