// Which x86 instructions make a region: the path that control mostly takes, by what the gears below have counted.
#pragma once

#include <cstdint>

#include "firmware/adaptation.h"
#include "firmware/block_cache.h"
#include "firmware/translation_cache.h"
#include "translator/guest_region.h"
#include "translator/stage.h"

namespace chrysalis::fw {

class RegionFormer {
 public:
  RegionFormer(GuestCode& code, BlockCache& blocks, TranslationCache& translations, const Adaptation& adaptation,
               const GearOptions& options, unsigned store_buffer_entries, translator::StageClock& clock);

  /// Forms the superblock at `eip`: along each branch's likely side, through jumps, until control would come back into it, the
  /// profile ends or is undecided, an instruction is met that a region cannot hold, or it is long enough. A loop to its entry is
  /// unrolled. Gear 3 also goes into calls, back from them, and where indirect jumps mostly go.
  /// Out: region(), checks() and source(). Returns how many instructions it holds; 0: none can be formed.
  unsigned form(uint32_t eip, unsigned gear);

  translator::Region& region() { return region_; }
  const Source& source() const { return source_; }
  /// Whether the region compares its source with what it was: it is not protected.
  bool checks() const { return checks_; }
  /// By guest instruction of the region: its address.
  std::span<const uint32_t> addresses() const { return addresses_; }

 private:
  /// Where the path is in the profile: in a translation of gear 1 or else in a predecoded block, whose branches are counted.
  struct Place {
    const Translation* counted;
    const Block* block;
    uint32_t position;    ///< instructions since its beginning
    uint32_t site;        ///< the first site or exit that still lies ahead
    uint64_t executions;  ///< of the instruction under way
  };
  enum class Likely : uint8_t { Falls, Taken, Unknown };

  Likely likely(uint32_t eip, uint32_t target);
  bool follows_calls(unsigned gear) const { return gear >= 3 && (options_.switches & kSwitchFollowCalls) != 0; }
  Likely decide(uint64_t taken);
  unsigned unrolled(unsigned once) const;
  uint32_t expected(uint32_t eip, ir::ExitKind kind);
  void enter(uint32_t eip);
  bool visited(uint32_t eip) const;

  GuestCode& code_;
  BlockCache& blocks_;
  TranslationCache& translations_;
  const Adaptation& adaptation_;
  const GearOptions& options_;
  translator::StageClock& clock_;
  translator::Region region_;
  translator::GuestRegionBuilder builder_;
  Source source_;
  bool checks_ = false;
  unsigned gear_ = 0;
  uint64_t stays_ = 0;  ///< share of the region's executions that get as far as it has been formed
  Place place_ = {};
  std::vector<uint32_t> path_;  ///< addresses of its instructions, sorted
  std::vector<uint32_t> addresses_;
  std::vector<uint32_t> calls_;  ///< return addresses of the calls that the path is in
  Fetched fetched_;
};

}  // namespace chrysalis::fw
