// Decoding of the RISC-V instructions that compiled firmware consists of.
#pragma once

#include <cstdint>

#include "translator/ir/ir.h"

namespace chrysalis::image {

enum class RvFormat : uint8_t {
  R, I, S5, S6, U, L, ST, B, BN, Lui, Auipc, Jal, Jalr, Nop, Ebreak, Uw0, Sh1, Sh2, Sh3, SlliUw,
  Custom0, Custom1, Custom2, Custom3, Illegal,
};

/// One instruction. `imm` is the immediate of its format, sign-extended; of shifts the count.
struct RvInst {
  const char* name = "illegal";
  RvFormat format = RvFormat::Illegal;
  ir::Op op = ir::Op::Copy;
  uint8_t width = 64;
  bool extend = false;    ///< the result is sign-extended from 32 bits
  uint8_t rd = 0, rs1 = 0, rs2 = 0, rs3 = 0;
  uint8_t funct3 = 0, funct7 = 0;
  int64_t imm = 0;
};

/// Decodes; format Illegal if no row of riscv.def matches.
RvInst decode_riscv(uint32_t word);

/// Registers read and written, as bits n = xn. x0 is left out.
struct RvUse {
  uint32_t reads = 0, writes = 0;
};
RvUse register_use(const RvInst& inst);

}  // namespace chrysalis::image
