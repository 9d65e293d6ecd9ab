#include "hw/parameters.h"

namespace chrysalis::hw {
namespace {

CacheGeometry geometry(const isa::CacheModel& cache) { return {cache.size(), cache.ways, cache.line}; }
LevelTiming timing(const isa::LevelModel& level) { return {level.latency, level.interval}; }

}  // namespace

SystemParameters system_parameters(const isa::MachineModel& machine, uint64_t concealed_base, uint64_t concealed_size) {
  SystemParameters parameters;
  parameters.core.config = {machine.core, concealed_base, concealed_size, concealed_base};
  parameters.core.l1i = geometry(machine.l1i);
  DataSideParameters& data = parameters.core.data;
  data.l1d = geometry(machine.l1d);
  data.ports = machine.memory_slots();
  data.miss_registers = machine.miss_registers;
  data.store_buffer_entries = machine.core.store_buffer_entries;
  data.load_latency = machine.core.latency[static_cast<unsigned>(isa::Latency::Load)];
  parameters.l2 = geometry(machine.l2);
  parameters.l2_timing = timing(machine.l2_timing);
  parameters.memory_timing = timing(machine.memory_timing);
  return parameters;
}

}  // namespace chrysalis::hw
