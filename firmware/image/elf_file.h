// A linked RISC-V ELF file with its relocations kept, as the image builder needs it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chrysalis::image {

struct ElfSection {
  std::string name;
  uint64_t address = 0, size = 0;
  bool allocated = false, executable = false, writable = false;
  std::vector<uint8_t> bytes;  ///< empty for zero-initialised sections
};

struct ElfSymbol {
  std::string name;
  uint64_t address = 0, size = 0;
  uint8_t type = 0;      ///< STT_*
  uint16_t section = 0;  ///< SHN_UNDEF if undefined
};

struct ElfRelocation {
  uint64_t address = 0;  ///< of the place
  uint32_t type = 0;     ///< R_RISCV_*
  uint64_t target = 0;   ///< symbol's value plus addend
  bool defined = true;   ///< false: a weak symbol without definition
};

struct ElfFile {
  uint64_t entry = 0;
  std::vector<ElfSection> sections;
  std::vector<ElfSymbol> symbols;
  std::vector<ElfRelocation> relocations;  ///< of allocated sections, by address

  /// The executable section that holds `address`, or null.
  const ElfSection* code_section(uint64_t address) const;
  /// Address of a defined symbol; throws ImageError if there is none.
  uint64_t symbol(const std::string& name) const;
};

/// Reads a 64-bit little-endian RISC-V executable. Throws ImageError, naming `path`, for anything else, for
/// tables that reach outside the file, and for a program linked without --emit-relocs.
ElfFile parse_elf(std::span<const uint8_t> bytes, const std::string& path);
ElfFile read_elf(const std::string& path);

}  // namespace chrysalis::image
