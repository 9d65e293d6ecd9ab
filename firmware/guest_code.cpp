#include "firmware/guest_code.h"

#include <algorithm>
#include <new>

#include "firmware/conversions.h"
#include "firmware/counters.h"
#include "firmware/host.h"
#include "firmware/paging.h"

namespace chrysalis::fw {
namespace {

constexpr uint32_t kPageMask = isa::kPageSize - 1;

}  // namespace

void report_unsupported(uint32_t eip, x86::Mnemonic mnemonic) {
  count(Counter::Unsupported);
  host::mailbox().argument[0] = eip;
  host::mailbox().argument[1] = static_cast<uint64_t>(mnemonic);
  host::platform(Service::UnsupportedInstruction);
}

GuestCode::GuestCode(const GearOptions& options)
    : whole_pages_((options.switches & kSwitchWholePages) != 0),
      changes_(options),
      pages_(kPageCapacity) {
  for (unsigned i = 0; i < kPageCapacity; ++i) pages_[i] = Page{0, 0, nullptr};
  flush_tlb();
}

void GuestCode::flush_tlb() {
  for (uint64_t& word : writable_) word = 0;
  host::tlb_flush();
  count(Counter::TlbFlushes);
}

bool GuestCode::set_options(const x86::LiftOptions& options) {
  const uint32_t key = options.flat_segments | uint32_t{options.unreadable_segments} << 8 | uint32_t{options.unwritable_segments} << 16;
  options_ = options;
  const bool changed = key != key_;
  key_ = key;
  return changed;
}

// -- who holds what --------------------------------------------------------------------------------------------

const GuestCode::Page* GuestCode::find_page(uint32_t physical_page) const {
  for (unsigned i = physical_page % kPageCapacity;; i = (i + 1) % kPageCapacity) {
    if (pages_[i].number == physical_page + 1) return &pages_[i];
    if (pages_[i].number == 0) return nullptr;
  }
}

GuestCode::Page& GuestCode::page(uint32_t physical_page) {
  unsigned i = physical_page % kPageCapacity;
  for (; pages_[i].number != 0; i = (i + 1) % kPageCapacity) {
    if (pages_[i].number == physical_page + 1) return pages_[i];
  }
  ++page_count_;
  pages_[i] = Page{physical_page + 1, 0, nullptr};
  return pages_[i];
}

uint32_t GuestCode::granules(uint32_t physical_page) const {
  const Page* found = find_page(physical_page);
  return found == nullptr ? 0 : found->granules;
}

void GuestCode::hold(CodeHolder& holder) {
  holder.generation = generation_;
  holder.valid = true;
  for (uint32_t i = 0; i < holder.span_count; ++i) {
    CodeSpan& span = holder.spans[i];
    Page& at = page(span.page);
    if (whole_pages_) span.granules = ~0u;
    span.holder = &holder;
    span.next = at.spans;
    at.spans = &span;
    if ((span.granules & ~at.granules) == 0) continue;
    at.granules |= span.granules;
    if ((writable_bit(span.page) >> span.page % 64 & 1) != 0) flush_tlb();
  }
}

void GuestCode::written(const CodeWrite& write) {
  const uint32_t granules = isa::granules_of(write.offset, write.size);
  const Page* found = find_page(write.page);
  if (found == nullptr || (found->granules & granules) == 0) return;
  Page& at = page(write.page);
  // Spans go together with their granules: what remains is exactly what is still held.
  uint32_t kept_granules = 0;
  CodeSpan* kept = nullptr;
  for (CodeSpan* span = at.spans; span != nullptr;) {
    CodeSpan* const next = span->next;
    CodeHolder& holder = *span->holder;
    if (holder.valid && (span->granules & granules) != 0) holder.owner->written(holder, write);
    if (holder.valid) {
      kept_granules |= span->granules;
      span->next = kept;
      kept = span;
    }
    span = next;
  }
  at.spans = kept;
  at.granules = kept_granules;
}

void GuestCode::forget(CodeHolder& holder) {
  for (uint32_t i = 0; i < holder.span_count; ++i) {
    if (find_page(holder.spans[i].page) == nullptr) continue;
    for (CodeSpan** at = &page(holder.spans[i].page).spans; *at != nullptr; at = &(*at)->next) {
      if (*at != &holder.spans[i]) continue;
      *at = holder.spans[i].next;
      break;
    }
  }
}

void GuestCode::release(const CodeOwner& owner) {
  for (unsigned i = 0; i < kPageCapacity; ++i) {
    Page& at = pages_[i];
    at.granules = 0;
    CodeSpan* kept = nullptr;
    for (CodeSpan* span = at.spans; span != nullptr;) {
      CodeSpan* const next = span->next;
      if (span->holder->valid && span->holder->owner != &owner) {
        at.granules |= span->granules;
        span->next = kept;
        kept = span;
      }
      span = next;
    }
    at.spans = kept;
  }
  // Pages that nobody holds leave the table, which is put together anew.
  CodeSpan* all = nullptr;
  for (unsigned i = 0; i < kPageCapacity; ++i) {
    for (CodeSpan* span = pages_[i].spans; span != nullptr;) {
      CodeSpan* const next = span->next;
      span->next = all;
      all = span;
      span = next;
    }
    pages_[i] = Page{0, 0, nullptr};
  }
  page_count_ = 0;
  while (all != nullptr) {
    CodeSpan* const next = all->next;
    Page& at = page(all->page);
    all->next = at.spans;
    at.spans = all;
    at.granules |= all->granules;
    all = next;
  }
  flush_tlb();
}

void GuestCode::remap() {
  ++generation_;
  fetch_page_ = ~0u;
}

bool GuestCode::still_mapped(CodeHolder& holder) {
  if (holder.generation == generation_) return true;
  for (uint32_t i = 0; i < holder.span_count; ++i) {
    FetchFault fault;
    uint32_t physical;
    if (!translate(holder.spans[i].linear_page << isa::kPageShift, physical, fault) || physical != holder.spans[i].page) return false;
  }
  holder.generation = generation_;
  return true;
}

// -- fetching ------------------------------------------------------------------------------------------------

bool GuestCode::translate(uint32_t address, uint32_t& physical_page, FetchFault& fault) {
  const uint32_t linear_page = address >> isa::kPageShift;
  if (linear_page == fetch_page_ && generation_ == fetch_generation_) {
    physical_page = fetch_physical_;
    return true;
  }
  const PageTranslation found = walk(address, Access::Fetch, user_mode());
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

bool GuestCode::fetch(uint32_t eip, Fetched& fetched, FetchFault& fault) {
  code_.clear();
  return fetch(eip, fetched, fault, code_);
}

bool GuestCode::checked(uint32_t eip) {
  if (!changes_.any_checked()) return false;
  FetchFault fault;
  uint32_t physical;
  if (!translate(eip, physical, fault)) return false;
  return (changes_.checked(physical) & isa::granules_of(eip & kPageMask, 1)) != 0;
}

/// Compares the bytes that are not reloaded, word by word, and traps if they are others. The words are aligned, so that
/// instructions side by side share their loads, and no load leaves the pages of the instruction.
void GuestCode::append_check(uint32_t eip, const Fetched& fetched, ir::Code& out) {
  constexpr uint32_t kWord = 8;
  ir::ValueId differs = ir::kNoValue;
  const auto append = [&out](ir::Op op, ir::ValueId a, ir::ValueId b, int64_t imm) {
    ir::Inst& inst = out.insts.emplace_back();
    inst.op = op;
    inst.width = 64;
    inst.src[0] = a;
    inst.src[1] = b;
    inst.imm = imm;
    return inst.value = out.new_value();
  };
  const auto constant = [&](uint64_t value) { return append(ir::Op::Const, ir::kNoValue, ir::kNoValue, static_cast<int64_t>(value)); };
  const uint32_t before = eip % kWord, words = (before + fetched.length + kWord - 1) / kWord;
  for (uint32_t w = 0; w < words; ++w) {
    const uint32_t word = eip - before + kWord * w;
    uint64_t mask = 0, expected = 0;
    for (uint32_t i = 0; i < kWord; ++i) {
      const uint32_t byte = word + i - eip;
      if (byte >= fetched.length || (fetched.reloaded >> byte & 1) != 0) continue;
      const uint64_t page = fetched.page[((word + i) ^ eip) >> isa::kPageShift == 0 ? 0 : 1];
      mask |= uint64_t{0xff} << 8 * i;
      expected |= uint64_t{*host::physical((page << isa::kPageShift) + ((word + i) & kPageMask))} << 8 * i;
    }
    if (mask == 0) continue;
    ir::ValueId difference = append(ir::Op::Load, constant(word), ir::kNoValue, 0);
    if (mask != ~uint64_t{0}) difference = append(ir::Op::And, difference, constant(mask), 0);
    difference = append(ir::Op::Xor, difference, constant(expected), 0);
    differs = differs == ir::kNoValue ? difference : append(ir::Op::Or, differs, difference, 0);
  }
  if (differs == ir::kNoValue) return;
  ir::Inst& trap = out.insts.emplace_back();
  trap.op = ir::Op::TrapIf;
  trap.cond = ir::Cond::NonZero;
  trap.src[0] = differs;
}

bool GuestCode::decode(uint32_t eip, Fetched& fetched, FetchFault& fault) {
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
  fetched.unsupported = false;
  fetched.checked = false;
  fetched.reloaded = 0;
  switch (status) {
    case x86::DecodeStatus::Ok:
      fetched.length = fetched.inst.length;
      if (fetched.length <= in_first) fetched.page[1] = fetched.page[0];
      fetched.checked = (changes_.checked(fetched.page[0]) & isa::granules_of(offset, std::min(fetched.length, in_first))) != 0 ||
                        (fetched.length > in_first && (changes_.checked(fetched.page[1]) & 1) != 0);
      fetched.has_key = fetched.length <= Conversions::kMaxLength && in_first >= Conversions::kMaxLength;
      if (fetched.has_key) {
        uint64_t bytes;
        __builtin_memcpy(&bytes, from, sizeof bytes);
        fetched.key = Conversions::key_of(bytes, fetched.length);
      }
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

void GuestCode::lift(uint32_t eip, Fetched& fetched, ir::Code& out, const FetchFor& how) {
  if (how.check) {
    if (how.reload) {
      probe_.clear();
      x86::lift(fetched.inst, eip, options_, probe_, &fetched.reloaded);
    }
    append_check(eip, fetched, out);
  }
  fetched.unsupported =
      x86::lift(fetched.inst, eip, options_, out, how.reload ? &fetched.reloaded : nullptr) == x86::LiftStatus::Unsupported;
}

bool GuestCode::fetch(uint32_t eip, Fetched& fetched, FetchFault& fault, ir::Code& out, const FetchFor& how) {
  if (!decode(eip, fetched, fault)) return false;
  lift(eip, fetched, out, how);
  return true;
}

}  // namespace chrysalis::fw
