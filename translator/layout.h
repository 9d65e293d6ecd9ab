// Places compiled regions one after the other, resolves their targets, and encodes them.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <vector>

#include "translator/compile.h"

namespace chrysalis::translator {

/// Code under construction at one place. Use: add() the regions in the order of their addresses, define()
/// labels that lie elsewhere, place(), then read addresses and encode().
///
/// A final branch to the region that follows is dropped. Exit stubs stand apart from the main paths, but near:
/// after every few kilobytes, and at the end. A branch whose displacement does not reach its target goes by
/// way of an island, a molecule with a branch that does; a literal displacement that fits the atom word is
/// moved there.
class CodeLayout {
 public:
  static constexpr int64_t kNoLabel = INT64_MIN;

  /// Appends `region`, to be known as `label`. `continues_at`: the label of what has to follow its last
  /// molecule (the return point of a call), or kNoLabel.
  void add(int64_t label, CompiledRegion region, int64_t continues_at = kNoLabel);

  /// Gives a label outside this code its address.
  void define(int64_t label, uint64_t address);

  /// Assigns addresses from `base` on. Returns the number of bytes; 0, and nothing else can be asked: a region is so long that a conditional
  /// branch in it does not reach its target, nor the end of the region.
  /// Targets other than labels and Local are resolved by `resolve(context, kind, target)`, which may be null.
  using Resolve = uint64_t (*)(void* context, Target kind, int64_t target);
  uint64_t place(uint64_t base, Resolve resolve = nullptr, void* context = nullptr);

  /// After place(): where `label` is. The label must have been added or defined.
  uint64_t address(int64_t label) const;
  /// After place(): addresses of the region's main path, one past its end included.
  struct Extent {
    int64_t label;
    uint64_t begin, end;
  };
  std::vector<Extent> extents() const;
  /// After place(): address of a molecule of the `unit`-th region added.
  uint64_t molecule_address(size_t unit, uint32_t molecule) const { return placed_[places_[unit][molecule]].address; }

  /// After place(): the code.
  std::vector<uint32_t> encode() const;

  /// After place(): calls `visit(address, atoms, count)` for each molecule in address order.
  template <class Visit>
  void for_each_molecule(Visit visit) const {
    size_t group = 0;
    for (size_t i = 0; i <= placed_.size(); ++i) {
      for (; group < groups_.size() && groups_[group].end == i; ++group) {
        for (const Island& island : groups_[group].islands) {
          const isa::Atom atom = island_atom(island);
          visit(island.address, &atom, 1u);
        }
      }
      if (i < placed_.size()) visit(placed_[i].address, &atoms_[placed_[i].first], unsigned{placed_[i].count});
    }
  }

 private:
  struct Unit {
    int64_t label;
    int64_t continues_at;
    CompiledRegion code;
  };
  struct Placed {
    uint32_t first;   ///< index into atoms_
    uint8_t count;
    uint64_t address;
  };
  struct Fixup {
    uint32_t molecule;  ///< index into placed_
    uint32_t atom;      ///< index into atoms_
    Target kind;
    int64_t target;     ///< for Local: index into placed_
    int32_t group = -1;  ///< reached by way of an island of this group
    int32_t island = -1;
    bool patched = false;
  };
  struct Island {
    Target kind;
    int64_t target;   ///< as Fixup::target
    uint64_t address;
  };
  struct Group {
    size_t end;       ///< index into placed_: the islands of the molecules before stand here
    std::vector<Island> islands;
  };

  void flatten();
  void append_molecules(const Unit& unit, uint32_t begin, uint32_t end, std::vector<uint32_t>& places, int64_t next_label);
  void append_branch(int64_t label);
  void assign_addresses();
  bool add_islands();
  bool shorten();
  bool reach_by_island(Fixup& fixup, size_t group);
  uint64_t target_address(Target kind, int64_t target) const;
  int64_t displacement(const Fixup& fixup) const;
  isa::Atom island_atom(const Island& island) const;

  std::vector<Unit> units_;
  std::vector<isa::Atom> atoms_;
  std::vector<Placed> placed_;
  std::vector<Fixup> fixups_;
  std::vector<Group> groups_;
  std::vector<size_t> pending_stubs_;              ///< units whose stubs are not placed yet
  std::vector<std::vector<uint32_t>> places_;      ///< by unit and molecule: index into placed_
  uint32_t pending_words_ = 0;
  std::vector<uint32_t> unit_begin_, unit_end_;  ///< by unit: its main path in placed_
  struct Label {
    int64_t label;
    uint32_t place;     ///< index into placed_, or kExternal
    uint64_t address;
  };
  static constexpr uint32_t kExternal = 0xffffffff;
  std::vector<Label> labels_;  ///< sorted by label once placed
  uint64_t base_ = 0, end_ = 0;
  Resolve resolve_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace chrysalis::translator
