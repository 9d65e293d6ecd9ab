// The retire records of a program on one core, and another core compared with them, record by record.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hw/record_compare.h"
#include "tests/hw/host_program.h"

namespace chrysalis::hw::test {

std::vector<KeptRecord> records_of(const HostProgram& program, const EngineFactory& engine, uint64_t max_cycles = 200'000);

struct RecordDifference {
  uint64_t record = 0, cycle = 0;
  FieldDifference what;
};

/// Where the records of `engine` part from `expected`; nothing if they are equal to the end.
std::optional<RecordDifference> compare_records(const HostProgram& program, const EngineFactory& engine, std::vector<KeptRecord>& expected,
                                                uint64_t max_cycles = 200'000);

}  // namespace chrysalis::hw::test
