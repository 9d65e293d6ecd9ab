// A region: the unit that the back end compiles. Linear code with side exits (a superblock), together with
// what the outside world expects of the host registers: the RMAP at its entry and at each of its points.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isa-host/registers.h"
#include "translator/ir/intrinsics.h"
#include "translator/ir/ir.h"

namespace chrysalis::translator {

/// "Value `value` is in host integer register `reg`".
struct Binding {
  ir::ValueId value;
  uint8_t reg;
};

/// Code, and its register maps.
///
/// Exits to guest addresses (Exit, ExitIf, ExitInd, ExitIndIf) commit: what leaves by them is complete. TrapIf rolls back, and its map
/// is empty.
///
/// Points are the operations at which somebody outside looks at the registers: every exit, and every
/// Commit (whose checkpoint a rollback returns to). The n-th point of the code, in order, has the map
/// maps[n]. Passes keep the points in order; one that deletes a point deletes its map as well.
///
/// A tree is several regions compiled as one, its paths. The first is entered from outside; each other one goes on where a side exit of an
/// earlier one leaves, whose Map::path is its place among them. Nothing is committed there: the path's checkpoint is still that of the path it
/// comes from. The map of the exit and the entry of the path have the same registers, in the same order; where the values really are
/// is up to register assignment, which changes both. See tree.h.
///
/// Its invariants are those that verify_region.h lists.
struct Region {
  static constexpr uint32_t kNoAddress = 0xffff'ffff;

  struct Map {
    uint32_t first = 0, count = 0;  ///< bindings[first .. first+count)
    bool likely = false;            ///< control mostly leaves here: registers are assigned to suit this exit
    uint16_t completed = 0;         ///< exits to guest addresses, commits with a guest PC: guest instructions completed on the way there
    uint32_t eip = kNoAddress;      ///< commits within guest code: the guest PC that they leave; kNoAddress: GPC stays
    uint16_t path = 0;              ///< of an ExitIf: the path of the tree that goes on there; 0: none
  };

  ir::Code code;
  std::vector<Binding> entry;     ///< where values are when the region is entered
  std::vector<Binding> bindings;  ///< storage of the maps
  std::vector<Map> maps;
  uint64_t allocatable = 0;       ///< host integer registers that the region may write
  uint64_t readable = 0;          ///< registers that hold, at entry, addresses near which concealed loads never fail
  ir::ValueId stack = ir::kNoValue;  ///< entry value that points into a stack, which no absolute address does
  /// By guest instruction (Inst::guest); empty: none. What its memory accesses keep their order with, as order.h says. 1 (kWithAll): with
  /// all others. Other bits: with those of instructions that have the bit too. How a region becomes more conservative
  /// after misspeculation.
  std::vector<uint8_t> in_order;
  std::vector<ir::ValueId> rmaps;  ///< see rmap(); empty unless asked for, and not kept up by passes
  /// Guest address of the entry, or of a path that of its checkpoint, which GPC holds there; kNoAddress: not guest code. Guest registers in r0 to r7 hold 32 bits then, zero-extended,
  /// and the flags image in r9 no bits but its own.
  uint32_t eip = kNoAddress;
  uint32_t next_eip = kNoAddress; ///< guest address of what follows the last guest instruction in memory: where a call at the end returns to
  /// Every instruction that may fault has a commit directly before it: nothing but the instruction itself is ever abandoned. What
  /// machines without shadow registers and gated stores need.
  bool precise = false;
  bool faults_roll_back = false;  ///< a fault abandons everything since the last commit, so that guest accesses
                                  ///< may change their order and pass exits; false in firmware

  // Of a path of a tree other than the first. Maps count in `completed` from the tree's entry.
  uint16_t committed = 0;  ///< guest instructions that its checkpoint has completed
  uint16_t skipped = 0;    ///< those numbered before its first one (Inst::guest) that are not on the way to it

  std::span<const Binding> map(size_t point) const { return {bindings.data() + maps[point].first, maps[point].count}; }
  std::span<Binding> map(size_t point) { return {bindings.data() + maps[point].first, maps[point].count}; }

  void add_map(std::span<const Binding> wanted) {
    maps.push_back({static_cast<uint32_t>(bindings.size()), static_cast<uint32_t>(wanted.size())});
    bindings.insert(bindings.end(), wanted.begin(), wanted.end());
  }

  void clear() {
    code.clear();
    entry.clear();
    bindings.clear();
    maps.clear();
    allocatable = 0;
    readable = 0;
    stack = ir::kNoValue;
    in_order.clear();
    eip = next_eip = kNoAddress;
    precise = faults_roll_back = false;
    committed = skipped = 0;
    rmaps.clear();
  }

  /// Whether guest accesses keep the order of the code, because what is made of them stays if another one faults. Without shadow registers
  /// and gated stores that is so within an instruction, too.
  bool accesses_in_order() const { return !faults_roll_back || precise; }

  /// Guest instructions that the commit of `point` completes: those that the last commit with a guest PC has not.
  unsigned newly_completed(size_t point) const {
    for (size_t i = point; i-- > 0;) {
      if (maps[i].eip != kNoAddress) return maps[point].completed - unsigned{maps[i].completed};
    }
    return maps[point].completed - unsigned{committed};
  }

  /// Whether GPC holds `eip` all the way to the exits.
  bool keeps_pc() const {
    for (const Map& map : maps) {
      if (map.eip != kNoAddress) return false;
    }
    return true;
  }

  /// Registers of a row of `rmaps`: EAX to EDI and the flags image.
  static constexpr unsigned kTracked = 9;
  /// RMAP: the values of the guest registers once `completed` guest instructions are complete.
  std::span<const ir::ValueId> rmap(size_t completed) const { return {rmaps.data() + completed * kTracked, kTracked}; }
};

/// True when the operation is a point, that is, has a register map.
constexpr bool is_point(const ir::Inst& inst) {
  return ir::is_exit(inst) ||
         (inst.op == ir::Op::Intrinsic && inst.imm == static_cast<int64_t>(ir::IntrinsicId::Commit));
}

/// Bits of an entry value that can be set, counted from the lowest.
constexpr uint8_t entry_width(const Region& region, const Binding& binding) {
  if (region.eip == Region::kNoAddress || binding.reg > isa::kGuestFlags) return 64;
  return binding.reg == isa::kGuestFlags ? 12 : 32;
}

/// What a pass did, for its statistics.
struct PassStats {
  uint32_t changed = 0;  ///< operations rewritten
  uint32_t removed = 0;  ///< operations deleted
};

}  // namespace chrysalis::translator
