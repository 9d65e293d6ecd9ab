// A guest of guest.h under the core form of the monitor, on the functional executor.
#pragma once

#include <string>

#include "firmware/image/image.h"
#include "isa-host/functional.h"
#include "tests/firmware/guest.h"

namespace chrysalis::test {

/// Runs `guest` from its context until its platform stops the run; memory and mailbox are copied in and out.
struct CoreRun {
  std::string failure;  ///< empty: the platform stopped it
  uint64_t molecules = 0, atoms = 0, instructions = 0;
};
CoreRun run_on_core(Guest& guest, const image::Image& image, const isa::MachineDescription& machine,
                    uint64_t budget = 200'000'000);

}  // namespace chrysalis::test
