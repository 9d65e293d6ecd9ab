#pragma once

#include <cstdint>

#include "isa-host/fp/fp.h"

/// The build machine's x87 unit, one instruction at a time.
///
/// Each function loads the operands, sets the control word, executes the instruction, and reads the
/// status word with FNSTSW before FNCLEX: an unmasked exception stays pending and is never delivered,
/// while its response is visible in registers, memory and status.
namespace chrysalis::isa::fp::test {

struct __attribute__((packed)) Memory80 {
  std::uint64_t significand;
  std::uint16_t sign_exponent;
};

inline Memory80 memory(F80 v) { return {v.significand, v.sign_exponent}; }
inline F80 value(Memory80 m) { return {m.significand, m.sign_exponent}; }

/// What an instruction left behind: the two top registers (after undoing a push), memory if it stores.
struct X87Result {
  F80 st0;
  F80 st1;
  std::uint16_t fsw;
};

constexpr std::uint16_t kQuietControl = 0x037f;

/// An instruction on ST(0) and ST(1) that neither pushes nor pops.
#define CHRYSALIS_X87_REGISTER(name, instruction)                                                              \
  inline X87Result name(F80 a, F80 b, std::uint16_t fcw) {                                                     \
    const Memory80 st0 = memory(a);                                                                            \
    const Memory80 st1 = memory(b);                                                                            \
    Memory80 out0;                                                                                             \
    Memory80 out1;                                                                                             \
    std::uint16_t fsw;                                                                                         \
    asm volatile("fninit; fldt %4; fldt %3; fldcw %5; " instruction                                            \
                 "; fnstsw %2; fnclex; fldcw %6; fstpt %0; fstpt %1; fninit"                                   \
                 : "=m"(out0), "=m"(out1), "=a"(fsw)                                                           \
                 : "m"(st0), "m"(st1), "m"(fcw), "m"(kQuietControl)                                            \
                 : "cc");                                                                                      \
    return {value(out0), value(out1), fsw};                                                                    \
  }
CHRYSALIS_X87_REGISTER(x87_fadd, "fadd %%st(1), %%st")
CHRYSALIS_X87_REGISTER(x87_fsub, "fsub %%st(1), %%st")
CHRYSALIS_X87_REGISTER(x87_fmul, "fmul %%st(1), %%st")
CHRYSALIS_X87_REGISTER(x87_fdiv, "fdiv %%st(1), %%st")
CHRYSALIS_X87_REGISTER(x87_fsqrt, "fsqrt")
CHRYSALIS_X87_REGISTER(x87_fprem, "fprem")
CHRYSALIS_X87_REGISTER(x87_fprem1, "fprem1")
CHRYSALIS_X87_REGISTER(x87_fscale, "fscale")
CHRYSALIS_X87_REGISTER(x87_frndint, "frndint")
CHRYSALIS_X87_REGISTER(x87_fcom, "fcom %%st(1)")
CHRYSALIS_X87_REGISTER(x87_fucom, "fucom %%st(1)")
CHRYSALIS_X87_REGISTER(x87_ftst, "ftst")
CHRYSALIS_X87_REGISTER(x87_fxam, "fxam")
CHRYSALIS_X87_REGISTER(x87_fchs, "fchs")
CHRYSALIS_X87_REGISTER(x87_fabs, "fabs")
#undef CHRYSALIS_X87_REGISTER

/// An instruction on ST(0) and a memory operand of type T.
#define CHRYSALIS_X87_MEMORY(name, T, instruction)                                                             \
  inline X87Result name(F80 a, T operand, std::uint16_t fcw) {                                                 \
    const Memory80 st0 = memory(a);                                                                            \
    Memory80 out0;                                                                                             \
    std::uint16_t fsw;                                                                                         \
    asm volatile("fninit; fldt %2; fldcw %4; " instruction " %3; fnstsw %1; fnclex; fldcw %5; fstpt %0; fninit" \
                 : "=m"(out0), "=a"(fsw)                                                                       \
                 : "m"(st0), "m"(operand), "m"(fcw), "m"(kQuietControl));                                      \
    return {value(out0), {}, fsw};                                                                             \
  }
CHRYSALIS_X87_MEMORY(x87_fadd_m, F32, "fadds")
CHRYSALIS_X87_MEMORY(x87_fadd_m, F64, "faddl")
CHRYSALIS_X87_MEMORY(x87_fsub_m, F32, "fsubs")
CHRYSALIS_X87_MEMORY(x87_fsub_m, F64, "fsubl")
CHRYSALIS_X87_MEMORY(x87_fsubr_m, F32, "fsubrs")
CHRYSALIS_X87_MEMORY(x87_fsubr_m, F64, "fsubrl")
CHRYSALIS_X87_MEMORY(x87_fmul_m, F32, "fmuls")
CHRYSALIS_X87_MEMORY(x87_fmul_m, F64, "fmull")
CHRYSALIS_X87_MEMORY(x87_fdiv_m, F32, "fdivs")
CHRYSALIS_X87_MEMORY(x87_fdiv_m, F64, "fdivl")
CHRYSALIS_X87_MEMORY(x87_fdivr_m, F32, "fdivrs")
CHRYSALIS_X87_MEMORY(x87_fdivr_m, F64, "fdivrl")
CHRYSALIS_X87_MEMORY(x87_fcom_m, F32, "fcoms")
CHRYSALIS_X87_MEMORY(x87_fcom_m, F64, "fcoml")
#undef CHRYSALIS_X87_MEMORY

/// FCOMI and FUCOMI: the EFLAGS condition bits beside the status word.
#define CHRYSALIS_X87_COMPARE_FLAGS(name, instruction)                                             \
  inline std::uint32_t name(F80 a, F80 b, std::uint16_t fcw, std::uint16_t& fsw) {                 \
    const Memory80 st0 = memory(a);                                                                \
    const Memory80 st1 = memory(b);                                                                \
    std::uint64_t flags;                                                                           \
    asm volatile("fninit; fldt %3; fldt %2; fldcw %4; " instruction                                \
                 " %%st(1), %%st; lahf; movzbl %%ah, %%ecx; fnstsw %%ax; fnclex; fninit"           \
                 : "=a"(fsw), "=c"(flags)                                                          \
                 : "m"(st0), "m"(st1), "m"(fcw)                                                    \
                 : "cc");                                                                          \
    return static_cast<std::uint32_t>(flags) & 0x45u;                                              \
  }
CHRYSALIS_X87_COMPARE_FLAGS(x87_fcomi, "fcomi")
CHRYSALIS_X87_COMPARE_FLAGS(x87_fucomi, "fucomi")
#undef CHRYSALIS_X87_COMPARE_FLAGS

/// An instruction that pushes a value from memory. `loaded` is false if an exception kept it from pushing.
#define CHRYSALIS_X87_LOAD(name, T, instruction)                                                               \
  inline X87Result name(T operand, std::uint16_t fcw, bool& loaded) {                                          \
    Memory80 out0;                                                                                             \
    std::uint16_t fsw;                                                                                         \
    asm volatile("fninit; fldz; fldcw %3; " instruction " %2; fnstsw %1; fnclex; fldcw %4; fstpt %0; fninit"   \
                 : "=m"(out0), "=a"(fsw)                                                                       \
                 : "m"(operand), "m"(fcw), "m"(kQuietControl));                                                \
    loaded = (fsw >> 11 & 7) == 6;                                                                             \
    return {value(out0), {}, fsw};                                                                             \
  }
CHRYSALIS_X87_LOAD(x87_fld, F32, "flds")
CHRYSALIS_X87_LOAD(x87_fld, F64, "fldl")
CHRYSALIS_X87_LOAD(x87_fild, std::int16_t, "filds")
CHRYSALIS_X87_LOAD(x87_fild, std::int32_t, "fildl")
CHRYSALIS_X87_LOAD(x87_fild, std::int64_t, "fildq")
CHRYSALIS_X87_LOAD(x87_fbld, Memory80, "fbld")
#undef CHRYSALIS_X87_LOAD

/// An instruction that stores ST(0) and pops. `stored` receives memory, unchanged if nothing was stored;
/// `popped` is false if an exception kept the register.
#define CHRYSALIS_X87_STORE(name, T, instruction)                                                              \
  inline std::uint16_t name(F80 a, T& stored, std::uint16_t fcw, bool& popped) {                               \
    const Memory80 st0 = memory(a);                                                                            \
    std::uint16_t fsw;                                                                                         \
    asm volatile("fninit; fldt %2; fldcw %3; " instruction " %0; fnstsw %1; fnclex; fninit"                    \
                 : "+m"(stored), "=a"(fsw)                                                                     \
                 : "m"(st0), "m"(fcw));                                                                        \
    popped = (fsw >> 11 & 7) == 0;                                                                             \
    return fsw;                                                                                                \
  }
CHRYSALIS_X87_STORE(x87_fstp, F32, "fstps")
CHRYSALIS_X87_STORE(x87_fstp, F64, "fstpl")
CHRYSALIS_X87_STORE(x87_fistp, std::int16_t, "fistps")
CHRYSALIS_X87_STORE(x87_fistp, std::int32_t, "fistpl")
CHRYSALIS_X87_STORE(x87_fistp, std::int64_t, "fistpq")
CHRYSALIS_X87_STORE(x87_fisttp, std::int16_t, "fisttps")
CHRYSALIS_X87_STORE(x87_fisttp, std::int32_t, "fisttpl")
CHRYSALIS_X87_STORE(x87_fisttp, std::int64_t, "fisttpq")
CHRYSALIS_X87_STORE(x87_fbstp, Memory80, "fbstp")
#undef CHRYSALIS_X87_STORE

/// FXTRACT pushes; `pushed` is false if an exception kept it from doing so (then st0 is the operand).
inline X87Result x87_fxtract(F80 a, std::uint16_t fcw, bool& pushed) {
  const Memory80 st0 = memory(a);
  Memory80 out0;
  Memory80 out1;
  std::uint16_t fsw;
  asm volatile(
      "fninit; fldz; fldt %3; fldcw %4; fxtract; fnstsw %2; fnclex; fldcw %5; fstpt %0; fstpt %1; fninit"
      : "=m"(out0), "=m"(out1), "=a"(fsw)
      : "m"(st0), "m"(fcw), "m"(kQuietControl));
  pushed = (fsw >> 11 & 7) == 5;
  return {value(out0), value(out1), fsw};
}

#define CHRYSALIS_X87_CONSTANT(name, instruction)                                        \
  inline X87Result name(std::uint16_t fcw) {                                             \
    Memory80 out0;                                                                       \
    std::uint16_t fsw;                                                                   \
    asm volatile("fninit; fldcw %2; " instruction "; fnstsw %1; fnclex; fstpt %0; fninit" \
                 : "=m"(out0), "=a"(fsw)                                                 \
                 : "m"(fcw));                                                            \
    return {value(out0), {}, fsw};                                                       \
  }
CHRYSALIS_X87_CONSTANT(x87_fld1, "fld1")
CHRYSALIS_X87_CONSTANT(x87_fldl2t, "fldl2t")
CHRYSALIS_X87_CONSTANT(x87_fldl2e, "fldl2e")
CHRYSALIS_X87_CONSTANT(x87_fldpi, "fldpi")
CHRYSALIS_X87_CONSTANT(x87_fldlg2, "fldlg2")
CHRYSALIS_X87_CONSTANT(x87_fldln2, "fldln2")
CHRYSALIS_X87_CONSTANT(x87_fldz, "fldz")
#undef CHRYSALIS_X87_CONSTANT

}  // namespace chrysalis::isa::fp::test
