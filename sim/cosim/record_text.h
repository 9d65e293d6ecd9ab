// What a report shows of records and of the code around them.
#pragma once

#include <string>

#include "hw/observer.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::sim {

/// One molecule in a line: cycles, address, event or register writes, accesses, commit.
std::string line_of(const hw::Observation& observation, const hw::RetireRecord& record);
inline constexpr char kRecordHeading[] = "#    ready     issued host-pc, register writes, accesses, commit\n";

/// The molecule at `address` as `memory` has it now.
std::string host_code(const isa::PhysicalMemory& memory, uint64_t address);

}  // namespace chrysalis::sim
