// toml++, made safe for damaged input: include this, never <toml++/toml.h>.
//
// toml++ 3.3.0 asserts things of its input that a malformed key can violate (and, with NDEBUG, would go on into
// undefined behaviour). Here such an assertion throws, like every other error of the parser.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#ifdef TOML_ASSERT
#error "toml++ was configured elsewhere"
#endif
namespace chrysalis::isa::detail {
constexpr void toml_check(bool holds) {
  if (!holds) throw std::runtime_error("malformed TOML");
}
}  // namespace chrysalis::isa::detail
#define TOML_ASSERT(expr) ::chrysalis::isa::detail::toml_check(static_cast<bool>(expr))
#include <toml++/toml.h>

namespace chrysalis::isa {

/// Parses the TOML file `path`. Throws std::runtime_error whose text begins with `path`, and line and column where
/// known: unreadable, a directory, not TOML.
inline toml::table parse_toml_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw std::runtime_error(path + ": is a directory, not a TOML file");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error(path + ": cannot be read");
  try {
    return toml::parse(text.str(), path);
  } catch (const toml::parse_error& problem) {
    const toml::source_position at = problem.source().begin;
    throw std::runtime_error(path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                             std::string(problem.description()));
  } catch (const std::runtime_error& problem) {
    throw std::runtime_error(path + ": " + problem.what());
  }
}

}  // namespace chrysalis::isa
