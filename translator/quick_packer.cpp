#include "translator/quick_packer.h"

#include "translator/assert.h"

namespace chrysalis::translator {

using isa::Unit;

namespace {

constexpr uint32_t kStop = 1u << 31;

constexpr unsigned index(Unit unit) { return static_cast<unsigned>(unit); }

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

}  // namespace

QuickPacker::QuickPacker(const isa::MachineDescription& machine) {
  empty_.free = static_cast<uint8_t>((1u << machine.width) - 1);
  empty_.room = machine.width;
  empty_.literals = machine.literal_slots;
  for (unsigned i = 0; i < isa::kLatencies; ++i) latency_[i] = std::clamp<uint8_t>(machine.latency[i], 1, kLongestLatency);
  for (unsigned u = 0; u < isa::kUnits; ++u) {
    const Unit unit = static_cast<Unit>(u);
    unsigned left = 0;
    for (unsigned slot = 0; slot < machine.width; ++slot) left |= isa::offers(machine.slot_units[slot], unit) ? 1u << slot : 0;
    for (unsigned nibble = 0; left != 0; nibble += 4) {
      unsigned best = isa::kMaxWords, best_price = 0;
      for (unsigned slot = 0; slot < machine.width; ++slot) {
        if ((left >> slot & 1) == 0) continue;
        const unsigned slot_price = price(machine, slot, unit);
        if (best != isa::kMaxWords && slot_price >= best_price) continue;
        best = slot;
        best_price = slot_price;
      }
      left &= ~(1u << best);
      slots_of_[u] = static_cast<uint8_t>(slots_of_[u] | 1u << best);
      order_[u] |= (best + 1) << nibble;
      if (unit == Unit::Branch) {
        branch_slot_ = static_cast<uint8_t>(best);
        left = 0;
      }
    }
  }
  words_.resize(1024);
  begin();
}

void QuickPacker::begin() {
  base_ = top_ = floor_ = last_ = 0;
  for (Register& reg : registers_) reg = {0, 0};
  places_.clear();
  places_.push_back({});
  size_ = molecules_ = 0;
}

void QuickPacker::write(unsigned position) {
  const Head& head = heads_[position % kWindow];
  unsigned used = static_cast<uint8_t>(empty_.free & ~head.free);
  if (used == 0) return;
  if (words_.size() - size_ < isa::kMaxWords) words_.resize(2 * words_.size());
  const uint32_t* const atoms = atoms_[position % kWindow];
  uint32_t* const begin = &words_[size_];
  uint32_t* to = begin;
  unsigned branch = 0;
  for (; used != 0; used &= used - 1) {
    const unsigned slot = static_cast<unsigned>(__builtin_ctz(used));
    if (slot == branch_slot_) branch = static_cast<unsigned>(to - begin);
    *to++ = atoms[slot];
  }
  to[-1] |= kStop;
  unsigned branch_literal = 0;
  for (unsigned with = head.literal; with != 0; with &= with - 1) {
    const unsigned slot = static_cast<unsigned>(__builtin_ctz(with));
    if (slot == branch_slot_) branch_literal = size_ + static_cast<unsigned>(to - begin);
    *to++ = literals_[position % kWindow][slot];
  }
  if (head.tag != 0) {
    if (places_.size() <= head.tag) places_.resize(head.tag + 1u);
    places_[head.tag] = {size_, size_ + branch, branch_literal};
  }
  size_ += static_cast<uint32_t>(to - begin);
  ++molecules_;
}

/// Makes sure that `position` is within the window.
void QuickPacker::open(unsigned position) {
  for (; base_ + kWindow <= position; ++base_) {
    if (base_ < top_) write(base_);
  }
  top_ = std::max(top_, base_);
  for (; top_ <= position; ++top_) heads_[top_ % kWindow] = empty_;
}

/// The first position from `position` on with a slot of `unit` and room for the literal.
unsigned QuickPacker::find(unsigned position, unsigned unit, unsigned literals, unsigned& slot) {
  const unsigned wanted = slots_of_[unit];
  for (;; ++position) {
    if (position >= top_) open(position);
    const Head& head = heads_[position % kWindow];
    if ((head.free & wanted) == 0 || head.room <= literals || head.literals < literals) continue;
    uint32_t order = order_[unit];
    while ((head.free >> ((order & 15) - 1) & 1) == 0) order >>= 4;
    slot = (order & 15) - 1;
    return position;
  }
}

unsigned QuickPacker::put(const Atom& atom, unsigned earliest) {
  unsigned at = std::max(earliest, floor_);
  at = std::max<unsigned>(at, registers_[atom.a].ready);
  at = std::max<unsigned>(at, registers_[atom.b].ready);
  at = std::max<unsigned>(at, registers_[atom.c].ready);
  at = std::max<unsigned>(at, std::max(registers_[atom.d].ready, registers_[atom.d].read));
  at = std::max<unsigned>(at, std::max(registers_[atom.f].ready, registers_[atom.f].read));
  at = std::max(at, base_);

  const unsigned literals = atom.literal != kNoLiteral;
  unsigned slot;
  at = find(at, atom.unit, literals, slot);
  Head& head = heads_[at % kWindow];
  head.free = static_cast<uint8_t>(head.free & ~(1u << slot));
  head.room = static_cast<uint8_t>(head.room - 1 - literals);
  atoms_[at % kWindow][slot] = atom.word;
  if (literals != 0) {
    --head.literals;
    head.literal = static_cast<uint8_t>(head.literal | 1u << slot);
    literals_[at % kWindow][slot] = static_cast<uint32_t>(atom.literal);
  }
  if (atom.tag != 0) head.tag = atom.tag;

  const uint16_t position = static_cast<uint16_t>(at);
  const auto read = [this, position](unsigned reg) { registers_[reg].read = std::max(registers_[reg].read, position); };
  read(atom.a);
  read(atom.b);
  read(atom.c);
  const uint16_t ready = static_cast<uint16_t>(at + latency_[atom.latency]);
  registers_[atom.d].ready = ready;
  registers_[atom.f].ready = ready;
  registers_[kNone] = {0, 0};
  last_ = std::max(last_, at);
  return at;
}

uint32_t QuickPacker::flush() {
  for (; base_ < top_; ++base_) write(base_);
  fence();
  // An empty stretch before the fence is none: `last_` may lie beyond what was opened.
  base_ = top_ = std::max(top_, floor_);
  return size_;
}

}  // namespace chrysalis::translator
