// The verifier of regions: ir::verify() plus the rules about register maps.
#pragma once

#include <vector>

#include "translator/ir/verify.h"
#include "translator/region.h"

namespace chrysalis::translator {

/// All violations of the invariants listed at Region, those of ir::verify() first.
std::vector<ir::Violation> verify_region(const Region& region);

}  // namespace chrysalis::translator
