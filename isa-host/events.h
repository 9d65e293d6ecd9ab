// Why the core enters the firmware at Special::Vbase. Source: docs/host-isa.md, "Commit, rollback, events".
//
// Freestanding C++17.
#pragma once

#include <cstdint>

namespace chrysalis::isa {

/// EVENT(Name, "statistics name", rolls_back, "meaning; what EADDR holds; what EINFO holds").
#define CHRYSALIS_EVENTS(EVENT)                                                                                   \
  EVENT(None, "none", 0, "no event")                                                                              \
  EVENT(Reset, "reset", 0, "power on: execution starts at the reset vector")                                      \
  EVENT(TlbMiss, "tlb_miss", 0, "no entry maps the page; EADDR guest address; EINFO access. Registers and gated stores stay") \
  EVENT(GuestFault, "guest_fault", 1, "the entry forbids the access; EADDR guest address; EINFO access and why")  \
  EVENT(AliasFault, "alias", 1, "a store under mask overlaps a protected load; EADDR guest address; EINFO entries hit") \
  EVENT(StoreBufferFull, "store_buffer_full", 1, "no room for a gated store; EADDR guest address; EINFO access")  \
  EVENT(TranslatedWrite, "translated_write", 1, "a store hits a translated granule; EADDR guest address; EINFO access and physical page") \
  EVENT(DeviceAccess, "device", 1, "an access to a device page while Iomode is 0 or, by a load, stores are gated; EADDR guest address; EINFO access") \
  EVENT(ConcealedAccess, "concealed", 1, "a guest access is mapped to concealed memory; EADDR guest address; EINFO access") \
  EVENT(BusError, "bus_error", 1, "a physical address that nothing answers; EADDR address; EINFO access")         \
  EVENT(IllegalMolecule, "illegal", 1, "bytes that are no molecule of this machine; EADDR its address; EINFO isa::DecodeError") \
  EVENT(Interrupt, "interrupt", 1, "a raised line while Imask is 1; EINFO lines")                                  \
  EVENT(Sample, "sample", 1, "the sampling period has elapsed; EADDR address of the molecule")                    \
  EVENT(PlatformReturn, "platform_return", 0, "the platform asks for attention after a service; EINFO its value; EPC next molecule")

enum class Cause : uint8_t {
#define EVENT(name, text, rolls_back, meaning) name,
  CHRYSALIS_EVENTS(EVENT)
#undef EVENT
  kCount
};
inline constexpr unsigned kCauses = static_cast<unsigned>(Cause::kCount);

inline constexpr const char* kCauseName[] = {
#define EVENT(name, text, rolls_back, meaning) text,
    CHRYSALIS_EVENTS(EVENT)
#undef EVENT
};
inline constexpr const char* kCauseMeaning[] = {
#define EVENT(name, text, rolls_back, meaning) meaning,
    CHRYSALIS_EVENTS(EVENT)
#undef EVENT
};
inline constexpr bool kCauseRollsBack[] = {
#define EVENT(name, text, rolls_back, meaning) rolls_back != 0,
    CHRYSALIS_EVENTS(EVENT)
#undef EVENT
};
constexpr const char* name(Cause cause) { return kCauseName[static_cast<unsigned>(cause)]; }
constexpr bool rolls_back(Cause cause) { return kCauseRollsBack[static_cast<unsigned>(cause)]; }

/// Bits of EINFO for the causes of a memory access.
enum EventInfo : uint64_t {
  kInfoSizeMask = 0x1f,         ///< bytes of the access, 1..16
  kInfoWrite = 1u << 5,         ///< store or probe
  kInfoUser = 1u << 6,          ///< made with user rights
  kInfoReadOnly = 1u << 7,      ///< GuestFault: the page is not writable
  kInfoSupervisor = 1u << 8,    ///< GuestFault: the page is not for users
  kInfoClean = 1u << 9,         ///< GuestFault: a store to an entry that is not marked dirty: the firmware sets the page table's dirty bit
  kInfoPrefetch = 1u << 10,     ///< never raised; reserved for statistics
};
inline constexpr unsigned kInfoEntriesShift = 16;  ///< AliasFault: bit n of bits 16..23: entry n was hit
inline constexpr unsigned kInfoPageShift = 32;  ///< TranslatedWrite: physical page number at bits 32..63

/// An event as it travels from the memory system to the executor.
struct Event {
  Cause cause = Cause::None;
  uint64_t address = 0;  ///< EADDR
  uint64_t info = 0;     ///< EINFO
};

}  // namespace chrysalis::isa
