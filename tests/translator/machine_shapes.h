// Shapes of machines for the tests of translator and image builder: like those of the machine files, and corner
// cases beside them. What matters here is slots, addressing and width. Freestanding: some tests run on the core.
#pragma once

#include <initializer_list>

#include "isa-host/machine_description.h"

namespace chrysalis::test {

constexpr uint16_t units(std::initializer_list<isa::Unit> list) {
  unsigned bits = 0;
  for (const isa::Unit unit : list) bits |= 1u << static_cast<unsigned>(unit);
  return static_cast<uint16_t>(bits);
}

inline isa::MachineDescription base_machine(unsigned width) {
  isa::MachineDescription machine;
  machine.width = static_cast<uint8_t>(width);
  for (unsigned i = 0; i < isa::kLatencies; ++i) machine.latency[i] = isa::kDefaultLatency[i];
  return machine;
}

/// Two ALUs, one memory unit without displacement, one branch unit: four slots.
inline isa::MachineDescription crusoe_like() {
  using isa::Unit;
  isa::MachineDescription machine = base_machine(4);
  machine.offset_addressing = 0;
  machine.slot_units[0] = units({Unit::Load, Unit::Store, Unit::Control});
  machine.slot_units[1] = units({Unit::Alu, Unit::Mul});
  machine.slot_units[2] = units({Unit::Alu, Unit::Fp, Unit::Media});
  machine.slot_units[3] = units({Unit::Branch});
  return machine;
}

/// Eight slots, two memory units, displacements.
inline isa::MachineDescription efficeon_like() {
  using isa::Unit;
  isa::MachineDescription machine = base_machine(8);
  machine.literal_slots = 2;
  machine.slot_units[0] = units({Unit::Load, Unit::Store});
  machine.slot_units[1] = units({Unit::Load, Unit::Store, Unit::Alu});
  machine.slot_units[2] = units({Unit::Alu, Unit::Mul});
  machine.slot_units[3] = units({Unit::Alu});
  machine.slot_units[4] = units({Unit::Fp, Unit::Media, Unit::Alu});
  machine.slot_units[5] = units({Unit::Control});
  machine.slot_units[6] = units({Unit::Branch});
  machine.slot_units[7] = units({Unit::Alu});
  return machine;
}

/// Seven slots.
inline isa::MachineDescription denver_like() {
  using isa::Unit;
  isa::MachineDescription machine = base_machine(7);
  machine.literal_slots = 2;
  machine.slot_units[0] = units({Unit::Load, Unit::Store});
  machine.slot_units[1] = units({Unit::Load, Unit::Store});
  machine.slot_units[2] = units({Unit::Alu, Unit::Mul});
  machine.slot_units[3] = units({Unit::Alu});
  machine.slot_units[4] = units({Unit::Fp, Unit::Media});
  machine.slot_units[5] = units({Unit::Fp, Unit::Alu, Unit::Control});
  machine.slot_units[6] = units({Unit::Branch});
  return machine;
}

/// One atom and a literal at a time: everything in order.
inline isa::MachineDescription scalar_like(bool offsets) {
  isa::MachineDescription machine = base_machine(2);
  machine.offset_addressing = offsets;
  machine.slot_units[0] = 0xffff;
  machine.slot_units[1] = 0;
  return machine;
}

}  // namespace chrysalis::test
