// Stopping on our own bugs.
#pragma once

namespace chrysalis::hw {

/// Prints `rule` and aborts. For check().
[[noreturn]] void check_failed(const char* rule, const char* file, int line);

/// Aborts the process unless `condition` holds. `rule` says what was relied on: a violation is a bug of the
/// model or of its caller, never an input error.
inline void check(bool condition, const char* rule, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!condition) check_failed(rule, file, line);
}

}  // namespace chrysalis::hw
