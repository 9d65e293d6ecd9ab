// The passes as a table, and sets of them.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>
#include <span>

#include "isa-host/machine_description.h"
#include "translator/region.h"

namespace chrysalis::translator {

enum class Pass : uint8_t {
#define TRANSLATOR_PASS(name, text, call, usual, does) name,
#define TRANSLATOR_STEP(name, text, usual, does) name,
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
  kCount
};

/// A bit for each pass that may run.
using PassMask = uint32_t;
constexpr PassMask bit(Pass pass) { return PassMask{1} << static_cast<unsigned>(pass); }
static_assert(static_cast<unsigned>(Pass::kCount) <= 32);

struct PassInfo {
  const char* name;
  const char* does;
  bool usual;
  bool rewrites;  ///< changes the region: run_pass() runs it; otherwise a step of the back end
};

inline constexpr PassInfo kPassInfo[] = {
#define TRANSLATOR_PASS(name, text, call, usual, does) {text, does, usual != 0, true},
#define TRANSLATOR_STEP(name, text, usual, does) {text, does, usual != 0, false},
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
};
constexpr const PassInfo& info(Pass pass) { return kPassInfo[static_cast<unsigned>(pass)]; }

inline constexpr PassMask kUsualPasses = [] {
  PassMask mask = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(Pass::kCount); ++i) {
    if (kPassInfo[i].usual) mask |= PassMask{1} << i;
  }
  return mask;
}();

/// The passes that change regions, in the order in which they run.
std::span<const Pass> pipeline();

/// Runs one of them. `machine` is what the region will be compiled for.
PassStats run_pass(Pass pass, Region& region, const isa::MachineDescription& machine);

}  // namespace chrysalis::translator
