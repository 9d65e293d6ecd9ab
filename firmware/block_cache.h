// The predecode cache: straight runs of x86 instructions as micro-operations, found by guest address.
//
// A block begins where control came and ends at the first transfer, conditional or not, at the end of its page (its last
// instruction may reach into the next), or at kMaxBlockInstructions; with gears above, also
// before code that translations check, and where what they leave to the interpreter begins or ends.
// It is valid for one setting of the lifter's assumptions (its key) and for the physical pages that its
// bytes lay in. Exits are linked to the blocks they lead to.
//
// Bounded: when room runs out everything is dropped, only ever between instructions.
#pragma once

#include <cstdint>

#include "firmware/conversions.h"
#include "firmware/convert.h"
#include "firmware/guest_code.h"

namespace chrysalis::fw {

inline constexpr unsigned kMaxBlockInstructions = 48;
inline constexpr unsigned kUopCapacity = 1u << 18;
inline constexpr unsigned kBlockCapacity = 1u << 14;
inline constexpr unsigned kLinkCapacity = 1u << 16;
inline constexpr unsigned kSiteCapacity = 1u << 16;

/// An exit that leads, or led, to a block. Undoing a link that has been undone or redirected since costs time only.
struct Link {
  Uop* exit;
  Link* next;           ///< of the same block
  Link* next_crossing;  ///< of those to another page, which hold only as long as the page tables stay
};

/// A conditional or indirect exit of a block, as profiling finds it.
struct ExitSite {
  uint32_t eip;      ///< of the instruction
  const Uop* exit;
};

struct Block : CodeHolder {
  uint32_t eip;
  uint32_t key;
  uint32_t length;            ///< bytes
  const Uop* first;           ///< where links lead: what looks for asynchronous work and counts comes before `body`
  const Uop* body;
  Uop* head;                  ///< null without profiling
  Uop* tail;                  ///< the jump to what follows it; null: its last instruction leads elsewhere
  int64_t budget;             ///< of the head, to begin with
  const ExitSite* sites;      ///< in program order
  uint32_t site_count;
  CodeSpan span[2];
  Block* next_in_bucket;
  Link* incoming;

  /// Times that control has come to its head.
  uint64_t executions() const { return static_cast<uint64_t>(budget - head->budget); }
};

class BlockCache final : public CodeOwner {
 public:
  /// Allocates the tables from the heap. `budget`: executions after which a block is hot; 0: nothing is profiled.
  BlockCache(GuestCode& code, UopForm form, int64_t budget);
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  /// The block at `eip` under the current page tables and key, predecoded if need be; null with `fault` set if its
  /// first instruction cannot be fetched. Counts and reports an unsupported first instruction.
  /// `from`: the exit that leads there, or null; it is linked to the block.
  Block* find(uint32_t eip, Uop* from, FetchFault& fault);

  /// The block at `eip` if it is there.
  Block* existing(uint32_t eip);

  /// True if `u` belongs to a block (and not to a stepped instruction).
  bool owns(const Uop* u) const { return u >= uops_ && u < uops_ + kUopCapacity; }
  /// Room for the micro-operations of an instruction that is executed on its own.
  UopBuffer step_buffer() { return {uops_ + kUopCapacity, uops_ + kUopCapacity + kStepRoom}; }

  const ExitProfile& profile(const ExitSite& site) const { return profiles_[site.exit - uops_]; }

  /// The block runs to its end and no further from now on: what follows is a translation's business.
  static void detach(Block& block) {
    if (block.tail == nullptr) return;
    block.tail->target = g_unlinked;
    block.tail->e = kDetached;
  }

  /// Halves what profiles have counted.
  void decay();

  /// Another key holds, or page tables have changed: linear addresses may mean other pages.
  void forget_jumps();
  void remap();
  void written(CodeHolder& holder, const CodeWrite& write) override;
  /// Drops everything.
  void clear();

 private:
  Block* build(uint32_t eip, FetchFault& fault);
  void link(Uop* exit, Block& target);
  void hold(Block& block, const uint32_t (&pages)[2]);
  Block*& bucket(uint32_t eip) { return buckets_[(eip ^ eip >> 12) % kBuckets]; }

  static constexpr uint16_t kDetached = 0xffff;  ///< in Uop::e, which a jump has no use for
  static constexpr unsigned kBuckets = 4096;
  static constexpr unsigned kStepRoom = kMaxUopsPerInstruction + 8;

  GuestCode& code_;
  const UopForm form_;
  const int64_t budget_;
  const Storage<Uop> uops_;
  Uop* next_uop_;
  const Storage<ExitProfile> profiles_;  ///< by micro-operation
  const Storage<Block> blocks_;
  unsigned block_count_ = 0;
  const Storage<ExitSite> sites_;
  unsigned site_count_ = 0;
  const Storage<Link> links_;
  unsigned link_count_ = 0;
  Link* crossing_ = nullptr;
  const Storage<Block*> buckets_;
  Conversions conversions_;
  uint32_t conversions_key_ = 0;  ///< under which they were lifted
  Fetched fetched_;  ///< by build(): not set up anew for each instruction
};

}  // namespace chrysalis::fw
