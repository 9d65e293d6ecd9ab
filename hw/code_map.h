// Predecoded molecules, by host address.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "hw/account.h"
#include "hw/code_marks.h"
#include "hw/engine_bus.h"
#include "hw/mode_map.h"
#include "isa-host/physical_memory.h"
#include "isa-host/machine_description.h"
#include "isa-host/semantics.h"

namespace chrysalis::hw {

/// The context that the semantic functions run on.
using ModelCore = isa::Core<EngineBus>;

/// One atom with its semantic function.
struct Step {
  isa::ExecFn<ModelCore> run = nullptr;
  isa::Atom atom;
  uint8_t destination = kNoRegister;  ///< of a load
  uint8_t source = 0;                 ///< place in the molecule
};

/// A register with its latency, for results later than the next cycle.
struct LateResult {
  uint8_t reg = 0;
  uint8_t latency = 0;
};

/// What the engine does with a molecule beyond running its steps (OR of bits).
enum MoleculeFlag : uint8_t {
  kAccesses = 1,     ///< has memory atoms: events and the data side
  kBranches = 2,
  kCommits = 4,
  kRollsBack = 8,
  kSerialises = 16,
  kCareful = 32,     ///< not in order: isa::execute_carefully()
  kIterative = 64,   ///< uses an iterative unit (rule X2)
  kFaulty = 128,     ///< Decoded::fault instead of atoms
};
inline constexpr uint8_t kEndsSpecially = kCommits | kRollsBack | kSerialises;

/// A molecule in the form that the engine executes. It lives, at one address, as long as its CodeMap, so that
/// others can point to it; what it holds is valid while `line` is not kUndecoded.
struct Decoded {
  static constexpr uint64_t kUndecoded = ~uint64_t{1};
  static constexpr uint64_t kCrossing = ~uint64_t{2};  ///< lies in two lines: goes through fetch() always

  uint64_t line = kUndecoded;       ///< L1I line
  uint64_t waits_for[2] = {0, 0};   ///< registers read or written, a bit each: integer, floating point
  Step* steps = nullptr;
  uint8_t count = 0;                ///< steps
  uint8_t flags = 0;                ///< MoleculeFlag
  uint8_t faulting = 0;             ///< the first so many steps can raise an event
  uint8_t late_count = 0;
  uint8_t room = 0;                 ///< steps that fit where `steps` points
  ModeAccount* account = nullptr;
  Decoded* next = nullptr;          ///< at `end`
  Decoded* target = nullptr;        ///< where the last taken branch went, at `target_address`; null: nowhere yet
  uint64_t target_address = 0;
  uint64_t end = 0;                 ///< address of the following molecule
  uint64_t address = 0;
  uint8_t load_register = kNoRegister;  ///< of its load, if it has one
  bool protects = false;            ///< has an atom that writes an alias entry
  bool reordered = false;           ///< its memory atoms do not execute in the order in which they stand
  uint8_t memory_atoms = 0;
  uint8_t bytes = 0;
  uint8_t redirect_penalty = 0;     ///< of its branch (rules B2 to B4)
  uint8_t div_cycles = 0, fp_div_cycles = 0;  ///< for which the iterative units are taken
  LateResult late[2 * isa::kMaxWords];
  isa::Event fault;                 ///< raised instead of executing it: no molecule, or no memory, here
  std::unique_ptr<isa::Prepared<ModelCore>> careful;
};

/// Finds, decodes and forgets molecules. Code lies in concealed memory. Unlike isa::PredecodeCache, whose
/// entries vanish when written, its molecules keep their place, because they are chained to each other.
class CodeMap {
 public:
  /// All arguments are kept by reference; `marks` is told of every page that decoding has read.
  CodeMap(const isa::MachineDescription& machine, const isa::PhysicalMemory& memory, CodeMarks& marks, uint32_t line_size,
          Account& account);

  /// The molecule at `address`, decoded or not. Null if no code can be there.
  Decoded* find(uint64_t address) {
    const uint64_t offset = address - memory_.concealed_base();
    if (offset >= memory_.concealed_size() || (address & 3) != 0) return nullptr;
    std::unique_ptr<Page>& page = pages_[offset >> kPageShift];
    if (page != nullptr) {
      if (Decoded* found = page->slot[offset >> 2 & (kSlots - 1)]) return found;
    }
    return enter(address);
  }

  /// Decodes `molecule`, which is undecoded.
  void decode(Decoded& molecule);

  /// The bytes [address, address+size) have changed: molecules that hold any of them are decoded again.
  void written(uint64_t address, uint64_t size);

  /// Molecules in [begin, end) count for `mode`.
  void set_mode(uint64_t begin, uint64_t end, Mode mode);
  Mode mode_of(uint64_t address) const { return modes_.at(address); }

  /// Molecules decoded since construction, repeated decodings included.
  uint64_t decodings() const { return decodings_; }

 private:
  static constexpr unsigned kPageShift = 12;
  static constexpr unsigned kSlots = 1u << (kPageShift - 2);
  struct Page {
    Decoded* slot[kSlots] = {};
  };

  Decoded* enter(uint64_t address);
  void analyse(Decoded& molecule, const isa::Molecule& source);

  const isa::MachineDescription& machine_;
  const isa::PhysicalMemory& memory_;
  CodeMarks& marks_;
  uint64_t line_mask_;
  Account& account_;
  std::vector<std::unique_ptr<Page>> pages_;
  std::deque<Decoded> molecules_;
  std::deque<std::unique_ptr<Step[]>> steps_;
  ModeMap modes_;
  uint64_t decodings_ = 0;
};

}  // namespace chrysalis::hw
