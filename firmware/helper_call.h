// How micro-operations reach the helpers of x86-frontend/helpers.h.
#pragma once

#include <cstdint>

#include "firmware/uop.h"

namespace chrysalis::fw {

/// One call of a helper. A helper that completes fills in value and flags as its contract says and returns
/// true. One that faults has changed nothing, calls raise_exception() and returns false. Guest accesses within
/// it fault by themselves; so they come before any change of state.
struct HelperCall {
  uint64_t source[4];
  uint64_t value = 0;
  uint64_t flags = 0;
};
using HelperFunction = bool (*)(HelperCall& call);

/// Executes the Helper micro-operation `u`; false: an exception was raised.
bool call_helper(const Uop* u, char* base);

/// Records an exception that belongs to the instruction in progress; delivered when the interpreter has left.
void raise_exception(uint8_t vector, uint32_t error_code);

}  // namespace chrysalis::fw
