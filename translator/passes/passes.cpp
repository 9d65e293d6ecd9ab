#include "translator/passes/passes.h"

#include "translator/assert.h"
#include "translator/passes/dead_code.h"
#include "translator/passes/dead_flags.h"
#include "translator/passes/fold_addresses.h"
#include "translator/passes/fold_sums.h"
#include "translator/passes/merge.h"
#include "translator/passes/propagate.h"
#include "translator/passes/redundant_loads.h"
#include "translator/passes/strength.h"

namespace chrysalis::translator {

std::span<const Pass> pipeline() {
  static constexpr Pass kOrder[] = {
      Pass::DeadFlags,       // first: sums without flags can be folded
      Pass::Merge,           // equal addresses become one value
      Pass::FoldSums,
      Pass::FoldAddresses,
      Pass::RedundantLoads,
      Pass::Propagate,       // what loads and sums have become
      Pass::Strength,
      Pass::DeadCode,
  };
  return kOrder;
}

PassStats run_pass(Pass pass, Region& region, [[maybe_unused]] const isa::MachineDescription& machine) {
  switch (pass) {
#define TRANSLATOR_PASS(name, text, call, usual, does) \
  case Pass::name: return call;
#define TRANSLATOR_STEP(name, text, usual, does)
#include "translator/passes/passes.def"
#undef TRANSLATOR_PASS
#undef TRANSLATOR_STEP
    default: break;
  }
  CHRYSALIS_ASSERT(false, static_cast<long>(pass));
  return {};
}

}  // namespace chrysalis::translator
