// How a handler goes on: by a tail call in the core form, by returning in the hosted form, which must not
// depend on the compiler making sibling calls.
#pragma once

#include "firmware/host.h"
#include "firmware/uop.h"

namespace chrysalis::fw {

/// Next micro-operation by its handler's address.
struct DirectThreading {
  static FW_INLINE Handler handler(const Uop* u) { return u->run; }
};

/// A handler around `body`, which always continues with the following micro-operation. The next handler's
/// address is fetched first, so that the load's latency passes under the body.
template <class Threading, auto body>
const Uop* straight_handler(const Uop* u, char* base) {
#if FW_CORE_FORM
  const Handler next = Threading::handler(u + 1);
  body(u, base);
  return next(u + 1, base);
#else
  body(u, base);
  return u + 1;
#endif
}

/// A handler around `body`, which returns the next micro-operation or null to leave.
template <class Threading, auto body>
const Uop* branching_handler(const Uop* u, char* base) {
  const Uop* next = body(u, base);
#if FW_CORE_FORM
  if (next == nullptr) return nullptr;
  return Threading::handler(next)(next, base);
#else
  return next;
#endif
}

/// Executes from `u` until a handler leaves.
template <class Threading>
FW_INLINE void run_threaded(const Uop* u, char* base) {
#if FW_CORE_FORM
  Threading::handler(u)(u, base);
#else
  while (u != nullptr) u = Threading::handler(u)(u, base);
#endif
}

/// True if executing `op` can lead elsewhere than to the following micro-operation.
constexpr bool branches(ir::Op op) {
  return (ir::info(op).effects & (ir::kExit | ir::kHelper)) != 0;
}

}  // namespace chrysalis::fw
