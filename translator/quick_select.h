// Selects atoms for gear 1, one operation after the other, straight into molecules.
//
// Freestanding C++20: it also runs on the simulated core, where its speed counts.
#pragma once

#include <cstdint>

#include "isa-host/machine_description.h"
#include "translator/quick_block.h"
#include "translator/quick_packer.h"

namespace chrysalis::translator {

/// An atom under construction.
struct QuickPiece {
  uint32_t word;
  QuickPacker::Kind kind;
  uint8_t a = isa::kZero, b = isa::kZero, d = isa::kZero, f = isa::kZero;
  uint64_t literal = QuickPacker::kNoLiteral;
};

/// Temporaries are handed out in turn, so that molecules can overlap.
class QuickSelector {
 public:
  static constexpr uint16_t kForever = 0xffff;

  /// `context`: concealed address of the guest registers that have no host register.
  QuickSelector(const isa::MachineDescription& machine, uint64_t context);

  QuickPacker& packer() { return packer_; }
  bool offsets() const { return offsets_; }

  /// Starts the translation of `block`, which stays as it is meanwhile.
  void begin(QuickBlock& block);
  /// What follows is for operation `index`.
  void begin_operation(unsigned index) { now_ = QuickBlock::stamp(index); }
  /// Puts the atoms of that operation, which is no exit.
  void select(QuickAction action, const ir::Inst& inst);

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
  /// `to` = `base` + 4 * (`number` mod `slots`), for addresses below 2 GiB.
  void address_of_slot(unsigned to, unsigned number, uint32_t slots, uint64_t base);
  /// For a SetReg of SysFlags: a register that is 0 if nothing changes.
  unsigned difference_from_context(const ir::Inst& inst);
  /// A temporary that holds `value`; loads it if none does.
  unsigned holder_of(int64_t value);

 private:
  using Value = QuickBlock::Value;
  using Piece = QuickPiece;

  bool is_constant(ir::ValueId v) const { return v != ir::kNoValue && values_[v].where == QuickBlock::kConstant; }
  int64_t constant(ir::ValueId v) const { return insts_[values_[v].def].imm; }
  void put(const Piece& piece) { packer_.put(piece.word, piece.kind, piece.a, piece.b, piece.d, piece.f, piece.literal); }

  unsigned destination(ir::ValueId v);
  unsigned flags_temporary(uint16_t until);
  void set_second(Piece& piece, ir::ValueId v, unsigned width);
  void set_flags(Piece& piece, const ir::Inst& inst, const QuickRule& rule);
  void set_address(Piece& piece, const ir::Inst& inst);

  void load_context(unsigned to, unsigned guest_register);
  void select_set(const ir::Inst& inst);
  void select_binary(const ir::Inst& inst, bool is_shift);
  void select_unary(const ir::Inst& inst);
  void select_insert(const ir::Inst& inst);
  void select_double_shift(const ir::Inst& inst);
  void select_lea(const ir::Inst& inst);
  void select_choice(const ir::Inst& inst);
  void select_load(const ir::Inst& inst);
  void select_store(const ir::Inst& inst, bool at_lea);
  bool is_wanted(const ir::Inst& inst) const;

  QuickPacker packer_;
  const bool offsets_;
  const int64_t context_;
  const ir::Inst* insts_ = nullptr;
  Value* values_ = nullptr;
  uint16_t now_ = 0;  ///< stamp of the operation under way
  unsigned next_load_ = 0, next_store_ = 0;  ///< positions from which guest accesses may come

  uint16_t busy_[isa::kIntRegs] = {};  ///< by temporary: until when it is needed
  uint8_t next_temporary_ = 0, next_flags_ = 0;

  // The last address that was computed for a machine without displacements, and the last constant that was loaded, as
  // long as their registers are not handed out again.
  ir::ValueId address_base_ = ir::kNoValue;
  uint8_t address_register_ = 0, constant_register_ = isa::kZero;
  int64_t address_displacement_ = 0, constant_ = 0;
};

}  // namespace chrysalis::translator
