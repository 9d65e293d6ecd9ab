// Sequences that run their code again: loops over random instructions, code that changes itself, other starting states.
//
// They are edits of a random sequence's plan; what must come out is found by replaying the edited plan, so an edit may be
// as careless as it likes.
#include <cstring>
#include <span>

#include "tests/x86-frontend/sequence.h"

namespace chrysalis::test {

namespace {

constexpr unsigned kEsp = 4;

/// Instructions under construction.
class Assembly {
 public:
  Assembly& byte(unsigned value) {
    bytes_[size_++] = static_cast<uint8_t>(value);
    return *this;
  }
  Assembly& word(uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) byte(value >> 8 * i);
    return *this;
  }
  /// Jcc to `target` from an instruction at `at`; `short_form` if it reaches.
  Assembly& jump_if(unsigned condition, uint32_t at, uint32_t target) {
    const uint32_t distance = target - (at + 2);
    if (distance + 128 < 256) return byte(0x70 | condition).byte(distance);
    return byte(0x0f).byte(0x80 | condition).word(target - (at + 6));
  }
  unsigned size() const { return size_; }
  std::span<const uint8_t> bytes() const { return {bytes_, size_}; }

 private:
  uint8_t bytes_[96];
  unsigned size_ = 0;
};

/// The address of a word in a writable page that starts as a small number: a loop counter.
uint32_t find_counter(const oracle::Shared& shared, uint32_t image, oracle::Random& random) {
  for (;;) {
    const unsigned page = random.below(oracle::kPages), offset = random.below(oracle::kPage / 4) * 4;
    if (!oracle::kPageMap[page].writable) continue;
    uint32_t value;
    std::memcpy(&value, &shared.image[image][page][offset], 4);
    if (value >= 2 && value <= 20) return oracle::kPageMap[page].address + offset;
  }
}

/// Something that depends on the flags as the loop's body left them, and keeps the dependence in a register or in memory.
void read_flags(Assembly& a, oracle::Random& random, uint32_t scratch) {
  const unsigned reg = random.below(8), other = random.below(8), condition = random.below(16);
  const unsigned target = reg == kEsp ? 0 : reg;
  switch (random.below(9)) {
    case 0: a.byte(0x0f).byte(0x90 | condition).byte(0x05).word(scratch); break;                      // setcc [scratch]
    case 1: a.byte(0x0f).byte(0x90 | condition).byte(0xc0 | reg); break;                              // setcc r8
    case 2: a.byte(0x0f).byte(0x40 | condition).byte(0xc0 | target << 3 | other); break;              // cmovcc
    case 3: a.byte(0x83).byte(0xd0 | target).byte(random.word()); break;                              // adc r, imm8
    case 4: a.byte(0x83).byte(0x1d).word(scratch).byte(random.word()); break;                         // sbb [scratch], imm8
    case 5: a.byte(0xd1).byte((random.one_in(2) ? 0xd0 : 0xd8) | target); break;                      // rcl/rcr r, 1
    case 6: a.byte(0x9f); break;                                                                      // lahf
    case 7: a.byte(0x9c).byte(0x58 | target); break;                                                  // pushf; pop r
    default: break;
  }
}

/// A store that changes code at `target`, the address DS's base is taken off.
void patch(Assembly& a, oracle::Random& random, uint32_t target) {
  const unsigned reg = random.below(8), small = 1 + random.below(3);
  switch (random.below(8)) {
    case 0: a.byte(0xfe).byte(random.one_in(2) ? 0x05 : 0x0d).word(target); break;                    // inc/dec byte
    case 1: case 2: a.byte(0x80).byte(0x35).word(target).byte(1u << random.below(8)); break;          // xor byte, bit
    case 3: a.byte(0x80).byte(0x05).word(target).byte(small); break;                                  // add byte, small
    case 4: a.byte(0x00).byte(0x05 | reg << 3).word(target); break;                                   // add byte, r8
    case 5: a.byte(0xc6).byte(0x05).word(target).byte(random.one_in(2) ? 0x90 : random.word()); break;  // mov byte
    case 6: a.byte(0x81).byte(0x35).word(target).word(1u << random.below(32)); break;                 // xor dword, bit
    default: a.byte(0xff).byte(random.one_in(2) ? 0x05 : 0x0d).word(target); break;                   // inc/dec dword
  }
}

}  // namespace

/// Puts a loop's end where the sequence has come to one of its later steps. False if there is no room.
bool Sequencer::close_loop(Sequence& s, oracle::Random& random, bool patches) {
  const std::vector<Sequence::Step> steps = s.steps;
  const uint32_t begin = s.plan.code_at;
  auto offset_of = [&](std::size_t step) { return steps[step].eip - begin; };
  const std::size_t last = random.one_in(3) ? random.below(static_cast<uint32_t>(steps.size())) : steps.size() - 1;
  if (last == 0 || offset_of(last) >= s.plan.code_size) return false;
  const uint32_t at = steps[last].eip;
  const uint32_t head = random.one_in(3) ? steps[random.below(static_cast<uint32_t>(last))].eip : s.plan.in.eip;
  const uint32_t data_base = static_cast<uint32_t>(machine_[ir::GuestReg::DsBase]);
  const uint32_t counter = find_counter(shared_, s.plan.image, random) - data_base;

  Assembly tail;
  if (patches) {
    // Mostly the last byte of an instruction: an immediate, a displacement, a ModRM byte. Its end is where the next one begins.
    const unsigned count = 1 + random.below(3);
    for (unsigned i = 0; i < count; ++i) {
      uint32_t target = at + random.below(64);
      if (!random.one_in(3)) target = steps[1 + random.below(static_cast<uint32_t>(last))].eip - 1 - random.below(2);
      patch(tail, random, target - data_base);
      if (random.one_in(2)) tail.byte(0x83).byte(0xc0 | random.below(4)).byte(random.below(8));  // add r, imm8: to be patched
    }
  }
  read_flags(tail, random, counter + 4);
  const unsigned reg = random.below(4);
  switch (random.below(6)) {
    case 0: tail.byte(0xff).byte(0x0d).word(counter).jump_if(5, at + tail.size(), head); break;                // dec [counter]; jnz
    case 1: tail.byte(0x83).byte(0x2d).word(counter).byte(1).jump_if(15, at + tail.size(), head); break;       // sub [counter], 1; jg
    case 2: tail.byte(0x83).byte(0x2d).word(counter).byte(2).jump_if(3, at + tail.size(), head); break;        // sub [counter], 2; jnc
    case 3:  // dec reg; jnz
      s.plan.in.gpr[reg] = 2 + random.below(12);
      tail.byte(0x48 | reg).jump_if(5, at + tail.size(), head);
      break;
    case 4:  // sub reg, 1; jg
      s.plan.in.gpr[reg] = 2 + random.below(12);
      tail.byte(0x83).byte(0xe8 | reg).byte(1).jump_if(15, at + tail.size(), head);
      break;
    default:  // dec [counter]; cmp [counter], imm; jnl
      tail.byte(0xff).byte(0x0d).word(counter).byte(0x83).byte(0x3d).word(counter).byte(1).jump_if(13, at + tail.size(), head);
      break;
  }
  tail.byte(0xcc);
  if (offset_of(last) + tail.size() > s.plan.code_size) return false;
  std::memcpy(s.plan.code + offset_of(last), tail.bytes().data(), tail.size());
  return true;
}

bool Sequencer::make_loop(uint64_t seed, Sequence& s) {
  if (!make(seed, s)) return false;
  oracle::Random random(seed ^ 0x100b);
  return close_loop(s, random, false) && replay(s);
}

bool Sequencer::make_self_modifying(uint64_t seed, Sequence& s) {
  if (!make(seed, s)) return false;
  oracle::Random random(seed ^ 0x5e1f);
  return close_loop(s, random, true) && replay(s);
}

bool Sequencer::vary(uint64_t seed, Sequence& s) {
  oracle::Generator generator(seed ^ 0x0a47, shared_, umip_);
  oracle::Random& random = generator.random();
  const oracle::State other = generator.initial_state();
  for (unsigned i = 0; i < 8; ++i) {
    if (random.one_in(3)) s.plan.in.gpr[i] = other.gpr[i];
  }
  if (random.one_in(2)) s.plan.in.eflags = other.eflags;
  if (random.one_in(4)) std::memcpy(s.plan.in.selector, other.selector, sizeof other.selector);
  if (random.one_in(2)) s.plan.image = random.below(oracle::kImages);
  return replay(s);
}

}  // namespace chrysalis::test
