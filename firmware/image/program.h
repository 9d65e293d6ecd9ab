// The firmware as a RISC-V program: instructions with their relocations, basic blocks, liveness.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "firmware/image/elf_file.h"
#include "firmware/image/riscv.h"

namespace chrysalis::image {

inline constexpr uint32_t kNoBlock = 0xffffffff;

/// What an instruction does to control.
enum class Flow : uint8_t { Next, Branch, Jump, Call, CallIndirect, JumpIndirect, Return, Stop };

/// One decoded instruction. A code address that it forms or uses is in `target`, resolved from relocations.
struct ProgramInst {
  RvInst rv;
  uint64_t address = 0;
  Flow flow = Flow::Next;
  uint64_t target = 0;         ///< of Branch, Jump, Call; or the address that the instruction delivers
  bool delivers_target = false;  ///< the result is the code address `target`, whatever the sources
  bool ignored = false;        ///< the first half of a pair that the second half replaces
};

/// Straight-line instructions; control enters only at the first and leaves only after the last.
struct Block {
  uint32_t first = 0, count = 0;   ///< instructions
  uint32_t function = 0;
  uint32_t next = kNoBlock;        ///< where control falls through to, or where a call returns to
  uint32_t taken = kNoBlock;       ///< target of Branch and Jump; callee of Call
  uint32_t predecessors = 0;       ///< branches, jumps and fallthroughs; address uses and calls count 2
  bool address_taken = false;
  uint32_t live_in = 0;            ///< bit n: xn
};

struct Function {
  std::string name;
  uint64_t address = 0;
};

struct Program {
  std::vector<ProgramInst> insts;
  std::vector<Block> blocks;        ///< by address
  std::vector<Function> functions;  ///< by address; the first takes what no symbol covers

  /// The block that starts at `address`, or kNoBlock.
  uint32_t block_at(uint64_t address) const;
  const ProgramInst& last(const Block& block) const { return insts[block.first + block.count - 1]; }
  /// Registers that must be in their places when control leaves `block` for anywhere.
  uint32_t live_out(const Block& block) const;
  /// The same when it leaves by way of `inst`, the last of its block, by falling through or by being taken.
  uint32_t live_at_exit(const Block& block, bool taken) const;

  std::map<uint64_t, uint32_t> block_index;
  std::vector<uint32_t> indirect_live;  ///< by function: what its computed jumps need
};

/// Decodes all executable sections and analyses them. Throws ImageError for instructions and relocations that
/// it does not know, naming address and function.
Program analyze(const ElfFile& elf);

}  // namespace chrysalis::image
