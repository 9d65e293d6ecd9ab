// The intermediate representation that everything here speaks: the x86 lifter and the RISC-V object
// lifter produce it, the interpreter evaluates it, the translator's passes and back end compile it.
//
// Freestanding C++20: it also runs on the simulated core.
#pragma once

#include <cstdint>
#include <vector>

namespace chrysalis::ir {

/// Effects of an operation (OR of bits).
enum Effect : uint16_t {
  kNone = 0,
  kReadsState = 1,    ///< reads guest registers
  kWritesState = 2,   ///< writes guest registers
  kLoad = 4,
  kStore = 8,
  kGuest = 16,        ///< through the TLB; otherwise concealed
  kMayFault = 32,     ///< can raise an x86 exception or an event
  kExit = 64,         ///< may leave the region
  kSide = 128,        ///< does nothing when its condition fails: an exit falls through
  kOldFlags = 256,    ///< last source is the previous flags image
  kHelper = 512,      ///< calls out; clobbers whatever the helper's contract says
  kProtects = 1024,   ///< constrains the stores before it
};

enum class Results : uint8_t { N = 0, V = 1, F = 2, VF = 3 };

enum class Op : uint8_t {
#define IR_OP(name, text, sources, results, effects) name,
#include "translator/ir/ops.def"
#undef IR_OP
  kCount
};

struct OpInfo {
  const char* text;
  uint8_t sources;
  Results results;
  uint16_t effects;
};

/// The table row of `op`.
inline constexpr OpInfo kOpInfo[] = {
#define IR_OP(name, text, sources, results, effects) {text, sources, Results::results, static_cast<uint16_t>(effects)},
#include "translator/ir/ops.def"
#undef IR_OP
};
constexpr const OpInfo& info(Op op) { return kOpInfo[static_cast<unsigned>(op)]; }

/// A value's name within its region: the single assignment that defines it.
using ValueId = uint16_t;
inline constexpr ValueId kNoValue = 0xffff;

/// x86 conditions in encoding order (Jcc low nibble), then tests of a value.
enum class Cond : uint8_t { O, NO, B, NB, Z, NZ, BE, NBE, S, NS, P, NP, L, NL, LE, NLE, Zero, NonZero };
constexpr Cond opposite(Cond cond) { return static_cast<Cond>(static_cast<unsigned>(cond) ^ 1); }

/// Guest registers as the IR names them. GPRs are always read and written as 32 bits, zero-extended;
/// parts are formed by ExtractH/InsertL8/InsertH8/InsertL16. The order is that of GuestContext::slot.
enum class GuestReg : uint8_t {
  Eax, Ecx, Edx, Ebx, Esp, Ebp, Esi, Edi,
  Eip,
  Flags,      ///< arithmetic flags image (CF PF AF ZF SF OF at their EFLAGS positions)
  SysFlags,   ///< the other EFLAGS bits (TF IF DF IOPL NT RF VM AC ID at their positions; bit 1 is not stored)
  EsSel, CsSel, SsSel, DsSel, FsSel, GsSel,
  EsBase, CsBase, SsBase, DsBase, FsBase, GsBase,
  FpuError,   ///< not 0: an unmasked x87 exception is recorded, the next waiting x87 instruction raises #MF; x87 helpers write it
  kCount
};
inline constexpr GuestReg gpr(unsigned n) { return static_cast<GuestReg>(n); }

/// Repeat: a string instruction under REP exits to itself; it is not complete.
enum class ExitKind : uint8_t { Jump, Call, Return, Repeat };

/// One operation. Fields that an operation does not use are zero (or kNoValue).
struct Inst {
  Op op = Op::Const;
  uint8_t width = 32;             ///< 8, 16, 32, 64
  Cond cond = Cond::O;            ///< SetCc, SelectCc, ExitIf, TrapIf, Branch, UncountIf
  uint8_t aux = 0;                ///< GuestReg of GetReg/SetReg; scale (0..3) of Lea; vector of Trap*; ExitKind
  ValueId value = kNoValue;       ///< value result
  ValueId flags = kNoValue;       ///< flags result
  ValueId src[4] = {kNoValue, kNoValue, kNoValue, kNoValue};
  int64_t imm = 0;                ///< constant, displacement, guest address, label, helper
  uint16_t guest = 0;             ///< index of the guest instruction within the region
};

/// What lifting one x86 instruction, or compiling one region, works on.
///
/// Invariants of lifted x86 code (checked by verify()):
///  - every value is defined once, before its uses;
///  - per guest instruction, no SetReg comes before an operation that may fault or trap: an exception
///    leaves the registers as they were before the instruction. Guest stores may come before: they are
///    gated, and dropped by the rollback;
///  - the last operation of the region is an exit without kSide.
struct Code {
  std::vector<Inst> insts;
  uint16_t next_value = 0;

  ValueId new_value() { return next_value++; }
  void clear() { insts.clear(); next_value = 0; }
};

}  // namespace chrysalis::ir
