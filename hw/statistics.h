// Reading out what the components have counted. The table is hw/statistics.def.
#pragma once

#include <vector>

#include "hw/core_engine.h"
#include "hw/l2_cache.h"
#include "hw/memory.h"
#include "hw/platform.h"

namespace chrysalis::hw {

/// The rows of the table, then rollbacks and events by cause, in that order.
std::vector<Statistic> collect_statistics(const CoreEngine& engine, const L2Cache& l2, const Memory& memory);

}  // namespace chrysalis::hw
