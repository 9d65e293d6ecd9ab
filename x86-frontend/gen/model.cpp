#include "x86-frontend/gen/model.h"

#include <cstdio>
#include <cstdlib>

namespace chrysalis::x86::gen {
namespace {

using table::Source;

struct Misfit {
  const char* what;
};

OperandModel register_operand(const ZydisDecodedOperand& o, const Context& c, unsigned opcode) {
  OperandModel m;
  std::optional<RegisterName> name = register_name(o.reg.value);
  if (!name) throw Misfit{"unknown register"};
  Known encoded;
  switch (o.encoding) {
    case ZYDIS_OPERAND_ENCODING_MODRM_REG: m.source = Source::RegField; encoded = c.modrm >> 3 & 7; break;
    case ZYDIS_OPERAND_ENCODING_MODRM_RM: m.source = Source::Rm; encoded = c.modrm & 7; break;
    case ZYDIS_OPERAND_ENCODING_OPCODE: m.source = Source::OpcodeReg; encoded = opcode & 7; break;
    case ZYDIS_OPERAND_ENCODING_NONE: m.source = Source::FixedReg; m.fixed = name->number; break;
    default: throw Misfit{"unknown encoding of a register"};
  }
  if (encoded && *encoded != name->number) throw Misfit{"register number differs from its encoding"};
  m.reg_class = static_cast<int>(name->reg_class);
  m.width[c.operand_size] = o.size;
  return m;
}

OperandModel memory_operand(const ZydisDecodedOperand& o, const Context& c) {
  OperandModel m;
  switch (o.encoding) {
    case ZYDIS_OPERAND_ENCODING_MODRM_RM: m.source = Source::Rm; break;
    case ZYDIS_OPERAND_ENCODING_DISP16_32_64: m.source = Source::Offset; break;
    default: throw Misfit{"unknown encoding of a memory operand"};
  }
  bool address_only = o.mem.type == ZYDIS_MEMOP_TYPE_AGEN;
  if (!address_only && o.mem.type != ZYDIS_MEMOP_TYPE_MEM) throw Misfit{"unknown type of memory operand"};
  if (address_only && o.size != (c.address_size ? 16 : 32)) throw Misfit{"width of an address"};
  m.memory_width[c.operand_size] = address_only ? table::kAddressWidth : o.size;
  return m;
}

OperandModel immediate_operand(const ZydisDecodedOperand& o, const Context& c) {
  OperandModel m;
  if (o.encoding == ZYDIS_OPERAND_ENCODING_NONE) {
    if (o.imm.is_signed || o.imm.value.u > 0xff) throw Misfit{"implicit immediate"};
    m.source = Source::FixedImmediate;
    m.fixed = static_cast<int>(o.imm.value.u);
  } else {
    m.source = o.imm.is_relative ? Source::Relative : o.imm.is_signed ? Source::SignedImmediate : Source::Immediate;
  }
  m.width[c.operand_size] = o.size;
  return m;
}

OperandModel operand(const ZydisDecodedOperand& o, const Context& c, unsigned opcode) {
  switch (o.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER: return register_operand(o, c, opcode);
    case ZYDIS_OPERAND_TYPE_MEMORY: return memory_operand(o, c);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE: return immediate_operand(o, c);
    case ZYDIS_OPERAND_TYPE_POINTER: {
      OperandModel m;
      m.source = Source::FarPointer;
      m.width[c.operand_size] = o.size;
      return m;
    }
    default: throw Misfit{"unknown type of operand"};
  }
}

int repeat_flag(ZydisInstructionAttributes attributes) {
  if (attributes & ZYDIS_ATTRIB_ACCEPTS_REPE) return table::kRepeatCompare;
  if (attributes & ZYDIS_ATTRIB_ACCEPTS_REP) return table::kRepeatPlain;
  return 0;
}

Model model_of(const ReferenceInst& r, const Context& c, unsigned opcode) {
  Model m;
  m.undefined = false;
  m.mnemonic = mnemonic_enumerator(r.inst);
  m.name = ZydisMnemonicGetString(r.inst.mnemonic);
  m.has_modrm = (r.inst.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
  m.repeat = repeat_flag(r.inst.attributes);
  m.operand_width[c.operand_size] = r.inst.operand_width;
  if (r.visible_count() > 4) throw Misfit{"more than four operands"};
  for (unsigned i = 0; i < r.visible_count(); i++) m.operands.push_back(operand(r.operands[i], c, opcode));
  const bool lockable = (r.inst.attributes & ZYDIS_ATTRIB_ACCEPTS_LOCK) != 0;
  if (m.has_modrm && c.modrm < 0xc0) {
    m.modrm_is_register = false;
    for (unsigned i = 0; i < r.visible_count(); i++) {
      if (r.operands[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM && r.operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER) {
        m.modrm_is_register = true;
      }
    }
    m.lockable = lockable;
  } else if (lockable) {
    throw Misfit{"LOCK without memory"};
  }
  return m;
}

/// `into` learns what `from` knows; false where they contradict each other.
bool learn(Known& into, const Known& from) {
  if (!into) {
    into = from;
    return true;
  }
  return !from || *into == *from;
}

}  // namespace

void fail(const std::string& message) {
  std::fprintf(stderr, "x86 decoder tables: %s\n", message.c_str());
  std::exit(1);
}

Model probe(const Reference& reference, unsigned map, unsigned opcode, const Context& context) {
  std::array<uint8_t, 32> bytes{};
  unsigned n = 0;
  if (context.operand_size) bytes[n++] = 0x66;
  if (context.address_size) bytes[n++] = 0x67;
  if (context.repeat) bytes[n++] = static_cast<uint8_t>(0xf1 + context.repeat);
  if (map > 0) bytes[n++] = 0x0f;
  if (map > 1) bytes[n++] = map == 2 ? 0x38 : 0x3a;
  bytes[n++] = static_cast<uint8_t>(opcode);
  bytes[n++] = static_cast<uint8_t>(context.modrm);
  ReferenceInst r;
  reference.decode(bytes, r);
  if (r.verdict != Verdict::Ok) return {};
  try {
    return model_of(r, context, opcode);
  } catch (const Misfit& misfit) {
    char text[160];
    std::snprintf(text, sizeof text, "map %u, opcode %02x, ModRM %02x, %s: %s", map, opcode, context.modrm,
                  ZydisMnemonicGetString(r.inst.mnemonic), misfit.what);
    fail(text);
  }
}

std::optional<OperandModel> unite(const OperandModel& a, const OperandModel& b) {
  OperandModel m = a;
  bool agree = a.source == b.source && learn(m.reg_class, b.reg_class) && learn(m.fixed, b.fixed);
  for (int i = 0; i < 2; i++) {
    agree = agree && learn(m.width[i], b.width[i]) && learn(m.memory_width[i], b.memory_width[i]);
  }
  return agree ? std::optional(m) : std::nullopt;
}

std::optional<Model> unite(const Model& a, const Model& b) {
  if (a.undefined != b.undefined) return std::nullopt;
  if (a.undefined) return a;
  Model m = a;
  bool agree = a.mnemonic == b.mnemonic && a.has_modrm == b.has_modrm && a.repeat == b.repeat &&
               a.operands.size() == b.operands.size() && learn(m.modrm_is_register, b.modrm_is_register) &&
               learn(m.lockable, b.lockable) && learn(m.operand_width[0], b.operand_width[0]) &&
               learn(m.operand_width[1], b.operand_width[1]);
  if (!agree) return std::nullopt;
  for (size_t i = 0; i < m.operands.size(); i++) {
    std::optional<OperandModel> united = unite(a.operands[i], b.operands[i]);
    if (!united) return std::nullopt;
    m.operands[i] = *united;
  }
  return m;
}

}  // namespace chrysalis::x86::gen
