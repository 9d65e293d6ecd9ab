#include "sim/observe/window.h"

#include <charconv>

#include <fmt/format.h>

#include "sim/error.h"

namespace chrysalis::sim {

Window parse_window(const std::string& text) {
  Window window;
  if (text.empty()) return window;
  const auto refuse = [&] {
    throw UserError(fmt::format("--window {}: expected cycles=A:B or instructions=A:B, A below B; A or B may be missing", text));
  };
  const size_t equals = text.find('='), colon = text.find(':');
  if (equals == std::string::npos || colon == std::string::npos || colon < equals) refuse();
  const std::string kind = text.substr(0, equals);
  if (kind != "cycles" && kind != "instructions") refuse();
  window.by_instructions = kind == "instructions";
  const auto number = [&](size_t from, size_t to, uint64_t& value) {
    if (from == to) return;
    const auto [end, error] = std::from_chars(text.data() + from, text.data() + to, value);
    if (error != std::errc{} || end != text.data() + to) refuse();
  };
  number(equals + 1, colon, window.begin);
  number(colon + 1, text.size(), window.end);
  if (window.begin >= window.end) refuse();
  return window;
}

}  // namespace chrysalis::sim
