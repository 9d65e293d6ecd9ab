// ELF32 executables for i386: reading, judging and mapping them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/linux/address_space.h"

namespace chrysalis::sim::kernel {

/// Why a file cannot be executed: for the guest an errno, for the user a sentence without the file's name.
struct ElfError {
  int error = 0;  ///< 0: none
  std::string reason;
};

struct ElfSegment {
  uint32_t address, file_offset, file_size, memory_size;
  int prot;
};

/// The parts of an executable that matter for running it.
struct ElfImage {
  bool position_independent = false;
  uint32_t entry = 0;
  uint32_t program_headers = 0;  ///< address, if some segment contains them
  uint32_t program_header_count = 0;
  std::string interpreter;       ///< empty: statically linked
  enum class Stack { Unsaid, Plain, Executable } stack = Stack::Unsaid;  ///< what PT_GNU_STACK asks for
  std::vector<ElfSegment> segments;
  /// Lowest page and end of the segments.
  uint32_t low = 0;
  uint64_t high = 0;
};

/// Reads and checks the headers of the file open at `host_fd`. Every field that is used later has been
/// checked against the file's size and the address space: no input makes load_elf() misbehave.
ElfError read_elf(int host_fd, ElfImage* image);

/// Maps the segments, moved by `bias`. Errors: a negative errno, with part of the image mapped.
int64_t load_elf(AddressSpace& space, const ElfImage& image, const std::shared_ptr<MemoryObject>& file, uint32_t bias,
                 const std::string& name);

}  // namespace chrysalis::sim::kernel
