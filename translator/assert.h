// Assertions of code that runs both on the build machine and on the core, where there is no libc.
#pragma once

namespace chrysalis {

/// Reports a bug of ours and does not return. Defined by the hosted runtime and by firmware/runtime.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, long context);

}  // namespace chrysalis

/// Stops with `context` (a guest address, an index: whatever helps) unless `condition` holds.
#define CHRYSALIS_ASSERT(condition, context) \
  ((condition) ? void(0) : ::chrysalis::assertion_failed(#condition, __FILE__, __LINE__, static_cast<long>(context)))
