// The contract between the monitor (concealed firmware) and the platform (sim/): the memory map, the
// guest context and mailbox in concealed memory, and the services of the `platform` atom.
//
// Plain data of fixed layout, so that core form, hosted form, functional executor and RTL all agree.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isa-host/machine_description.h"
#include "translator/stage.h"

namespace chrysalis::fw {

// -- Physical memory map ---------------------------------------------------------------------------
// Guest RAM from 0; concealed memory at the top. The firmware is linked at kConcealedBase with
// -mcmodel=medlow, so everything of it lies below 2 GiB.
inline constexpr uint64_t kGuestRamMax = 0x6000'0000;    ///< 1.5 GiB
inline constexpr uint64_t kConcealedBase = 0x7000'0000;
inline constexpr uint64_t kConcealedSize = 0x0800'0000;  ///< 128 MiB
inline constexpr uint64_t kMailboxAddress = kConcealedBase;  ///< Mailbox, first two pages of concealed memory

// What translations contain or name lies at fixed addresses, so that both forms of the firmware make the same bytes.
inline constexpr uint64_t kCodeCacheBase = 0x7400'0000;
inline constexpr uint64_t kCodeStubsSize = 0x1'0000;      ///< entering, leaving and indirect jumps; then the gears' areas
/// Gears 1 to 3. All within 4 MiB, which a branch reaches without a literal.
inline constexpr uint64_t kGearAreaBase[3] = {kCodeCacheBase + kCodeStubsSize, 0x7410'0000, 0x7430'0000};
inline constexpr uint64_t kGearAreaSize[3] = {0x7410'0000 - kGearAreaBase[0], 0x20'0000, 0x10'0000};
inline constexpr uint64_t kCounterBase = 0x7700'0000;     ///< counters that gear 1's code increments
inline constexpr uint64_t kTargetBase = 0x7740'0000;      ///< where its indirect jumps went last
inline constexpr uint64_t kJumpTableBase = 0x77a0'0000;   ///< JumpTableEntry[kJumpTableEntries]
inline constexpr uint64_t kSpillBase = 0x77c0'0000;       ///< spill slots of translations
// The monitor's stack grows down from the end of concealed memory; its heap lies between the image and the code cache.

/// Where indirect jumps find translations that the jump translation buffer does not hold, by jump_table_index().
struct JumpTableEntry {
  uint64_t eip;   ///< guest address; kNoEip: empty
  uint64_t code;  ///< host address of its translation
};
inline constexpr uint32_t kJumpTableEntries = 1024;
inline constexpr uint32_t kJumpTableShift = 10;
inline constexpr uint64_t kNoEip = ~uint64_t{0};
constexpr uint32_t jump_table_index(uint32_t eip) { return (eip ^ eip >> kJumpTableShift) % kJumpTableEntries; }

/// x86 state while the interpreter has it. Index of slot[] is ir::GuestReg; each slot holds its register
/// zero-extended.
struct alignas(16) GuestContext {
  uint64_t slot[24];
  struct alignas(16) X87Register {
    uint64_t significand;
    uint16_t sign_exponent;
    uint8_t pad[6];
  } st[8];                 ///< physical registers R0..R7, not stack order
  uint16_t fcw, fsw;       ///< fsw without TOP; TOP is in x87_top
  uint8_t x87_top;
  uint8_t x87_tag;         ///< bit n set: R(n) is valid, special or zero; clear: empty
  uint16_t fop;
  uint32_t fip, fdp;
  uint16_t fcs, fds;
  uint32_t mxcsr;
  uint8_t xmm[8][16];
  uint32_t cr0, cr2, cr3, cr4;
};

/// A thread-local-storage descriptor of the guest's GDT (entries kFirstTlsEntry onwards), as the firmware needs it
/// to load a segment register. The platform writes them; base is flat data, limit 4 GiB.
struct TlsDescriptor {
  uint32_t base;
  uint32_t flags;  ///< kTlsPresent; 0: loading the selector raises #GP(selector & ~7)
};
inline constexpr uint32_t kTlsPresent = 1;
inline constexpr uint32_t kFirstTlsEntry = 12;  ///< selectors 0x63, 0x6b, 0x73

/// CPUID leaf 1, EDX: FPU PSE TSC CX8 CMOV. Also the guest's AT_HWCAP.
inline constexpr uint32_t kCpuidFeatures = 1u << 0 | 1u << 3 | 1u << 4 | 1u << 8 | 1u << 15;

/// Why the firmware calls the platform.
enum class Service : uint32_t {
  GuestException = 1,   ///< x86 exception or software interrupt: Mailbox::vector, error_code, cr2; context is precise
  Console = 2,          ///< diagnostic text: arg0 = address in concealed memory, arg1 = length
  Panic = 3,            ///< firmware bug: text as for Console; the platform stops with an error
  UnsupportedInstruction = 4,  ///< report only: arg0 = guest address, arg1 = x86::Mnemonic; #UD follows as GuestException
  Attention = 5,        ///< an interrupt line is raised, Special::Ipending says which; the context is precise
  Notice = 6,           ///< for whoever watches: arg0 = address of a fw::Notice (firmware/notice.h). Needs no answer
  Translating = 7,      ///< statistics only: arg0 = gear for which the firmware translates from now on; 0: for none
  Installed = 8,        ///< with kSwitchAnnounce: Mailbox::installed is in the code cache and has not run yet
};

/// What the platform asks of the firmware when a service returns (bits of Mailbox::reply).
enum Reply : uint32_t {
  kReplyFlushTlb = 1,        ///< page tables or CR3 changed: any linear address may now map elsewhere
  kReplyInvalidateCode = 2,  ///< guest-physical pages invalid_page[0..invalid_count) were written or remapped; each later change is reported, too
  kReplyInvalidateAll = 4,   ///< forget every predecoded instruction and translation
  kReplyStop = 8,            ///< execute nothing more; the platform ends the run
};

enum class Interpreter : uint32_t { DecodeDispatch = 0, IndirectThreaded = 1, DirectThreaded = 2 };

/// What goes when a gear's part of the code cache is full.
enum class Eviction : uint32_t {
  Flush = 0,         ///< all its translations
  Fifo = 1,          ///< the oldest
  Generational = 2,  ///< the oldest of the young ones, half of the room; what was used among them is made anew among the old ones
};

/// How the gears work; `firmware.*` of the settings.
struct GearOptions {
  uint32_t threshold[3];       ///< executions after which gear 1, 2, 3 takes over; counted in the gear below
  uint32_t max_instructions;   ///< x86 instructions of a region
  uint32_t unroll_instructions;  ///< a loop is unrolled up to so many
  uint32_t if_convert_instructions;  ///< the two arms of a branch that is if-converted have at most so many; 0: none is
  uint32_t first_gear;         ///< 1 or 2: what follows interpretation
  uint32_t sample_period;      ///< cycles between samples; 0: none
  uint32_t switches;           ///< OR of GearSwitch
  Eviction eviction;
  uint32_t area_bytes[3];      ///< how much of its area of the code cache gear 1, 2, 3 uses; 0: all
  uint32_t force_rollback;     ///< every entry into translated code is rolled back after 1, 2, ... so many cycles, in turn; 0: none
  uint32_t misspeculations;    ///< for each million of guest instructions, that are put up with before new regions speculate less
  uint32_t decay;              ///< guest instructions after which profiles count half; 0: never
  uint32_t check_after;        ///< stores to a granule that holds code until its code is checked instead of protected
  uint32_t versions;           ///< translations of earlier contents kept for one address
  uint32_t passes;             ///< translator::PassMask of gears 2 and 3
};
enum GearSwitch : uint32_t {
  kSwitchChaining = 1,
  kSwitchEvictionStress = 4,   ///< translations go and chains are undone at every opportunity: Gears::stress()
  kSwitchPassStores = 8,       ///< loads may pass stores that may overlap, under alias protection
  kSwitchAdaptation = 16,      ///< translations learn from events
  kSwitchFollowCalls = 32,     ///< gear 3 goes into calls, returns and indirect jumps
  kSwitchBlocks = 64,          ///< regions end at the first branch
  kSwitchReorder = 128,        ///< guest accesses may change their order at all
  kSwitchAnnounce = 256,      ///< the platform hears of each translation, Service::Installed
  // The ladder for code that changes; the first rung is to protect whole pages.
  kSwitchUnprotected = 1 << 24, ///< nothing is protected: all translations check their source, and what is not translated is not cached
  kSwitchWholePages = 1 << 25,  ///< pages with code are protected as a whole, not by granules
  kSwitchRevalidate = 1 << 26,  ///< what a store has not changed is compared with its source and used again
  kSwitchSelfCheck = 1 << 27,   ///< code that is often stored to is not protected: its translations check their source
  kSwitchStylised = 1 << 28,    ///< immediates and displacements that change are loaded when they are used
  kSwitchGroups = 1 << 29,      ///< translations of earlier contents are kept, for when those come back
  kSwitchNoShadow = 1u << 30,  ///< code that needs no shadow registers and gated stores: a commit before every instruction that may fault
  kSwitchCheck = 1u << 31,     ///< the hosted form proves every translation (translator/check); the core form does not look at it
};

/// What the interpreters keep next to the guest's registers, so that one base register and short offsets
/// reach every operand of a micro-operation. The firmware's own; the platform only reserves the room.
struct InterpreterScratch {
  uint64_t zero;             ///< always 0: the operand of an absent source
  uint64_t junk;             ///< destination of results that nobody reads
  const void* current;       ///< micro-operation whose guest access is under way; null: EIP is in the context
  const void* left_by;       ///< micro-operation that left the interpreter
  uint64_t reason;           ///< why (fw::Leave)
  uint64_t profile;          ///< displacement from half a micro-operation's address to its exit profile
  uint64_t spare[10];
  uint64_t temp[480];        ///< temporaries of one x86 instruction
};

/// A translation, as Service::Installed tells of it.
struct InstalledTranslation {
  uint64_t code;          ///< host address
  uint32_t bytes;
  uint32_t eip, gear, instructions;
};

/// First two pages of concealed memory.
struct Mailbox {
  // written by the platform before reset
  uint64_t magic;            ///< kMailboxMagic
  uint64_t guest_ram_size;   ///< bytes
  uint64_t device_begin, device_end;  ///< physical range in which devices answer; equal: none. Beyond it and RAM: #MC
  uint64_t heap_begin, heap_end;  ///< concealed memory free for the firmware
  uint64_t stack_top;
  Interpreter interpreter;
  uint32_t max_gear;         ///< 0: x86 is only interpreted
  GearOptions gears;
  uint64_t tsc_scale;        ///< guest TSC ticks per host cycle, 32.32 fixed point
  isa::MachineDescription machine;  ///< what the translator makes code for
  // written by the platform before reset and during services
  uint64_t attention_cycle;  ///< host cycle from which the platform wants Service::Attention; 0: never
  /// Bits of a page-table entry that forbid execution, among those that 32-bit paging leaves to the operating system (9..11);
  /// 0: none. With it the process personality has what a 64-bit kernel gives 32-bit programs by PAE's XD bit: fetch
  /// faults also carry the I/D flag then.
  uint32_t no_execute;
  // exchange with the platform
  GuestContext context;
  InterpreterScratch scratch;      ///< within reach of short offsets from the context
  uint64_t argument[2];      ///< of Console, Panic, UnsupportedInstruction and Translating: arg0, arg1
  uint32_t vector;
  uint32_t error_code;
  uint32_t is_software_interrupt;  ///< 1: INT n / INT3 / INTO, EIP is after the instruction
  uint32_t instruction;            ///< its address: where EIP goes back to if the gate refuses the interrupt
  uint32_t reply;
  uint32_t invalid_count;
  uint32_t invalid_page[256];      ///< physical page numbers
  TlsDescriptor tls[3];            ///< GDT entries 12..14 of the running thread
  // firmware statistics, read by the platform at the end of a run; see firmware/counters.def
  uint64_t counter[128];
  uint64_t stage_cycles[3][translator::kStages];  ///< translating for gears 1 to 3
  InstalledTranslation installed;
};
inline constexpr uint64_t kMailboxMagic = 0x53494c4153595243;  // "CRYSALIS"
static_assert(sizeof(Mailbox) <= 8192);

}  // namespace chrysalis::fw
