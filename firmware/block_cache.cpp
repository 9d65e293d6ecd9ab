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

}  // namespace

BlockCache::BlockCache(GuestCode& code, UopForm form, int64_t budget)
    : code_(code),
      form_(form),
      budget_(budget),
      uops_(kUopCapacity + kStepRoom),
      next_uop_(uops_),
      profiles_(kUopCapacity + kStepRoom),
      blocks_(kBlockCapacity),
      sites_(kSiteCapacity),
      links_(kLinkCapacity),
      buckets_(kBuckets) {
  scratch(reinterpret_cast<char*>(host::mailbox().context.slot)).profile =
      reinterpret_cast<uintptr_t>(&profiles_[0]) - (reinterpret_cast<uintptr_t>(&uops_[0]) >> 1);
  clear();
}

void BlockCache::clear() {
  next_uop_ = uops_;
  block_count_ = link_count_ = site_count_ = 0;
  crossing_ = nullptr;
  for (unsigned i = 0; i < kBuckets; ++i) buckets_[i] = nullptr;
  forget_jumps();
  code_.release(*this);
}

void BlockCache::forget_jumps() {
  for (JumpEntry& entry : g_jumps) entry.eip = kNoJump;
}

void BlockCache::decay() {
  for (unsigned i = 0; i < block_count_; ++i) {
    Block& block = blocks_[i];
    // A budget that is spent, or without bounds, says what the gears have made of the block.
    if (!block.valid || block.head == nullptr || block.head->budget <= 0 || block.head->budget > block.budget) continue;
    block.head->budget = block.budget - static_cast<int64_t>(block.executions() / 2);
    for (uint32_t s = 0; s < block.site_count; ++s) profiles_[block.sites[s].exit - uops_].taken /= 2;
  }
}

void BlockCache::hold(Block& block, const uint32_t (&pages)[2]) {
  const uint32_t offset = block.eip & kPageMask;
  const bool two = pages[1] != pages[0];
  const uint32_t in_first = two ? static_cast<uint32_t>(isa::kPageSize) - offset : block.length;
  const uint32_t linear = block.eip >> isa::kPageShift;
  block.span[0] = {pages[0], linear, isa::granules_of(offset, in_first), nullptr, nullptr};
  if (two) block.span[1] = {pages[1], linear + 1, isa::granules_of(0, block.length - in_first), nullptr, nullptr};
  block.owner = this;
  block.spans = block.span;
  block.span_count = two ? 2 : 1;
  code_.hold(block);
}

void BlockCache::written(CodeHolder& holder, const CodeWrite&) {
  auto& block = static_cast<Block&>(holder);
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

void BlockCache::remap() {
  forget_jumps();
  // Links within a page hold: who got into the page came by a look-up, which checks the mapping.
  for (Link* link = crossing_; link != nullptr; link = link->next_crossing) link->exit->target = g_unlinked;
  crossing_ = nullptr;
}

Block* BlockCache::existing(uint32_t eip) {
  for (Block* block = bucket(eip); block != nullptr; block = block->next_in_bucket) {
    if (block->eip == eip && block->key == code_.key() && code_.still_mapped(*block)) return block;
  }
  return nullptr;
}

Block* BlockCache::find(uint32_t eip, Uop* from, FetchFault& fault) {
  count(Counter::Lookups);
  Block* found = existing(eip);
  if (found == nullptr) {
    if (next_uop_ + kLeastRoom > uops_ + kUopCapacity || block_count_ == kBlockCapacity ||
        link_count_ == kLinkCapacity || site_count_ + kMaxBlockInstructions > kSiteCapacity || !code_.has_room(2)) {
      clear();
      count(Counter::CacheFlushes);
      from = nullptr;
    }
    found = build(eip, fault);
    if (found == nullptr) return nullptr;
  }
  if (from != nullptr && owns(from) && from->e != kDetached) link(from, *found);
  return found;
}

void BlockCache::link(Uop* exit, Block& target) {
  // Blocks lie in the order of their micro-operations.
  const Block* source = std::upper_bound(&blocks_[0], blocks_ + block_count_, exit,
                                         [](const Uop* u, const Block& block) { return u < block.first; }) - 1;
  const bool crosses = source->span_count > 1 || target.span_count > 1 ||
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
  block.head = nullptr;
  block.budget = budget_;
  if (budget_ != 0) {
    block.head = out.next;
    append_head(eip, budget_, form_, out);
  }
  block.body = out.next;
  block.sites = sites_ + site_count_;
  bool loops = false, ended = false, interpreted = false;
  if (conversions_key_ != code_.key()) {
    conversions_.clear();
    conversions_key_ = code_.key();
  }
  uint32_t at = eip;
  unsigned instructions = 0, again = 0;
  uint32_t pages[2] = {0, 0};
  // There is room for the first instruction (find() sees to it): a block without any would only jump to itself.
  while (!ended && instructions < kMaxBlockInstructions && (instructions == 0 || out.next + kLeastRoom <= out.end)) {
    if (instructions != 0 && ((at ^ eip) >> isa::kPageShift) != 0) break;
    Fetched& fetched = fetched_;
    FetchFault here;
    if (!code_.decode(at, fetched, here)) {
      if (instructions != 0) break;  // raised when control really comes there
      fault = here;
      return nullptr;
    }
    if (fetched.checked && instructions != 0) break;  // its granules are to stay open
    if (fetched.has_key && !interpreted && conversions_.append(fetched.key, at, out)) {
      if (instructions == 0) pages[0] = fetched.page[0];
      pages[1] = fetched.page[1];
      at += fetched.length;
      ++instructions;
      ++again;
      continue;
    }
    code_.lift(at, fetched);
    // What no gear translates has blocks of its own: control is back in translations right behind it.
    const bool left_to_us = budget_ != 0 && is_for_interpreter(code_.lifted());
    if (instructions == 0) interpreted = left_to_us;
    else if (left_to_us != interpreted) break;
    if (fetched.unsupported) {
      if (instructions != 0) break;
      report_unsupported(at, fetched.inst.mnemonic);
    }
    if (instructions == 0) pages[0] = fetched.page[0];
    pages[1] = fetched.page[1];
    const uint32_t next = at + fetched.length;
    const Uop* const begin = out.next;
    const Converted converted = convert(code_.lifted(), at, next, form_, {}, out);
    if (fetched.has_key && !left_to_us && !fetched.unsupported) conversions_.keep(fetched.key, converted, begin, out.next);
    if (converted.exit != nullptr) {
      sites_[site_count_++] = {at, converted.exit};
      profiles_[converted.exit - uops_] = ExitProfile{0, 0, 0};
    }
    loops |= converted.leaves;
    ended = converted.ends_block;
    at = next;
    ++instructions;
    // What follows a branch is predecoded when control comes there, which a third of it never does.
    if (converted.exit != nullptr) break;
  }
  block.tail = ended ? nullptr : out.next;
  if (!ended) append_jump(at, form_, out);

  ++block_count_;
  block.eip = eip;
  block.key = code_.key();
  block.length = at - eip;
  block.site_count = static_cast<uint32_t>(sites_ + site_count_ - block.sites);
  block.first = loops ? next_uop_ : after_poll;
  block.incoming = nullptr;
  block.next_in_bucket = bucket(eip);
  bucket(eip) = &block;
  count(Counter::Predecoded, instructions);
  count(Counter::PredecodedAgain, again);
  count(Counter::PredecodedBlocks);
  count(Counter::PredecodedUops, static_cast<uint64_t>(out.next - next_uop_));
  next_uop_ = out.next;
  hold(block, pages);
  return &block;
}

}  // namespace chrysalis::fw
