// Turns the lifted form of one x86 instruction into micro-operations.
#pragma once

#include <cstdint>

#include "firmware/uop.h"
#include "translator/ir/ir.h"

namespace chrysalis::fw {

/// The form that an interpreter executes.
enum class UopForm : uint8_t {
  Coded,   ///< plain, Uop::code: decode-and-dispatch, indirect threaded
  Direct,  ///< operands folded, fast forms, Uop::run: direct threaded
};

/// Where micro-operations are written; `next` never passes `end`.
struct UopBuffer {
  Uop* next;
  Uop* end;
};

/// Enough room for any one instruction, with what the block adds around it.
inline constexpr unsigned kMaxUopsPerInstruction = 512;

/// What an instruction that is executed on its own may need.
struct ConvertOptions {
  bool commit_stores = false;  ///< each guest store is released at once: more of them than can be gated
  bool leave_repeat = false;   ///< the interpreter is left after each iteration under REP: single-stepping
};

/// An instruction that may change what lifting assumes, or set TF, ends with a return to the monitor.
struct Converted {
  bool ends_block;      ///< control never goes on to the following micro-operation
  Uop* exit = nullptr;  ///< the last conditional or indirect exit, which profiling watches; null: none
  bool leaves;          ///< has an exit to an address at or before its own, or an indirect one: a loop may pass here
  bool relocatable;     ///< it goes on behind itself and does the same wherever it lies, but for the addresses in `with_eip`
  uint8_t with_eip;     ///< of a relocatable one: its micro-operations, as bits, whose `eip` is its address
};

/// Appends the micro-operations of one instruction.
///
/// In:     `code`: what the lifter produced for the instruction at `eip`, whose successor in memory is
///         `next_eip`; at least kMaxUopsPerInstruction of room in `out`.
/// Out:    micro-operations that commit and count the instruction exactly once when it completes, and touch
///         guest registers only after everything in it that can fault. A final exit to `next_eip` becomes
///         falling through.
/// Errors: none; operations that the interpreters do not know end in Panic: a bug of the lifter.
Converted convert(const ir::Code& code, uint32_t eip, uint32_t next_eip, UopForm form, const ConvertOptions& options, UopBuffer& out);

/// Appends an exit to `target` that counts no instruction.
void append_jump(uint32_t target, UopForm form, UopBuffer& out);

/// Appends the head of the block at `eip`.
void append_head(uint32_t eip, int64_t budget, UopForm form, UopBuffer& out);

/// Appends the check for asynchronous work, before the instruction at `eip`.
void append_poll(uint32_t eip, UopForm form, UopBuffer& out);

}  // namespace chrysalis::fw
