// Which x86 instructions make a region: the path that control mostly takes, by what gear 0 has counted.
#pragma once

#include <cstdint>

#include "firmware/adaptation.h"
#include "firmware/block_cache.h"
#include "firmware/translation_cache.h"
#include "translator/guest_region.h"

namespace chrysalis::fw {

class RegionFormer {
 public:
  RegionFormer(GuestCode& code, BlockCache& blocks, const Adaptation& adaptation, const GearOptions& options);

  /// Forms the superblock at `eip`: along each branch's likely side, through jumps, until control would come back into it, the
  /// profile ends or is undecided, an instruction is met that a region cannot hold, or it is long enough. A loop to its entry is
  /// unrolled.
  /// Out: region() and spans(). Returns how many instructions it holds; 0: none can be formed.
  unsigned form(uint32_t eip);

  translator::Region& region() { return region_; }
  const SourceSpans& spans() const { return spans_; }
  /// By guest instruction of the region: its address.
  std::span<const uint32_t> addresses() const { return addresses_; }

 private:
  /// Where the path is in the profile: a block, and the first of its sites that still lies ahead.
  struct Place {
    Block* block;
    uint32_t site;
    uint64_t executions;  ///< of the instruction under way
  };
  enum class Likely : uint8_t { Falls, Taken, Unknown };

  Likely likely(uint32_t eip, uint32_t& indirect_target);
  void enter(uint32_t eip);
  bool visited(uint32_t eip) const;

  GuestCode& code_;
  BlockCache& blocks_;
  const Adaptation& adaptation_;
  const GearOptions& options_;
  translator::Region region_;
  translator::GuestRegionBuilder builder_;
  SourceSpans spans_;
  Place place_ = {};
  std::vector<uint32_t> path_;  ///< addresses of its instructions, sorted
  std::vector<uint32_t> addresses_;
  Fetched fetched_;
};

}  // namespace chrysalis::fw
