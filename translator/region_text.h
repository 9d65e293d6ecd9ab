// The text form of regions: code and register maps, written and read without loss. Build machine only.
//
//   region @0x8048000, next @0x8048009, faults_roll_back
//     allocatable r0-r7, r9-r27
//     entry eax=v0, ecx=v1, flags=v2
//   guest 0
//     v3, f4 = add.32 v0, v1
//   guest 1
//     exit_if.nz f4, @0x8048000 rmap{eax=v3, ecx=v1, flags=f4} completed 2, likely
//     exit @0x8048009 rmap{eax=v3, ecx=v1, flags=f4} completed 2
//
// Lines of the head (all but the first in any order, and absent where there is nothing to say):
//
//   region [@EIP] [, next @NEXT_EIP] [, faults_roll_back] [, precise]
//     values N          Region::code.next_value, unless it is one more than the highest value named
//     allocatable REGS  numbers and ranges
//     readable REGS
//     stack VALUE
//     in_order N, ...   guest instructions; N:MASK where Region::in_order is not kWithAll
//     entry REG=VALUE, ...
//
// The further paths of a tree follow its first one, each headed by
//
//   path [@EIP] [, next @NEXT_EIP] [, committed N] [, skipped N] [, ...]
//
// Then operations (translator/ir/text.h), and "guest N" where the guest instruction changes; without one, it is 0. A point's
// operation is followed by its map: rmap{REG=VALUE, ...}, and if there is something to say, "completed N", "pc @ADDRESS" (of commits),
// "path N" (of exits that a path of the tree goes on behind: the N-th after the first) and "likely", with commas between them. An operation without rmap has no map, which the verifier objects to if it is a point.
//
// Registers are r0 to r62; eax to edi, eip and flags are other names of r0 to r9, which regions of guest code are written
// with. A semicolon begins a comment. A text may hold several regions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "translator/region.h"

namespace chrysalis::translator {

/// Lost are only what no one can see: the places of maps in Region::bindings, and zeros at the end of Region::in_order.
std::string region_text(const Region& region);
/// The paths of a tree.
std::string tree_text(std::span<const Region> tree);

struct TextError {
  unsigned line;        ///< from 1
  std::string message;  ///< what is wrong, and what would be accepted
};

struct ParsedRegion {
  Region region;
  bool is_path = false;         ///< of the tree that the region before it begins
  unsigned line = 0;            ///< of "region" or "path"
  std::vector<unsigned> lines;  ///< by operation

  /// The line of operation `inst`; that of the last one for the code as a whole.
  unsigned line_of(uint32_t inst) const;
};

struct ParsedRegions {
  std::vector<ParsedRegion> regions;
  std::vector<TextError> errors;  ///< in order of lines; empty: all could be read
};

/// Reads regions. What can be written and is not allowed, such as a value used before its definition, is left to
/// verify_region().
ParsedRegions parse_regions(std::string_view text);

/// Whether two regions are equal in all that region_text() writes.
bool same(const Region& a, const Region& b);

}  // namespace chrysalis::translator
