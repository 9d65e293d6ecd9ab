// Random host programs: every atom of the table, events handled by skipping the molecule, bounded loops.
#pragma once

#include <cstdint>

#include "tests/hw/host_program.h"

namespace chrysalis::hw::test {

enum class Interrupts : uint8_t { None, CoreTimer, Devices };

/// A program of `slots` random molecules, run through `rounds` times. The same seed gives the same program.
/// With interrupts its course depends on time: then only runs of the cycle model can be compared.
HostProgram random_program(uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts);
/// The same for `machine` instead of the test machine.
HostProgram random_program_for(const SystemParameters& machine, uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts);

}  // namespace chrysalis::hw::test
