// Which x86 instructions make a region: the path that control mostly takes, by what the gears below have counted.
#pragma once

#include <cstdint>

#include "firmware/adaptation.h"
#include "firmware/block_cache.h"
#include "firmware/translation_cache.h"
#include "translator/guest_region.h"
#include "translator/stage.h"

namespace chrysalis::fw {

/// Instructions in the middle of a translation that the monitor interprets, since their helpers change what no rollback restores:
/// the translation commits before them and goes on behind them.
struct CallOut {
  uint32_t eip = 0, end = 0;  ///< the first, and what follows the last
  unsigned instructions = 0;  ///< 0: none
  size_t part = 0;            ///< that begins behind them
};

/// The instructions from `eip` on that are to be called out for, fewer than `longest` so that something can follow; added to `source`.
CallOut find_call_out(GuestCode& code, uint32_t eip, uint32_t longest, Source& source);

class RegionFormer {
 public:
  /// What lies between two call-outs: a region, its exits to `next.eip` being where it calls out.
  struct Part {
    translator::Region region;
    std::vector<uint32_t> addresses;  ///< by guest instruction of the region: its address
    CallOut next;
  };

  RegionFormer(GuestCode& code, BlockCache& blocks, TranslationCache& translations, const Adaptation& adaptation,
               const GearOptions& options, unsigned store_buffer_entries, translator::StageClock& clock);

  /// Forms the superblock at `eip`: along each branch's likely side, through jumps, until control would come back into it, the
  /// profile ends or is undecided, an instruction is met that a region cannot hold, or it is long enough. A loop to its entry is
  /// unrolled. Gear 3 also goes into calls, back from them, and where indirect jumps mostly go. Behind instructions that can be called out
  /// for, it goes on with another part.
  /// Out: parts(), checks() and source(). Returns how many instructions they hold; 0: none can be formed.
  unsigned form(uint32_t eip, unsigned gear);

  std::span<Part> parts() { return {parts_.data(), part_count_}; }
  const Source& source() const { return source_; }
  /// Whether the regions compare their source with what it was: it is not protected.
  bool checks() const { return checks_; }

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
  Likely decide(uint64_t taken) const;
  uint32_t expected(uint32_t eip, ir::ExitKind kind);
  void enter(uint32_t eip);
  void form_part(uint32_t eip, unsigned gear, uint32_t longest);
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
  Place place_ = {};
  std::vector<uint32_t> path_;  ///< addresses of its instructions, sorted
  std::vector<uint32_t> addresses_;  ///< of the part under way
  std::vector<Part> parts_;      ///< the first part_count_ of them; the others keep their memory
  size_t part_count_ = 0;
  CallOut next_;                 ///< of the part under way
  std::vector<uint32_t> calls_;  ///< return addresses of the calls that the path is in
  Fetched fetched_;
};

}  // namespace chrysalis::fw
