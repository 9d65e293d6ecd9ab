#include "translator/quick_packer.h"

#include <algorithm>
#include <cstring>

namespace chrysalis::translator {

using isa::Unit;

namespace {

constexpr uint32_t kStop = 1u << 31;

/// What it costs others when an atom takes a slot: the sum over the units that it offers, the scarcer the dearer. The
/// branch that ends a block has to stand beside its commit, so its slot is dearest.
unsigned price(const isa::MachineDescription& machine, unsigned slot, Unit for_unit) {
  unsigned sum = 0;
  for (const Unit unit : {Unit::Alu, Unit::Mul, Unit::Load, Unit::Store, Unit::Branch, Unit::Control}) {
    if (unit == for_unit || !isa::offers(machine.slot_units[slot], unit)) continue;
    unsigned slots = 0;
    for (unsigned i = 0; i < machine.width; ++i) slots += isa::offers(machine.slot_units[i], unit);
    sum += (unit == Unit::Branch ? 192 : 64) / slots;
  }
  return sum;
}

/// The cheapest of the slots in `mask`.
unsigned cheapest(const isa::MachineDescription& machine, unsigned mask, Unit unit) {
  unsigned best = isa::kMaxWords, best_price = 0;
  for (unsigned slot = 0; slot < machine.width; ++slot) {
    if ((mask >> slot & 1) == 0) continue;
    const unsigned slot_price = price(machine, slot, unit);
    if (best != isa::kMaxWords && slot_price >= best_price) continue;
    best = slot;
    best_price = slot_price;
  }
  return best;
}

}  // namespace

QuickPacker::QuickPacker(const isa::MachineDescription& machine) {
  empty_.free = static_cast<uint8_t>((1u << machine.width) - 1);
  empty_.room = machine.width;
  empty_.literals = machine.literal_slots;
  for (unsigned i = 0; i < isa::kLatencies; ++i) latency_[i] = std::clamp<uint8_t>(machine.latency[i], 1, kLongestLatency);
  for (unsigned u = 0; u < isa::kUnits; ++u) {
    const Unit unit = static_cast<Unit>(u);
    unsigned slots = 0;
    for (unsigned slot = 0; slot < machine.width; ++slot) slots |= isa::offers(machine.slot_units[slot], unit) ? 1u << slot : 0;
    if (unit == Unit::Branch) {
      branch_slot_ = static_cast<uint8_t>(cheapest(machine, slots, unit));
      slots = 1u << branch_slot_;
    }
    slots_of_[u] = static_cast<uint8_t>(slots);
    // All subsets of `slots`.
    for (unsigned some = slots; some != 0; some = (some - 1) & slots) choice_[u][some] = static_cast<uint8_t>(cheapest(machine, some, unit));
  }
  words_.resize(1024);
  begin();
}

void QuickPacker::begin() {
  base_ = top_ = floor_ = last_ = 0;
  std::memset(readable_, 0, sizeof readable_);
  std::memset(writable_, 0, sizeof writable_);
  places_.clear();
  size_ = molecules_ = 0;
}

void QuickPacker::write(unsigned position) {
  const Head& head = heads_[position % kWindow];
  unsigned used = head.used;
  if (used == 0) return;
  if (words_.size() - size_ < isa::kMaxWords) words_.resize(2 * words_.size());
  const uint32_t* const atoms = atoms_[position % kWindow];
  uint32_t* const begin = words_.data() + size_;
  uint32_t* to = begin;
  do {
    *to++ = atoms[__builtin_ctz(used)];
    used &= used - 1;
  } while (used != 0);
  to[-1] |= kStop;
  unsigned branch_literal = 0;
  for (unsigned with = head.literal; with != 0; with &= with - 1) {
    const unsigned slot = static_cast<unsigned>(__builtin_ctz(with));
    if (slot == branch_slot_) branch_literal = size_ + static_cast<unsigned>(to - begin);
    *to++ = literals_[position % kWindow][slot];
  }
  if (head.tag != 0) {
    if (places_.size() <= head.tag) places_.resize(head.tag + 1u);
    const unsigned before = head.used & ((1u << branch_slot_) - 1);
    places_[head.tag] = {size_, size_ + static_cast<unsigned>(__builtin_popcount(before)), branch_literal};
  }
  size_ += static_cast<uint32_t>(to - begin);
  ++molecules_;
}

/// Makes sure that `position`, which is none yet, is within the window.
void QuickPacker::open(unsigned position) {
  for (; base_ + kWindow <= position; ++base_) {
    if (base_ < top_) write(base_);
  }
  top_ = std::max(top_, base_);
  for (; top_ <= position; ++top_) heads_[top_ % kWindow] = empty_;
}

unsigned QuickPacker::put(uint32_t word, Kind kind, unsigned a, unsigned b, unsigned d, unsigned f, uint64_t literal, unsigned earliest) {
  unsigned at = std::max(earliest, floor_);
  at = std::max<unsigned>(at, readable_[a]);
  at = std::max<unsigned>(at, readable_[b]);
  at = std::max<unsigned>(at, writable_[d]);
  at = std::max<unsigned>(at, writable_[f]);
  at = std::max(at, base_);

  const unsigned unit = kind & 0xff, wanted = slots_of_[unit];
  Head* head;
  unsigned slots;
  for (;; ++at) {
    if (at >= top_) open(at);
    head = &heads_[at % kWindow];
    slots = head->free & wanted;
    if (slots == 0) continue;
    if (literal == kNoLiteral) break;
    if (head->room < 2 || head->literals == 0) continue;
    --head->literals;
    --head->room;
    break;
  }
  const unsigned slot = choice_[unit][slots], bit = 1u << slot;
  atoms_[at % kWindow][slot] = word;
  head->used = static_cast<uint8_t>(head->used | bit);
  head->free = static_cast<uint8_t>(--head->room == 0 ? 0 : head->free & ~bit);
  if (literal != kNoLiteral) {
    head->literal = static_cast<uint8_t>(head->literal | bit);
    literals_[at % kWindow][slot] = static_cast<uint32_t>(literal);
  }

  const uint16_t position = static_cast<uint16_t>(at), ready = static_cast<uint16_t>(at + latency_[kind >> 8]);
  writable_[a] = std::max(writable_[a], position);
  writable_[b] = std::max(writable_[b], position);
  readable_[d] = writable_[d] = ready;
  readable_[f] = writable_[f] = ready;
  readable_[kNone] = writable_[kNone] = 0;
  last_ = std::max(last_, at);
  return at;
}

unsigned QuickPacker::put_three(uint32_t word, Kind kind, unsigned a, unsigned b, unsigned c, unsigned d) {
  const unsigned at = put(word, kind, a, b, d, kNone, kNoLiteral, readable_[c]);
  if (c != d) writable_[c] = std::max(writable_[c], static_cast<uint16_t>(at));
  writable_[kNone] = 0;
  return at;
}

unsigned QuickPacker::put_branch(uint32_t word, Kind kind, unsigned a, uint16_t tag, unsigned earliest) {
  const unsigned at = put(word, kind, a, kNone, kNone, kNone, kNoLiteral, earliest);
  heads_[at % kWindow].tag = tag;
  return at;
}

uint32_t QuickPacker::flush() {
  for (; base_ < top_; ++base_) write(base_);
  fence();
  return size_;
}

uint32_t* QuickPacker::append(unsigned count, unsigned molecules) {
  if (words_.size() - size_ < count) words_.resize(2 * words_.size());
  uint32_t* const begin = words_.data() + size_;
  size_ += count;
  molecules_ += molecules;
  return begin;
}

}  // namespace chrysalis::translator
