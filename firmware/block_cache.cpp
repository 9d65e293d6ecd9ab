#include "firmware/block_cache.h"

#include <algorithm>
#include <new>

#include "firmware/counters.h"
#include "firmware/host.h"
#include "firmware/paging.h"
#include "firmware/panic.h"

namespace chrysalis::fw {
namespace {

constexpr uint32_t kPageMask = isa::kPageSize - 1;
/// Room that a block of one instruction may need: the instruction, the poll before it, the jump behind it.
constexpr unsigned kLeastRoom = kMaxUopsPerInstruction + 8;

/// Room for `count` objects, not initialized: touching megabytes at boot would be simulated, too.
template <class T>
T* allocate(size_t count) {
  return static_cast<T*>(::operator new(count * sizeof(T)));
}

}  // namespace

void report_unsupported(uint32_t eip) {
  count(Counter::Unsupported);
  host::mailbox().argument[0] = eip;
  host::platform(Service::UnsupportedInstruction);
}

BlockCache::BlockCache(UopForm form)
    : form_(form),
      uops_(allocate<Uop>(kUopCapacity)),
      next_uop_(uops_),
      blocks_(allocate<Block>(kBlockCapacity)),
      links_(allocate<Link>(kLinkCapacity)),
      buckets_(allocate<Block*>(kBuckets)),
      pages_(allocate<Page>(kPageCapacity)) {
  clear();
}

BlockCache::~BlockCache() {
  ::operator delete(uops_);
  ::operator delete(blocks_);
  ::operator delete(links_);
  ::operator delete(buckets_);
  ::operator delete(pages_);
}

void BlockCache::clear() {
  next_uop_ = uops_;
  block_count_ = link_count_ = page_count_ = 0;
  crossing_ = nullptr;
  for (unsigned i = 0; i < kBuckets; ++i) buckets_[i] = nullptr;
  for (unsigned i = 0; i < kPageCapacity; ++i) pages_[i] = Page{0, 0, nullptr};
  for (JumpEntry& entry : g_jumps) entry.eip = kNoJump;
  flush_tlb();
}

void BlockCache::flush_tlb() {
  for (uint64_t& word : writable_) word = 0;
  host::tlb_flush();
  count(Counter::TlbFlushes);
}

void BlockCache::set_options(const x86::LiftOptions& options) {
  const uint32_t key = options.flat_segments | uint32_t{options.unreadable_segments} << 8 | uint32_t{options.unwritable_segments} << 16;
  options_ = options;
  if (key == key_) return;
  key_ = key;
  for (JumpEntry& entry : g_jumps) entry.eip = kNoJump;
}

// -- pages -------------------------------------------------------------------------------------------------

const BlockCache::Page* BlockCache::find_page(uint32_t physical_page) const {
  for (unsigned i = physical_page % kPageCapacity;; i = (i + 1) % kPageCapacity) {
    if (pages_[i].number == physical_page + 1) return &pages_[i];
    if (pages_[i].number == 0) return nullptr;
  }
}

BlockCache::Page& BlockCache::page(uint32_t physical_page) {
  unsigned i = physical_page % kPageCapacity;
  for (; pages_[i].number != 0; i = (i + 1) % kPageCapacity) {
    if (pages_[i].number == physical_page + 1) return pages_[i];
  }
  ++page_count_;
  pages_[i] = Page{physical_page + 1, 0, nullptr};
  return pages_[i];
}

uint32_t BlockCache::granules(uint32_t physical_page) const {
  const Page* found = find_page(physical_page);
  return found == nullptr ? 0 : found->granules;
}

/// Marks the granules of a new block, so that stores to them raise an event from now on.
void BlockCache::protect(Block& block) {
  const uint32_t offset = block.eip & kPageMask;
  const bool two = block.page[1] != block.page[0];
  const uint32_t in_first = two ? static_cast<uint32_t>(isa::kPageSize) - offset : block.length;
  const uint32_t wanted[2] = {isa::granules_of(offset, in_first), two ? isa::granules_of(0, block.length - in_first) : 0};
  for (unsigned i = 0; i < (two ? 2u : 1u); ++i) {
    Page& at = page(block.page[i]);
    block.next_in_page[i] = at.blocks;
    at.blocks = &block;
    if ((wanted[i] & ~at.granules) == 0) continue;
    at.granules |= wanted[i];
    if ((writable_bit(block.page[i]) >> block.page[i] % 64 & 1) != 0) flush_tlb();
  }
}

void BlockCache::discard(Block& block) {
  if (!block.valid) return;
  block.valid = false;
  count(Counter::Invalidations);
  for (Link* link = block.incoming; link != nullptr; link = link->next) link->exit->target = g_unlinked;
  block.incoming = nullptr;
  for (Block** at = &bucket(block.eip); *at != nullptr; at = &(*at)->next_in_bucket) {
    if (*at != &block) continue;
    *at = block.next_in_bucket;
    break;
  }
  JumpEntry& entry = jump_entry(block.eip);
  if (entry.eip == block.eip) entry.eip = kNoJump;
}

void BlockCache::invalidate(uint32_t physical_page, uint32_t granules) {
  const Page* found = find_page(physical_page);
  if (found == nullptr || (found->granules & granules) == 0) return;
  Page& at = page(physical_page);
  // Blocks of the page go together with their granules: what remains is exactly what is still predecoded.
  uint32_t kept_granules = 0;
  Block* kept = nullptr;
  for (Block* block = at.blocks; block != nullptr;) {
    const unsigned side = block->page[0] == physical_page ? 0 : 1;
    Block* const next = block->next_in_page[side];
    const uint32_t offset = block->eip & kPageMask;
    const uint32_t in_first = block->page[0] != block->page[1] ? static_cast<uint32_t>(isa::kPageSize) - offset : block->length;
    const uint32_t covers = side == 0 ? isa::granules_of(offset, in_first) : isa::granules_of(0, block->length - in_first);
    if (block->valid && (covers & granules) != 0) discard(*block);
    if (block->valid) {
      kept_granules |= covers;
      block->next_in_page[side] = kept;
      kept = block;
    }
    block = next;
  }
  at.blocks = kept;
  at.granules = kept_granules;
}

void BlockCache::remap() {
  ++generation_;
  fetch_page_ = ~0u;
  for (JumpEntry& entry : g_jumps) entry.eip = kNoJump;
  // Links within a page hold: who got into the page came by a look-up, which checks the mapping.
  for (Link* link = crossing_; link != nullptr; link = link->next_crossing) link->exit->target = g_unlinked;
  crossing_ = nullptr;
}

// -- fetching ------------------------------------------------------------------------------------------------

bool BlockCache::translate(uint32_t address, uint32_t& physical_page, FetchFault& fault) {
  const uint32_t linear_page = address >> isa::kPageShift;
  if (linear_page == fetch_page_ && generation_ == fetch_generation_) {
    physical_page = fetch_physical_;
    return true;
  }
  const Translation found = walk(address, Access::Fetch, user_mode());
  if (!found.ok) {
    fault = {true, 14, found.error, address};
    return false;
  }
  if ((found.physical_page + 1) << isa::kPageShift > host::mailbox().guest_ram_size) {
    fault = {true, 18, 0, address};  // #MC: nothing answers there
    return false;
  }
  fetch_page_ = linear_page;
  fetch_generation_ = generation_;
  physical_page = fetch_physical_ = static_cast<uint32_t>(found.physical_page);
  return true;
}

bool BlockCache::fetch(uint32_t eip, Fetched& fetched, FetchFault& fault) {
  if (!translate(eip, fetched.page[0], fault)) return false;
  fetched.page[1] = fetched.page[0];
  const uint32_t offset = eip & kPageMask;
  const uint32_t in_first = static_cast<uint32_t>(isa::kPageSize) - offset;
  const uint32_t have = in_first < x86::kMaxInstructionLength ? in_first : x86::kMaxInstructionLength;
  // Nobody writes guest memory while it is decoded.
  const uint8_t* from = const_cast<const uint8_t*>(host::physical((uint64_t{fetched.page[0]} << isa::kPageShift) + offset));
  x86::DecodeStatus status = x86::decode(std::span<const uint8_t>(from, have), fetched.inst);
  if (status == x86::DecodeStatus::NeedMoreBytes && have < x86::kMaxInstructionLength) {
    if (!translate(eip + in_first, fetched.page[1], fault)) return false;
    const uint8_t* const rest = const_cast<const uint8_t*>(host::physical(uint64_t{fetched.page[1]} << isa::kPageShift));
    uint8_t bytes[x86::kMaxInstructionLength];
    for (uint32_t i = 0; i < sizeof bytes; ++i) bytes[i] = i < have ? from[i] : rest[i - have];
    status = x86::decode(std::span<const uint8_t>(bytes), fetched.inst);
  }
  code_.clear();
  fetched.unsupported = false;
  switch (status) {
    case x86::DecodeStatus::Ok:
      fetched.length = fetched.inst.length;
      if (fetched.length <= in_first) fetched.page[1] = fetched.page[0];
      fetched.unsupported = x86::lift(fetched.inst, eip, options_, code_) == x86::LiftStatus::Unsupported;
      return true;
    case x86::DecodeStatus::TooLong:
    case x86::DecodeStatus::NeedMoreBytes:
      fault = {true, 13, 0, 0};
      return false;
    default:
      fault = {true, 6, 0, 0};
      return false;
  }
}

bool BlockCache::still_mapped(Block& block) {
  if (block.generation == generation_) return true;
  FetchFault fault;
  uint32_t physical;
  if (!translate(block.eip, physical, fault) || physical != block.page[0]) return false;
  if (block.page[1] != block.page[0] &&
      (!translate(block.eip + block.length - 1, physical, fault) || physical != block.page[1])) {
    return false;
  }
  block.generation = generation_;
  return true;
}

// -- blocks ----------------------------------------------------------------------------------------------------

Block* BlockCache::find(uint32_t eip, Uop* from, FetchFault& fault) {
  count(Counter::Lookups);
  Block* found = nullptr;
  for (Block* block = bucket(eip); block != nullptr; block = block->next_in_bucket) {
    if (block->eip == eip && block->key == key_ && still_mapped(*block)) {
      found = block;
      break;
    }
  }
  if (found == nullptr) {
    if (next_uop_ + kLeastRoom > uops_ + kUopCapacity || block_count_ == kBlockCapacity ||
        link_count_ == kLinkCapacity || page_count_ + 2 > kPageCapacity / 2) {
      clear();
      count(Counter::CacheFlushes);
      from = nullptr;
    }
    found = build(eip, fault);
    if (found == nullptr) return nullptr;
  }
  if (from != nullptr && owns(from)) link(from, *found);
  return found;
}

void BlockCache::link(Uop* exit, Block& target) {
  // Blocks lie in the order of their micro-operations.
  const Block* source = std::upper_bound(blocks_, blocks_ + block_count_, exit,
                                         [](const Uop* u, const Block& block) { return u < block.first; }) - 1;
  const bool crosses = source->page[0] != source->page[1] || target.page[0] != target.page[1] ||
                       ((source->eip ^ target.eip) >> isa::kPageShift) != 0;
  Link& node = links_[link_count_++];
  node = Link{exit, target.incoming, crosses ? crossing_ : nullptr};
  if (crosses) crossing_ = &node;
  target.incoming = &node;
  exit->target = target.first;
  count(Counter::Links);
}

Block* BlockCache::build(uint32_t eip, FetchFault& fault) {
  Block& block = blocks_[block_count_];
  UopBuffer out{next_uop_, uops_ + kUopCapacity};
  append_poll(eip, form_, out);
  const Uop* const after_poll = out.next;
  bool loops = false, ended = false;
  uint32_t at = eip;
  unsigned instructions = 0;
  block.page[0] = block.page[1] = 0;
  // There is room for the first instruction (find() sees to it): a block without any would only jump to itself.
  while (!ended && instructions < kMaxBlockInstructions && (instructions == 0 || out.next + kLeastRoom <= out.end)) {
    if (instructions != 0 && ((at ^ eip) >> isa::kPageShift) != 0) break;
    Fetched& fetched = fetched_;
    FetchFault here;
    if (!fetch(at, fetched, here)) {
      if (instructions != 0) break;  // raised when control really comes there
      fault = here;
      return nullptr;
    }
    if (fetched.unsupported) {
      if (instructions != 0) break;
      report_unsupported(at);
    }
    if (instructions == 0) block.page[0] = fetched.page[0];
    block.page[1] = fetched.page[1];
    const uint32_t next = at + fetched.length;
    const Converted converted = convert(code_, at, next, form_, {}, out);
    loops |= converted.leaves;
    ended = converted.ends_block;
    at = next;
    ++instructions;
  }
  if (!ended) append_jump(at, form_, out);

  ++block_count_;
  block.eip = eip;
  block.key = key_;
  block.length = at - eip;
  block.generation = generation_;
  block.first = loops ? next_uop_ : after_poll;
  block.next_in_page[0] = block.next_in_page[1] = nullptr;
  block.incoming = nullptr;
  block.valid = true;
  block.next_in_bucket = bucket(eip);
  bucket(eip) = &block;
  count(Counter::Predecoded, instructions);
  count(Counter::PredecodedBlocks);
  count(Counter::PredecodedUops, static_cast<uint64_t>(out.next - next_uop_));
  next_uop_ = out.next;
  protect(block);
  return &block;
}

}  // namespace chrysalis::fw
