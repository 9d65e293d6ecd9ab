#include "firmware/image/riscv.h"

#include "translator/ir/intrinsics.h"

namespace chrysalis::image {
namespace {

struct Row {
  const char* name;
  const char* bits;
  RvFormat format;
  ir::Op op;
  uint8_t width;
  bool extend;
  uint32_t mask = 0, match = 0;

  constexpr Row(const char* n, const char* b, RvFormat f, ir::Op o, uint8_t w, int e)
      : name(n), bits(b), format(f), op(o), width(w), extend(e != 0) {
    int at = 31;
    for (; *b != 0; ++b) {
      if (*b == '|') continue;
      if (*b != '.') mask |= 1u << at;
      if (*b == '1') match |= 1u << at;
      --at;
    }
    // A row that does not have 32 bits does not compile.
    if (at != -1) throw "riscv.def: a row does not have 32 bits";
  }
};

constexpr Row kRows[] = {
#define RV(name, bits, format, op, width, extend) Row(#name, bits, RvFormat::format, ir::Op::op, width, extend),
#include "firmware/image/riscv.def"
#undef RV
};

constexpr int64_t sign_extend(uint32_t value, unsigned bits) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - bits)) >> (64 - bits);
}

int64_t immediate(RvFormat format, uint32_t word) {
  switch (format) {
    case RvFormat::I: case RvFormat::L: case RvFormat::Jalr: return sign_extend(word >> 20, 12);
    case RvFormat::S5: return word >> 20 & 31;
    case RvFormat::S6: case RvFormat::SlliUw: return word >> 20 & 63;
    case RvFormat::ST: return sign_extend((word >> 25) << 5 | (word >> 7 & 31), 12);
    case RvFormat::B: case RvFormat::BN:
      return sign_extend((word >> 31) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 63) << 5 | (word >> 8 & 15) << 1, 13);
    case RvFormat::Lui: case RvFormat::Auipc: return static_cast<int32_t>(word & 0xfffff000);
    case RvFormat::Jal:
      return sign_extend((word >> 31) << 20 | (word >> 12 & 255) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 1023) << 1, 21);
    default: return 0;
  }
}

}  // namespace

RvInst decode_riscv(uint32_t word) {
  for (const Row& row : kRows) {
    if ((word & row.mask) != row.match) continue;
    RvInst inst;
    inst.name = row.name;
    inst.format = row.format;
    inst.op = row.op;
    inst.width = row.width;
    inst.extend = row.extend;
    inst.rd = word >> 7 & 31;
    inst.rs1 = word >> 15 & 31;
    inst.rs2 = word >> 20 & 31;
    inst.rs3 = word >> 27 & 31;
    inst.funct3 = word >> 12 & 7;
    inst.funct7 = static_cast<uint8_t>(word >> 25);
    inst.imm = immediate(row.format, word);
    return inst;
  }
  return {};
}

RvUse register_use(const RvInst& inst) {
  RvUse use;
  const uint32_t rd = 1u << inst.rd, rs1 = 1u << inst.rs1, rs2 = 1u << inst.rs2, rs3 = 1u << inst.rs3;
  switch (inst.format) {
    case RvFormat::R: case RvFormat::Uw0: case RvFormat::Sh1: case RvFormat::Sh2: case RvFormat::Sh3:
      use = {rs1 | rs2, rd};
      break;
    case RvFormat::I: case RvFormat::S5: case RvFormat::S6: case RvFormat::U: case RvFormat::L: case RvFormat::Jalr:
    case RvFormat::SlliUw:
      use = {rs1, rd};
      break;
    case RvFormat::ST: case RvFormat::B: case RvFormat::BN: use = {rs1 | rs2, 0}; break;
    case RvFormat::Lui: case RvFormat::Auipc: case RvFormat::Jal: use = {0, rd}; break;
    case RvFormat::Custom0: {
      const ir::OpInfo& row = ir::info(static_cast<ir::Op>(inst.funct7 % static_cast<unsigned>(ir::Op::kCount)));
      use.reads = (row.sources > 0 ? rs1 : 0) | (row.sources > 1 && !(row.effects & ir::kOldFlags && row.sources == 2) ? rs2 : 0);
      use.writes = row.results != ir::Results::N ? rd : 0;
      break;
    }
    case RvFormat::Custom1: use = {rs1 | rs2 | rd, rd}; break;
    case RvFormat::Custom2: use = {rs1 | rs2 | rs3 | rd, rd}; break;
    case RvFormat::Custom3: {
      const ir::IntrinsicInfo& row =
          ir::info(static_cast<ir::IntrinsicId>(inst.funct7 % static_cast<unsigned>(ir::IntrinsicId::kCount)));
      // With three sources the first is rd's old value; with a constant first one, rs1 is no register.
      uint32_t sources[] = {rs1, rs2, 0};
      if (row.sources == 3) sources[0] = rd, sources[1] = rs1, sources[2] = rs2;
      for (unsigned i = inst.funct3 != 0 ? 1 : 0; i < row.sources; ++i) use.reads |= sources[i];
      use.writes = row.has_result ? rd : 0;
      break;
    }
    default: break;
  }
  use.reads &= ~1u;
  use.writes &= ~1u;
  return use;
}

}  // namespace chrysalis::image
