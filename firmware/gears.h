// The gears above interpretation: forms regions of hot code, has them compiled, keeps the translations.
#pragma once

#include "firmware/region_former.h"
#include "firmware/translation_cache.h"
#include "isa-host/tlb_entry.h"

namespace chrysalis::fw {

class Gears {
 public:
  Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox);

  TranslationCache& cache() { return cache_; }

  /// Translates the hot code at `eip`. Null: there is nothing that a region can hold, or no room.
  Translation* translate(uint32_t eip);

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

  void misspeculated();
  void learn(isa::Cause cause, uint32_t region, uint32_t instruction);

  const isa::MachineDescription& machine_;
  Adaptation adaptation_;
  RegionFormer former_;
  TranslationCache cache_;
  Suspect suspect_;
  translator::CompiledRegion compiled_;
};

}  // namespace chrysalis::fw
