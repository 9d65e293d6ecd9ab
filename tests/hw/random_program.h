// Random host programs: every atom of the table, events handled by skipping the molecule, bounded loops.
#pragma once

#include <cstdint>
#include <map>

#include "tests/hw/host_program.h"

namespace chrysalis::hw::test {

enum class Interrupts : uint8_t { None, CoreTimer, Devices };

/// A program of `slots` times one to three random molecules, run through `rounds` times. The same seed gives the same program.
/// With interrupts its course depends on time: then only runs of the cycle model can be compared.
HostProgram random_program(uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts);
/// The same for `machine` instead of the test machine.
HostProgram random_program_for(const SystemParameters& machine, uint64_t seed, unsigned slots, unsigned rounds, Interrupts interrupts);


/// One interrupt, seen from cycle `at` on; its handler does not ask for another.
HostProgram interrupted_program(const SystemParameters& machine, uint64_t seed, unsigned slots, Interrupts interrupts, uint64_t at);

/// Random molecules of which one atom raises an event: in each slot of the program the atom at another place in the molecule.
struct FaultingProgram {
  HostProgram program;
  std::map<uint64_t, unsigned> places;  ///< molecule's address: its atom. A place where no memory atom may stand is left out
};
FaultingProgram faulting_program(const SystemParameters& machine, uint64_t seed, unsigned slots);

}  // namespace chrysalis::hw::test
