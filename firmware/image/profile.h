// How often the firmware's blocks ran and which way their branches went, in runs that stand for its use
// (firmware/image/train.py): superblocks follow it, and code that did not run stands apart.
//
// File format: a line for each function that ran, in order of name: its linker name, its fingerprint, and for each block that
// ran, in order of address, `ordinal:executed`, or `ordinal:executed:taken`. What does not fit the program any more is left out
// function by function, and superblocks go by the code alone there: an old profile costs speed, nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firmware/image/program.h"

namespace chrysalis::image {

struct BlockCount {
  uint64_t executed = 0;
  uint64_t taken = 0;  ///< of them, went to Block::taken
};

class Profile {
 public:
  /// Throws ImageError, naming `path` and the line, for a file that is not one.
  static Profile read(const std::string& path);
  static Profile parse(std::string_view text, const std::string& path);
  void write(const std::string& path) const;

  /// Adds what one run has counted, by block.
  void add(const Program& program, const std::vector<BlockCount>& counts);
  /// By block of `program`; of functions that have changed, or are not in the profile at all, the second says nothing is known.
  std::pair<std::vector<BlockCount>, std::vector<bool>> counts(const Program& program) const;

 private:
  struct FunctionCounts {
    uint64_t fingerprint = 0;
    std::map<uint32_t, BlockCount> blocks;  ///< by ordinal
  };
  std::map<std::string, FunctionCounts> functions_;
};

}  // namespace chrysalis::image
