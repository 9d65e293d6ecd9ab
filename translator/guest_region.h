// From lifted x86 instructions to a region: guest registers become values, exits get their register maps.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "translator/region.h"

namespace chrysalis::translator {

/// Puts lifted instructions one behind the other along one path of control. Use: begin(), append() in the order of
/// execution, finish().
///
/// Out:  a region in single assignment, without GetReg, SetReg and Helper. Entry values: EAX..EDI in r0..r7, the flags image in r9.
///       Every exit's map has all of them, in the same places; other guest state is read from the context in memory and
///       never written.
/// Cost: linear.
class GuestRegionBuilder {
 public:
  /// Where a region commits beside its exits.
  struct Commits {
    unsigned most_stores = ~0u;   ///< before an instruction that would be the reason for more guest stores without a commit
    bool before_faults = false;   ///< before each instruction that may fault (Region::precise)
    bool record_rmaps = false;    ///< for those who explain: Region::rmaps
  };

  /// `context`: concealed address of the guest context, whose slots of 8 bytes have the order of ir::GuestReg.
  GuestRegionBuilder(Region& region, uint64_t context) : GuestRegionBuilder(region, context, Commits{}) {}
  GuestRegionBuilder(Region& region, uint64_t context, const Commits& commits) : root_(region), region_(&region), context_(context), commits_(commits) {}

  /// How control goes on behind an instruction.
  enum class Way : uint8_t {
    Falls,     ///< to the next in memory; a branch taken is a side exit
    Taken,     ///< to the target of its jump or branch; a branch not taken is a side exit
    Predicted, ///< of an indirect jump: to the first address given; the others have side exits of their own, and what is left has one
    Ends,      ///< wherever it likes: the region ends
  };

  void begin(uint32_t eip) { begin(root_, eip); }
  void begin(Region& region, uint32_t eip);

  /// Guest state beside registers and flags is loaded wherever it is read from now on, as gear 1 does, instead of once.
  void reload_state() { reloads_state_ = true; }

  /// Where a path of a tree could begin: the state behind a side exit.
  struct Fork {
    size_t point;        ///< its map; kNoPoint: append() has made none, or one that no path can follow
    uint32_t eip;        ///< of the checkpoint
    unsigned completed, committed, stores;
  };
  static constexpr size_t kNoPoint = ~size_t{0};
  /// Of the exit that append() has just made, or of the one that it made `earlier` exits before that.
  Fork fork(size_t earlier = 0) const;
  /// Begins path `path` of the tree, in `region`: what is appended from now on is behind the exit `fork` of `parent`.
  void begin_path(Region& region, uint16_t path, Region& parent, const Fork& fork);

  /// True if a region can hold the instruction: it neither calls a helper nor traps always nor changes more than registers, flags and memory. One that
  /// repeats must begin the region.
  static bool accepts(const ir::Code& lifted, bool first);

  /// Appends the instruction at `eip`, which accepts() accepted; `next_eip` follows it in memory. `predicted` belongs to Way::Predicted; a call has only one.
  void append(const ir::Code& lifted, uint32_t eip, uint32_t next_eip, Way way, std::span<const uint32_t> predicted = {});

  /// If-conversion: both arms of the branch at `eip` are executed, and what they write is selected by its condition. First what is appended until
  /// next_arm(), which control comes to if the branch is not taken; then, until end_arms(), what it comes to if it is taken. The arm that
  /// is left out does not count (UncountIf).
  void begin_arms(const ir::Code& branch, uint32_t eip);
  void next_arm();
  void end_arms();
  /// True if begin_arms() can do with the branch: it has one way out beside falling through.
  static bool accepts_branch(const ir::Code& lifted);
  /// True if the instruction can stand in an arm: executed without need, it has no effect. No exits but jumps that are followed, no stores. It may fault.
  static bool accepts_in_arm(const ir::Code& lifted);

  /// Ends the region with an exit to `eip`, unless its last instruction ended it.
  void finish(uint32_t eip);

  /// Guest instructions appended, in all paths.
  unsigned size() const { return count_; }
  /// Those from the entry to where control is now.
  unsigned completed() const { return completed_; }
  /// Guest stores since the last commit on that way.
  unsigned stores() const { return stores_; }

 private:
  static constexpr unsigned kRegisters = 9;  // EAX..EDI and the flags
  static constexpr unsigned kFlagsIndex = 8;

  void open(Region& region, uint32_t eip);
  ir::ValueId& value_of(ir::GuestReg reg);
  void set(ir::GuestReg reg, ir::ValueId lifted);
  ir::ValueId read_other(ir::GuestReg reg);
  ir::ValueId renamed(ir::ValueId value) const { return value == ir::kNoValue ? value : names_[value]; }
  ir::Inst& emit(const ir::Inst& inst);
  ir::ValueId emit_const(uint64_t value);
  ir::ValueId differs(ir::ValueId value, uint32_t constant);
  void add_map(unsigned completed, bool likely, ir::ValueId target = ir::kNoValue);
  void copy(const ir::Inst& inst);
  void prepare(const ir::Code& lifted, uint32_t eip);
  void commit(uint32_t eip);
  void uncount_if(ir::Cond cond, unsigned instructions);
  ir::ValueId select_by_branch(ir::ValueId taken, ir::ValueId fallen);
  void complete();
  void append_exit(const ir::Inst& inst, uint32_t eip, uint32_t next_eip, Way way, std::span<const uint32_t> predicted);

  Region& root_;
  Region* region_;  ///< of the path under way
  const uint64_t context_;
  ir::ValueId current_[kRegisters] = {};
  ir::ValueId others_[static_cast<unsigned>(ir::GuestReg::kCount)] = {};
  std::vector<ir::ValueId> names_;  ///< of the lifted instruction's values, in the region
  std::vector<uint8_t> wide_;       ///< by the lifted instruction's values: bits above 31 may be set
  const Commits commits_;
  unsigned count_ = 0;              ///< the next one's Inst::guest
  unsigned completed_ = 0;
  unsigned committed_ = 0;          ///< instructions that the last commit completed
  uint32_t pc_ = 0;                 ///< of that commit
  unsigned stores_ = 0;             ///< guest stores since
  bool ended_ = false;
  bool reloads_state_ = false;
  // If-conversion under way.
  ir::Cond branch_cond_ = ir::Cond::O;
  ir::ValueId branch_on_ = ir::kNoValue;     ///< kNoValue: none
  ir::ValueId before_arms_[kRegisters] = {}, fallen_[kRegisters] = {};
  unsigned arms_from_ = 0, taken_from_ = 0;  ///< completed_ where the arms begin
};

}  // namespace chrysalis::translator
