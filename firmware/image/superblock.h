// Superblocks of the firmware: which blocks become one region, and its IR.
#pragma once

#include "firmware/image/profile.h"
#include "translator/region.h"

namespace chrysalis::image {

struct SuperblockOptions {
  unsigned max_insts = 96;        ///< RISC-V instructions in one region
  unsigned max_duplicated = 12;   ///< instructions of a block that is copied into a second region
  unsigned max_blocks = 16;
  uint64_t least_executed = 20'000;  ///< in training, of a block that is worth being copied or unrolled
  uint64_t rare_below = 64;       ///< executions in training of what stands apart
  unsigned max_unrolled = 40;     ///< instructions of a loop that is unrolled
  double least_share = 0.2;       ///< of the times that a region is entered, that its last block is worth being in it
};

/// Where control goes from a region, as blocks.
struct Superblock {
  std::vector<uint32_t> blocks;      ///< in order; the region starts with the first
  bool ends_taken = false;           ///< a branch that ends it had better fall through to where it is taken to
  std::vector<uint32_t> targets;     ///< blocks that must have regions of their own
  uint32_t follows = kNoBlock;       ///< block that had better be placed next
  uint32_t continues_at = kNoBlock;  ///< block that must be placed next: a call returns to it
};

/// Which way control goes, by block; empty vectors: nothing is known.
struct Guidance {
  std::vector<BlockCount> counts;
  std::vector<bool> known;
  uint64_t rare_below = 1;  ///< as in SuperblockOptions
  bool knows(uint32_t block) const { return block < known.size() && known[block]; }
  bool rare(uint32_t block) const { return knows(block) && counts[block].executed < rare_below; }
};

/// Grows a superblock from `head`: the way control mostly goes, which without a profile is along fallthroughs and jumps, through
/// blocks that nobody else enters or that are short enough to be copied. It ends at calls, returns and computed jumps, and where
/// control seldom gets to.
Superblock grow(const Program& program, const Guidance& guidance, uint32_t head, const SuperblockOptions& options);

/// Lifts a superblock. Registers xN live in r(31+N) where control enters and leaves; labels are indices of
/// blocks; `superblock.targets`, `follows` and `continues_at` are filled in.
/// Throws ImageError for what cannot be lifted.
void lift(const Program& program, const Guidance& guidance, Superblock& superblock, translator::Region& region);

}  // namespace chrysalis::image
