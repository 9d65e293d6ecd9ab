// Gear 1: translates a basic block of x86 in one pass over its IR, without graphs or SSA passes.
//
// Freestanding C++20: it also runs on the simulated core, where its speed counts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isa-host/machine_description.h"
#include "translator/ir/ir.h"
#include "translator/quick_select.h"

namespace chrysalis::translator {

/// Why control leaves a block.
enum class QuickExitKind : uint8_t {
  Direct,        ///< to `target`
  Repeat,        ///< the same, from a string instruction under REP to itself
  Call,          ///< the same, by a near call: a ReturnPoint follows
  ReturnPoint,   ///< not left by the block itself: where the call's entry of the return stack leads, GPC being `target`
  Interpret,     ///< `target` starts an instruction that gear 1 does not translate
  Indirect,      ///< to the address in r8, not found in the jump translation buffer
  IndirectCall,  ///< the same, by a near call: a ReturnPoint follows
  Return,        ///< the same, by a near return
  Trap,          ///< rolled back to the block's entry, `target`: an exception, or a system flag about to change
};

/// What a block became.
///
/// Each exit that was counted and committed ends in a branch to its link stub:
///
///     { stc counter | commit n, target | br stub }
///     stub: { br.long +8 }                  -- exits that can be chained; else absent
///           { movi r8, target | movi r30, id } { br leave }
///
/// with r8 set already for the indirect kinds. Chaining aims the branch at the translation of `target` when its
/// displacement fits (chain()), or else the stub's first molecule.
struct QuickCode {
  struct Exit {
    QuickExitKind kind = QuickExitKind::Direct;
    isa::Op op = isa::Op::Nop;    ///< of the branch to aim when chaining; Nop: the exit cannot be chained
    bool loops = false;           ///< it is aimed at the block's own start already
    uint16_t instructions = 0;    ///< guest instructions completed
    uint32_t target = 0;          ///< guest address
    // Indices into words:
    uint32_t molecule = 0, branch = 0;  ///< the branch's molecule, from which its displacement counts, and its word
    uint32_t stub = 0;
  };
  std::span<const uint32_t> words;  ///< valid until the next begin()
  std::vector<Exit> exits;          ///< exit i has the id first_exit + i, and counter first_counter + i
  uint32_t main_words = 0;          ///< of them the main path; exits' paths and stubs follow
  uint32_t molecules = 0, main_molecules = 0;
};

/// A word of a block to be replaced.
struct QuickPatch {
  uint32_t index, word;
};

/// Aims `exit` of the block at `address` at host address `to`. `branch`: the present word exit.branch.
QuickPatch chain(const QuickCode::Exit& exit, uint64_t address, uint32_t branch, uint64_t to);
/// Undoes whatever chain() has done to the exit.
void unchain(const QuickCode::Exit& exit, uint32_t branch, QuickPatch (&patches)[2]);

/// An indirect jump or call that leaves for the n-th time notes its target as number n modulo this.
inline constexpr uint32_t kQuickTargets = 8;

struct QuickOptions {
  uint64_t context = 0;         ///< concealed address of the guest registers, 8 bytes each by ir::GuestReg; below 2 GiB
  uint64_t counters = 0;        ///< concealed address of the exit counters, 4 bytes each; below 2 GiB
  uint64_t targets = 0;         ///< concealed address of where indirect jumps and calls went last, kQuickTargets times 4 bytes for each counter; below 2 GiB
  bool instrument = false;      ///< exits increment their counters; indirect jumps and calls note their targets
  bool loop_directly = true;    ///< an exit to the block's own start goes there at once
};

/// Which way a block's conditional branch mostly goes: that way gets the shorter path.
enum class QuickLikely : uint8_t { Unknown, Taken, NotTaken };

struct QuickPlacement {
  uint64_t address = 0;   ///< of the block's first word
  uint64_t leave = 0;     ///< host address of the leave stub
  uint32_t first_exit = 0, first_counter = 0;
  QuickLikely likely = QuickLikely::Unknown;  ///< Unknown: taken if backward
};

/// Translates one block after the other. Use: begin(); then per x86 instruction lift() into code() and add(), until it
/// says End or the caller has enough; then, if there is at least one instruction, finish().
///
/// In:     lifted x86 code; entry and exits as translations have them: guest registers in r0..r7 and r9.
/// Out:    molecules that the machine accepts. Nothing is committed within a block: every exit commits, and whatever faults
///         rolls back to the block's entry. A commit gives GPC the exit's target.
/// Uses:   r8, r10..r27, r29, r30 and the caller-saved registers of the firmware.
/// Assumes: what lift() was told of the segments; that system flags stay as they are, which the block checks where an
///         instruction writes them.
/// Errors: none; an operation that no lifter produces is refused.
/// Memory: none is allocated once the tables have grown to the largest block.
class QuickTranslator {
 public:
  /// What to do after an instruction.
  enum class Step : uint8_t {
    Continue,  ///< it is in the block; another may follow
    End,       ///< it is in the block, which ends with it
    Full,      ///< there is no room for it: the block ended before it
    Refused,   ///< gear 1 does not translate it: the block ended before it
  };

  QuickTranslator(const isa::MachineDescription& machine, const QuickOptions& options);
  QuickTranslator(const QuickTranslator&) = delete;
  QuickTranslator& operator=(const QuickTranslator&) = delete;

  /// Starts a block at guest address `eip`.
  void begin(uint32_t eip);
  /// Where lift() is to append the next instruction. What is there and has not been taken by finish() is not the block's.
  ir::Code& code() { return block_.code; }
  /// Takes the instruction that lift() has appended; `next` is the address behind it. Nothing may follow anything but
  /// Continue. What was not taken is removed from code().
  Step add(uint32_t next);
  uint32_t instructions() const { return block_.instructions(); }
  const QuickCode& finish(const QuickPlacement& placement);

 private:
  /// Where a branch of the block goes.
  enum class To : uint8_t {
    Start,  ///< of the block
    Path,   ///< the path of an exit away from the main one
    Stub,   ///< the link stub of an exit
    Trap,   ///< the block's rollback
  };
  struct Branch {
    isa::Op op;
    To to;
    uint16_t exit;
  };
  /// Registers that hold the address of an exit's counter and its next value.
  struct Counter {
    uint8_t address, value;
  };
  /// { movi r8, target | movi r30, id | br leave }, in as many molecules as the machine needs. Indices of literals.
  struct LeaveStub {
    LeaveStub(const isa::MachineDescription& machine, bool sets_target);
    uint32_t words[12] = {};
    uint8_t count = 0, molecules = 0;
    uint8_t target = 0, id = 0, leave = 0, leave_molecule = 0;
  };

  unsigned add_exit(QuickExitKind kind, uint32_t target, unsigned instructions);
  uint16_t tag(isa::Op op, To to, unsigned exit = 0);
  void put_main();
  bool put_exit_if(const ir::Inst& inst, const ir::Inst* other);
  void put_exit(const ir::Inst& inst);
  void put_indirect_exit(const ir::Inst& inst);
  void put_return_point(unsigned exit);
  void put_trap_if(const ir::Inst& inst);
  void put_guard(const ir::Inst& inst);
  uint16_t trap_tag();
  unsigned last() const;
  void prepare_counters();
  void put_counter(unsigned exit);
  void put_target(unsigned exit);
  void put_path(unsigned exit);
  void put_stub(unsigned exit);
  void put_trap();
  void resolve();

  const QuickOptions options_;
  const bool has_jtb_, has_return_stack_;
  const LeaveStub leave_with_target_, leave_;

  QuickBlock block_;
  QuickSelector selector_;
  QuickPacker& packer_;
  uint32_t eip_ = 0, next_ = 0;
  bool refused_ = false;

  // The translation.
  QuickPlacement placement_;
  QuickCode out_;
  std::vector<Branch> branches_;      ///< by tag
  std::vector<uint32_t> paths_;       ///< by exit: where its path begins, if it is not on the main one
  std::vector<Counter> counters_;     ///< by exit, once prepared
  uint16_t sides_[QuickBlock::kMaxInstructionOperations];  ///< exits whose paths are still to come
  unsigned side_count_ = 0;
  uint32_t trap_path_ = 0;
  bool traps_ = false;
  unsigned leaves_from_ = 0;          ///< position that follows all branches to the rollback
};

}  // namespace chrysalis::translator
