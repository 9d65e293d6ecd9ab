// Micro-operations: what the interpreters execute. One per IR operation (plain form), or fewer where the
// direct-threaded interpreter has a form for a whole shape (fast form, fast_forms.h).
//
// An operand is a byte offset from the context's first slot: guest registers first, temporaries of the
// instruction behind them (Mailbox::scratch). A micro-operation reads all its operands before it writes any.
#pragma once

#include <cstddef>
#include <cstdint>

#include "firmware/abi.h"
#include "translator/ir/ir.h"

namespace chrysalis::fw {

struct Uop;

/// Executes one micro-operation. The core form goes on to the next one by a tail call and returns only to
/// leave the interpreter; the hosted form returns the next one, or null to leave.
using Handler = const Uop* (*)(const Uop* op, char* base);

struct Uop {
  union {
    Handler run;      ///< direct threaded
    uint64_t code;    ///< the other interpreters: uop_code()
  };
  union {
    struct {
      uint16_t d, f;  ///< destinations: value, flags image
      uint16_t a, b;  ///< sources 0 and 1
    };
    const Uop* target;  ///< Exit, ExitIf: first micro-operation of the successor (g_unlinked until known)
    int64_t budget;     ///< Head: executions left until the block is hot; 0: leave at once
  };
  union {
    struct {
      int32_t imm;
      union {
        struct {
          uint16_t c, e;  ///< sources 2 and 3; of ExitIf: source 0 and condition; of Lea: scale in c
        };
        uint32_t eip;     ///< of what can fault or trap: the instruction's address
      };
    };
    uint64_t wide;        ///< Const
  };
};
static_assert(sizeof(Uop) == 24);

/// Micro-operations of the plain form are numbered by IR operation and width.
constexpr uint16_t uop_code(ir::Op op, unsigned width) {
  return static_cast<uint16_t>(static_cast<unsigned>(op) * 4 + (width == 8 ? 0 : width == 16 ? 1 : width == 32 ? 2 : 3));
}
/// What is no IR operation.
enum : uint16_t {
  kUopEnd = static_cast<uint16_t>(ir::Op::kCount) * 4,  ///< the instruction is complete: commit and count it
  kUopPoll,        ///< asynchronous work is looked for; imm: address of the instruction that follows
  kUopHead,        ///< a block begins: counts, and leaves with Leave::Hot when the budget is spent; imm: its address
  kUopJump,        ///< to imm, between instructions
  kUopRepeat,      ///< Exit that does not complete the instruction: commit, count nothing
  kUopRepeatIf,    ///< ExitIf of the same kind
  kUopUnlinked,    ///< leaves with Leave::Exit
  kUopLeave,       ///< leaves with Leave::Mode: the next address is in the context's EIP
  kUopCommit,      ///< releases the gated stores amid an instruction
  kUopCount
};

/// Why an interpreter left.
enum class Leave : uint64_t {
  Exit,          ///< left_by is an Exit or ExitIf taken, not linked yet
  Indirect,      ///< the new address is in the context's EIP
  Mode,          ///< the same, after an instruction that may change what lifting assumes
  Trap,          ///< left_by is a Trap or TrapIf
  SoftInt,       ///< left_by is a SoftInt
  Raise,         ///< a helper raised what Mailbox::vector says; EIP is in the context
  Poll,          ///< left_by is a Poll: something asynchronous wants the monitor
  Hot,           ///< left_by is a Head: the block that begins there is translated, or to be translated
};

inline constexpr unsigned kScratchOffset = offsetof(Mailbox, scratch) - offsetof(Mailbox, context);
constexpr uint16_t slot_of(ir::GuestReg reg) { return static_cast<uint16_t>(static_cast<unsigned>(reg) * 8); }
inline constexpr uint16_t kSlotEip = slot_of(ir::GuestReg::Eip);
inline constexpr uint16_t kSlotFlags = slot_of(ir::GuestReg::Flags);
inline constexpr uint16_t kSlotZero = kScratchOffset + offsetof(InterpreterScratch, zero);
inline constexpr uint16_t kSlotJunk = kScratchOffset + offsetof(InterpreterScratch, junk);
inline constexpr uint16_t kSlotTemp = kScratchOffset + offsetof(InterpreterScratch, temp);
inline constexpr unsigned kTempCount = sizeof(InterpreterScratch::temp) / 8;

inline uint64_t& slot(char* base, uint16_t offset) { return *reinterpret_cast<uint64_t*>(base + offset); }
inline InterpreterScratch& scratch(char* base) { return *reinterpret_cast<InterpreterScratch*>(base + kScratchOffset); }

/// What profiling knows of an exit, beside its micro-operation: u / 2 + InterpreterScratch::profile. All that two exits need lie
/// 24 bytes apart, so that 12 remain for each.
struct ExitProfile {
  uint32_t taken;   ///< ExitIf: times taken. ExitInd: lead of `target` over all other targets, saturating at 0
  uint32_t target;  ///< ExitInd: the address that it mostly goes to
  uint32_t spare;
};
static_assert(sizeof(ExitProfile) * 2 == sizeof(Uop));
inline ExitProfile& exit_profile(const Uop* u, char* base) {
  return *reinterpret_cast<ExitProfile*>((reinterpret_cast<uintptr_t>(u) >> 1) + scratch(base).profile);
}

/// The target of every exit that is not linked; leaves with Leave::Exit.
extern Uop g_unlinked[1];

/// Where indirect exits look for their successor before they leave.
struct JumpEntry {
  uint64_t eip;     ///< kNoJump: empty
  const Uop* first;
};
inline constexpr unsigned kJumpEntries = 512;
inline constexpr uint64_t kNoJump = ~uint64_t{0};
extern JumpEntry g_jumps[kJumpEntries];
inline JumpEntry& jump_entry(uint64_t eip) { return g_jumps[(eip ^ eip >> 9) % kJumpEntries]; }

}  // namespace chrysalis::fw
