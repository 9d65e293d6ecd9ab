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

  /// Forms the region at `eip`, a superblock: along each branch's likely side, through jumps, until control would come back into it, the
  /// profile ends or is undecided, an instruction is met that a region cannot hold, or it is long enough. A loop to its entry is
  /// unrolled. A branch that goes both ways is if-converted where both soon meet. Gear 3 also goes into calls, back from them, and where indirect jumps mostly go; and if regions are to be trees, it takes
  /// the likelier side of undecided branches too, and then follows the sides left, those first that are executed most often.
  /// Out: tree(), checks() and source(). Returns how many instructions it holds; 0: none can be formed.
  unsigned form(uint32_t eip, unsigned gear);

  /// The paths of the region: one, unless it is a tree.
  std::span<translator::Region> tree() { return {paths_, path_count_}; }
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
  /// What the profile says of a branch.
  struct Branch {
    uint64_t executions = 0, taken = 0;  ///< not more often taken than executed
  };
  /// A side exit that a path of the tree may follow.
  struct Side {
    size_t path;                     ///< that it leaves
    translator::GuestRegionBuilder::Fork fork;
    uint32_t target;
    uint32_t weight;                 ///< how often it is taken, in kEntered-ths of the entries
    std::vector<uint32_t> visited, calls;
  };

  /// An instruction of an arm, which is fetched before it is known whether the arms meet.
  struct Step {
    uint32_t eip;
    Fetched fetched;
    ir::Code code;
  };
  /// What comes behind a branch: steps up to `count`, then `end`.
  struct Arm {
    std::vector<Step> steps;
    unsigned count = 0;
    uint32_t end = 0;
    uint32_t eip(unsigned i) const { return i == count ? end : steps[i].eip; }
  };

  Branch branch(uint32_t eip, uint32_t target);
  Likely decide(const Branch& branch) const;
  bool guesses(uint32_t weight) const;
  void grow(uint32_t at, uint32_t weight);
  void note(uint32_t at);
  void append(const Arm& arm);
  void follow_arm(Arm& arm, uint32_t at);
  bool meet();
  bool convert(uint32_t at, uint32_t next, uint32_t target);
  void note_side(uint32_t target, uint32_t weight);
  bool follow_side();
  bool follows_calls() const { return gear_ >= 3 && (options_.switches & kSwitchFollowCalls) != 0; }
  bool grows_trees() const;
  uint32_t expected(uint32_t eip, ir::ExitKind kind);
  void enter(uint32_t eip);
  bool visited(uint32_t eip) const;

  GuestCode& code_;
  BlockCache& blocks_;
  TranslationCache& translations_;
  const Adaptation& adaptation_;
  const GearOptions& options_;
  translator::StageClock& clock_;
  static constexpr size_t kMostPaths = 32;
  translator::Region paths_[kMostPaths];
  size_t path_count_ = 0;
  translator::GuestRegionBuilder builder_;
  Source source_;
  bool checks_ = false;
  unsigned gear_ = 0;
  uint32_t entry_ = 0;
  uint32_t longest_ = 0, largest_ = 0;  ///< instructions of a path from the entry on, and of all paths
  Place place_ = {};
  std::vector<uint32_t> visited_;  ///< addresses of the path's instructions since it was last at the entry, sorted
  std::vector<uint32_t> addresses_;
  std::vector<uint8_t> in_order_;  ///< Region::in_order of all paths
  std::vector<Side> sides_;        ///< not followed yet
  std::vector<uint32_t> calls_;  ///< return addresses of the calls that the path is in
  Fetched fetched_;
  Arm fallen_, taken_;
};

}  // namespace chrysalis::fw
