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

  /// An event of cause `cause` has abandoned the translation of `instructions` instructions at `region`; it happened at the
  /// instruction at `eip`, if that is known. True: it should be translated anew, since more care is taken from now on.
  bool learn(isa::Cause cause, uint32_t region, uint32_t instructions, uint32_t eip);
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
    Care care;
    uint8_t faults;     ///< since the last change
    int8_t changes;     ///< of its operands; negative: of the rest of it
    uint8_t misspeculations;  ///< of the region that begins there
    uint64_t faulted;   ///< guest instructions at its last own fault
  };
  static constexpr uint32_t kEntries = 1024;

  const Entry* find(uint32_t address) const;
  Entry& entry(uint32_t address);
  void clear();
  void earn();

  const uint64_t budget_;    ///< most of credit_
  uint64_t credit_, seen_ = 0;  ///< guest instructions that may still be spent, and met
  Entry entries_[kEntries];
  uint32_t used_ = 0;
};

}  // namespace chrysalis::fw
