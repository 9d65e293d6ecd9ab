// Lifts decoded IA-32 instructions to IR: the one place that says what an x86 instruction means.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>

#include "translator/ir/ir.h"
#include "x86-frontend/decoded.h"

namespace chrysalis::x86 {

enum class LiftStatus : uint8_t {
  Continues,    ///< control may reach the next instruction: the caller appends what follows, e.g. Exit to eip + length
  Ends,         ///< the last operation is an exit without kSide: nothing may be appended
  Unsupported,  ///< as Ends, the operation being Trap #UD; the processor that CPUID describes lacks the instruction, or
                ///< we do. Count it.
};

/// What the lifter may assume of the guest's state. Bit n of a mask: segment register n in the order
/// ES CS SS DS FS GS. Code lifted under other assumptions than those that hold must not be executed: key caches of
/// lifted code with them, and look at them again after an instruction that loads a segment register.
struct LiftOptions {
  uint8_t flat_segments = 0b001111;    ///< base is 0, no base is added
  uint8_t unreadable_segments = 0;     ///< hold a null selector: an access is #GP(0)
  uint8_t unwritable_segments = 0b10;  ///< hold a read-only or code segment: a write is #GP(0)
};

/// Appends the IR of the instruction `d` at `eip` to `out`.
///
/// Reload: with `reloaded`, immediates and displacements that are plain operands are loaded from the instruction's bytes in
///         guest memory when it executes, so that code in which only they change need not be lifted again. It receives
///         which bytes those are: bit n for byte n. Distances of jumps, and what shapes the instruction (ENTER's level,
///         a divisor of AAM), stay compiled in.
/// In:     a valid instruction of 32-bit protected mode, as decode() delivers it.
/// Out:    operations in program order. Guest registers are read by GetReg where needed and written by SetReg; per
///         instruction, no SetReg comes before an operation that may fault, so whatever faults leaves the registers as
///         they were. What is written has 32 bits, the others being 0, or is a constant of which 32 count.
///         Guest stores may come before: they are gated. Read-modify-write operands are probed for writing
///         first, so that they fault as a write.
/// Eip:    GuestReg::Eip is written only before SoftInt (address after the instruction). Exits carry their target. A Trap,
///         a faulting access and a faulting helper belong to the instruction at `eip`.
/// Exits:  ExitIf and Exit name their target in `imm`, ExitInd in source 0; `aux` is the ExitKind. All writes come before.
///         ExitKind::Repeat: a string instruction under REP has done one iteration, and another follows; the target is
///         `eip` and the instruction is not complete. It is a commit point where interrupts may be taken. Every other
///         exit, falling through and SoftInt complete the instruction.
/// SoftInt: INT n, INT3, INTO taken: the gate decides whether user mode may call it; if not, #GP with error code
///         vector * 8 + 2 belongs to the instruction at `eip`, which the caller knows. INT1 (`imm` 1) is not checked.
/// Left to the caller: Inst::guest, which stays 0; the single-step trap (TF as it was before the instruction), and the guest's instruction limit of
///         15 bytes and the fetch faults, which precede lifting. RF is never set in SysFlags. AC is stored but alignment
///         is not checked.
/// Level:  user mode: CPL 3, IOPL 0. Privileged instructions are #GP(0).
/// Cost:   linear in what is appended; at most 250 operations (ENTER with 31 levels), 3.6 on average.
/// Source: SDM Vol. 2; undefined flags as docs/host-isa.md, FlagPolicy::Documented, and x86-frontend/undefined_flags.h.
LiftStatus lift(const DecodedInst& d, uint32_t eip, const LiftOptions& options, ir::Code& out, uint16_t* reloaded = nullptr);

}  // namespace chrysalis::x86
