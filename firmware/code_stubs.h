// Host code between the monitor and the translations, at fixed places at the start of the code cache. The firmware
// writes it when it boots, so both forms of the firmware have the same bytes.
//
// Freestanding C++20.
#pragma once

#include <cstdint>

#include "firmware/abi.h"

namespace chrysalis::fw {

/// STUB(Name, "meaning")
///
/// A translation is entered with the guest's registers and flags in r0..r7 and r9, r31 = kSpillBase, Imask 1 and Iomode 0. Of the
/// firmware's registers it keeps those that a RISC-V function must preserve, and x1; Scratch2 has the firmware's r31.
/// A TLB miss in it leaves all registers but r30 as they are.
#define CHRYSALIS_CODE_STUBS(STUB)                                                                                     \
  STUB(Enter, "a function: runs the translation at a0 on the guest context; delivers the exit's id. The context is then up to date") \
  STUB(Leave, "where exits lead, their state committed: r8 guest address, r30 exit id. Returns from Enter")             \
  STUB(LeaveRolledBack, "where exits lead that give up: r30 exit id. Rolls back to the last commit; EIP is the GPC")    \
  STUB(Trap, "where x86 exceptions lead: rolls back and leaves with kExitTrap; the interpreter finds the precise point") \
  STUB(Indirect, "where indirect exits lead, their state committed: r8 guest address. On by the jump translation buffer") \
  STUB(IndirectMissed, "the buffer does not know r8: on by the table in memory, which fills the buffer")                \
  STUB(IndirectUnknown, "the table does not know it either: leaves with kExitIndirect")                                \
  STUB(Recover, "a function, also during an event: rolls back and puts the guest's state at the last commit into the context")

enum class CodeStub : uint8_t {
#define STUB(name, meaning) name,
  CHRYSALIS_CODE_STUBS(STUB)
#undef STUB
  kCount
};

/// Exit ids that no translation owns; the code cache gives out kFirstExit and up.
inline constexpr uint32_t kExitIndirect = 0;  ///< no translation of the address in EIP was found
inline constexpr uint32_t kExitTrap = 1;      ///< an instruction of the translation that EIP names raises an exception
inline constexpr uint32_t kFirstExit = 16;

inline constexpr uint64_t kCodeStubSize = 512;
static_assert(kCodeStubSize * static_cast<unsigned>(CodeStub::kCount) <= kCodeStubsSize);

/// Where a stub begins.
constexpr uint64_t address(CodeStub stub) { return kCodeCacheBase + kCodeStubSize * static_cast<unsigned>(stub); }

/// Writes all stubs, made for `machine`.
void write_code_stubs(const isa::MachineDescription& machine);

}  // namespace chrysalis::fw
