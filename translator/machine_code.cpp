#include "translator/machine_code.h"

#include "translator/assert.h"

namespace chrysalis::translator {
namespace {

using isa::Op;

/// Families whose members follow each other in the table of atoms, plain and with alias hardware.
struct Forms {
  Op first, last;  ///< plain
  Op special;      ///< the form that stands for `first`
};
constexpr Forms kLoads[] = {{Op::LdG8U, Op::LdG64, Op::LdProt8}, {Op::FLdG32, Op::FLdG128, Op::FLdProt32}};
constexpr Forms kStores[] = {{Op::StG8, Op::StG64, Op::StMask8}, {Op::FStG32, Op::FStG128, Op::FStMask32}};

/// The form of `op` with alias hardware, or Nop.
Op special_form(const Forms (&forms)[2], Op op) {
  for (const Forms& row : forms) {
    if (op >= row.first && op <= row.last)
      return static_cast<Op>(static_cast<unsigned>(row.special) + (static_cast<unsigned>(op) - static_cast<unsigned>(row.first)));
  }
  return Op::Nop;
}

}  // namespace

bool can_protect(const MachOp& op) { return isa::info(op.op).has(isa::kProtect) || special_form(kLoads, op.op) != Op::Nop; }

void protect(MachOp& load, unsigned entry) {
  if (!isa::info(load.op).has(isa::kProtect)) load.op = special_form(kLoads, load.op);
  CHRYSALIS_ASSERT(load.op != Op::Nop, load.guest);
  load.alias = static_cast<uint8_t>(entry);
}

bool can_check(const MachOp& op) {
  if (isa::info(op.op).has(isa::kMasked)) return true;
  return op.mode != isa::Mode::Register && special_form(kStores, op.op) != Op::Nop;
}

void check(MachOp& store, unsigned mask) {
  store.alias = static_cast<uint8_t>(store.alias | mask);
  if (isa::info(store.op).has(isa::kMasked)) return;
  CHRYSALIS_ASSERT(can_check(store), store.guest);
  store.op = special_form(kStores, store.op);
  // The mask takes the place of a short displacement.
  store.mode = store.imm == 0 ? isa::Mode::Register : isa::Mode::Long;
}

bool check_needs_literal(const MachOp& store) {
  return !isa::info(store.op).has(isa::kMasked) && store.mode == isa::Mode::Short && store.imm != 0;
}

}  // namespace chrysalis::translator
