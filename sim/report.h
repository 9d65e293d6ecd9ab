// What a run tells a person, on standard error: the summary and the cycle account drawn as bars.
#pragma once

#include <string>

#include "sim/statistics.h"

namespace chrysalis::sim {

/// One line of figures: x86 instructions, host cycles, IPC, speed.
std::string summary(const Statistics& statistics);

/// The cycle account as a table of mode x cause with bars, `width` columns wide.
/// Reads the statistics named `account.<mode>.<cause>` and `host.cycles`.
std::string draw_account(const Statistics& statistics, unsigned width);

}  // namespace chrysalis::sim
