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
  Adaptation();

  Care care(uint32_t eip) const;
  /// The longest region that may begin at `eip`, in instructions; ~0u: any.
  uint32_t limit(uint32_t eip) const;

  /// An event of cause `cause` has abandoned the translation of `instructions` instructions at `region`; it happened at the
  /// instruction at `eip`, if that is known. True: it should be translated anew, since more care is taken from now on.
  bool learn(isa::Cause cause, uint32_t region, uint32_t instructions, uint32_t eip);

  static constexpr uint32_t kUnknown = ~0u;

 private:
  struct Entry {
    uint32_t address;   ///< kUnknown: free
    uint32_t limit;
    Care care;
    uint8_t faults;     ///< since the last change
  };
  static constexpr uint32_t kEntries = 1024;

  const Entry* find(uint32_t address) const;
  Entry& entry(uint32_t address);
  void clear();

  Entry entries_[kEntries];
  uint32_t used_ = 0;
};

}  // namespace chrysalis::fw
