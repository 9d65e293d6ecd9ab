// A block on its way through gear 1: its operations, and what is known of their values.
//
// Freestanding C++20: it also runs on the simulated core, where its speed counts.
#pragma once

#include <cstdint>
#include <vector>

#include "translator/ir/ir.h"
#include "translator/quick_rules.h"

namespace chrysalis::translator {

/// Each instruction is looked at once, backwards: its dead operations, last uses, and where its values can be made. Values
/// do not outlive their x86 instruction. Between instructions only one thing is looked for: flags that the next
/// instruction to touch them overwrites.
///
/// Guest registers are in r0..r7 and r9 all the time. A value that GetReg delivers is used where it stands, and
/// copied only if the register is overwritten before its last use. A value that a SetReg waits for is made in the
/// register at once, unless somebody in between reads the register or leaves.
class QuickBlock {
 public:
  struct Value {
    uint16_t last_use = 0;  ///< stamp of the last operation that reads it; 0: nobody does
    uint16_t def = 0;       ///< index of the operation that makes it
    uint8_t where = 0;      ///< register, or kConstant
    uint8_t home = 0;       ///< guest register that it is made in, plus one; 0: none
    uint8_t bits = 0;
    uint8_t unused = 0;
  };
  enum ValueBit : uint8_t {
    kNeeded = 1,    ///< by itself, not only as the base of addresses
    kFolded = 2,    ///< has the displacement of all accesses through it in it
    kIsConst = 4,   ///< an operation Const makes it
    kShared = 8,    ///< several operations read it
  };
  static constexpr uint8_t kConstant = 64;

  /// What is to be done, for one operation.
  struct Work {
    uint16_t operation;
    QuickAction action;
  };
  struct Instruction {
    uint32_t work_end;  ///< its work is that before, back to the end of the instruction before: last things first
  };

  /// Operations have even stamps, in their order; odd ones mean "just before".
  static constexpr uint16_t stamp(unsigned operation) { return static_cast<uint16_t>(2 * operation + 2); }

  /// The most operations of a block: a branch from its start to its far end reaches 2,047 words.
  static constexpr unsigned kMaxOperations = 384;
  /// The most operations of an instruction: all values of one instruction find a temporary.
  static constexpr unsigned kMaxInstructionOperations = 64;

  /// `offsets`: memory atoms can add; otherwise displacements are folded into address computations.
  QuickBlock(bool offsets, unsigned store_limit) : offsets_(offsets), store_limit_(store_limit) {}

  void begin();
  ir::Code code;  ///< where instructions are appended
  enum class Verdict : uint8_t { Taken, Ends, Full, Refused };
  /// Takes what has been appended since the last instruction, or removes it.
  Verdict take();
  /// Appends an exit to the last instruction, which has none that is final.
  void close(uint32_t target);
  bool closed() const { return closed_; }

  unsigned instructions() const { return static_cast<unsigned>(instructions_.size()); }
  const std::vector<Instruction>& list() const { return instructions_; }
  Work* work() { return work_.data(); }
  Value* values() { return values_.data(); }
  unsigned side_exits() const { return side_exits_; }

 private:
  Verdict reject(Verdict verdict);
  bool is_refused(unsigned first, unsigned count) const;
  void flags_overwritten();

  const bool offsets_;
  const unsigned store_limit_;
  std::vector<Value> values_;
  std::vector<Work> work_;
  std::vector<Instruction> instructions_;
  unsigned operations_taken_ = 0, work_taken_ = 0;
  ir::ValueId values_taken_ = 0;
  unsigned stores_ = 0, side_exits_ = 0;
  bool closed_ = false;

  // The SetReg of flags that nobody has read so far.
  static constexpr uint32_t kNone = 0xffffffff;
  uint32_t flags_set_ = kNone, flags_work_ = 0;
};

}  // namespace chrysalis::translator
