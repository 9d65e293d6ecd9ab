#include "tests/x86-frontend/decoder_equality.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

namespace chrysalis::x86::test {
namespace {

using gen::Verdict;

/// Names the first field that differs.
class Difference {
 public:
  template <typename T, typename U>
  Difference& expect(const char* field, T ours, U zydis) {
    if (text_.empty() && static_cast<int64_t>(ours) != static_cast<int64_t>(zydis)) {
      text_ = std::string(field) + ": decoder " + std::to_string(static_cast<int64_t>(ours)) + ", Zydis " +
              std::to_string(static_cast<int64_t>(zydis));
    }
    return *this;
  }
  Difference& expect_register(const char* field, RegisterClass reg_class, uint8_t number, ZydisRegister zydis) {
    std::optional<gen::RegisterName> name = gen::register_name(zydis);
    if (!name) return expect(field, 0, 1);
    return expect(field, reg_class, name->reg_class).expect(field, number, name->number);
  }
  /// kNoRegister stands for no register.
  Difference& expect_address_register(const char* field, uint8_t number, unsigned width, ZydisRegister zydis) {
    if (zydis == ZYDIS_REGISTER_NONE) return expect(field, number, kNoRegister);
    expect("width of address register", width, ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LEGACY_32, zydis));
    return expect_register(field, RegisterClass::General, number, zydis);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Repeat repeat_of(ZydisInstructionAttributes a) {
  if (a & ZYDIS_ATTRIB_HAS_REP) return Repeat::Rep;
  if (a & ZYDIS_ATTRIB_HAS_REPE) return Repeat::WhileEqual;
  if (a & ZYDIS_ATTRIB_HAS_REPNE) return a & ZYDIS_ATTRIB_ACCEPTS_REPE ? Repeat::WhileNotEqual : Repeat::Rep;
  return Repeat::None;
}

std::optional<SegmentRegister> override_of(uint8_t prefix) {
  switch (prefix) {
    case 0x26: return SegmentRegister::Es;
    case 0x2e: return SegmentRegister::Cs;
    case 0x36: return SegmentRegister::Ss;
    case 0x3e: return SegmentRegister::Ds;
    case 0x64: return SegmentRegister::Fs;
    case 0x65: return SegmentRegister::Gs;
    default: return std::nullopt;
  }
}

struct Prefixes {
  bool operand_size = false, address_size = false, lock = false;
  std::optional<SegmentRegister> segment;
  uint8_t segment_byte = 0, repeat_byte = 0;
  unsigned count = 0;
};

Prefixes prefixes_of(std::span<const uint8_t> bytes) {
  Prefixes p;
  for (; p.count < bytes.size(); p.count++) {
    const uint8_t b = bytes[p.count];
    if (std::optional<SegmentRegister> segment = override_of(b)) {
      p.segment = segment;
      p.segment_byte = b;
    } else if (b == 0x66) {
      p.operand_size = true;
    } else if (b == 0x67) {
      p.address_size = true;
    } else if (b == 0xf0) {
      p.lock = true;
    } else if (b == 0xf2 || b == 0xf3) {
      p.repeat_byte = b;
    } else {
      break;
    }
  }
  return p;
}

/// The same instruction, each kind of prefix once.
std::vector<uint8_t> without_redundant_prefixes(std::span<const uint8_t> bytes) {
  const Prefixes p = prefixes_of(bytes);
  std::vector<uint8_t> result;
  if (p.operand_size) result.push_back(0x66);
  if (p.address_size) result.push_back(0x67);
  if (p.lock) result.push_back(0xf0);
  if (p.segment_byte) result.push_back(p.segment_byte);
  if (p.repeat_byte) result.push_back(p.repeat_byte);
  result.insert(result.end(), bytes.begin() + p.count, bytes.end());
  return result;
}

/// Hidden operands are not delivered, but DecodedInst::segment must be that of those that overrides apply to: the
/// sources of string instructions, XLAT's table, MASKMOVQ's target.
bool is_hidden_data(const ZydisDecodedInstruction& z, const ZydisDecodedOperand& o) {
  if (o.visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN || o.type != ZYDIS_OPERAND_TYPE_MEMORY) return false;
  switch (o.mem.base) {
    case ZYDIS_REGISTER_SI:
    case ZYDIS_REGISTER_ESI:
    case ZYDIS_REGISTER_BX:
    case ZYDIS_REGISTER_EBX: return true;
    default: return z.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ || z.mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU;
  }
}

void compare_operand(Difference& d, const Operand& o, const ZydisDecodedOperand& z, const DecodedInst& inst) {
  d.expect("operand width", o.width, z.size);
  switch (z.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      d.expect("operand kind", o.kind, OperandKind::Register).expect_register("register", o.reg_class, o.reg, z.reg.value);
      break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
      d.expect("operand kind", o.kind, OperandKind::Memory)
          .expect_register("segment", RegisterClass::Segment, static_cast<uint8_t>(o.segment), z.mem.segment)
          .expect_address_register("base", o.base, inst.address_width, z.mem.base)
          .expect_address_register("index", o.index, inst.address_width, z.mem.index)
          .expect("scale", o.scale, z.mem.scale)
          .expect("displacement", o.disp, z.mem.disp.value);
      break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      d.expect("operand kind", o.kind, z.imm.is_relative ? OperandKind::Relative : OperandKind::Immediate)
          .expect("immediate", o.imm, z.imm.value.s)
          .expect("signedness", o.imm_signed, z.imm.is_signed);
      break;
    case ZYDIS_OPERAND_TYPE_POINTER:
      d.expect("operand kind", o.kind, OperandKind::FarPointer).expect("offset", o.imm, z.ptr.offset).expect("selector", o.selector, z.ptr.segment);
      break;
    default:
      d.expect("operand kind", o.kind, OperandKind::None);
      break;
  }
}

std::string compare_inst(const DecodedInst& inst, const gen::ReferenceInst& r, std::span<const uint8_t> bytes) {
  const ZydisDecodedInstruction& z = r.inst;
  if (std::strcmp(mnemonic_name(inst.mnemonic), ZydisMnemonicGetString(z.mnemonic)) != 0) {
    return std::string("mnemonic: decoder ") + mnemonic_name(inst.mnemonic) + ", Zydis " + ZydisMnemonicGetString(z.mnemonic);
  }
  const Prefixes p = prefixes_of(bytes);
  Difference d;
  const bool sse = z.meta.isa_set == ZYDIS_ISA_SET_SSE2;
  if (z.mnemonic == ZYDIS_MNEMONIC_MOVSD) d.expect("MOVSD", inst.mnemonic, sse ? Mnemonic::MovsdXmm : Mnemonic::Movsd);
  if (z.mnemonic == ZYDIS_MNEMONIC_CMPSD) d.expect("CMPSD", inst.mnemonic, sse ? Mnemonic::CmpsdXmm : Mnemonic::Cmpsd);
  d.expect("length", inst.length, z.length)
      .expect("opcode map", inst.opcode_map, z.opcode_map)
      .expect("opcode", inst.opcode, z.opcode)
      .expect("has ModRM", inst.has_modrm, (z.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0)
      .expect("ModRM", inst.modrm, inst.has_modrm ? z.raw.modrm.mod << 6 | z.raw.modrm.reg << 3 | z.raw.modrm.rm : 0)
      .expect("operand width", inst.operand_width, z.operand_width)
      .expect("address width", inst.address_width, z.address_width)
      .expect("LOCK", inst.lock, (z.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0)
      .expect("lockable", inst.lockable, (z.attributes & ZYDIS_ATTRIB_ACCEPTS_LOCK) != 0)
      .expect("repeat", inst.repeat, repeat_of(z.attributes))
      .expect("operand size prefix", inst.operand_size_prefix, p.operand_size)
      .expect("address size prefix", inst.address_size_prefix, p.address_size)
      .expect("segment override", inst.segment_override, p.segment.has_value())
      .expect("segment", inst.segment, p.segment.value_or(SegmentRegister::Ds))
      .expect("operand count", inst.operand_count, r.visible_count());
  for (unsigned i = 0; i < std::min(inst.operand_count, z.operand_count_visible); i++) compare_operand(d, inst.operands[i], r.operands[i], inst);
  for (unsigned i = inst.operand_count; i < inst.operands.size(); i++) d.expect("unused operand", inst.operands[i].kind, OperandKind::None);
  for (unsigned i = r.visible_count(); i < z.operand_count; i++) {
    if (is_hidden_data(z, r.operands[i])) {
      d.expect_register("hidden segment", RegisterClass::Segment, static_cast<uint8_t>(inst.segment), r.operands[i].mem.segment);
    }
  }
  return d.text();
}

const char* name(DecodeStatus s) {
  constexpr const char* kNames[] = {"Ok", "NeedMoreBytes", "Undefined", "TooLong"};
  return kNames[static_cast<unsigned>(s)];
}
DecodeStatus expected(Verdict v) { return static_cast<DecodeStatus>(v); }
static_assert(static_cast<int>(Verdict::TooLong) == static_cast<int>(DecodeStatus::TooLong));
static_assert(static_cast<int>(Verdict::Undefined) == static_cast<int>(DecodeStatus::Undefined));
static_assert(static_cast<int>(Verdict::NeedMoreBytes) == static_cast<int>(DecodeStatus::NeedMoreBytes));

}  // namespace

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (uint8_t b : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += {kDigits[b >> 4], kDigits[b & 15], ' '};
  }
  return text;
}

std::string Equality::compare(std::span<const uint8_t> bytes) {
  reference_.decode(bytes, reference_inst_);
  status_ = decode(bytes.first(kMaxInstructionLength), inst_);
  const DecodeStatus want = expected(reference_inst_.verdict);
  if (status_ == want) {
    return status_ == DecodeStatus::Ok ? compare_inst(inst_, reference_inst_, bytes) : "";
  }
  if (want == DecodeStatus::TooLong && status_ == DecodeStatus::Undefined) {
    reference_.decode(without_redundant_prefixes(bytes), reference_inst_);
    if (reference_inst_.verdict == Verdict::Undefined) return "";
  }
  return std::string("status: decoder ") + name(status_) + ", Zydis " + name(want);
}

std::string Equality::compare_truncated(std::span<const uint8_t> bytes) {
  DecodedInst part;
  const DecodeStatus whole = decode(bytes.first(kMaxInstructionLength), part);
  const size_t length = whole == DecodeStatus::Ok ? part.length : kMaxInstructionLength;
  DecodeStatus before = DecodeStatus::NeedMoreBytes;
  for (size_t n = 0; n < length; n++) {
    const std::vector<uint8_t> exactly(bytes.begin(), bytes.begin() + n);  // so that ASan sees a read beyond
    const DecodeStatus status = decode(exactly, part);
    reference_.decode(bytes.first(n), reference_inst_);
    const DecodeStatus zydis = expected(reference_inst_.verdict);
    bool right = status == DecodeStatus::NeedMoreBytes;
    if (whole == DecodeStatus::Undefined) {
      right = zydis == DecodeStatus::Undefined || before == DecodeStatus::Undefined ? status == DecodeStatus::Undefined
                                                                                    : status == DecodeStatus::Undefined || right;
    }
    if (!right) {
      return "first " + std::to_string(n) + " bytes: decoder " + name(status) + ", Zydis " + name(zydis) + ", whole " + name(whole);
    }
    before = status;
  }
  return "";
}

}  // namespace chrysalis::x86::test
