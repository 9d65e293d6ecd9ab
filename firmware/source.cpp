#include "firmware/source.h"

#include <algorithm>
#include <cstring>

#include "firmware/host.h"

namespace chrysalis::fw {
namespace {

constexpr uint32_t kPageMask = isa::kPageSize - 1;

/// The page of `linear`, or null: it is not among the spans.
const CodeSpan* span_of(uint32_t linear, const CodeSpan* spans, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (spans[i].linear_page == linear >> isa::kPageShift) return &spans[i];
  }
  return nullptr;
}

}  // namespace

bool Source::add(uint32_t eip, const Fetched& fetched) {
  const uint32_t offset = eip & kPageMask;
  const bool two = offset + fetched.length > isa::kPageSize;
  const uint32_t in_first = two ? static_cast<uint32_t>(isa::kPageSize) - offset : fetched.length;
  for (uint32_t i = 0; i < (two ? 2u : 1u); ++i) {
    const uint32_t linear = (eip >> isa::kPageShift) + i;
    const uint32_t granules = i == 0 ? isa::granules_of(offset, in_first) : isa::granules_of(0, fetched.length - in_first);
    uint32_t at = 0;
    while (at < count && (span[at].linear_page != linear || span[at].page != fetched.page[i])) ++at;
    if (at == count) {
      if (count == kMaxSpans) return false;
      span[count++] = {fetched.page[i], linear, 0, nullptr, nullptr};
    }
    span[at].granules |= granules;
  }
  if (eip <= highest) {
    for (const SourceInstruction& known : instructions) {
      if (known.eip == eip) return true;  // unrolled
    }
  }
  highest = std::max(highest, eip);
  SourceInstruction& now = instructions.emplace_back();
  now.eip = eip;
  now.length = static_cast<uint8_t>(fetched.length);
  now.reloaded = fetched.reloaded;
  if (offset + sizeof now.bytes <= isa::kPageSize) {
    // What lies behind the instruction is never looked at.
    const auto* const from = const_cast<const uint8_t*>(host::physical((uint64_t{fetched.page[0]} << isa::kPageShift) + offset));
    std::memcpy(now.bytes, from, sizeof now.bytes);
    return true;
  }
  for (uint32_t i = 0; i < fetched.length; ++i) {
    const uint64_t page = fetched.page[i < in_first ? 0 : 1];
    now.bytes[i] = *host::physical((page << isa::kPageShift) + ((eip + i) & kPageMask));
  }
  return true;
}

uint16_t changed_bytes(const SourceInstruction& was, const CodeSpan* spans, uint32_t span_count) {
  unsigned changed = 0;
  const CodeSpan* span = nullptr;
  for (uint32_t i = 0; i < was.length; ++i) {
    const uint32_t linear = was.eip + i;
    if (i == 0 || (linear & kPageMask) == 0) span = span_of(linear, spans, span_count);
    if (span == nullptr || *host::physical((uint64_t{span->page} << isa::kPageShift) + (linear & kPageMask)) != was.bytes[i]) changed |= 1u << i;
  }
  return static_cast<uint16_t>(changed & ~unsigned{was.reloaded});
}

uint16_t written_bytes(const SourceInstruction& was, const CodeSpan* spans, uint32_t span_count, const CodeWrite& write) {
  unsigned written = 0;
  for (uint32_t i = 0; i < was.length; ++i) {
    const uint32_t linear = was.eip + i;
    const CodeSpan* const span = span_of(linear, spans, span_count);
    if (span == nullptr || span->page != write.page) continue;
    if ((linear & kPageMask) - write.offset < write.size) written |= 1u << i;
  }
  return static_cast<uint16_t>(written & ~unsigned{was.reloaded});
}

uint16_t reloadable_bytes(const SourceInstruction& was) {
  x86::DecodedInst inst;
  if (x86::decode(std::span<const uint8_t>(was.bytes, was.length), inst) != x86::DecodeStatus::Ok) return 0;
  ir::Code code;
  uint16_t reloaded;
  x86::lift(inst, was.eip, {}, code, &reloaded);
  return reloaded;
}

}  // namespace chrysalis::fw
