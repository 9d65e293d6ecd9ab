// How gear 1 translates each IR operation, as tables derived from those of the IR and of the atoms.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include "translator/atom_families.h"
#include "translator/ir/ir.h"
#include "translator/quick_packer.h"

namespace chrysalis::translator {

/// What is to be done for an operation.
enum class QuickAction : uint8_t {
  Refuse,       ///< the block ends before the instruction
  Skip,         ///< nothing: it is done with another operation
  Const, Get, Copy, GetContext, Set, Guard,
  Binary, Shift, Unary, Insert, DoubleShift, Lea, SetCc, SelectCc, SelectNz,
  Load, Store, StoreAtLea, Probe,
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

struct QuickRule {
  QuickAction action = QuickAction::Refuse;
  uint8_t traits = 0;
  uint8_t sources = 0;  ///< without the old flags
};

/// The operation's atom: same unit and latency at all widths.
struct QuickAtom {
  uint32_t word[4] = {};  ///< by width: 8, 16, 32, 64; without operands
  QuickPacker::Kind kind = 0;

  constexpr void set(unsigned width, isa::Op op) {
    word[width] = isa::encoding(op).fixed_bits;
    kind = QuickPacker::kind(op);
  }
};

namespace detail {

struct QuickRow {
  QuickRule rule;
  QuickAtom atom;
};

constexpr QuickRow quick_row(ir::Op op) {
  using A = isa::Op;
  using Op = ir::Op;
  QuickRow row;
  const ir::OpInfo& info = ir::info(op);
  const bool old = (info.effects & ir::kOldFlags) != 0;
  row.rule.sources = static_cast<uint8_t>(info.sources - (old ? 1 : 0));
  const auto plain = [&row](QuickAction action) {
    row.rule.action = action;
    return row;
  };
  const auto single = [&row](QuickAction action, A atom) {
    row.rule.action = action;
    for (unsigned w = 0; w < 4; ++w) row.atom.set(w, atom);
    return row;
  };
  const auto widths = [&row](QuickAction action, A w8, A w16, A w32, A w64) {
    row.rule.action = action;
    row.atom.set(0, w8);
    row.atom.set(1, w16);
    row.atom.set(2, w32);
    row.atom.set(3, w64);
    return row;
  };
  const auto with_flags = [&row, op, old](A atom) {
    if (!isa::info(atom).uses(isa::kWritesRd)) row.rule.traits |= kTraitNoValue;
    if (isa::info(atom).has(isa::kWritesFd)) row.rule.traits |= kTraitFlags;
    if (old) row.rule.traits |= kTraitOldFlags;
    if (op == Op::Adc || op == Op::Sbb || op == Op::Rcl || op == Op::Rcr) row.rule.traits |= kTraitCarry;
    return row;
  };
  switch (op) {
    case Op::Const: return plain(QuickAction::Const);
    case Op::GetReg: return plain(QuickAction::Get);
    case Op::SetReg: return plain(QuickAction::Set);
    case Op::Exit: return plain(QuickAction::Exit);
    case Op::ExitIf: return plain(QuickAction::ExitIf);
    case Op::ExitInd: return plain(QuickAction::ExitInd);
    case Op::TrapIf: return plain(QuickAction::TrapIf);
    case Op::SelectCc: return single(QuickAction::SelectCc, A::SelectCc);
    case Op::SelectNz: return single(QuickAction::SelectNz, A::SelectNz);
    case Op::SetCc: return single(QuickAction::SetCc, A::SetCc);
    case Op::ExtractH: return single(QuickAction::Unary, A::ExtractH);
    case Op::InsertL8: return single(QuickAction::Insert, A::InsertL8);
    case Op::InsertH8: return single(QuickAction::Insert, A::InsertH8);
    case Op::InsertL16: return single(QuickAction::Insert, A::InsertL16);
    case Op::Zext: return widths(QuickAction::Unary, A::Zext8, A::Zext16, A::Zext32, A::Mov);
    case Op::Sext: return widths(QuickAction::Unary, A::Sext8, A::Sext16, A::Sext32, A::Mov);
    case Op::Lea: return widths(QuickAction::Lea, A::Nop, A::Lea16, A::Lea32, A::Lea64);
    case Op::Load: return widths(QuickAction::Load, A::LdG8U, A::LdG16U, A::LdG32U, A::LdG64);
    case Op::LoadS: return widths(QuickAction::Load, A::LdG8S, A::LdG16S, A::LdG32S, A::LdG64);
    case Op::Store: return widths(QuickAction::Store, A::StG8, A::StG16, A::StG32, A::StG64);
    case Op::ProbeWrite: return widths(QuickAction::Probe, A::ProbeG8, A::ProbeG16, A::ProbeG32, A::ProbeG64);
    case Op::Shld: widths(QuickAction::DoubleShift, A::Nop, A::Shld16, A::Shld32, A::Shld64); return with_flags(A::Shld64);
    case Op::Shrd: widths(QuickAction::DoubleShift, A::Nop, A::Shrd16, A::Shrd32, A::Shrd64); return with_flags(A::Shrd64);
    default: break;
  }
  const AtomFamily family = atom_family(op);
  if (family.first == A::Nop) return row;
  for (unsigned w = 0; w < 4; ++w) {
    const unsigned width = 8u << w;
    if (family.first_width == 64) row.atom.set(w, family.first);
    else if (width >= family.first_width) row.atom.set(w, isa::at_width(family.first, width, family.first_width));
  }
  row.rule.action = isa::info(family.first).uses(isa::kReadsRm) ? QuickAction::Binary : QuickAction::Unary;
  if (op >= Op::Shl && op <= Op::Rcr) row.rule.action = QuickAction::Shift;
  if (family.commutes) row.rule.traits |= kTraitCommutes;
  return with_flags(family.first);
}

struct QuickTables {
  QuickRule rule[static_cast<unsigned>(ir::Op::kCount)];
  QuickAtom atom[static_cast<unsigned>(ir::Op::kCount)];
  constexpr QuickTables() {
    for (unsigned op = 0; op < static_cast<unsigned>(ir::Op::kCount); ++op) {
      const QuickRow row = quick_row(static_cast<ir::Op>(op));
      rule[op] = row.rule;
      atom[op] = row.atom;
    }
  }
};
inline constexpr QuickTables kQuickTables;

}  // namespace detail

inline const QuickRule& quick_rule(ir::Op op) { return detail::kQuickTables.rule[static_cast<unsigned>(op)]; }
inline const QuickAtom& quick_atom(ir::Op op) { return detail::kQuickTables.atom[static_cast<unsigned>(op)]; }

}  // namespace chrysalis::translator
