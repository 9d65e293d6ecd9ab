// The code cache: translations by guest address, where their code lies, and how they lead to each other.
//
// Each gear has its own area of the code cache, filled round and round: a new translation takes the place of the oldest ones. What
// leads into a translation that goes (chained exits, the jump translation buffer, the return stack) is undone at once,
// so that no stale pointer ever remains.
#pragma once

#include <cstdint>
#include <span>

#include "firmware/abi.h"
#include "firmware/code_stubs.h"
#include "firmware/guest_code.h"
#include "translator/compile.h"

namespace chrysalis::fw {

struct Translation;

/// How control leaves a translation.
enum class ExitKind : uint8_t {
  Chained,     ///< to a guest address: can be led to its translation
  Returned,    ///< the same, by a return from what was called here
  Interpreted, ///< to an instruction that is left to the interpreter
  Indirect,    ///< to a guest address that is not found as a jump target
  Trapped,     ///< rolled back to the entry: an instruction raises an exception
};

/// A way out of a translation. Its number, which the link stub gives, is its place in TranslationCache::exits_.
struct Exit {
  uint32_t target;          ///< guest address
  uint32_t molecule;        ///< host address of the branch's molecule
  uint32_t word;            ///< host address of the word to patch: the branch, or with `literal` its displacement
  uint32_t link;            ///< host address of the link stub
  isa::Op op;               ///< of the branch
  ExitKind kind;
  bool literal;
  bool bridged;             ///< the link stub begins with a branch that reaches everywhere, for branches that do not
  bool crossing;            ///< chained to another linear page: holds only as long as the page tables stay
  uint16_t completed;       ///< guest instructions
  Translation* owner;
  Translation* leads_to;    ///< null: to the link stub
  Exit* next;               ///< of those that lead to the same translation
  Exit* previous;
};

/// A molecule with memory accesses, for who asks which instruction an event was about.
struct FaultSite {
  uint32_t offset;          ///< of the molecule, in bytes
  uint32_t eip;
};

inline constexpr unsigned kGears = 3;
inline constexpr unsigned kMaxSpans = 6;  ///< pages that the source of one translation touches

struct Translation : CodeHolder {
  uint32_t eip;
  uint32_t key;
  uint8_t gear;
  uint16_t instructions;      ///< x86 instructions
  uint64_t code;              ///< host address
  uint32_t place;             ///< the same, from the beginning of the gear's area
  uint32_t bytes;
  uint32_t first_exit, exit_count;
  uint32_t first_site, site_count;
  CodeSpan span[kMaxSpans];
  Translation* next_in_bucket;
  Exit* incoming;
  uint32_t faults;            ///< times that it was abandoned
  uint32_t samples;           ///< times that sampling has met it
  const Translation* counts;  ///< of gears 2 and 3: gear 1's translation, whose place this one took; its counts stay a while

  bool holds(uint64_t host) const { return host >= code && host < code + bytes; }
};

/// Where a translation's source lies; collected while it is fetched.
struct SourceSpans {
  CodeSpan span[kMaxSpans];
  uint32_t count = 0;

  /// Adds an instruction's bytes. False: too many pages.
  bool add(uint32_t eip, const Fetched& fetched);
};

enum class Eviction : uint8_t { Flush, Fifo };

class TranslationCache final : public CodeOwner {
 public:
  TranslationCache(GuestCode& code, Eviction eviction, bool chaining);
  ~TranslationCache();
  TranslationCache(const TranslationCache&) = delete;
  TranslationCache& operator=(const TranslationCache&) = delete;

  /// The translation at `eip` under the current page tables and key, or null.
  Translation* find(uint32_t eip);

  /// Room for a translation of `gear`.
  struct Place {
    uint64_t address;     ///< of its code; 0: there is no room for one so long
    uint32_t first_exit;  ///< number of its first exit
  };
  /// Makes room for one of at most so many exits and bytes.
  Place reserve(unsigned gear, uint32_t exits, uint32_t bytes);

  /// An exit of code that is to be installed; addresses are indices of words.
  struct NewExit {
    uint32_t target, molecule, word, link;
    isa::Op op;
    ExitKind kind;
    bool literal, bridged;
    uint16_t completed;
  };
  struct NewTranslation {
    unsigned gear;
    uint32_t eip;
    unsigned instructions;
    Place place;
    std::span<const uint32_t> words;
    std::span<const NewExit> exits;
    std::span<const FaultSite> sites;
  };
  /// Installs what was made for the place reserved last. Null: its source touches too many pages.
  Translation* install(const NewTranslation& made, const SourceSpans& spans);

  /// The translation of gear 1 whose exits have counted what begins at `eip`, if there is or was one: when a higher gear takes its
  /// place its counts remain, until its record is needed for another.
  const Translation* counted(uint32_t eip);

  /// Exit `index` of a translation, and how often it was left by it where that is counted.
  const Exit& exit_of(const Translation& t, uint32_t index) const { return exits_[areas_[t.gear - 1].first_exit + t.first_exit + index]; }
  static constexpr uint64_t counter_address(uint32_t number) { return kCounterBase + 4 * uint64_t{number}; }
  uint32_t times_left(const Translation& t, uint32_t index) const;

  /// The instruction to which the accesses of the molecule at `host` belong, or Adaptation::kUnknown.
  uint32_t instruction_at(const Translation& translation, uint64_t host) const;

  /// The exit that a link stub named.
  Exit& exit(uint32_t number) { return exits_[number - kFirstExit]; }
  /// Leads `exit` to `target` from now on, if chaining is on.
  void chain(Exit& exit, Translation& target);
  /// Indirect jumps find `target` from now on.
  void enter_jump(Translation& target);

  void discard(CodeHolder& holder) override;
  /// Another key holds.
  void forget_jumps();
  /// Page tables have changed.
  void remap();
  void clear();

 private:
  /// Places taken round and round.
  struct Ring {
    uint32_t capacity = 0, next = 0;
  };
  struct Area {
    uint64_t base;
    Ring bytes, exits, sites, records;
    uint32_t first_exit, first_site, first_record;  ///< of this area
    uint32_t oldest = 0, count = 0;     ///< records alive or discarded, not yet overwritten
  };

  uint32_t make_room(Area& area, Ring& ring, uint32_t size, uint32_t (*begin)(const Translation&), uint32_t (*end)(const Translation&));
  Translation& oldest(Area& area) { return records_[area.first_record + area.oldest]; }
  void drop_oldest(Area& area);
  void unchain(Exit& exit);
  void patch(Exit& exit, uint64_t target);
  Translation*& bucket(uint32_t eip) { return buckets_[(eip ^ eip >> 12) % kBuckets]; }

  static constexpr unsigned kBuckets = 4096;
  static constexpr unsigned kExitCapacity[kGears] = {1u << 14, 1u << 15, 1u << 14};
  static constexpr unsigned kSiteCapacity[kGears] = {1u << 14, 1u << 16, 1u << 15};
  static constexpr unsigned kRecordCapacity[kGears] = {1u << 12, 1u << 12, 1u << 11};

  GuestCode& code_;
  const Eviction eviction_;
  const bool chaining_;
  Area areas_[kGears];
  Exit* exits_;
  FaultSite* sites_;
  Translation* records_;
  Translation** buckets_;
  uint16_t jumps_[kJumpTableEntries];  ///< entries of the jump table in use
  unsigned jump_count_ = 0;
};

}  // namespace chrysalis::fw
