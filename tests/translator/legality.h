// What a molecule may be on a machine, checked from the machine description alone: written apart from the
// scheduler and from isa-host's own matching.
#pragma once

#include <string>

#include "isa-host/machine_description.h"

namespace chrysalis::test {

/// Empty if `molecule` is legal, otherwise why not.
inline std::string illegal(const isa::MachineDescription& machine, const isa::Atom* atoms, unsigned count) {
  if (count == 0) return "no atom";
  unsigned literals = 0, branches = 0, last = 0, next_slot = 0;
  bool written[128] = {};
  for (unsigned i = 0; i < count; ++i) {
    const isa::Atom& atom = atoms[i];
    const isa::AtomInfo& row = isa::info(atom.op);
    literals += atom.mode == isa::Mode::Long;
    branches += row.has(isa::kBranch);
    last += row.has(isa::kCommit) || row.has(isa::kRollback) || row.has(isa::kSerializing);
    const unsigned unit = static_cast<unsigned>(row.unit);
    for (;; ++next_slot) {
      if (next_slot >= machine.width) return std::string("no slot left for ") + row.mnemonic;
      const uint16_t offered = machine.slot_units[next_slot];
      if (offered != 0 && (row.unit == isa::Unit::Any || (offered >> unit & 1))) break;
    }
    ++next_slot;
    const isa::RegUse use = isa::reg_use(atom);
    for (unsigned w = 0; w < use.write_count; ++w) {
      if (written[use.writes[w]]) return "a register is written twice";
      written[use.writes[w]] = true;
    }
    // A store under mask has no room for a short displacement.
    const isa::Mode plain = row.has(isa::kMasked) ? isa::Mode::Register : isa::Mode::Short;
    if (machine.offset_addressing == 0 && row.has(isa::kLoad | isa::kStore | isa::kProbe) && !(atom.mode == plain && atom.imm == 0)) {
      return "an address with displacement on a machine without";
    }
  }
  if (literals > machine.literal_slots) return "too many long literals";
  if (count + literals > machine.width) return "too many words";
  if (branches > 1) return "two branches";
  if (last > 1) return "two atoms that act last";
  return {};
}

}  // namespace chrysalis::test
