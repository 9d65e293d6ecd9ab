// One molecule being filled.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>

#include "isa-host/machine_description.h"

namespace chrysalis::translator {

/// Finds slots for the atoms of a molecule such that the core's greedy matching agrees.
class Packer {
 public:
  explicit Packer(const isa::MachineDescription& machine) : width_(machine.width), literal_slots_(machine.literal_slots) {
    for (unsigned unit = 0; unit < isa::kUnits; ++unit) {
      for (unsigned slot = 0; slot < width_; ++slot) {
        if (isa::offers(machine.slot_units[slot], static_cast<isa::Unit>(unit))) slots_of_[unit] |= 1u << slot;
      }
    }
    clear();
  }

  void clear() {
    count_ = literals_ = 0;
    taken_ = closed_ = 0;
    branch_ = last_acting_ = false;
  }

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ + literals_ == width_; }
  /// Whether there are words for so many more atoms and literals.
  bool has_words(unsigned atoms, unsigned literals) const {
    return count_ + atoms + literals_ + literals <= width_ && literals_ + literals <= literal_slots_;
  }

  /// Adds an atom, known as `index`, moving others to other slots if that makes room; `literals` words come with it.
  /// False: it does not fit.
  bool add(uint32_t index, const isa::AtomInfo& row, unsigned literals) {
    const auto unit = static_cast<unsigned>(row.unit);
    if ((closed_ >> unit & 1) || !has_words(1, literals)) return false;
    const bool acts_last = row.has(isa::kCommit | isa::kRollback | isa::kSerializing), branch = row.has(isa::kBranch);
    if ((branch && branch_) || (acts_last && last_acting_)) return false;
    unit_[count_] = static_cast<uint8_t>(unit);
    uint32_t visited = 0;
    if (!place(count_, visited)) {
      closed_ |= 1u << unit;  // more atoms will not make room
      return false;
    }
    index_[count_++] = static_cast<uint16_t>(index);
    literals_ += literals;
    branch_ |= branch;
    last_acting_ |= acts_last;
    return true;
  }

  void add_literals(unsigned more) { literals_ += more; }

  /// Calls `visit(index)` for each atom, in the order of slots.
  template <class Visit>
  void for_each(Visit visit) const {
    for (unsigned slot = 0; slot < width_; ++slot) {
      if (taken_ >> slot & 1) visit(uint32_t{index_[owner_[slot]]});
    }
  }

 private:
  /// One step of bipartite matching: a slot for `atom`, evicting an atom that finds another.
  bool place(unsigned atom, uint32_t& visited) {
    const uint32_t slots = slots_of_[unit_[atom]];
    if (const uint32_t free = slots & ~taken_) {
      const auto slot = static_cast<unsigned>(__builtin_ctz(free));
      taken_ |= 1u << slot;
      owner_[slot] = static_cast<uint8_t>(atom);
      return true;
    }
    for (uint32_t left = slots & ~visited; left != 0; left = slots & ~visited) {
      const auto slot = static_cast<unsigned>(__builtin_ctz(left));
      visited |= 1u << slot;
      if (!place(owner_[slot], visited)) continue;
      owner_[slot] = static_cast<uint8_t>(atom);
      return true;
    }
    return false;
  }

  const unsigned width_, literal_slots_;
  uint32_t slots_of_[isa::kUnits] = {};  // by unit: bits of the slots that offer it
  uint32_t taken_ = 0, closed_ = 0;      // bits of slots; bits of units
  unsigned count_ = 0, literals_ = 0;
  bool branch_ = false, last_acting_ = false;
  uint16_t index_[isa::kMaxWords] = {};
  uint8_t unit_[isa::kMaxWords] = {};
  uint8_t owner_[isa::kMaxWords] = {};
};

}  // namespace chrysalis::translator
