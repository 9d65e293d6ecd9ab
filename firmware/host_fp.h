// The floating-point host operations, translator/ir/fp_intrinsics.def, as the firmware calls them.
#pragma once

#include "firmware/host.h"
#if !FW_CORE_FORM
#include "firmware/hosted/fp_unit.h"
#endif

namespace chrysalis::fw::host {

using Fp80 = GuestContext::X87Register;

#if FW_CORE_FORM

/// Performs the operation; sources and result as its shape says. Operand addresses are passed as they are.
template <ir::IntrinsicId id>
FW_INLINE uint64_t fp(uint64_t s0, uint64_t s1 = 0, uint64_t s2 = 0) {
  constexpr ir::IntrinsicInfo row = ir::info(id);
  uint64_t result = s0;
  if constexpr (!row.has_result) {
    asm volatile(".insn r 0x7b, 0, %0, x0, %1, x0" ::"i"(static_cast<unsigned>(id)), "r"(s0) : "memory");
  } else if constexpr (row.sources == 3) {
    asm volatile(".insn r 0x7b, 0, %1, %0, %2, %3" : "+r"(result) : "i"(static_cast<unsigned>(id)), "r"(s1), "r"(s2) : "memory");
  } else if constexpr (row.sources == 2) {
    asm volatile(".insn r 0x7b, 0, %1, %0, %2, %3" : "=r"(result) : "i"(static_cast<unsigned>(id)), "r"(s0), "r"(s1) : "memory");
  } else {
    asm volatile(".insn r 0x7b, 0, %1, %0, %2, x0" : "=r"(result) : "i"(static_cast<unsigned>(id)), "r"(s0) : "memory");
  }
  return result;
}

/// Rounding, precision and masks of the operations that follow: an x87 control word.
FW_INLINE void fp_control(uint16_t control) { write_special<isa::Special::Fcr>(control); }
/// FSR of the last operation.
FW_INLINE uint64_t fp_status() { return read_special<isa::Special::Fsr>(); }

#else

template <ir::IntrinsicId id>
FW_INLINE uint64_t fp(uint64_t s0, uint64_t s1 = 0, uint64_t s2 = 0) {
  return hosted::fp_unit().operate(id, s0, s1, s2);
}
FW_INLINE void fp_control(uint16_t control) { hosted::fp_unit().set_control(control); }
FW_INLINE uint64_t fp_status() { return hosted::fp_unit().status(); }

#endif

FW_INLINE uint64_t address_of(const Fp80& value) { return reinterpret_cast<uint64_t>(&value); }

}  // namespace chrysalis::fw::host
