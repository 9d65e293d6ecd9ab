// Runs a firmware image on the functional executor.
#pragma once

#include <string>

#include "firmware/image/image.h"
#include "isa-host/machine_description.h"

namespace chrysalis::test {

struct ImageRun {
  std::string output;     ///< console text
  std::string failure;    ///< what went wrong; empty if the program ended by itself
  uint64_t molecules = 0, atoms = 0;
};

/// Runs until the program sends an empty text, panics, or has executed `budget` molecules.
ImageRun run_image(const image::Image& image, const isa::MachineDescription& machine, uint64_t budget = 400'000'000);

}  // namespace chrysalis::test
