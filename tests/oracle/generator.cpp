#include "tests/oracle/generator.h"

#include <cstring>

namespace chrysalis::oracle {

#define FORM(text, opcode, encoding, digit, immediate, hints) \
  {text, opcode, Encoding::encoding, digit, Immediate::immediate, hints},
const Form kForms[] = {
#include "tests/oracle/forms.def"
};
#undef FORM
const unsigned kFormCount = sizeof(kForms) / sizeof(kForms[0]);

namespace {

constexpr uint8_t kSegmentPrefix[6] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
enum Gpr : unsigned { kEax, kEcx, kEdx, kEbx, kEsp, kEbp, kEsi, kEdi };

}  // namespace

struct Generator::Encoder {
  uint8_t prefix[6];
  unsigned prefixes = 0;
  uint8_t body[15];
  unsigned size = 0;
  unsigned segment = kDs;        ///< of the memory operand, override included
  bool overridden = false;
  bool operand16 = false, address16 = false;
  uint8_t variant = 0;

  void add_prefix(uint8_t byte) { prefix[prefixes++] = byte; }
  void byte(uint32_t value) { body[size++] = static_cast<uint8_t>(value); }
  void word16(uint32_t value) { byte(value), byte(value >> 8); }
  void word32(uint32_t value) { word16(value), word16(value >> 16); }
};

Generator::Generator(uint64_t seed, const Shared& shared, bool umip) : random_(seed), shared_(shared), umip_(umip) {}

uint32_t Generator::base_of(uint16_t selector) const {
  for (unsigned i = 0; i < 2; ++i) {
    if (selector == shared_.tls_selector[i]) return kTlsBase[i];
  }
  return 0;
}

uint16_t Generator::some_selector() {
  switch (random_.below(12)) {
    case 0: return static_cast<uint16_t>(random_.below(4));  // null
    case 1: return static_cast<uint16_t>(shared_.flat_code);
    case 2: return static_cast<uint16_t>(random_.below(0x90));
    case 3: return static_cast<uint16_t>(random_.word());
    case 4: case 5: case 6: return static_cast<uint16_t>(shared_.tls_selector[0]);
    case 7: case 8: return static_cast<uint16_t>(shared_.tls_selector[1]);
    default: return static_cast<uint16_t>(shared_.flat_data);
  }
}

uint32_t Generator::data_target() { return interesting_address(random_); }

/// An address near the instruction pointer: code that is there, or will be.
uint32_t Generator::code_address(const State& now) {
  if (random_.one_in(12)) return interesting_address(random_);
  return now.eip + random_.below(64) - (random_.one_in(6) ? 48 : 0);
}

State Generator::initial_state() {
  State s{};
  for (unsigned i = 0; i < 8; ++i) {
    s.gpr[i] = random_.one_in(2) ? interesting_address(random_) : interesting_value(random_);
  }
  s.gpr[kEsp] = kStack + (random_.one_in(12) ? random_.below(16) + (random_.one_in(2) ? 2 * kPage - 16 : 0)
                                            : 0x200 + random_.below(0x1c00)) ;
  if (!random_.one_in(8)) s.gpr[kEsp] &= ~3u;
  if (random_.one_in(2)) s.gpr[kEbp] = kStack + 0x400 + random_.below(0x1800);
  s.eflags = 0x202 | (random_.word() & 0x8d5);
  if (random_.one_in(4)) s.eflags |= 0x400;
  if (random_.one_in(16)) s.eflags |= 0x4000;
  if (random_.one_in(16)) s.eflags |= 0x200000;
  const auto flat = static_cast<uint16_t>(shared_.flat_data);
  const auto tls = [&] { return static_cast<uint16_t>(shared_.tls_selector[random_.below(2)]); };
  s.selector[kEs] = random_.one_in(10) ? tls() : flat;
  s.selector[kSs] = random_.one_in(40) ? tls() : flat;
  s.selector[kDs] = random_.one_in(20) ? tls() : flat;
  s.selector[kFs] = random_.one_in(12) ? uint16_t{0} : random_.one_in(8) ? flat : tls();
  s.selector[kGs] = random_.one_in(12) ? uint16_t{0} : random_.one_in(8) ? flat : tls();
  s.selector[kCs] = static_cast<uint16_t>(shared_.flat_code);
  if (s.selector[kSs] != flat) s.gpr[kEsp] -= base_of(s.selector[kSs]);
  queue_.clear();
  pending_form_ = -1;
  return s;
}

unsigned Generator::choose_form() {
  for (;;) {
    const unsigned f = random_.below(kFormCount);
    if ((kForms[f].hints & kRare) && !random_.one_in(6)) continue;
    if ((kForms[f].hints & kUmip) && (!umip_ || !random_.one_in(6))) continue;
    return f;
  }
}

/// Queues raw bytes.
void Generator::queue(std::initializer_list<uint32_t> bytes) {
  Emitted e;
  for (const uint32_t b : bytes) e.bytes[e.size++] = static_cast<uint8_t>(b);
  queue_.push_back(e);
}

void Generator::queue_mov(unsigned reg, uint32_t v) { queue({0xb8 + reg, v, v >> 8, v >> 16, v >> 24}); }
void Generator::queue_push(uint32_t v) { queue({0x68, v, v >> 8, v >> 16, v >> 24}); }

/// Queues what makes `form` meaningful. False if it goes as it is.
bool Generator::prepare(const Form& form, const State& now) {
  const uint32_t h = form.hints;
  has_target_ = false;
  prepared_register_ = -1;
  auto prepare_register = [&](uint32_t value) {
    prepared_register_ = static_cast<int>(random_.below(4));  // EAX ECX EDX EBX
    queue_mov(static_cast<unsigned>(prepared_register_), value);
  };
  // A value in memory where the operand will be found.
  auto plant = [&](uint32_t value, uint32_t at_offset) {
    const uint32_t offset = target_ + at_offset - base_of(now.selector[kDs]);
    queue({0xc7, 0x05, offset, offset >> 8, offset >> 16, offset >> 24, value, value >> 8, value >> 16, value >> 24});
  };
  auto plant_far = [&](uint32_t offset, uint32_t selector) {
    has_target_ = true;
    target_ = kData + random_.below(kPage);
    plant(offset, 0);
    plant(selector, 4);
  };
  if (h & kCountCl) {
    if (random_.one_in(2)) return false;
    queue({0xb0 + kEcx, random_.one_in(3) ? random_.word() : random_.below(34)});
  } else if (h & kDivide) {
    if (random_.one_in(4)) return false;
    if (random_.one_in(3)) queue_mov(kEdx, random_.below(64) - (random_.one_in(2) ? 64 : 0));
    else if (random_.one_in(2)) queue({0x99});
    else queue({0x31, 0xd2});
    if (form.hints & kByte) queue({0x66, 0xb8, random_.word(), random_.below(16)});
  } else if (h & kTarget) {
    const uint32_t target = code_address(now);
    if (random_.one_in(2)) {
      prepare_register(target);
      return true;
    }
    has_target_ = true;
    target_ = kData + random_.below(2 * kPage);
    plant(target, 0);
  } else if (h & kFarTarget) {
    plant_far(code_address(now), random_.one_in(4) ? some_selector() : shared_.flat_code);
  } else if (h & kLoadFar) {
    plant_far(random_.word(), some_selector());
  } else if (h & kReturn) {
    if (random_.one_in(6)) return false;
    queue_push(code_address(now));
  } else if (h & kFarReturn) {
    queue_push(random_.one_in(4) ? some_selector() : shared_.flat_code);
    queue_push(code_address(now));
  } else if (h & kIret) {
    queue({0x9c});
    queue({0x81, 0x24, 0x24, 0xff, 0xbf, 0xfb, 0xff});  // and dword [esp], ~(NT | AC)
    queue_push(random_.one_in(4) ? some_selector() : shared_.flat_code);
    queue_push(code_address(now));
    if (!random_.one_in(8)) {  // NT makes it fault: clear it
      queue({0x9c});
      queue({0x81, 0x24, 0x24, 0xff, 0xbf, 0xfb, 0xff});
      queue({0x9d});
    }
  } else if (h & kPopFlags) {
    const uint32_t keep = ~(0x40000u | (random_.one_in(8) ? 0 : 0x100u) | (random_.one_in(2) ? 0 : 0x4000u));
    queue({0x81, 0x24, 0x24, keep, keep >> 8, keep >> 16, keep >> 24});
  } else if (h & kSelector) {
    if (random_.one_in(8)) return false;
    prepare_register(some_selector());
  } else if (h & kPopSelector) {
    if (random_.one_in(8)) return false;
    queue_push(some_selector());
  } else if (h & kString) {
    if (random_.one_in(6)) return false;
    queue_mov(kEcx, random_.one_in(8) ? 0 : random_.below(24));
    if (random_.one_in(2)) queue_mov(kEsi, data_target() - base_of(now.selector[kDs]));
    if (random_.one_in(2)) queue_mov(kEdi, data_target() - base_of(now.selector[kEs]));
  } else if (h & kSmallCount) {
    if (random_.one_in(4)) return false;
    queue_mov(kEcx, random_.below(4));
  } else if (h & kAddress) {
    queue_mov(kEbx, data_target() - random_.below(200));
  } else if (h & kFrame) {
    if (random_.one_in(4)) return false;
    queue_mov(kEbp, kStack + random_.below(2 * kPage) - base_of(now.selector[kSs]));
  } else if (h & kEnter) {
    if (random_.one_in(4)) return false;
    queue_mov(kEbp, kStack + 0x400 + random_.below(0x1800) - base_of(now.selector[kSs]));
  } else if (h & kBitString) {
    if (random_.one_in(3)) return false;
    prepare_register(random_.below(4096) - 2048);
  } else {
    return false;
  }
  return true;
}

Emitted Generator::next(const State& now) {
  if (queue_.empty() && pending_form_ < 0) {
    const unsigned form = choose_form();
    pending_form_ = static_cast<int>(form);
    prepare(kForms[form], now);
  }
  if (!queue_.empty()) {
    const Emitted e = queue_.front();
    queue_.erase(queue_.begin());
    return e;
  }
  const Emitted e = encode(static_cast<unsigned>(pending_form_), now);
  pending_form_ = -1;
  has_target_ = false;
  prepared_register_ = -1;
  return e;
}

/// Appends ModRM, SIB and displacement of a memory operand.
void Generator::encode_memory(Encoder& e, unsigned reg, const State& now) {
  const uint32_t goal = has_target_ ? target_ : data_target();
  auto segment_base = [&](bool stack_default) {
    const unsigned s = e.overridden ? e.segment : stack_default ? kSs : kDs;
    return base_of(now.selector[s]);
  };
  if (e.address16) {
    static constexpr unsigned kBase[8] = {kEbx, kEbx, kEbp, kEbp, kEsi, kEdi, kEbp, kEbx};
    static constexpr unsigned kIndex[8] = {kEsi, kEdi, kEsi, kEdi, 8, 8, 8, 8};
    const unsigned rm = random_.below(8), mod = random_.one_in(4) ? random_.below(2) : 2;
    const bool bare = mod == 0 && rm == 6;
    uint32_t offset = bare ? 0 : now.gpr[kBase[rm]];
    if (kIndex[rm] < 8) offset += now.gpr[kIndex[rm]];
    const uint32_t distance = goal - segment_base(!bare && kBase[rm] == kEbp) - offset;
    e.byte(mod << 6 | reg << 3 | rm);
    if (mod == 1) e.byte(random_.word());
    if (mod == 2 || bare) e.word16(distance);
    return;
  }
  // Prefer registers and displacements that lead to the goal; now and then anything.
  for (unsigned attempt = 0;; ++attempt) {
    const unsigned rm = random_.below(8), mod = has_target_ ? 2 : random_.below(3);
    unsigned sib = 0, base = rm, index = 8, scale = 0;
    if (rm == 4) {
      sib = random_.below(256);
      base = sib & 7;
      index = (sib >> 3 & 7) == 4 ? 8 : sib >> 3 & 7;
      scale = sib >> 6;
    }
    const bool bare = mod == 0 && base == 5;
    uint32_t offset = bare ? 0 : now.gpr[base];
    if (index < 8) offset += now.gpr[index] << scale;
    const bool stack_default = !bare && (base == kEsp || base == kEbp);
    const uint32_t distance = goal - segment_base(stack_default) - offset;
    const bool reaches = mod == 2 || bare || (mod == 1 ? distance + 128 < 256 : false);
    const uint32_t linear = offset + segment_base(stack_default);
    const bool lands = mod < 2 && !bare && (linear - kData < 3 * kPage || linear - kStack < 2 * kPage);
    if (!reaches && !lands && attempt < 24) continue;
    e.byte(mod << 6 | reg << 3 | rm);
    if (rm == 4) e.byte(sib);
    if (mod == 1) e.byte(reaches ? distance : random_.word());
    else if (mod == 2 || bare) e.word32(random_.one_in(40) ? random_.word() : distance);
    return;
  }
}

void Generator::encode_immediate(Encoder& e, const Form& form, const State& now) {
  const bool is_count = form.hints & kCount;
  switch (form.immediate) {
    case Immediate::N: break;
    case Immediate::B: e.byte(is_count && !random_.one_in(4) ? random_.below(34) : interesting_value(random_)); break;
    case Immediate::W: e.word16(random_.one_in(3) ? random_.word() : random_.below(64)); break;
    case Immediate::Z:
      if (e.operand16) e.word16(interesting_value(random_));
      else e.word32(interesting_value(random_));
      break;
    case Immediate::J8: e.byte(random_.one_in(6) ? random_.word() : random_.below(24)); break;
    case Immediate::JZ:
      if (e.operand16) e.word16(random_.word());
      else e.word32(random_.one_in(16) ? random_.word() : random_.below(40) - (random_.one_in(8) ? 40 : 0));
      break;
    case Immediate::F:
      if (e.operand16) e.word16(random_.word());
      else e.word32(code_address(now));
      e.word16(random_.one_in(4) ? some_selector() : shared_.flat_code);
      break;
    case Immediate::WB:
      e.word16(random_.one_in(6) ? random_.word() : random_.below(256));
      e.byte(random_.one_in(4) ? random_.word() : random_.below(4));
      break;
  }
}

Emitted Generator::encode(unsigned index, const State& now) {
  const Form& form = kForms[index];
  Encoder e;
  bool memory = false;
  switch (form.encoding) {
    case Encoding::Modrm: case Encoding::ModrmSeg: memory = has_target_ || random_.below(5) < 3;
      if (prepared_register_ >= 0) memory = form.hints & kBitString;
      break;
    case Encoding::ModrmMem: case Encoding::Moffs: memory = true; break;
    default: break;
  }
  const bool touches_memory = memory || (form.hints & (kString | kAddress));
  if (!(form.hints & kNoPrefix)) {
    const bool branches = form.immediate >= Immediate::J8 || (form.hints & (kTarget | kReturn | kFarReturn | kIret | kFarTarget));
    e.operand16 = random_.one_in(form.hints & kByte ? 24 : branches ? 32 : 4);
    e.address16 = random_.one_in(touches_memory ? 8 : 24);
    if (form.hints & kSmallCount) e.address16 = random_.one_in(3);
    e.overridden = random_.one_in(touches_memory ? 6 : 32);
    if (e.address16 && touches_memory && !random_.one_in(6)) e.overridden = true;
    if (e.overridden) {
      e.segment = e.address16 ? kFs + random_.below(2) : random_.below(6);
      e.add_prefix(kSegmentPrefix[e.segment]);
      e.variant |= kSegmentOverride;
    }
    if (e.operand16) e.add_prefix(0x66), e.variant |= kOperand16;
    if (e.address16) e.add_prefix(0x67), e.variant |= kAddress16;
    if (form.hints & kString) {
      if (!random_.one_in(3)) e.add_prefix(random_.one_in(2) ? 0xf2 : 0xf3), e.variant |= kWithRep;
    } else if (!(form.hints & (kNoRep | kPause)) && form.opcode < 0x0f00 && random_.one_in(64)) {
      // Without meaning here. In the two-byte map it would select other instructions.
      e.add_prefix(random_.one_in(2) ? 0xf2 : 0xf3);
      e.variant |= kWithRep;
    }
    if ((form.hints & kLock) && memory ? random_.one_in(4) : random_.one_in(400)) e.add_prefix(0xf0), e.variant |= kWithLock;
    if (form.hints & kPause) e.add_prefix(0xf3);
  }
  if (form.opcode == 0x90 && !(form.hints & kPause)) {  // XCHG EAX, r: F3 would make it PAUSE
    for (unsigned i = 0; i < e.prefixes; ++i) {
      if (e.prefix[i] == 0xf3) e.prefix[i] = 0xf2;
    }
  }

  if (form.opcode >= 0x0f00) e.byte(0x0f);
  e.byte(form.encoding == Encoding::Plus ? form.opcode + random_.below(8) : form.opcode);
  unsigned reg = form.digit >= 0 ? static_cast<unsigned>(form.digit) : random_.below(8);
  if (prepared_register_ >= 0 && (form.hints & kBitString)) reg = static_cast<unsigned>(prepared_register_);
  if (form.encoding == Encoding::ModrmSeg) reg = random_.below(random_.one_in(12) ? 8 : 6);
  switch (form.encoding) {
    case Encoding::Modrm: case Encoding::ModrmSeg: case Encoding::ModrmMem: case Encoding::ModrmReg:
      if (memory) encode_memory(e, reg, now);
      else e.byte(0xc0 | reg << 3 | (prepared_register_ >= 0 ? static_cast<unsigned>(prepared_register_) : random_.below(8)));
      break;
    case Encoding::Moffs: {
      const uint32_t offset = data_target() - base_of(now.selector[e.overridden ? e.segment : kDs]);
      if (e.address16) e.word16(offset);
      else e.word32(offset);
      break;
    }
    default: break;
  }
  encode_immediate(e, form, now);

  Emitted out;
  out.form = static_cast<int>(index);
  e.variant |= memory ? kWithMemory : form.encoding >= Encoding::Plus ? kWithRegister : 0;
  out.variant = e.variant;
  for (unsigned i = e.prefixes; i > 1; --i) std::swap(e.prefix[i - 1], e.prefix[random_.below(i)]);
  for (unsigned i = 0; i < e.prefixes; ++i) out.bytes[out.size++] = e.prefix[i];
  std::memcpy(out.bytes + out.size, e.body, e.size);
  out.size = static_cast<uint8_t>(out.size + e.size);
  return out;
}

}  // namespace chrysalis::oracle
