// Selects atoms for gear 1, one operation after the other, straight into molecules.
//
// Freestanding C++20: it also runs on the simulated core, where its speed counts.
#pragma once

#include <cstdint>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/ir/ir.h"
#include "translator/quick_packer.h"

namespace chrysalis::translator {

/// What is to be done for an operation. quick.cpp handles the exits.
enum class QuickAction : uint8_t {
  Refuse,                     ///< the block ends before the instruction
  Skip,                       ///< nothing: dead, or done with another operation
  Const, Get, GetContext, Set, Guard,
  Binary, Shift, Unary, Insert, DoubleShift, Lea, SetCc, SelectCc, SelectNz,
  Load, Store, Probe,
  ExitIf, Exit, ExitInd, TrapIf,
};

/// Properties of an IR operation that gear 1 asks for (OR of bits).
enum QuickTrait : uint8_t {
  kTraitCommutes = 1,
  kTraitNoValue = 2,   ///< its atom has no rd
  kTraitFlags = 4,     ///< its atom can deliver flags
  kTraitOldFlags = 8,  ///< and then reads the old ones
  kTraitCarry = 16,    ///< the value depends on them, too
};

/// How gear 1 translates an IR operation.
struct QuickRule {
  QuickAction action = QuickAction::Refuse;
  uint8_t traits = 0;
  uint8_t sources = 0;        ///< without the old flags
  QuickPacker::Kind kinds[4]; ///< by width: 8, 16, 32, 64
};
const QuickRule& quick_rule(ir::Op op);

/// Guest registers are in r0..r7 and r9 all the time. A value that GetReg delivers is used where it stands; a value
/// that a SetReg waits for is made there at once when nothing in between needs the old contents; when a register is
/// overwritten too early for somebody, its contents move to a temporary first. Temporaries are handed out in turn, so
/// that molecules can overlap.
class QuickSelector {
 public:
  /// A value of the block. Values do not outlive their x86 instruction; guest registers do.
  struct Value {
    uint16_t def = 0;       ///< index of the operation that makes it
    uint16_t last_use = 0;  ///< stamp of the last operation that reads it; 0: nobody does
    uint8_t where = 0;      ///< register, or kConstant
    uint8_t home = kNoHome; ///< guest register that it can be made in
    bool computed = false;  ///< somebody needs the value itself, not only memory at an address that it begins
    bool folded = false;    ///< it has the accesses' displacement in it
  };
  static constexpr uint8_t kConstant = 64, kNoHome = 0xff;
  static constexpr uint16_t kForever = 0xffff;
  /// Operations are told apart by stamps: index plus one.
  static constexpr uint16_t stamp(unsigned index) { return static_cast<uint16_t>(index + 1); }

  /// `context`: concealed address of the guest registers that have no host register.
  QuickSelector(const isa::MachineDescription& machine, uint64_t context);

  /// Room for `count` values, whose contents the caller provides.
  void reserve_values(unsigned count) {
    if (values_.size() < count) values_.resize(count + 256);
  }
  Value& value(ir::ValueId v) { return values_[v]; }
  const Value& value(ir::ValueId v) const { return values_[v]; }
  bool offsets() const { return offsets_; }
  QuickPacker& packer() { return packer_; }

  /// Starts a block. `code` stays where it is.
  void begin(const ir::Code& code);
  /// The values of the next instruction start with `first`.
  void begin_instruction(ir::ValueId first) { first_value_ = first; }
  /// What follows is for operation `index`.
  void begin_operation(unsigned index) { now_ = stamp(index); }
  /// Puts the atoms of that operation, which is no exit; `actions` of operations to come may change.
  void select(QuickAction* actions);

  // -- for exits -----------------------------------------------------------------------------------------------
  /// The register that has `value`; constants are loaded.
  unsigned reg(ir::ValueId value);
  /// A temporary for the operation under way, or until `until`.
  unsigned temporary(uint16_t until = 0);
  /// `to` = `value`, for any 64-bit value.
  void load_constant(unsigned to, int64_t value);
  void move(unsigned to, unsigned from);
  /// `to` = `from` + `value`, 64 bits.
  void add(unsigned to, unsigned from, int64_t value);
  /// Concealed memory at `address`, 32 bits.
  void load_concealed_word(unsigned to, unsigned address);
  QuickPacker::Atom store_concealed_word(unsigned from, unsigned address) const;
  /// The branch that leaves when `inst`'s condition holds (or, inverted, does not), without a target.
  QuickPacker::Atom branch(const ir::Inst& inst, bool inverted);
  /// For a SetReg of SysFlags: a register that is 0 if nothing changes.
  unsigned difference_from_context(const ir::Inst& inst);
  /// A temporary that holds `value`; loads it if none does.
  unsigned holder_of(int64_t value);

 private:
  using Atom = QuickPacker::Atom;

  bool is_constant(ir::ValueId v) const { return v != ir::kNoValue && values_[v].where == kConstant; }
  int64_t constant(ir::ValueId v) const { return insts_[values_[v].def].imm; }

  void write(unsigned guest_register, uint16_t until);
  void evict(unsigned guest_register);
  unsigned destination(ir::ValueId v);
  unsigned flags_temporary(uint16_t until);

  void set_second(Atom& atom, ir::ValueId v, unsigned width);
  void set_count(Atom& atom, ir::ValueId v);
  void set_results(Atom& atom, const ir::Inst& inst, const QuickRule& rule);
  void set_flags(Atom& atom, const ir::Inst& inst, const QuickRule& rule);
  void set_address(Atom& atom, const ir::Inst& inst);

  void select_set(const ir::Inst& inst);
  void load_context(unsigned to, unsigned guest_register);
  void select_binary(const ir::Inst& inst, const QuickRule& rule);
  void select_unary(const ir::Inst& inst, const QuickRule& rule);
  void select_insert(const ir::Inst& inst, const QuickRule& rule);
  void select_double_shift(const ir::Inst& inst, const QuickRule& rule);
  void select_lea(const ir::Inst& inst, const QuickRule& rule);
  void select_choice(const ir::Inst& inst);
  void select_load(const ir::Inst& inst, const QuickRule& rule);
  void select_store(const ir::Inst& inst, const QuickRule& rule, QuickAction* actions);
  bool make_address_first(const ir::Inst& store, QuickAction* actions);

  QuickPacker packer_;
  const bool offsets_;
  const int64_t context_;
  const ir::Inst* insts_ = nullptr;
  std::vector<Value> values_;
  ir::ValueId value_count_ = 0, first_value_ = 0;
  uint16_t now_ = 0;  ///< stamp of the operation under way

  uint16_t resident_[10] = {};   ///< by guest register: until when values that are in it are needed
  uint16_t busy_[64] = {};       ///< by temporary: the same
  uint8_t next_temporary_ = 0, next_flags_ = 0;

  // The last address that was computed for a machine without displacements, as long as its register is not handed out
  // again; kNoValue: there is none.
  ir::ValueId address_base_ = ir::kNoValue;
  int64_t address_displacement_ = 0;
  uint8_t address_register_ = 0;

  int64_t constant_ = 0;         ///< the last constant that was loaded into a temporary
  uint8_t constant_register_ = isa::kZero;

  unsigned next_load_ = 0, next_store_ = 0;  ///< positions from which guest accesses may come
};

}  // namespace chrysalis::translator
