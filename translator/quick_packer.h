// Packs atoms into molecules as they come: gear 1's scheduler.
//
// Freestanding C++20: it also runs on the simulated core, where its speed counts.
#pragma once

#include <cstdint>
#include <vector>

#include "isa-host/encoding.h"
#include "isa-host/machine_description.h"

namespace chrysalis::translator {

/// Places each atom, in program order, into the earliest molecule of a sliding window that its operands, their
/// latencies, the slots and the literals allow. There is no graph: per register it remembers the position from which it
/// may be read, and the one from which it may be written.
///
/// Positions count molecules since begin(). A molecule that stays empty vanishes: the core interlocks.
///
/// Keeps:   data dependences; what the caller demands by positions and fence(). Memory order is the caller's affair.
/// Legal:   every molecule fits the machine. Atoms of the branch unit all go to one slot, so no molecule has two
///          branches; that none has two atoms that act last is up to the caller.
/// Cost:    some 60 instructions per atom, whatever the size of the block.
class QuickPacker {
 public:
  static constexpr uint64_t kNoLiteral = uint64_t{1} << 32;
  static constexpr unsigned kNone = isa::kZero;  ///< no register

  /// Unit and latency class of an atom.
  using Kind = uint16_t;
  static constexpr Kind kind(isa::Op op) {
    return static_cast<Kind>(static_cast<unsigned>(isa::info(op).unit) | static_cast<unsigned>(isa::info(op).latency) << 8);
  }

  /// Where a tagged branch was written: indices into words().
  struct Place {
    uint32_t molecule, word;
    uint32_t literal;  ///< its literal word, 0 if it has none
  };

  explicit QuickPacker(const isa::MachineDescription& machine);

  /// Starts a block: forgets everything but the machine.
  void begin();

  /// Puts an atom that reads integer registers `a` and `b` and writes `d` and `f` at position `earliest` or later. `word`
  /// is complete but for the stop bit. Returns its position.
  unsigned put(uint32_t word, Kind kind, unsigned a, unsigned b, unsigned d, unsigned f, uint64_t literal = kNoLiteral,
               unsigned earliest = 0);
  /// The same for an atom that reads `c` as well.
  unsigned put_three(uint32_t word, Kind kind, unsigned a, unsigned b, unsigned c, unsigned d);
  /// The same for a branch that reads `a`, and whose place where() will tell by `tag`.
  unsigned put_branch(uint32_t word, Kind kind, unsigned a, uint16_t tag, unsigned earliest = 0);

  /// The last position in use: what is put there or later comes with or after all atoms so far.
  unsigned last() const { return last_; }
  /// What comes from now on follows, in later molecules, everything so far.
  void fence() { floor_ = last_ + 1; }

  /// Writes out all molecules; implies fence(). Returns the index into words() of the next one.
  uint32_t flush();
  /// After flush(): room for `count` words that the caller writes itself, `molecules` molecules.
  uint32_t* append(unsigned count, unsigned molecules);

  /// Tags are numbered from 1 in the order of the caller; valid after flush().
  const Place& where(unsigned tag) const { return places_[tag]; }

  uint32_t* words() { return words_.data(); }
  uint32_t size() const { return size_; }
  uint32_t molecules() const { return molecules_; }

 private:
  /// How many molecules wait to be filled. More find more holes in memory-bound code, and cost more to search.
  static constexpr unsigned kWindow = 16;
  /// Latencies count up to this: a divider's would empty the window.
  static constexpr uint8_t kLongestLatency = 6;

  struct alignas(8) Head {
    uint8_t free = 0;      ///< slots; none once there is no room
    uint8_t room = 0;      ///< words
    uint8_t literals = 0;  ///< literals that still fit
    uint8_t used = 0;      ///< slots
    uint8_t literal = 0;   ///< slots whose atom has a literal
    uint16_t tag = 0;
  };

  void open(unsigned position);
  void write(unsigned position);

  // The machine.
  Head empty_;
  uint8_t branch_slot_ = 0;
  uint8_t latency_[isa::kLatencies];
  uint8_t slots_of_[isa::kUnits] = {};        ///< mask
  uint8_t choice_[isa::kUnits][256] = {};     ///< the best of some slots for a unit

  // The window: positions [base_, top_) have a Head.
  unsigned base_ = 0, top_ = 0, floor_ = 0, last_ = 0;
  uint16_t readable_[isa::kIntRegs];          ///< positions, by register
  uint16_t writable_[isa::kIntRegs];
  Head heads_[kWindow];
  uint32_t atoms_[kWindow][isa::kMaxWords];
  uint32_t literals_[kWindow][isa::kMaxWords];

  std::vector<uint32_t> words_;
  std::vector<Place> places_;
  uint32_t size_ = 0, molecules_ = 0;
};

}  // namespace chrysalis::translator
