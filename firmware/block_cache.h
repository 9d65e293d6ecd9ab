// The predecode cache: straight runs of x86 instructions as micro-operations, found by guest address.
//
// A block begins where control came and runs on past conditional branches; it ends at an unconditional
// transfer, at the end of its page (its last instruction may reach into the next), or at kMaxInstructions.
// It is valid for one setting of the lifter's assumptions (its key) and for the physical pages that its
// bytes lay in. Exits are linked to the blocks they lead to.
//
// Bounded: when room runs out everything is dropped, only ever between instructions.
#pragma once

#include <cstdint>

#include "firmware/convert.h"
#include "x86-frontend/decoded.h"
#include "x86-frontend/lift.h"

namespace chrysalis::fw {

inline constexpr unsigned kMaxBlockInstructions = 48;
inline constexpr unsigned kUopCapacity = 1u << 18;
inline constexpr unsigned kBlockCapacity = 1u << 14;
inline constexpr unsigned kLinkCapacity = 1u << 16;
inline constexpr unsigned kPageCapacity = 1u << 11;

/// An exit that leads, or led, to a block. Undoing a link that has been undone or redirected since costs time only.
struct Link {
  Uop* exit;
  Link* next;           ///< of the same block
  Link* next_crossing;  ///< of those to another page, which hold only as long as the page tables stay
};

struct Block {
  uint32_t eip;
  uint32_t key;
  uint32_t length;            ///< bytes
  uint32_t generation;        ///< of the page tables under which its pages were last looked up
  uint32_t page[2];           ///< physical pages; equal if the block lies in one
  const Uop* first;
  Block* next_in_bucket;
  Block* next_in_page[2];
  Link* incoming;
  bool valid;
};

/// An exception that fetching an instruction raises.
struct FetchFault {
  bool raised = false;
  uint8_t vector = 0;
  uint32_t error = 0;
  uint32_t address = 0;  ///< CR2 of a page fault
};

/// One instruction fetched, decoded and lifted.
struct Fetched {
  x86::DecodedInst inst;
  uint32_t length = 0;
  uint32_t page[2] = {0, 0};  ///< physical pages of its first and last byte
  bool unsupported = false;
};

/// Counts an instruction that is valid but not supported, and tells the platform.
void report_unsupported(uint32_t eip);

class BlockCache {
 public:
  /// Allocates the tables from the heap.
  explicit BlockCache(UopForm form);
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  /// The block at `eip` under the current page tables and key, predecoded if need be; null with `fault` set if its
  /// first instruction cannot be fetched. Counts and reports an unsupported first instruction.
  /// `from`: the exit that leads there, or null; it is linked to the block.
  Block* find(uint32_t eip, Uop* from, FetchFault& fault);

  /// Fetches and lifts the one instruction at `eip` into lifted(). False: `fault`.
  bool fetch(uint32_t eip, Fetched& fetched, FetchFault& fault);
  const ir::Code& lifted() const { return code_; }

  /// True if `u` belongs to a block (and not to a stepped instruction).
  bool owns(const Uop* u) const { return u >= uops_ && u < uops_ + kUopCapacity; }

  /// The assumptions under which code is lifted from now on.
  void set_options(const x86::LiftOptions& options);
  /// Page tables have changed: linear addresses may mean other pages.
  void remap();
  /// Drops the blocks that have bytes in these granules of a physical page.
  void invalidate(uint32_t physical_page, uint32_t granules);
  /// Drops everything.
  void clear();

  /// Granules of a physical page that hold predecoded code.
  uint32_t granules(uint32_t physical_page) const;
  /// A TLB entry is about to be written through which the page can be stored to without an event, in the granules
  /// that hold no code now.
  void note_writable(uint32_t physical_page) { writable_bit(physical_page) |= uint64_t{1} << physical_page % 64; }
  /// Empties the TLB.
  void flush_tlb();

 private:
  struct Page {
    uint32_t number;       ///< physical page + 1; 0: free
    uint32_t granules;
    Block* blocks;
  };

  Block* build(uint32_t eip, FetchFault& fault);
  void link(Uop* exit, Block& target);
  bool still_mapped(Block& block);
  void discard(Block& block);
  Page& page(uint32_t physical_page);
  const Page* find_page(uint32_t physical_page) const;
  void protect(Block& block);
  bool translate(uint32_t address, uint32_t& physical_page, FetchFault& fault);
  Block*& bucket(uint32_t eip) { return buckets_[(eip ^ eip >> 12) % kBuckets]; }

  static constexpr unsigned kBuckets = 4096;

  const UopForm form_;
  Uop* uops_;
  Uop* next_uop_;
  Block* blocks_;
  unsigned block_count_ = 0;
  Link* links_;
  unsigned link_count_ = 0;
  Link* crossing_ = nullptr;
  Block** buckets_;
  Page* pages_;
  unsigned page_count_ = 0;
  Fetched fetched_;  ///< by build(): not set up anew for each instruction
  x86::LiftOptions options_;
  uint32_t key_ = 0;
  uint32_t generation_ = 1;
  // Pages that note_writable() was told of since the TLB was last empty; several share a bit.
  uint64_t& writable_bit(uint32_t physical_page) { return writable_[physical_page / 64 % kWritableWords]; }
  static constexpr unsigned kWritableWords = 64;
  uint64_t writable_[kWritableWords];
  // The last page that code was fetched from.
  uint32_t fetch_page_ = ~0u, fetch_physical_ = 0, fetch_generation_ = 0;
  ir::Code code_;
};

}  // namespace chrysalis::fw
