// The text form of the intermediate representation, written and read: for dumps, tests, tools and error messages. Build
// machine only. A whole region's text form is in translator/region_text.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
/// (indexed by value; short or empty means vN). A source that is absent is "-".
///
/// Nothing is lost: a field that the operation has no place for is written as aux=N or imm=N, if it is not 0. Only what
/// has no name, an unknown operation, intrinsic, condition or guest register, is written as "?".
std::string text(const Inst& inst, std::span<const bool> is_flags = {});

/// The whole code, one operation per line, each line indented by two spaces and preceded, where the guest
/// instruction changes, by a line "guest N".
std::string text(const Code& code);

/// Which values are flags results, as text() wants it; its size is code.next_value.
class FlagsResults {
 public:
  explicit FlagsResults(const Code& code);
  std::span<const bool> span() const { return {bits_.get(), count_}; }

 private:
  size_t count_;
  std::unique_ptr<bool[]> bits_;
};

/// A value as an operation names it, with the letter that it was written with.
struct NamedValue {
  ValueId value;
  bool as_flags;
};

/// Reads what text() writes for one operation, with free white space and nothing behind it. True: `inst` has it, all
/// but `guest`, and `sources` the names it read in order. False: `problem` says what is wrong and what would be accepted.
/// It reads more than the verifier accepts: any width up to 255, any number of sources up to four, results that the
/// operation does not have.
bool parse(std::string_view line, Inst& inst, std::vector<NamedValue>& sources, std::string& problem);

/// Pieces of the syntax, for what else is written in it. Each takes a whole word.
bool parse_value(std::string_view word, NamedValue& out);
bool parse_number(std::string_view word, int64_t& out);  ///< decimal or 0x..., perhaps with a minus sign
std::string_view trim(std::string_view text);
/// Splits at commas, and trims; a text of white space has no parts.
std::vector<std::string_view> split_list(std::string_view text);

}  // namespace chrysalis::ir
