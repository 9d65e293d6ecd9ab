#include <algorithm>

#include "x86-frontend/decoded.h"
#include "x86-frontend/table_format.h"

namespace chrysalis::x86 {
namespace {

using namespace table;
#include "x86-frontend/decoder_tables.inc"  // generated: kWidths, kOperands, kOperandLists, kForms, kNodes, kMapRoots, kRoots

/// The bytes of the instruction, and whether they sufficed.
class Bytes {
 public:
  explicit Bytes(std::span<const uint8_t> bytes)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + std::min<size_t>(bytes.size(), kMaxInstructionLength)) {}

  bool has(unsigned count) const { return static_cast<size_t>(end_ - at_) >= count; }
  uint8_t take() { return *at_++; }
  uint32_t take(unsigned count) {
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++) value |= static_cast<uint32_t>(at_[i]) << 8 * i;
    at_ += count;
    return value;
  }
  unsigned taken() const { return static_cast<unsigned>(at_ - begin_); }

 private:
  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
};

int32_t sign_extend(uint32_t value, unsigned bits) {
  const unsigned shift = 32 - bits;
  return static_cast<int32_t>(value << shift) >> shift;
}

struct Address {
  uint8_t base = kNoRegister, index = kNoRegister, scale = 0;
  int32_t disp = 0;
};

/// SDM Vol. 2, table 2-1; `false`: bytes ran out.
bool take_address16(Bytes& bytes, uint8_t modrm, Address& a) {
  enum : uint8_t { Bx = 3, Bp = 5, Si = 6, Di = 7 };
  static constexpr uint8_t kBase[8] = {Bx, Bx, Bp, Bp, Si, Di, Bp, Bx};
  const unsigned mod = modrm >> 6, rm = modrm & 7;
  unsigned disp_bytes = mod;
  if (mod == 0 && rm == 6) {
    disp_bytes = 2;
  } else {
    a.base = kBase[rm];
  }
  if (rm < 4) {
    a.index = rm & 1 ? Di : Si;
    a.scale = 1;
  }
  if (disp_bytes != 0) {
    if (!bytes.has(disp_bytes)) return false;
    a.disp = sign_extend(bytes.take(disp_bytes), 8 * disp_bytes);
  }
  return true;
}

/// SDM Vol. 2, tables 2-2 and 2-3.
bool take_address32(Bytes& bytes, uint8_t modrm, Address& a) {
  constexpr uint8_t kSib = 4, kBareDisp = 5, kNoIndex = 4;
  const unsigned mod = modrm >> 6;
  uint8_t base = modrm & 7;
  if (base == kSib) {
    if (!bytes.has(1)) return false;
    const uint8_t sib = bytes.take();
    base = sib & 7;
    if (const uint8_t index = sib >> 3 & 7; index != kNoIndex) {
      a.index = index;
      a.scale = static_cast<uint8_t>(1 << (sib >> 6));
    }
  }
  unsigned disp_bytes = mod == 2 ? 4 : mod;
  if (mod == 0 && base == kBareDisp) {
    disp_bytes = 4;
  } else {
    a.base = base;
  }
  if (disp_bytes != 0) {
    if (!bytes.has(disp_bytes)) return false;
    a.disp = sign_extend(bytes.take(disp_bytes), 8 * disp_bytes);
  }
  return true;
}

SegmentRegister default_segment(uint8_t base) {
  constexpr uint8_t kEsp = 4, kEbp = 5;
  return base == kEsp || base == kEbp ? SegmentRegister::Ss : SegmentRegister::Ds;
}

uint8_t width_by_rule(WidthRule rule, bool small) {
  switch (rule) {
    case WidthRule::Always8: return 8;
    case WidthRule::Always16: return 16;
    case WidthRule::Always32: return 32;
    default: return small ? 16 : 32;
  }
}

void set_memory(Operand& o, const Address& a, uint16_t width, const DecodedInst& inst) {
  o.kind = OperandKind::Memory;
  o.base = a.base;
  o.index = a.index;
  o.scale = a.scale;
  o.disp = a.disp;
  const bool address_only = width == kAddressWidth;
  o.width = address_only ? inst.address_width : width;
  o.segment = inst.segment_override && !address_only ? inst.segment : default_segment(a.base);
}

/// Delivers one operand, reading what of it follows ModRM and displacement; `false`: bytes ran out.
bool take_operand(const OperandSpec& spec, const Address& address, bool modrm_is_memory, Bytes& bytes, DecodedInst& inst, Operand& o) {
  const unsigned column = inst.operand_size_prefix ? 4 : 0;
  const uint16_t width = kWidths[spec.widths >> column & 15];
  const uint16_t memory_width = kWidths[spec.memory_widths >> column & 15];
  switch (const auto source = static_cast<Source>(spec.source_class >> 4)) {
    case Source::Rm:
      if (modrm_is_memory) {
        set_memory(o, address, memory_width, inst);
        return true;
      }
      o.reg = inst.modrm_rm();
      break;
    case Source::RegField: o.reg = inst.modrm_reg(); break;
    case Source::OpcodeReg: o.reg = inst.opcode & 7; break;
    case Source::FixedReg: o.reg = spec.fixed; break;
    case Source::Offset: {
      const unsigned count = inst.address_width / 8;
      if (!bytes.has(count)) return false;
      Address offset;
      offset.disp = sign_extend(bytes.take(count), inst.address_width);
      set_memory(o, offset, memory_width, inst);
      return true;
    }
    case Source::FixedImmediate:
      o.kind = OperandKind::Immediate;
      o.width = width;
      o.imm = spec.fixed;
      return true;
    case Source::FarPointer: {
      const unsigned count = width / 8 - 2u;
      if (!bytes.has(count + 2)) return false;
      o.kind = OperandKind::FarPointer;
      o.width = width;
      o.imm = bytes.take(count);
      o.selector = static_cast<uint16_t>(bytes.take(2));
      return true;
    }
    case Source::Immediate:
    case Source::SignedImmediate:
    case Source::Relative: {
      const unsigned count = width / 8;
      if (!bytes.has(count)) return false;
      const uint32_t value = bytes.take(count);
      o.kind = source == Source::Relative ? OperandKind::Relative : OperandKind::Immediate;
      o.width = width;
      o.imm_signed = source != Source::Immediate;
      o.imm = o.imm_signed ? sign_extend(value, width) : static_cast<int64_t>(value);
      return true;
    }
  }
  o.kind = OperandKind::Register;
  o.reg_class = static_cast<RegisterClass>(spec.source_class & 15);
  o.width = width;
  return true;
}

}  // namespace

DecodeStatus decode(std::span<const uint8_t> span, DecodedInst& inst) {
  const DecodeStatus out_of_bytes = span.size() >= kMaxInstructionLength ? DecodeStatus::TooLong : DecodeStatus::NeedMoreBytes;
  Bytes bytes(span);
  inst = DecodedInst{};

  // Prefixes and escapes lead to the opcode's tree.
  unsigned repeat = 0;  // as Test::Repeat
  Entry entry;
  for (;;) {
    if (!bytes.has(1)) return out_of_bytes;
    inst.opcode = bytes.take();
    entry = kRoots[kMapRoots[inst.opcode_map] + inst.opcode];
    if (test_of(entry) != Test::Special) break;
    switch (const auto special = static_cast<SpecialByte>(payload_of(entry))) {
      case SpecialByte::Undefined: return DecodeStatus::Undefined;
      case SpecialByte::OperandSize: inst.operand_size_prefix = true; break;
      case SpecialByte::AddressSize: inst.address_size_prefix = true; break;
      case SpecialByte::Lock: inst.lock = true; break;
      case SpecialByte::RepeatF2: repeat = 1; break;
      case SpecialByte::RepeatF3: repeat = 2; break;
      case SpecialByte::Map1:
      case SpecialByte::Map2:
      case SpecialByte::Map3:
        inst.opcode_map = static_cast<uint8_t>(1 + static_cast<unsigned>(special) - static_cast<unsigned>(SpecialByte::Map1));
        break;
      default:
        inst.segment = static_cast<SegmentRegister>(static_cast<unsigned>(special) - static_cast<unsigned>(SpecialByte::Segment));
        inst.segment_override = true;
        break;
    }
  }

  // The tree leads to the form.
  while (test_of(entry) != Test::Form) {
    const Test test = test_of(entry);
    if (test == Test::Special) return DecodeStatus::Undefined;
    if (test >= Test::Mod && !inst.has_modrm) {
      if (!bytes.has(1)) return out_of_bytes;
      inst.modrm = bytes.take();
      inst.has_modrm = true;
    }
    unsigned child = 0;
    switch (test) {
      case Test::OperandSize: child = inst.operand_size_prefix; break;
      case Test::AddressSize: child = inst.address_size_prefix; break;
      case Test::Repeat: child = repeat; break;
      case Test::Mod: child = inst.modrm >= 0xc0; break;
      case Test::Reg: child = inst.modrm_reg(); break;
      default: child = inst.modrm_rm(); break;
    }
    entry = kNodes[payload_of(entry) + child];
  }
  const Form& form = kForms[payload_of(entry)];
  inst.mnemonic = static_cast<Mnemonic>(form.mnemonic);
  inst.operand_width = width_by_rule(static_cast<WidthRule>(form.flags >> kWidthShift), inst.operand_size_prefix);
  inst.address_width = inst.address_size_prefix ? 16 : 32;
  if (repeat != 0 && (form.flags & (kRepeatPlain | kRepeatCompare)) != 0) {
    inst.repeat = (form.flags & kRepeatPlain) != 0 ? Repeat::Rep : repeat == 1 ? Repeat::WhileNotEqual : Repeat::WhileEqual;
  }

  // ModRM, displacement, immediates.
  bool modrm_is_memory = false;
  Address address;
  if ((form.flags & kHasModrm) != 0) {
    if (!inst.has_modrm) {
      if (!bytes.has(1)) return out_of_bytes;
      inst.modrm = bytes.take();
      inst.has_modrm = true;
    }
    modrm_is_memory = inst.modrm < 0xc0 && (form.flags & kModrmIsRegister) == 0;
    if (modrm_is_memory) {
      const bool complete = inst.address_size_prefix ? take_address16(bytes, inst.modrm, address) : take_address32(bytes, inst.modrm, address);
      if (!complete) return out_of_bytes;
    }
  }
  for (uint8_t spec : kOperandLists[form.operands]) {
    if (spec == kNoOperand) break;
    if (!take_operand(kOperands[spec], address, modrm_is_memory, bytes, inst, inst.operands[inst.operand_count++])) return out_of_bytes;
  }
  inst.lockable = modrm_is_memory && (form.flags & kLockable) != 0;
  if (inst.lock && !inst.lockable) return DecodeStatus::Undefined;
  inst.length = static_cast<uint8_t>(bytes.taken());
  return DecodeStatus::Ok;
}

}  // namespace chrysalis::x86
