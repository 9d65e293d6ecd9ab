// Superblocks of the firmware: which blocks become one region, and its IR.
#pragma once

#include "firmware/image/program.h"
#include "translator/region.h"

namespace chrysalis::image {

struct SuperblockOptions {
  unsigned max_insts = 96;        ///< RISC-V instructions in one region
  unsigned max_duplicated = 12;   ///< instructions of a block that is copied into a second region
  unsigned max_blocks = 16;
};

/// Where control goes from a region, as blocks.
struct Superblock {
  std::vector<uint32_t> blocks;      ///< in order; the region starts with the first
  std::vector<uint32_t> targets;     ///< blocks that must have regions of their own
  uint32_t follows = kNoBlock;       ///< block that had better be placed next
  uint32_t continues_at = kNoBlock;  ///< block that must be placed next: a call returns to it
};

/// Grows a superblock from `head`: along fallthroughs and jumps, through blocks that nobody else enters or
/// that are short enough to be copied. It ends at calls, returns and computed jumps.
Superblock grow(const Program& program, uint32_t head, const SuperblockOptions& options);

/// Lifts a superblock. Registers xN live in r(31+N) where control enters and leaves; labels are indices of
/// blocks; `superblock.targets`, `follows` and `continues_at` are filled in.
/// Throws ImageError for what cannot be lifted.
void lift(const Program& program, Superblock& superblock, translator::Region& region);

}  // namespace chrysalis::image
