// The text form of the intermediate representation, for dumps, tests and error messages. Build machine only.
#pragma once

#include <span>
#include <string>

#include "translator/ir/ir.h"

namespace chrysalis::ir {

/// Names as the text form writes them.
const char* name(Cond cond);
const char* name(GuestReg reg);

/// One operation, without indentation or newline, such as
///   v3, f4 = add.32 v1, v2
///   f7 = sbb.8 v1, v2, f6
///   exit_if.nz f4, @0x401006
/// A value that is some operation's flags result is written fN, every other vN; `is_flags` tells which
/// (indexed by value; short or empty means vN).
std::string text(const Inst& inst, std::span<const bool> is_flags = {});

/// The whole code, one operation per line, each line indented by two spaces and preceded, where the guest
/// instruction changes, by a line "; guest N".
std::string text(const Code& code);

}  // namespace chrysalis::ir
