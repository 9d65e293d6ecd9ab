// What each micro-operation of the plain form does: the evaluation of one IR operation on slots. Written
// once; the three interpreters differ in how they come here. The meaning of an x86 instruction is not here
// but in the lifter; the meaning of an integer operation is the host's (host::value, host::flags).
#pragma once

#include "firmware/helper_call.h"
#include "firmware/host.h"
#include "firmware/uop.h"

namespace chrysalis::fw {

/// True for operations that only compute.
constexpr bool is_pure(ir::Op op) {
  return (ir::info(op).effects & ~ir::kOldFlags) == 0 && op != ir::Op::Const && op != ir::Op::CodeAddr;
}

/// True for operations that the interpreters execute; the rest belongs to compiled firmware.
constexpr bool is_interpreted(ir::Op op) {
  const uint16_t concealed = ir::kLoad | ir::kStore;
  if ((ir::info(op).effects & concealed) != 0 && (ir::info(op).effects & ir::kGuest) == 0) return false;
  return op < ir::Op::Branch;
}

/// Operations that atoms have at 16 bits and more only.
constexpr bool lacks_width_8(ir::Op op) {
  using ir::Op;
  switch (op) {
    case Op::Shld: case Op::Shrd: case Op::Bt: case Op::Bts: case Op::Btr: case Op::Btc: case Op::Bsf: case Op::Bsr:
    case Op::Bswap: return true;
    default: return false;
  }
}
/// True for operations whose meaning depends on their width.
constexpr bool has_width(ir::Op op) {
  using ir::Op;
  switch (op) {
    case Op::Const: case Op::GetReg: case Op::SetReg: case Op::Copy: case Op::SetCc: case Op::SelectCc: case Op::SelectNz:
    case Op::LeaUw: case Op::ExtractH: case Op::InsertL8: case Op::InsertH8: case Op::InsertL16: case Op::OrcB:
    case Op::SetLtU: case Op::SetLtS: case Op::SetEq: case Op::SetNe: return false;
    default: return (ir::info(op).effects & (ir::kExit | ir::kHelper)) == 0;
  }
}
/// The width under which the plain form knows an operation: operations without a width stand at 64.
constexpr unsigned plain_width(ir::Op op, unsigned width) { return has_width(op) ? width : 64; }
/// True if the plain form has this operation at this width.
constexpr bool is_form(ir::Op op, unsigned width) {
  return is_interpreted(op) && plain_width(op, width) == width && !(width == 8 && lacks_width_8(op));
}

/// Condition of SetCc, SelectCc, ExitIf, TrapIf on source `s`: a flags image, or a value for Zero and NonZero.
FW_INLINE bool condition(ir::Cond cond, uint64_t s) {
  if (cond == ir::Cond::Zero) return s == 0;
  if (cond == ir::Cond::NonZero) return s != 0;
  return isa::holds(static_cast<isa::Cond>(cond), s);
}

FW_INLINE const Uop* leave(const Uop* u, char* base, Leave reason) {
  scratch(base).left_by = u;
  scratch(base).reason = static_cast<uint64_t>(reason);
  return nullptr;
}

/// The successor of an exit with a fixed address.
FW_INLINE const Uop* follow(const Uop* u, char* base) {
  scratch(base).left_by = u;  // read only if the target is g_unlinked
  return u->target;
}

/// The same for a conditional one, counted.
FW_INLINE const Uop* follow_counted(const Uop* u, char* base) {
  ++exit_profile(u, base).taken;
  return follow(u, base);
}

/// The successor of an indirect exit, whose address is in the context's EIP.
FW_INLINE const Uop* find_indirect(const Uop* u, char* base) {
  const uint64_t eip = slot(base, kSlotEip);
  ExitProfile& profile = exit_profile(u, base);
  if (profile.target == eip) {
    ++profile.taken;
  } else if (profile.taken == 0) {
    profile.target = static_cast<uint32_t>(eip);
  } else {
    --profile.taken;
  }
  const JumpEntry& entry = jump_entry(eip);
  if (entry.eip == eip) return entry.first;
  return leave(u, base, Leave::Indirect);
}

/// Executes `u`; returns the next micro-operation, or null to leave.
template <ir::Op op, unsigned width>
FW_INLINE const Uop* execute(const Uop* u, char* base) {
  using ir::Op;
  constexpr ir::OpInfo row = ir::info(op);
  if constexpr (op == Op::Const) {
    slot(base, u->d) = u->wide;
  } else if constexpr (op == Op::GetReg || op == Op::SetReg || op == Op::Copy) {
    slot(base, u->d) = slot(base, u->a);
  } else if constexpr (op == Op::Lea) {
    const uint64_t sum = slot(base, u->a) + (slot(base, u->b) << u->c) + static_cast<int64_t>(u->imm);
    slot(base, u->d) = host::value<Op::Zext, width>(sum);
  } else if constexpr (op == Op::LeaUw) {
    slot(base, u->d) = slot(base, u->a) + (host::value<Op::Zext, 32>(slot(base, u->b)) << u->c);
  } else if constexpr (op == Op::SetCc) {
    slot(base, u->d) = condition(static_cast<ir::Cond>(u->e), slot(base, u->a));
  } else if constexpr (op == Op::SelectCc) {
    slot(base, u->d) = condition(static_cast<ir::Cond>(u->e), slot(base, u->a)) ? slot(base, u->b) : slot(base, u->c);
  } else if constexpr (is_pure(op)) {
    const uint64_t a = slot(base, u->a);
    const uint64_t b = row.sources > 1 ? slot(base, u->b) : 0;
    const uint64_t c = row.sources > 2 ? slot(base, u->c) : 0;
    const uint64_t e = row.sources > 3 ? slot(base, u->e) : 0;
    if constexpr (row.results == ir::Results::V) {
      slot(base, u->d) = host::value<op, width>(a, b, c, e);
    } else if constexpr (row.results == ir::Results::F) {
      slot(base, u->f) = host::flags<op, width>(a, b, c, e);
    } else {
      const uint64_t result = host::value<op, width>(a, b, c, e);
      slot(base, u->f) = host::flags<op, width>(a, b, c, e);
      slot(base, u->d) = result;
    }
  } else if constexpr (op == Op::Load) {
    const uint64_t address = slot(base, u->a) + static_cast<int64_t>(u->imm);
    scratch(base).current = u;
    slot(base, u->d) = host::guest_load<width>(address);
  } else if constexpr (op == Op::LoadS) {
    const uint64_t address = slot(base, u->a) + static_cast<int64_t>(u->imm);
    scratch(base).current = u;
    slot(base, u->d) = host::guest_load_signed<width>(address);
  } else if constexpr (op == Op::Store) {
    const uint64_t address = slot(base, u->a) + static_cast<int64_t>(u->imm), data = slot(base, u->b);
    scratch(base).current = u;
    host::guest_store<width>(address, data);
  } else if constexpr (op == Op::ProbeWrite) {
    const uint64_t address = slot(base, u->a) + static_cast<int64_t>(u->imm);
    scratch(base).current = u;
    host::guest_probe_write<width>(address);
  } else if constexpr (op == Op::Exit) {
    host::commit<1>();
    return follow(u, base);
  } else if constexpr (op == Op::ExitIf) {
    if (condition(static_cast<ir::Cond>(u->e), slot(base, u->c))) {
      host::commit<1>();
      return follow_counted(u, base);
    }
  } else if constexpr (op == Op::ExitInd) {
    slot(base, kSlotEip) = host::value<Op::Zext, 32>(slot(base, u->a));
    host::commit<1>();
    return find_indirect(u, base);
  } else if constexpr (op == Op::Trap) {
    return leave(u, base, Leave::Trap);
  } else if constexpr (op == Op::TrapIf) {
    if (condition(static_cast<ir::Cond>(u->b), slot(base, u->a))) return leave(u, base, Leave::Trap);
  } else if constexpr (op == Op::SoftInt) {
    host::commit<1>();
    return leave(u, base, Leave::SoftInt);
  } else if constexpr (op == Op::Helper) {
    scratch(base).current = nullptr;
    if (!call_helper(u, base)) return leave(u, base, Leave::Raise);
  }
  return u + 1;
}

/// The same for what is no IR operation.
template <uint16_t code>
FW_INLINE const Uop* execute_other(const Uop* u, char* base) {
  if constexpr (code == kUopEnd) {
    host::commit<1>();
    return u + 1;
  } else if constexpr (code == kUopPoll) {
    if (host::attention()) return leave(u, base, Leave::Poll);
    return u + 1;
  } else if constexpr (code == kUopHead) {
    const int64_t left = u->budget - 1;
    if (left < 0) return leave(u, base, Leave::Hot);
    const_cast<Uop*>(u)->budget = left;
    return u + 1;
  } else if constexpr (code == kUopJump) {
    return follow(u, base);
  } else if constexpr (code == kUopRepeat) {
    host::commit<0>();
    return follow(u, base);
  } else if constexpr (code == kUopRepeatIf) {
    if (!condition(static_cast<ir::Cond>(u->e), slot(base, u->c))) return u + 1;
    host::commit<0>();
    return follow(u, base);
  } else if constexpr (code == kUopUnlinked) {
    scratch(base).reason = static_cast<uint64_t>(Leave::Exit);  // left_by names the exit that came here
    return nullptr;
  } else if constexpr (code == kUopLeave) {
    return leave(u, base, Leave::Mode);
  } else {
    static_assert(code == kUopCommit);
    host::commit<0>();
    return u + 1;
  }
}

}  // namespace chrysalis::fw
