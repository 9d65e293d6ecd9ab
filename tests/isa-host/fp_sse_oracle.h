#pragma once

#include <csignal>
#include <cstdint>
#include <cstring>
#include <ucontext.h>

#include "isa-host/fp/fp.h"

/// The build machine's SSE unit, one scalar instruction at a time.
///
/// An unmasked exception arrives as SIGFPE. The handler notes the flags that were raised, masks
/// everything and lets the instruction run again; its result is then not looked at.
namespace chrysalis::isa::fp::test {

constexpr std::uint32_t kQuietMxcsr = 0x1f80;

inline volatile std::sig_atomic_t g_trapped = 0;
inline volatile std::uint32_t g_trapped_mxcsr = 0;

/// Installs the handler for its lifetime.
class SseTraps {
 public:
  SseTraps() {
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      auto* fpregs = static_cast<ucontext_t*>(context)->uc_mcontext.fpregs;
      g_trapped = 1;
      g_trapped_mxcsr = fpregs->mxcsr;
      fpregs->mxcsr |= kQuietMxcsr;
    };
    sigaction(SIGFPE, &action, &previous_);
  }
  ~SseTraps() { sigaction(SIGFPE, &previous_, nullptr); }
  SseTraps(const SseTraps&) = delete;
  SseTraps& operator=(const SseTraps&) = delete;

 private:
  struct sigaction previous_ {};
};

template <class T>
struct SseResult {
  T value;
  std::uint8_t flags;
  bool trapped;
};

inline float native(F32 v) {
  float f;
  std::memcpy(&f, &v, sizeof f);
  return f;
}
inline double native(F64 v) {
  double f;
  std::memcpy(&f, &v, sizeof f);
  return f;
}
template <class T, class N>
T portable(N n) {
  static_assert(sizeof(T) == sizeof(N));
  T v;
  std::memcpy(&v, &n, sizeof v);
  return v;
}

/// Runs `instruction destination, source` under `mxcsr`. D and S are the operands' C types.
#define CHRYSALIS_SSE(instruction, destination_constraint, destination, source_constraint, source, mxcsr, status) \
  g_trapped = 0;                                                                                                  \
  asm volatile("ldmxcsr %[control]; " instruction " %[src], %[dst]; stmxcsr %[status_]; ldmxcsr %[quiet]"         \
               : [dst] destination_constraint(destination), [status_] "=m"(status)                                \
               : [src] source_constraint(source), [control] "m"(mxcsr), [quiet] "m"(kQuietMxcsr)                  \
               : "cc", "memory")

template <class T, class N>
SseResult<T> sse_result(N native_value, std::uint32_t status) {
  const bool trapped = g_trapped != 0;
  return {portable<T>(native_value), static_cast<std::uint8_t>((trapped ? g_trapped_mxcsr : status) & kAllExceptions), trapped};
}

/// Two operands of one format, the first being the destination.
#define CHRYSALIS_SSE_BINARY(name, F, instruction)                                      \
  inline SseResult<F> name(F a, F b, std::uint32_t mxcsr) {                             \
    auto destination = native(a);                                                       \
    const auto source = native(b);                                                      \
    std::uint32_t status;                                                               \
    CHRYSALIS_SSE(instruction, "+x", destination, "x", source, mxcsr, status);          \
    return sse_result<F>(destination, status);                                          \
  }
CHRYSALIS_SSE_BINARY(sse_add, F32, "addss")
CHRYSALIS_SSE_BINARY(sse_add, F64, "addsd")
CHRYSALIS_SSE_BINARY(sse_sub, F32, "subss")
CHRYSALIS_SSE_BINARY(sse_sub, F64, "subsd")
CHRYSALIS_SSE_BINARY(sse_mul, F32, "mulss")
CHRYSALIS_SSE_BINARY(sse_mul, F64, "mulsd")
CHRYSALIS_SSE_BINARY(sse_div, F32, "divss")
CHRYSALIS_SSE_BINARY(sse_div, F64, "divsd")
CHRYSALIS_SSE_BINARY(sse_min, F32, "minss")
CHRYSALIS_SSE_BINARY(sse_min, F64, "minsd")
CHRYSALIS_SSE_BINARY(sse_max, F32, "maxss")
CHRYSALIS_SSE_BINARY(sse_max, F64, "maxsd")
#undef CHRYSALIS_SSE_BINARY

/// One operand of format S, result of type D with C type N.
#define CHRYSALIS_SSE_UNARY(name, D, N, S, instruction, constraint)                     \
  inline SseResult<D> name(S a, std::uint32_t mxcsr) {                                  \
    N destination = 0;                                                                  \
    const auto source = native(a);                                                      \
    std::uint32_t status;                                                               \
    CHRYSALIS_SSE(instruction, constraint, destination, "x", source, mxcsr, status);    \
    return sse_result<D>(destination, status);                                          \
  }
CHRYSALIS_SSE_UNARY(sse_sqrt, F32, float, F32, "sqrtss", "+x")
CHRYSALIS_SSE_UNARY(sse_sqrt, F64, double, F64, "sqrtsd", "+x")
CHRYSALIS_SSE_UNARY(sse_widen, F64, double, F32, "cvtss2sd", "+x")
CHRYSALIS_SSE_UNARY(sse_narrow, F32, float, F64, "cvtsd2ss", "+x")
CHRYSALIS_SSE_UNARY(sse_to_int32, std::int32_t, std::int32_t, F32, "cvtss2si", "+r")
CHRYSALIS_SSE_UNARY(sse_to_int32, std::int32_t, std::int32_t, F64, "cvtsd2si", "+r")
CHRYSALIS_SSE_UNARY(sse_to_int64, std::int64_t, std::int64_t, F32, "cvtss2si", "+r")
CHRYSALIS_SSE_UNARY(sse_to_int64, std::int64_t, std::int64_t, F64, "cvtsd2si", "+r")
CHRYSALIS_SSE_UNARY(sse_truncate32, std::int32_t, std::int32_t, F32, "cvttss2si", "+r")
CHRYSALIS_SSE_UNARY(sse_truncate32, std::int32_t, std::int32_t, F64, "cvttsd2si", "+r")
CHRYSALIS_SSE_UNARY(sse_truncate64, std::int64_t, std::int64_t, F32, "cvttss2si", "+r")
CHRYSALIS_SSE_UNARY(sse_truncate64, std::int64_t, std::int64_t, F64, "cvttsd2si", "+r")
CHRYSALIS_SSE_UNARY(sse_round, F32, float, F32, "roundss $4,", "+x")  // 4: by MXCSR
CHRYSALIS_SSE_UNARY(sse_round, F64, double, F64, "roundsd $4,", "+x")
#undef CHRYSALIS_SSE_UNARY

#define CHRYSALIS_SSE_FROM_INTEGER(name, D, N, I, instruction)                          \
  inline SseResult<D> name(I a, std::uint32_t mxcsr) {                                  \
    N destination = 0;                                                                  \
    std::uint32_t status;                                                               \
    CHRYSALIS_SSE(instruction, "+x", destination, "r", a, mxcsr, status);               \
    return sse_result<D>(destination, status);                                          \
  }
CHRYSALIS_SSE_FROM_INTEGER(sse_from_f32, F32, float, std::int32_t, "cvtsi2ssl")
CHRYSALIS_SSE_FROM_INTEGER(sse_from_f32, F32, float, std::int64_t, "cvtsi2ssq")
CHRYSALIS_SSE_FROM_INTEGER(sse_from_f64, F64, double, std::int32_t, "cvtsi2sdl")
CHRYSALIS_SSE_FROM_INTEGER(sse_from_f64, F64, double, std::int64_t, "cvtsi2sdq")
#undef CHRYSALIS_SSE_FROM_INTEGER

/// COMISS and the like: EFLAGS before any trap handling matters only if nothing trapped.
#define CHRYSALIS_SSE_COMPARE(name, F, instruction)                                                              \
  inline SseResult<std::uint32_t> name(F a, F b, std::uint32_t mxcsr) {                                          \
    std::uint64_t eflags;                                                                                        \
    std::uint32_t status;                                                                                        \
    const auto x = native(a);                                                                                    \
    const auto y = native(b);                                                                                    \
    g_trapped = 0;                                                                                               \
    asm volatile("ldmxcsr %3; " instruction " %5, %4; lahf; movzbl %%ah, %%eax; stmxcsr %1; ldmxcsr %2"          \
                 : "=&a"(eflags), "=m"(status)                                                                   \
                 : "m"(kQuietMxcsr), "m"(mxcsr), "x"(x), "x"(y)                                                  \
                 : "cc", "memory");                                                                              \
    return sse_result<std::uint32_t>(static_cast<std::uint32_t>(eflags) & 0x45u, status);                        \
  }
CHRYSALIS_SSE_COMPARE(sse_comi, F32, "comiss")
CHRYSALIS_SSE_COMPARE(sse_comi, F64, "comisd")
CHRYSALIS_SSE_COMPARE(sse_ucomi, F32, "ucomiss")
CHRYSALIS_SSE_COMPARE(sse_ucomi, F64, "ucomisd")
#undef CHRYSALIS_SSE_COMPARE
#undef CHRYSALIS_SSE

}  // namespace chrysalis::isa::fp::test
