// From the firmware's RISC-V ELF file to its image for one machine.
#pragma once

#include "firmware/image/elf_file.h"
#include "firmware/image/image.h"
#include "firmware/image/profile.h"
#include "firmware/image/superblock.h"
#include "isa-host/machine_description.h"
#include "translator/compile.h"

namespace chrysalis::image {

struct BuildOptions {
  uint64_t code_base = 0x7100'0000;  ///< where host code starts: kConcealedBase + 16 MiB
  SuperblockOptions superblocks;
  translator::CompileOptions compile;
  const Profile* profile = nullptr;  ///< null: none
};

/// Which block a region begins with, for those who count.
struct RegionPlace {
  uint64_t address;  ///< host
  uint32_t block;    ///< of analyze()
};

/// Compiles what is reachable from fw_start(), fw_event() and pointers to code in data.
///
/// In:     a program linked as firmware/image/README.md says, with the runtime's objects.
/// Out:    data at their link addresses, with every pointer to code turned into a host address; host code at
///         code_base; the stubs; maps from host code to functions.
///         `places`, if not null: all regions by address.
/// Errors: ImageError.
Image build_image(const ElfFile& elf, const isa::MachineDescription& machine, const BuildOptions& options = {},
                  std::vector<RegionPlace>* places = nullptr);

}  // namespace chrysalis::image
