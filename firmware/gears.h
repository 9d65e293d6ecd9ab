// The gears above interpretation: forms regions of hot code, has them compiled, keeps the translations.
#pragma once

#include "firmware/region_former.h"
#include "firmware/translation_cache.h"

namespace chrysalis::fw {

class Gears {
 public:
  Gears(GuestCode& code, BlockCache& blocks, const Mailbox& mailbox);

  TranslationCache& cache() { return cache_; }

  /// Translates the hot code at `eip`. Null: there is nothing that a region can hold, or no room.
  Translation* translate(uint32_t eip);

 private:
  const isa::MachineDescription& machine_;
  RegionFormer former_;
  TranslationCache cache_;
  translator::CompiledRegion compiled_;
};

}  // namespace chrysalis::fw
