// How translations learn from events: which instructions are to be kept in order, or left to the interpreter, and which regions
// must be shorter.
#pragma once

#include <cstdint>

#include "isa-host/events.h"

namespace chrysalis::fw {

/// How carefully an instruction is translated. Each level includes the ones before.
enum class Care : uint8_t {
  None,
  InOrder,   ///< its accesses are neither moved above stores or exits nor deleted under protection, nothing passes its stores
  Isolated,  ///< left to the interpreter: regions end before it
};

/// What is known of the instructions and regions of the guest, by address. Bounded; when it is full everything is
/// forgotten, which costs events but no correctness.
class Adaptation {
 public:
  /// `misspeculations`: how many are put up with for each million of guest instructions.
  explicit Adaptation(uint32_t misspeculations);

  Care care(uint32_t eip) const;
  /// The longest region that may begin at `eip`, in instructions; ~0u: any.
  uint32_t limit(uint32_t eip) const;
  /// Whether the region at `eip` keeps all its accesses in order: it has misspeculated too often, or all regions together have.
  bool throttled(uint32_t eip);

  /// An event has abandoned a translation.
  struct Abandoned {
    isa::Cause cause;
    uint32_t region;             ///< where it begins
    uint32_t instructions;       ///< how many it has
    uint32_t lessons;            ///< lessons() when it was made
    uint32_t eip;                ///< of the instruction that the event was about, or kUnknown
    uint32_t load = kUnknown;    ///< of an alias fault: of the load that the store at `eip` overlaps
  };
  /// True: it should be translated anew, since more care is taken from now on, or has been since it was made.
  bool learn(const Abandoned& abandoned);
  /// Counts what has been learnt.
  uint32_t lessons() const { return lessons_; }
  /// For Region::in_order: what the accesses of the instruction at `eip` keep their order with.
  uint8_t order(uint32_t eip) const;
  /// The guest's own fault has abandoned a translation at the instruction at `eip`. True: it happens all the time, and the instruction is left
  /// to the interpreter from now on.
  bool learn_fault(uint32_t eip);
  /// The region at `region`, of `instructions` instructions, changes its own code further on: it ends earlier from now on.
  void shorten(uint32_t region, uint32_t instructions);

  /// Bytes of the translated instruction at `eip` have been changed: of immediates and displacements only, or others.
  void note_change(uint32_t eip, bool operands_only);
  /// Whether immediates and displacements of the instruction at `eip` are to be loaded when it executes.
  bool reloads(uint32_t eip) const;

  static constexpr uint32_t kUnknown = ~0u;

 private:
  struct Entry {
    uint32_t address;   ///< kUnknown: free
    uint32_t limit;
    uint32_t learnt;    ///< lessons() at the last change of `care` or `order`
    Care care;
    uint8_t order;      ///< bits of Region::in_order for pairs
    uint8_t faults;     ///< in quick succession, since the last change
    int8_t changes;     ///< of its operands; negative: of the rest of it
    uint8_t misspeculations;  ///< of the region that begins there, in quick succession
    uint64_t faulted;   ///< guest instructions at its last fault
    uint64_t misspeculated;
  };
  static constexpr uint32_t kEntries = 1024;

  const Entry* find(uint32_t address) const;
  Entry& entry(uint32_t address);
  void clear();
  void earn();
  void change(Entry& known, Care care);
  void separate(uint32_t store, uint32_t load);

  const uint64_t budget_;    ///< most of credit_
  uint64_t credit_, seen_ = 0;  ///< guest instructions that may still be spent, and met
  Entry entries_[kEntries];
  uint32_t used_ = 0;
  uint32_t lessons_ = 0;
  unsigned pairs_ = 0;       ///< kept in order so far
};

}  // namespace chrysalis::fw
