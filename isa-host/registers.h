// Register names, special registers and x86 conditions of the host. Source: docs/host-isa.md, "State".
//
// Freestanding C++17.
#pragma once

#include <cstdint>

namespace chrysalis::isa {

inline constexpr unsigned kIntRegs = 64;
inline constexpr unsigned kFpRegs = 64;
inline constexpr unsigned kZero = 63;            ///< reads as 0, writes are ignored
inline constexpr unsigned kShadowedInt = 16;     ///< r0..r15 have shadow copies
inline constexpr unsigned kShadowedFp = 16;      ///< f0..f15 have shadow copies

// Convention of translations and firmware.
inline constexpr unsigned kGuestGpr = 0;         ///< r0..r7: EAX ECX EDX EBX ESP EBP ESI EDI
inline constexpr unsigned kGuestEip = 8;         ///< at an exit to the dispatcher
inline constexpr unsigned kGuestFlags = 9;       ///< arithmetic flags image
inline constexpr unsigned kFirstFlagsReg = 9;    ///< r9..r15 can be flags destinations
inline constexpr unsigned kLastFlagsReg = 15;
inline constexpr unsigned kFirstTemp = 16;       ///< r16..r27
inline constexpr unsigned kLastTemp = 27;
inline constexpr unsigned kFirstStubReg = 28;    ///< r28..r31: event stubs only
inline constexpr unsigned kLastStubReg = 31;
/// Register of the compiled firmware that holds RISC-V register xN.
constexpr unsigned firmware_register(unsigned x) { return x == 0 ? kZero : 31 + x; }

/// Register that an `fd` field names; `fd` 0 names none and reads as 0.
constexpr unsigned flags_register(unsigned fd) { return 8 + fd; }
constexpr bool is_flags_register(unsigned r) { return r >= kFirstFlagsReg && r <= kLastFlagsReg; }
constexpr unsigned flags_field(unsigned r) { return r - 8; }

// Flags image: EFLAGS positions.
inline constexpr uint64_t kCF = 1u << 0;
inline constexpr uint64_t kPF = 1u << 2;
inline constexpr uint64_t kAF = 1u << 4;
inline constexpr uint64_t kZF = 1u << 6;
inline constexpr uint64_t kSF = 1u << 7;
inline constexpr uint64_t kOF = 1u << 11;
inline constexpr uint64_t kFlagsMask = kCF | kPF | kAF | kZF | kSF | kOF;

/// x86 conditions, in the order of Jcc's low nibble: an odd one negates the even one before it.
enum class Cond : uint8_t { O, NO, B, NB, Z, NZ, BE, NBE, S, NS, P, NP, L, NL, LE, NLE };

constexpr bool holds(Cond cond, uint64_t flags) {
  const bool cf = flags & kCF, zf = flags & kZF, sf = flags & kSF, of = flags & kOF;
  bool value = false;
  switch (static_cast<unsigned>(cond) >> 1) {
    case 0: value = of; break;
    case 1: value = cf; break;
    case 2: value = zf; break;
    case 3: value = cf || zf; break;
    case 4: value = sf; break;
    case 5: value = flags & kPF; break;
    case 6: value = sf != of; break;
    default: value = zf || sf != of; break;
  }
  return value != ((static_cast<unsigned>(cond) & 1) != 0);
}

/// Special registers: SPECIAL(Name, "name", "meaning").
#define CHRYSALIS_SPECIALS(SPECIAL)                                                                              \
  SPECIAL(Fcr, "fcr", "floating-point control; shadowed: bits 0..5 exception masks (IM DM ZM OM UM PM), 8..9 x87 precision, 10..11 rounding, 16 flush to zero, 17 denormals are zero") \
  SPECIAL(Fsr, "fsr", "floating-point status; shadowed: bits 0..5 exceptions since last cleared (IE DE ZE OE UE PE), 9 C1 (rounded up), 10 C2 (partial remainder), 8 and 14 quotient bits of the remainder") \
  SPECIAL(Gpc, "gpc", "guest PC of the last commit that gave one; shadowed")                                     \
  SPECIAL(Epc, "epc", "event: address of the molecule to repeat")                                                \
  SPECIAL(Ecause, "ecause", "event: isa::Cause")                                                                 \
  SPECIAL(Eaddr, "eaddr", "event: address concerned")                                                            \
  SPECIAL(Einfo, "einfo", "event: details by cause, isa::EventInfo")                                             \
  SPECIAL(Vbase, "vbase", "event: where the firmware is entered")                                                \
  SPECIAL(Imask, "imask", "1: interrupts are taken; cleared by an event")                                        \
  SPECIAL(Esave, "esave", "event: Imask before it, restored by eret")                                            \
  SPECIAL(Ipending, "ipending", "bit n: interrupt line n is raised; read-only")                                  \
  SPECIAL(Gcount, "gcount", "guest instructions committed")                                                      \
  SPECIAL(Cycles, "cycles", "host cycles; molecules in the functional executor; read-only")                      \
  SPECIAL(Molecules, "molecules", "molecules executed; read-only")                                               \
  SPECIAL(Atoms, "atoms", "atoms executed; read-only")                                                           \
  SPECIAL(Commits, "commits", "commits; read-only")                                                              \
  SPECIAL(Rollbacks, "rollbacks", "rollbacks; read-only")                                                        \
  SPECIAL(SamplePeriod, "speriod", "a Sample event every so many cycles while interrupts are taken; 0: never")   \
  SPECIAL(SampleAddress, "saddr", "host address that the last Sample event met; read-only")                      \
  SPECIAL(TimerCompare, "tcompare", "raises interrupt line 0 while Cycles is not below it; 0: off")               \
  SPECIAL(UserMode, "umode", "1: guest accesses are made with x86 user rights")                                  \
  SPECIAL(Iomode, "iomode", "1: guest accesses to device pages are made, in order; 0: they raise DeviceAccess")    \
  SPECIAL(Gated, "gated", "gated stores not yet released; read-only")                                            \
  SPECIAL(Features, "features", "hardware present, isa::Feature; read-only")                                     \
  SPECIAL(Scratch0, "scratch0", "for event stubs")                                                               \
  SPECIAL(Scratch1, "scratch1", "for event stubs")                                                               \
  SPECIAL(Scratch2, "scratch2", "for event stubs")                                                               \
  SPECIAL(Scratch3, "scratch3", "for event stubs")

enum class Special : uint8_t {
#define SPECIAL(name, text, meaning) name,
  CHRYSALIS_SPECIALS(SPECIAL)
#undef SPECIAL
  kCount
};
inline constexpr unsigned kSpecials = static_cast<unsigned>(Special::kCount);

inline constexpr const char* kSpecialName[] = {
#define SPECIAL(name, text, meaning) text,
    CHRYSALIS_SPECIALS(SPECIAL)
#undef SPECIAL
};
inline constexpr const char* kSpecialMeaning[] = {
#define SPECIAL(name, text, meaning) meaning,
    CHRYSALIS_SPECIALS(SPECIAL)
#undef SPECIAL
};

/// Bits of Special::Features.
enum Feature : uint64_t {
  kFeatureAlias = 1,        ///< alias hardware
  kFeatureJtb = 2,          ///< jump translation buffer
  kFeatureReturnStack = 4,  ///< dual-address return stack
  kFeatureSampling = 8,     ///< Sample events
  kFeatureOffset = 16,      ///< loads and stores take ra + rm; otherwise only [ra]
};

/// What `fconst` can deliver, as fp::Constant: 1, log2 10, log2 e, pi, log10 2, ln 2, 0; rounded by FCR.
inline constexpr unsigned kFpConstants = 7;

}  // namespace chrysalis::isa
