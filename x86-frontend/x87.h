// How lifted code tells an x87 helper what to do. Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>

#include "x86-frontend/helpers.h"
#include "x86-frontend/registers.h"

namespace chrysalis::x86 {

/// Where an x87 operand lies and what its bits mean.
enum class X87Format : uint8_t { St, F32, F64, F80, I16, I32, I64, Bcd };

/// The upper 24 bits of the low 32 of an X87 helper's `imm`; the low 8 are its HelperId.
struct X87Parameter {
  uint16_t opcode = 0;               ///< as FOP records it: low 3 bits of the first byte, then ModRM
  X87Format format = X87Format::St;
  uint8_t pops = 0;
  bool to_index = false;             ///< the destination is ST(index()), not ST(0)
  bool wide = false;                 ///< environment images: 32-bit format, else 16-bit
  SegmentRegister segment = SegmentRegister::Es;  ///< of the memory operand
  uint8_t part = 0;                  ///< piece of an environment or state image

  constexpr unsigned index() const { return opcode & 7; }
  constexpr bool has_memory() const { return (opcode & 0xc0) != 0xc0; }

  constexpr int32_t pack(HelperId id) const {
    return static_cast<int32_t>(static_cast<uint32_t>(id) | static_cast<uint32_t>(opcode) << 8 | static_cast<uint32_t>(format) << 19 |
                                static_cast<uint32_t>(pops) << 22 | static_cast<uint32_t>(to_index) << 24 |
                                static_cast<uint32_t>(wide) << 25 | static_cast<uint32_t>(segment) << 26 |
                                static_cast<uint32_t>(part) << 29);
  }
  static constexpr X87Parameter unpack(uint32_t imm) {
    return {static_cast<uint16_t>(imm >> 8 & 0x7ff),
            static_cast<X87Format>(imm >> 19 & 7),
            static_cast<uint8_t>(imm >> 22 & 3),
            (imm >> 24 & 1) != 0,
            (imm >> 25 & 1) != 0,
            static_cast<SegmentRegister>(imm >> 26 & 7),
            static_cast<uint8_t>(imm >> 29)};
  }
};

}  // namespace chrysalis::x86
