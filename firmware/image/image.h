// The firmware image: what the platform loads into concealed memory, and what it needs to know about it.
//
// File format, little-endian: the 8 bytes "CHYIMG03", then the fields of Image in order. Numbers are 64 bits;
// strings and arrays are a count followed by their bytes or elements; a segment is its address and its bytes; the machine is
// the bytes of its description, as in the mailbox.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isa-host/machine_description.h"

namespace chrysalis::image {

/// To whom the cycle account charges a function's cycles.
enum class AccountMode : uint8_t { Monitor, Interpreter, Translator, Dispatch, Recovery, kCount };
const char* name(AccountMode mode);

struct Segment {
  uint64_t address = 0;
  std::vector<uint8_t> bytes;
};

/// Host code of one function; a function whose regions are not neighbours has several rows.
struct CodeRange {
  uint64_t begin = 0, end = 0;
  uint32_t function = 0;  ///< index into Image::functions
};

struct ImageFunction {
  std::string name;       ///< linker name
  AccountMode mode = AccountMode::Monitor;
};

struct ImageSymbol {
  std::string name;
  uint64_t address = 0;   ///< of data as linked, of code on the host
};

struct ImageStatistics {
  uint64_t riscv_instructions = 0, regions = 0, molecules = 0, atoms = 0, spilled = 0, code_bytes = 0;
};

struct Image {
  isa::MachineDescription machine;  ///< what it was compiled for
  uint64_t reset = 0;            ///< where the core starts
  uint64_t event_vector = 0;
  uint64_t code_begin = 0, code_end = 0;
  uint64_t heap_begin = 0;       ///< concealed memory from here on is free
  std::vector<Segment> segments;
  std::vector<ImageFunction> functions;
  std::vector<CodeRange> ranges;     ///< by address; together they cover the code without gaps
  std::vector<ImageSymbol> symbols;  ///< by address
  ImageStatistics statistics;

  /// The function whose code `address` is in, or null.
  const ImageFunction* function_at(uint64_t address) const;
  /// Address of a symbol, or 0.
  uint64_t symbol(const std::string& name) const;
};

/// Bytes of the file format, and back. parse_image() throws ImageError, naming `path`, for bytes that are no
/// image or end early.
std::vector<uint8_t> serialize_image(const Image& image);
Image parse_image(std::span<const uint8_t> bytes, const std::string& path);
/// Its first field alone.
isa::MachineDescription parse_image_machine(std::span<const uint8_t> bytes, const std::string& path);

/// The same with files; ImageError if the file cannot be read or written.
void write_image(const Image& image, const std::string& path);
Image read_image(const std::string& path);

}  // namespace chrysalis::image
