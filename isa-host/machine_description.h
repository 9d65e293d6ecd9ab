// What the translator needs to know about a machine, as plain data: it also runs on the core, where the
// platform leaves it in the mailbox. Machine files, names and checks: isa-host/machine.h.
//
// Freestanding C++17.
#pragma once

#include <type_traits>

#include "isa-host/atom.h"

namespace chrysalis::isa {

struct MachineDescription {
  uint8_t width = 4;                        ///< slots; a long literal takes one
  uint8_t literal_slots = 1;                ///< long literals per molecule
  uint16_t slot_units[kMaxWords] = {};      ///< per slot: bit n stands for Unit n
  uint8_t latency[kLatencies] = {};         ///< cycles until a dependent atom may issue; loads: first-level hit
  uint8_t offset_addressing = 1;            ///< loads and stores accept [ra+rm]; otherwise only [ra]
  uint8_t alias_entries = 8;                ///< 0 to 8; 0: no alias hardware
  uint16_t store_buffer_entries = 36;
  uint16_t tlb_entries = 64, tlb_ways = 64;
  uint16_t jtb_entries = 0;                 ///< 0: no jump translation buffer
  uint16_t return_stack_entries = 0;        ///< 0: no dual-address return stack
  // Redirect penalties: cycles between the molecule that redirects and the one that it leads to.
  uint8_t branch_penalty = 2;               ///< taken branch with a displacement
  uint8_t indirect_penalty = 3;             ///< through a register
  uint8_t return_penalty = 2;               ///< ret that matches the return stack
  uint8_t rollback_penalty = 8;             ///< rollback, by atom or event
  uint8_t event_penalty = 4;                ///< entry into the firmware; on top of rollback_penalty if it rolls back
  uint8_t eret_penalty = 3;
  uint16_t reserved = 0;                    ///< 0, so that there is no padding
  uint64_t features = 0;                    ///< OR of Feature
};

/// Whether a program for the one is, to the cycle that its compiler expects, one for the other.
inline bool operator==(const MachineDescription& a, const MachineDescription& b) {
  static_assert(std::has_unique_object_representations_v<MachineDescription>, "compared byte by byte");
  return __builtin_memcmp(&a, &b, sizeof a) == 0;
}

constexpr bool offers(uint16_t slot_units, Unit unit) {
  return slot_units != 0 && (unit == Unit::Any || (slot_units >> static_cast<unsigned>(unit) & 1) != 0);
}

/// Puts the atoms, in order, each into the next slot that offers its unit; `slots[i]` tells where atom i
/// went. False if one finds none, or atoms and literals together exceed the width or the literal slots.
constexpr bool match_slots(const MachineDescription& machine, const Molecule& molecule, uint8_t (&slots)[kMaxWords]) {
  unsigned slot = 0, literals = 0;
  for (unsigned i = 0; i < molecule.count; ++i) {
    const Atom& atom = molecule.atoms[i];
    while (slot < machine.width && !offers(machine.slot_units[slot], info(atom.op).unit)) ++slot;
    if (slot == machine.width) return false;
    slots[i] = static_cast<uint8_t>(slot++);
    if (atom.mode == Mode::Long) ++literals;
  }
  return molecule.count + literals <= machine.width && literals <= machine.literal_slots;
}

/// Whether the machine can execute the atom at all: addressing and features.
constexpr bool supports(const MachineDescription& machine, const Atom& atom) {
  const AtomInfo& row = info(atom.op);
  if (machine.offset_addressing == 0 && row.has(kGuest | kConcealed)) {
    if (row.uses(kReadsRm) && !(atom.mode == Mode::Short && atom.imm == 0)) return false;
    if (row.uses(kOptionalLong) && atom.mode != Mode::Register) return false;
  }
  return true;
}

/// Whether the molecule is one of this machine's: what its decoder accepts.
constexpr bool accepts(const MachineDescription& machine, const Molecule& molecule) {
  uint8_t slots[kMaxWords] = {};
  for (unsigned i = 0; i < molecule.count; ++i)
    if (!supports(machine, molecule.atoms[i])) return false;
  return match_slots(machine, molecule, slots);
}

}  // namespace chrysalis::isa
