// Superblocks of real programs, as regions: what scheduler and back end are measured on.
#pragma once

#include <string>
#include <vector>

#include "translator/guest_region.h"

namespace chrysalis::test {

struct Superblock {
  std::string name;      ///< program:function+offset
  unsigned instructions; ///< x86
  bool loop;             ///< it ends by going to its own beginning
  translator::Region region;
};

struct SuperblockOptions {
  std::string source;            ///< functions of this source file only; empty: all of the program's
  unsigned max_instructions = 200;
  unsigned unroll = 1;           ///< copies of a loop's body, as long as they fit
  translator::GuestRegionBuilder::Commits commits;
};

/// Superblocks of an i386 ELF file with symbols, found without a profile: they begin at functions and at targets of
/// backward branches, follow jumps, fall through forward branches, and end at calls, returns, computed jumps, back at
/// their beginning, or at what a region cannot hold. In the order of addresses. Throws std::runtime_error.
std::vector<Superblock> superblocks(const std::string& path, const SuperblockOptions& options);

}  // namespace chrysalis::test
