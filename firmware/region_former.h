// Which x86 instructions make a region: the path that control mostly takes, by what the gears below have counted.
#pragma once

#include <cstdint>

#include "firmware/adaptation.h"
#include "firmware/block_cache.h"
#include "firmware/translation_cache.h"
#include "translator/guest_region.h"
#include "translator/stage.h"

namespace chrysalis::fw {

/// The instructions from `eip` on that are to be called out for, fewer than `longest` so that something can follow; added to `source`.
CallOut find_call_out(GuestCode& code, uint32_t eip, uint32_t longest, Source& source);

class RegionFormer {
 public:
  /// What lies between call-outs. Exits to where one begins are where it calls out.
  struct Part {
    std::span<translator::Region> tree;  ///< its paths: one, unless it is a tree
    std::vector<uint32_t> addresses;     ///< by guest instruction of the region (Inst::guest): its address
    std::vector<CallOut> call_outs;      ///< that another part follows
  };

  RegionFormer(GuestCode& code, BlockCache& blocks, TranslationCache& translations, const Adaptation& adaptation,
               const GearOptions& options, unsigned store_buffer_entries, translator::StageClock& clock);

  /// Forms the region at `eip`, a superblock: along each branch's likely side, through jumps, until control would come back into it, the
  /// profile ends or is undecided, an instruction is met that a region cannot hold, or it is long enough. A loop to its entry is
  /// unrolled. A branch that goes both ways is if-converted where both soon meet, or its likelier side is followed once. Gear 3 also goes into calls, back from them, and where indirect jumps mostly go; and if regions are to be trees, it takes
  /// the likelier side of undecided branches more often, and then follows the sides left, those first that are executed most often.
  /// Behind instructions that can be called out for, it goes on with another part.
  /// A path has no more than `most` instructions. Out: parts(), checks() and source(). Returns how many instructions they hold; 0: none
  /// can be formed.
  unsigned form(uint32_t eip, unsigned gear, uint32_t most);

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
  /// A path's end at `eip`, which may be called out for.
  struct Waiting {
    size_t part;
    uint32_t eip;
    uint32_t weight;                 ///< as of a side
    uint32_t completed;              ///< instructions from the entry to there
    Place place;
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

  /// Where an indirect jump goes, so many of the times that are known.
  struct Target {
    uint32_t eip, times;
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
  void note_side(size_t earlier, uint32_t target, uint32_t weight);
  bool unrolls(unsigned copies, unsigned instructions, unsigned stores, uint32_t left, uint32_t entered) const;
  bool follow_side();
  void note_call_out(const ir::Code& lifted, uint32_t eip, uint32_t next, uint32_t weight);
  bool follow_call_out();
  void form_part(uint32_t eip, uint32_t weight);
  void make_versions();
  translator::Region& path(size_t index) { return regions_[first_region_ + index]; }
  bool follows_calls() const { return gear_ >= 3 && (options_.switches & kSwitchFollowCalls) != 0; }
  bool grows_trees() const;
  void expect(uint32_t eip, ir::ExitKind kind);
  void choose_expected(ir::ExitKind kind, uint32_t weight);
  void enter(uint32_t eip);
  bool visited(uint32_t eip) const;

  GuestCode& code_;
  BlockCache& blocks_;
  TranslationCache& translations_;
  const Adaptation& adaptation_;
  const GearOptions& options_;
  translator::StageClock& clock_;
  const unsigned store_buffer_entries_;
  static constexpr size_t kMostPaths = 32, kMostRegions = 64;
  translator::Region regions_[kMostRegions];  ///< of all parts
  std::vector<Part> parts_;                   ///< the first part_count_ of them; the others keep their memory
  size_t part_count_ = 0;
  translator::GuestRegionBuilder builder_;
  Source source_;
  bool checks_ = false;
  unsigned gear_ = 0;
  uint32_t entry_ = 0;
  uint32_t longest_ = 0, largest_ = 0;  ///< instructions of a path from the entry on, and of all paths
  uint32_t held_ = 0;                   ///< instructions of the parts that are complete, and of those called out for
  Place place_ = {};
  // Of the part under way.
  size_t first_region_ = 0, path_count_ = 0;
  bool long_loop_ = false;              ///< its main path is a loop, unrolled, that mostly goes on for at least twice as many iterations
  uint32_t start_ = 0;
  uint32_t before_ = 0;                 ///< instructions from the entry to there
  std::vector<uint32_t> visited_;  ///< addresses of the path's instructions since it was last at the entry, sorted
  std::vector<uint32_t> addresses_;
  std::vector<uint8_t> in_order_;  ///< Region::in_order of all paths
  std::vector<Side> sides_;        ///< not followed yet
  std::vector<Waiting> waiting_;   ///< the same, of all parts
  std::vector<uint32_t> calls_;  ///< return addresses of the calls that the path is in
  std::vector<Target> expected_;  ///< of the indirect jump under way, the most frequent first
  uint32_t expected_of_ = 0;      ///< times that are known of it
  std::vector<uint32_t> targets_;
  Fetched fetched_;
  Arm fallen_, taken_;
};

}  // namespace chrysalis::fw
