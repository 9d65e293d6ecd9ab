// Checkpoints of rearranged code: the algorithm of Smith and Nair (Virtual Machines, chapter 4) over instructions in single
// assignment. Where each register lives after each instruction (RMAP), how far execution is complete when a rearranged
// instruction issues (its checkpoint), how long values must stay so that each checkpoint's registers can be put together, what
// an exit has to make up for (compensation), and which orders need no hardware to be taken back. Build machine only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "translator/compile.h"
#include "translator/region.h"

namespace chrysalis::translator {

/// One instruction as the algorithm sees it. Values are numbered; those below Trace::registers are the registers at entry.
struct TraceStep {
  std::string name;
  std::vector<uint32_t> uses;                       ///< values that it reads
  struct Definition {
    uint32_t value;
    uint8_t reg;                                    ///< the register that it is for
  };
  std::vector<Definition> defines;
  bool exit = false;      ///< may leave; the last step always does
  bool traps = false;     ///< may raise an exception
  bool loads = false, stores = false;
};

/// Straight-line code in its original order.
struct Trace {
  static constexpr int kEntry = -1;  ///< as a position: before the first instruction
  unsigned registers = 0;
  std::vector<std::string> register_names;
  std::vector<TraceStep> steps;
  std::vector<std::string> value_names;  ///< by value

  /// The registers after instruction `position`, kEntry included: by register, its value.
  std::vector<uint32_t> rmap(int position) const;
};

/// The trace of a region: one step per guest instruction, its values those that become guest registers. `names`: by guest
/// instruction. Requires Region::rmaps.
Trace trace_of(const Region& region, std::span<const std::string> names);

/// What an order of a trace asks for.
struct Checkpoints {
  /// By place in the order: the last original instruction such that it and all before it are complete when the one there issues.
  std::vector<int> checkpoint;
  struct Life {
    uint32_t value;
    int from;           ///< place in the order where it is defined; kEntry: it is there from the start
    int last_use;       ///< place of its last reader, exits that deliver it included; `from` if it has none
    int until;          ///< the same once the checkpoints are counted as readers: the extended live range
  };
  std::vector<Life> lives;      ///< of values that are some register's, in their order
  struct Compensation {
    int exit;                   ///< the instruction
    std::vector<int> steps;     ///< those that have sunk below it and that its registers need, in their original order
  };
  std::vector<Compensation> compensation;  ///< of the exits that need some
};

/// `order`: by place, the instruction; each once.
Checkpoints find_checkpoints(const Trace& trace, std::span<const int> order);

/// Why hardware that takes nothing back (no shadow registers, no gated stores, no alias entries) cannot run `order`; empty: it can.
/// Registers may be written above anything, and below exits; memory may not be written above an exit or an instruction that may
/// trap, but below an exit with compensation.
std::vector<std::string> violations(const Trace& trace, std::span<const int> order);

/// By molecule of a path (of a region that is no tree, the only one): the last guest instruction such that its atoms and those of all
/// before it on the path, whose first one is `first`, lie in earlier molecules; first - 1: none. Moves that serve exits and commits belong
/// to the instruction of theirs.
std::vector<int> checkpoints_of(const CompiledRegion& compiled, size_t path = 0, int first = 0);

/// What `chrysalis explain` and the golden tests show: RMAP after each instruction, order with checkpoints, extended live ranges,
/// compensation.
std::string text(const Trace& trace, std::span<const int> order);

}  // namespace chrysalis::translator
