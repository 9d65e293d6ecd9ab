// What a run tells a person, on standard error: the summary and the cycle account drawn as bars.
#pragma once

#include <string>

#include "sim/statistics.h"

namespace chrysalis::sim {

/// 1234567 as "1,234,567".
std::string grouped(uint64_t value);

/// A line of figures: x86 instructions, host cycles, IPC, speed. If the run has translated, a second one: by gear the share of
/// the instructions, the IPC and the translations made; rollbacks, and what the look-up help found.
std::string summary(const Statistics& statistics);

/// The cycle account as a table of mode x cause with bars, `width` columns wide.
/// Reads the statistics named `account.<mode>.<cause>` and `host.cycles`.
std::string draw_account(const Statistics& statistics, unsigned width);

}  // namespace chrysalis::sim
