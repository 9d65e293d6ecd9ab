// The record that the engine fills for its observer while a molecule executes.
#pragma once

#include "hw/retire.h"
#include "isa-host/state/store_buffer.h"

namespace chrysalis::hw {

struct Observation {
  Observer* observer = nullptr;
  RetireRecord record;
  CommitRecord commit;
  bool committed = false;       ///< the molecule has executed a commit
  uint32_t gated_before = 0;    ///< gated stores when it began
  uint32_t write_count = 0;     ///< registers that it writes, in `writes`
  uint8_t writes[kMaxRetireWrites] = {};
  isa::GatedStore released[isa::kMaxStoreBuffer];
};

}  // namespace chrysalis::hw
