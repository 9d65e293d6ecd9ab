// The gears above interpretation: forms regions of hot code, has them compiled, keeps the translations.
#pragma once

#include "firmware/region_former.h"
#include "firmware/translation_cache.h"
#include "firmware/translation_clock.h"
#include "isa-host/tlb_entry.h"
#include "translator/layout.h"
#include "translator/quick.h"

namespace chrysalis::fw {

/// How gear 1 translates under the mailbox's options.
translator::QuickOptions quick_options(const Mailbox& mailbox);
/// Where the stubs are to which translations lead: a CodeLayout::Resolve.
uint64_t resolve_target(void*, translator::Target kind, int64_t);

class Gears {
 public:
  Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox);

  TranslationCache& cache() { return cache_; }
  /// How the instruction at `eip` is fetched for a translation that `checks` its source or not.
  FetchFor fetch_for(uint32_t eip, bool checks) const { return {checks, checks && adaptation_.reloads(eip)}; }

  /// Translates what begins at `eip`, which the interpreter has met often enough. Null: there is nothing that a
  /// translation can hold, or no room.
  Translation* translate(uint32_t eip);

  /// Whether the monitor is to see every entry of the translation: there are no samples, and it is not yet hot enough for the
  /// next gear, or has been found not fit for it.
  bool counts_entries(const Translation& t) const {
    return !chains_counted_blocks_ && t.gear < max_gear_ && (t.gear == 1 || (t.gear == 2 && t.samples < options_.threshold[2]));
  }
  /// Leads `exit` to `target`, unless its translation's entries are counted.
  void chain(Exit& exit, Translation& target);

  /// A test of the code cache: the monitor is about to go to `eip`, by `exit` of a translation if that is not null. With
  /// firmware.eviction_stress translations go, chains are undone and jumps forgotten, as fast as the guest's progress allows.
  void stress(const Exit* exit, uint32_t eip);

  /// Sampling has met the translation at `eip`, or it has come to the monitor: if it is hot enough for the next gear, it is
  /// translated anew.
  void consider(uint32_t eip, bool sampled);

  /// The translation at `eip` has trapped. True: its source had changed, and it is not the one at `eip` any more. False: interpretation
  /// finds out why.
  bool recheck(uint32_t eip);

  /// Whether the code at `eip` is to be interpreted uncached, since its translations check it and nothing protects it.
  bool steps(uint32_t eip) { return code_.checked(eip); }
  /// Interpretation is about to execute the instruction at `eip` so. True: it is translated now.
  bool before_step(uint32_t eip);

  /// The translation at `eip` was abandoned for an event in the molecule at `host`, about guest address `address`; `info` is what EINFO says.
  void fault(isa::Cause cause, uint32_t eip, uint64_t host, uint32_t address, uint64_t info);
  /// Interpretation has met an event about `address` too: it was the guest's; `faults`: a fault that the guest sees.
  void confirm(uint32_t address, bool faults);
  /// Interpretation has got past the instruction that the last event was about: a fault not confirmed was speculation's.
  void settle() {
    if (suspect_.pending) misspeculated();
  }

 private:
  /// A fault that may turn out to be speculation's.
  struct Suspect {
    bool pending = false;
    uint32_t region, instruction, address;
  };

  /// Where a part's exits and sites end.
  struct PartEnd {
    size_t exits, sites;
  };

  /// Makes the translation of `gear` at `eip`. Null: see translate().
  Translation* make(uint32_t eip, unsigned gear);
  bool needs_commit(uint32_t eip);
  Translation* translate_block(uint32_t eip);
  Translation* translate_region(uint32_t eip, unsigned gear);
  Translation* compile_region(uint32_t eip, unsigned gear, uint32_t instructions, bool& too_long);
  translator::QuickTranslator::Step fill_block(uint32_t eip, uint32_t& at, uint32_t longest, bool& checks);
  uint32_t compile_part(RegionFormer::Part& part, uint32_t eip, unsigned gear, const TranslationCache::Place& place);
  bool adapts() const { return (options_.switches & kSwitchAdaptation) != 0; }
  void age_profiles();
  static uint32_t note_fault(Translation& t, FaultKind kind);
  void misspeculated();
  void learn(isa::Cause cause, uint32_t region, uint32_t instruction, uint32_t load = Adaptation::kUnknown);

  GuestCode& code_;
  const isa::MachineDescription& machine_;
  const GearOptions& options_;
  const uint32_t max_gear_;
  BlockCache& blocks_;
  uint64_t aged_ = 0;   ///< guest instructions when profiles were halved last
  Adaptation adaptation_;
  TranslationCache cache_;
  TranslationClock clock_;
  RegionFormer former_;
  translator::QuickTranslator quick_;
  translator::Compiler compiler_;
  const bool chains_counted_blocks_;
  struct {
    uint64_t credit = 0, seen = 0, made = 0;  ///< guest instructions to pay with and met; translations since all went
    unsigned act = 0;
  } stress_;
  /// How often code was executed one instruction at a time; those that share an entry displace each other.
  static constexpr unsigned kStepped = 1024;
  struct {
    uint32_t eip;
    int32_t times;
  } stepped_[kStepped] = {};
  Suspect suspect_;
  // Of the translation being made.
  translator::CompiledRegion compiled_;
  Source source_;
  Fetched fetched_;
  std::vector<TranslationCache::NewExit> exits_;
  std::vector<FaultSite> sites_;
  std::vector<uint32_t> words_;  ///< gear 1
};

}  // namespace chrysalis::fw
