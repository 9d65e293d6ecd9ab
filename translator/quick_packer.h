// Packs atoms into molecules as they come: gear 1's scheduler.
//
// Freestanding C++20: it also runs on the simulated core, where its speed counts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "isa-host/encoding.h"
#include "isa-host/machine_description.h"

namespace chrysalis::translator {

/// Places each atom, in program order, into the earliest molecule of a sliding window that its operands, their
/// latencies, the slots and the literals allow. There is no graph: per register it remembers the position at which the
/// value is ready and the one at which it was last read.
///
/// Positions count molecules since begin(). A molecule that stays empty vanishes: the core interlocks.
///
/// Keeps:   data dependences; what the caller demands by `earliest` and fence(). Memory order is the caller's affair.
/// Legal:   every molecule fits the machine. Atoms of the branch unit all go to one slot, so no molecule has two
///          branches; at most one commit or rollback per molecule is up to the caller.
/// Cost:    some 70 instructions per atom, whatever the size of the block.
class QuickPacker {
 public:
  /// What the packer needs to know of an atom: its word without operands, its unit and its latency class.
  struct Kind {
    uint32_t word = 0;
    uint8_t unit = 0;
    uint8_t latency = 0;
  };
  static constexpr Kind kind(isa::Op op) {
    return {isa::encoding(op).fixed_bits, static_cast<uint8_t>(isa::info(op).unit),
            static_cast<uint8_t>(isa::info(op).latency)};
  }

  static constexpr uint64_t kNoLiteral = uint64_t{1} << 32;
  static constexpr unsigned kNone = isa::kZero;  ///< no register

  struct Atom {
    uint32_t word;              ///< complete but for the stop bit
    uint8_t unit, latency;      ///< as in Kind
    uint8_t a = kNone, b = kNone, c = kNone;  ///< integer registers that it reads
    uint8_t d = kNone, f = kNone;             ///< integer registers that it writes
    uint16_t tag = 0;           ///< not 0: where() tells where this branch went; only for the branch unit
    uint64_t literal = kNoLiteral;
  };

  /// Where a tagged branch was written: indices into words().
  struct Place {
    uint32_t molecule, word;
    uint32_t literal;  ///< its literal word, 0 if it has none
  };

  explicit QuickPacker(const isa::MachineDescription& machine);

  /// Starts a block: forgets everything but the machine.
  void begin();

  /// Puts an atom at `earliest` or later; returns its position.
  unsigned put(const Atom& atom, unsigned earliest = 0);

  /// The last position in use: what is put there or later comes with or after all atoms so far.
  unsigned last() const { return last_; }
  /// What comes from now on follows, in later molecules, everything so far.
  void fence() { floor_ = last_ + 1; }

  /// Writes out all molecules; implies fence(). Returns the index into words() of the next one.
  uint32_t flush();

  /// Tags are numbered from 1 in the order of the caller; valid after flush().
  const Place& where(unsigned tag) const { return places_[tag]; }

  uint32_t* words() { return words_.data(); }
  const uint32_t* words() const { return words_.data(); }
  uint32_t size() const { return size_; }
  uint32_t molecules() const { return molecules_; }

 private:
  /// How many molecules wait to be filled. More find more holes in memory-bound code, and cost more to search.
  static constexpr unsigned kWindow = 16;
  /// Latencies count up to this: a divider's would empty the window.
  static constexpr uint8_t kLongestLatency = 6;

  struct Head {
    uint8_t free = 0;      ///< slots
    uint8_t literal = 0;   ///< slots whose atom has a literal
    uint8_t room = 0;      ///< words
    uint8_t literals = 0;  ///< literals that still fit
    uint16_t tag = 0;
  };

  unsigned find(unsigned position, unsigned unit, unsigned literals, unsigned& slot);
  void open(unsigned position);
  void write(unsigned position);

  // The machine.
  Head empty_;
  uint8_t branch_slot_ = 0;
  uint8_t latency_[isa::kLatencies];
  uint8_t slots_of_[isa::kUnits] = {};    ///< mask
  uint32_t order_[isa::kUnits] = {};      ///< the same slots plus one, a nibble each, best one lowest

  // The window: positions [base_, top_) have a Head.
  Head heads_[kWindow];
  uint32_t atoms_[kWindow][isa::kMaxWords];
  uint32_t literals_[kWindow][isa::kMaxWords];
  unsigned base_ = 0, top_ = 0, floor_ = 0, last_ = 0;

  // By register: where its value is ready, and where it was last read.
  struct Register {
    uint16_t ready, read;
  };
  Register registers_[isa::kIntRegs];

  std::vector<uint32_t> words_;
  std::vector<Place> places_;
  uint32_t size_ = 0, molecules_ = 0;
};

}  // namespace chrysalis::translator
