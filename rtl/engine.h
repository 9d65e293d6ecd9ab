// The RTL core as an engine of the platform: what hw/engine.h is for the SystemC model.
#pragma once

#include <memory>
#include <string>

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

}  // namespace chrysalis::rtl
