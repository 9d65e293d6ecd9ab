// The code cache: translations by guest address, where their code lies, and how they lead to each other.
//
// Each gear has its own area of the code cache, filled round and round: a new translation takes the place of the oldest ones, or
// of all (firmware.eviction). Generational eviction divides the area: what is new begins in the nursery, and if it has been used by the time its
// turn to go comes, it is next made in the other half, where only its like displaces it. What
// leads into a translation that goes (chained exits, the jump translation buffer, the return stack) is undone at once,
// so that no stale pointer ever remains.
//
// A translation whose source is written to may lie dormant instead of going: nothing leads to it, and nothing protects
// its source. When its address comes up again its source is compared with what it was; equal, it is used again.
#pragma once

#include <cstdint>
#include <span>

#include "firmware/abi.h"
#include "firmware/code_stubs.h"
#include "firmware/notice.h"
#include "firmware/source.h"
#include "firmware/storage.h"
#include "translator/compile.h"

namespace chrysalis::fw {

struct Translation;

/// A word that no molecule begins with: what eviction stress leaves of translations that have gone.
inline constexpr uint32_t kNoCode = 0;

/// How control leaves a translation.
enum class ExitKind : uint8_t {
  Chained,     ///< to a guest address: can be led to its translation
  Returned,    ///< the same, by a return from what was called here
  Interpreted, ///< to an instruction that is left to the interpreter
  CalledOut,   ///< the same, and it goes on behind that: Exit::resume
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
  uint32_t resume_eip;      ///< CalledOut: what follows the instructions called out for,
  uint32_t resume;          ///< and the host address at which the translation goes on with it
  Translation* owner;
  Translation* leads_to;    ///< null: to the link stub
  Exit* next;               ///< of those that lead to the same translation
  Exit* previous;
};

/// Instructions in the middle of a translation that the monitor interprets, since their helpers change what no rollback restores:
/// the translation commits before them and goes on behind them.
struct CallOut {
  uint32_t eip = 0, end = 0;  ///< the first, and what follows the last
  uint32_t instructions = 0;
  uint32_t part = 0;          ///< that begins behind them
};

/// A memory access, for who asks which instruction an event was about.
struct FaultSite {
  uint32_t offset;          ///< of its molecule, in bytes
  uint32_t eip;
  bool stores;
  uint8_t entry;            ///< alias entry that a load fills; 0xff: none
};

inline constexpr unsigned kGears = 3;

enum class Life : uint8_t {
  Gone,      ///< discarded: its place is free when its turn comes
  Active,    ///< can be executed: CodeHolder::valid
  Dormant,   ///< its source has been written to, perhaps beside its bytes
  Lapsed,    ///< dormant, and its source has been something else: a version for when it comes back
};

/// Why translations are abandoned.
enum class FaultKind : uint8_t {
  Page, Alias, StoreBuffer, Code, Device, Other,
  Check,  ///< its source was not what it was, though its entry finds it so: it has changed it itself
};
inline constexpr unsigned kFaultKinds = 7;

/// A translation. Its `valid` says that it is Active.
struct Translation : CodeHolder {
  uint32_t eip;
  uint32_t key;
  uint8_t gear;
  Life life;
  bool tenured;               ///< not in the nursery; only with Eviction::Generational
  bool checks;                ///< it compares its source itself, which is not protected
  uint16_t instructions;      ///< x86 instructions
  uint8_t attempts;           ///< to make it anew with a higher gear
  uint64_t code;              ///< host address
  uint32_t place;             ///< the same, from the beginning of the gear's area
  uint32_t bytes;
  uint32_t first_exit, exit_count;
  uint32_t first_site, site_count;
  uint32_t first_source, source_count;
  CodeSpan span[kMaxSpans];
  Translation* next_in_bucket;
  Exit* incoming;
  uint16_t faults[kFaultKinds];  ///< times that it was abandoned, by cause
  uint32_t lessons;           ///< Adaptation::lessons() when it was made
  uint32_t samples;           ///< times that sampling has met it since it was last considered
  uint32_t entries;           ///< times that the monitor has entered it
  const Translation* counts;  ///< of gears 2 and 3: gear 1's translation, whose place this one took; its counts stay a while

  bool holds(uint64_t host) const { return host >= code && host < code + bytes; }
};

class Adaptation;

class TranslationCache final : public CodeOwner {
 public:
  TranslationCache(GuestCode& code, Adaptation& adaptation, const GearOptions& options);
  TranslationCache(const TranslationCache&) = delete;
  TranslationCache& operator=(const TranslationCache&) = delete;

  /// The translation at `eip` under the current page tables and key, or null.
  Translation* find(uint32_t eip);
  /// The translation whose code holds host address `host`, or null. Slow.
  Translation* holding(uint64_t host);

  /// Room for a translation of `gear`.
  struct Place {
    uint64_t address;     ///< of its code; 0: there is no room for one so long
    uint32_t first_exit;  ///< number of its first exit
    bool tenured;
  };
  /// Makes room for one at `eip` of at most so many exits and bytes.
  Place reserve(unsigned gear, uint32_t eip, uint32_t exits, uint32_t bytes);

  /// An exit of code that is to be installed; addresses are indices of words.
  struct NewExit {
    uint32_t target, molecule, word, link;
    isa::Op op;
    ExitKind kind;
    bool literal, bridged;
    uint16_t completed;
    uint32_t resume_eip = 0, resume = 0;  ///< of CalledOut
  };
  struct NewTranslation {
    unsigned gear;
    uint32_t eip;
    unsigned instructions;
    Place place;
    std::span<const uint32_t> words;
    std::span<const NewExit> exits;
    std::span<const FaultSite> sites;
    bool checks;
  };
  /// Installs what was made for the place reserved last. Null: its source touches too many pages.
  Translation* install(const NewTranslation& made, const Source& source);

  /// The translation of gear 1 whose exits have counted what begins at `eip`, if there is or was one: when a higher gear takes its
  /// place its counts remain, until its record is needed for another.
  const Translation* counted(uint32_t eip);

  /// Exit `index` of a translation, and how often it was left by it where that is counted.
  const Exit& exit_of(const Translation& t, uint32_t index) const { return exits_[area_of(t).first_exit + t.first_exit + index]; }
  static constexpr uint64_t counter_address(uint32_t number) { return kCounterBase + 4 * uint64_t{number}; }
  uint32_t times_left(const Translation& t, uint32_t index) const;
  /// Where indirect exit `index` of a translation of gear 1 went the last times, in no order.
  std::span<const uint32_t> targets_of(const Translation& t, uint32_t index) const;

  /// Halves what gear 1's exits have counted.
  void decay();

  /// The instruction to which the first access, or the first store, of the molecule at `host` belongs; or Adaptation::kUnknown.
  uint32_t instruction_at(const Translation& translation, uint64_t host, bool stores) const;

  /// The instruction of the load that has filled, when the molecule at `host` comes, an alias entry of the set `entries`; or Adaptation::kUnknown.
  uint32_t protected_load(const Translation& translation, uint64_t host, unsigned entries) const;

  /// The exit that a link stub named.
  Exit& exit(uint32_t number) { return exits_[number - kFirstExit]; }
  /// Leads `exit` to `target` from now on, if chaining is on.
  void chain(Exit& exit, Translation& target);
  /// Indirect jumps find `target` from now on.
  void enter_jump(Translation& target);

  /// It must not be executed any more, whatever becomes of its source.
  void discard(Translation& t, DropReason reason);
  void written(CodeHolder& holder, const CodeWrite& write) override;
  /// A translation that checks its source and has the instruction at `eip`, which is not its entry; or null. Slow.
  Translation* checking(uint32_t eip);
  /// A translation that checks its source has trapped. True: its source has changed, and it is not active any more.
  bool recheck(Translation& t);
  /// Another key holds.
  void forget_jumps();
  /// Page tables have changed.
  void remap();
  void clear();

  // For tests of the cache itself: see Gears::stress().
  void drop_oldest();
  void unchain_all();

 private:
  /// Places taken round and round.
  struct Ring {
    uint32_t capacity = 0, next = 0;
  };
  struct Area {
    uint64_t base;
    Ring bytes, exits, sites, sources, records;
    uint32_t first_exit, first_site, first_source, first_record;  ///< of this area
    uint32_t oldest = 0, count = 0;     ///< records alive or discarded, not yet overwritten
  };

  Area& area_of(const Translation& t) { return areas_[t.gear - 1][t.tenured]; }
  const Area& area_of(const Translation& t) const { return areas_[t.gear - 1][t.tenured]; }
  bool was_used(const Translation& t) const;
  uint32_t make_room(Area& area, Ring& ring, uint32_t size, uint32_t (*begin)(const Translation&), uint32_t (*end)(const Translation&));
  Translation& oldest(Area& area) { return records_[area.first_record + area.oldest]; }
  void drop_oldest(Area& area);
  void unchain(Exit& exit);
  void patch(Exit& exit, uint64_t target);
  void disconnect(Translation& t);
  void deactivate(Translation& t);
  Translation* active(uint32_t eip);
  Translation* reactivate(uint32_t eip);
  bool source_is_back(Translation& t);
  void lapse(Translation& t);
  void learn(const SourceInstruction& instruction, uint16_t changed);
  void learn(const Translation& t);
  std::span<const SourceInstruction> source_of(const Translation& t) const {
    return {sources_ + area_of(t).first_source + t.first_source, t.source_count};
  }
  bool has(GearSwitch which) const { return (options_.switches & which) != 0; }
  Translation*& bucket(uint32_t eip) { return buckets_[(eip ^ eip >> 12) % kBuckets]; }

  uint32_t& survivor(uint32_t eip) { return survivors_[(eip ^ eip >> 9) % kSurvivors]; }
  template <class Visit>
  void for_all(Visit visit);

  static constexpr unsigned kBuckets = 4096, kSurvivors = 1024;
  static constexpr unsigned kExitCapacity[kGears] = {1u << 14, 1u << 15, 1u << 14};
  static constexpr unsigned kSiteCapacity[kGears] = {1u << 14, 1u << 16, 1u << 15};
  static constexpr unsigned kSourceCapacity[kGears] = {1u << 15, 1u << 16, 1u << 15};
  static constexpr unsigned kRecordCapacity[kGears] = {1u << 12, 1u << 12, 1u << 11};

  GuestCode& code_;
  Adaptation& adaptation_;
  const GearOptions& options_;
  Area areas_[kGears][2];  ///< the nursery, and what is tenured
  const Storage<Exit> exits_;
  const Storage<FaultSite> sites_;
  const Storage<SourceInstruction> sources_;
  const Storage<Translation> records_;
  const Storage<Translation*> buckets_;
  uint32_t survivors_[kSurvivors] = {};  ///< guest addresses whose translations have left the nursery after use
  uint16_t jumps_[kJumpTableEntries];  ///< entries of the jump table in use
  unsigned jump_count_ = 0;
};

}  // namespace chrysalis::fw
