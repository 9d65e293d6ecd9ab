// The gears above interpretation: forms regions of hot code, has them compiled, keeps the translations.
#pragma once

#include "firmware/region_former.h"
#include "firmware/translation_cache.h"
#include "firmware/translation_clock.h"
#include "isa-host/tlb_entry.h"
#include "translator/layout.h"
#include "translator/quick.h"

namespace chrysalis::fw {

class Gears {
 public:
  Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox);

  TranslationCache& cache() { return cache_; }

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

  /// Sampling has met the translation at `eip`, or it has come to the monitor: if it is hot enough for the next gear, it is
  /// translated anew.
  void consider(uint32_t eip, bool sampled);

  /// The translation at `eip` was abandoned for an event in the molecule at `host`, about guest address `address`.
  void fault(isa::Cause cause, uint32_t eip, uint64_t host, uint32_t address);
  /// Interpretation has met an event about `address` too: it was the guest's.
  void confirm(uint32_t address) {
    if (suspect_.address >> isa::kPageShift == address >> isa::kPageShift) suspect_.pending = false;
  }
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

  void stress();
  Translation* translate_block(uint32_t eip);
  Translation* translate_region(uint32_t eip, unsigned gear);
  void misspeculated();
  void learn(isa::Cause cause, uint32_t region, uint32_t instruction);

  GuestCode& code_;
  const isa::MachineDescription& machine_;
  const GearOptions& options_;
  const uint32_t max_gear_;
  Adaptation adaptation_;
  TranslationCache cache_;
  TranslationClock clock_;
  RegionFormer former_;
  translator::QuickTranslator quick_;
  translator::Compiler compiler_;
  const bool chains_counted_blocks_;
  unsigned translations_ = 0;  ///< for stress()
  Suspect suspect_;
  // Of the translation being made.
  translator::CompiledRegion compiled_;
  SourceSpans spans_;
  Fetched fetched_;
  std::vector<TranslationCache::NewExit> exits_;
  std::vector<FaultSite> sites_;
};

}  // namespace chrysalis::fw
