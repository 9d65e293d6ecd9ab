// The RTL core as an engine of the platform: what hw/engine.h is for the SystemC model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hw/core_engine.h"

namespace chrysalis::rtl {

/// The built machine whose core has the geometry that `parameters` ask for, or empty; then `why` says what differs from
/// the nearest one.
std::string find_model(const hw::CoreParameters& parameters, std::string& why);

/// Clocks the verilated core of the built machine that fits. One exists at a time.
///
/// Requires: find_model() finds one.
std::unique_ptr<hw::CoreEngine> make_engine(const hw::CoreParameters& parameters, isa::PhysicalMemory& memory,
                                            hw::Surroundings& surroundings);

struct BuiltModel;
/// The same with a core that built_models() need not have. Requires: its geometry fits.
std::unique_ptr<hw::CoreEngine> make_engine_of(const BuiltModel& built, const hw::CoreParameters& parameters, isa::PhysicalMemory& memory,
                                               hw::Surroundings& surroundings);

/// The RTL's whole state, between runs of an engine that make_engine() has made, as bytes. What lies around the RTL, memory and L2 among
/// it, is not in them.
std::vector<uint8_t> save(hw::CoreEngine& engine);
/// Goes on with a model of its own, newly made, in the state that save() gave for the same machine.
void restore(hw::CoreEngine& engine, const std::vector<uint8_t>& state);

/// Writes an FST of every cycle from now on, even within a run; empty: ends it. Cycle N begins at time 10 N. False if the file cannot be written.
bool waves(hw::CoreEngine& engine, const std::string& file);
/// Whether this build's cores can: CMake's CHRYSALIS_RTL_WAVES.
bool has_waves();

}  // namespace chrysalis::rtl
