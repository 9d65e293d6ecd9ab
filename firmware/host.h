// Host operations as the firmware uses them: the one place where core form and hosted form differ.
//
// Core form: custom-opcode instructions, as translator/ir/intrinsics.def numbers them; the image builder
// turns each into its atom. Hosted form: calls into firmware/hosted/machine.h, which uses isa-host's
// semantics. Everything else of the monitor is the same source in both.
//
// Order: guest accesses, commit and rollback keep their place among the firmware's own memory accesses;
// the fault handler relies on what was stored before the access, and only that.
#pragma once

#include <cstddef>
#include <cstdint>

#include "firmware/abi.h"
#include "isa-host/events.h"
#include "isa-host/registers.h"
#include "isa-host/tlb_entry.h"
#include "translator/ir/intrinsics.h"
#include "translator/ir/ir.h"

#if defined(__riscv)
#define FW_CORE_FORM 1
#else
#define FW_CORE_FORM 0
#include "firmware/hosted/machine.h"
#endif

#define FW_INLINE inline __attribute__((always_inline))

namespace chrysalis::fw::host {

constexpr unsigned log2_bytes(unsigned width) { return width == 8 ? 0 : width == 16 ? 1 : width == 32 ? 2 : 3; }

#if FW_CORE_FORM

namespace detail {

constexpr unsigned kCustom0 = 0x0b, kCustom1 = 0x2b, kCustom2 = 0x5b, kCustom3 = 0x7b;

template <ir::Op op, unsigned width, bool flags>
FW_INLINE uint64_t operate2(uint64_t a, uint64_t b) {
  uint64_t result;
  asm(".insn r %1, %2, %3, %0, %4, %5"
      : "=r"(result)
      : "i"(kCustom0), "i"(log2_bytes(width) | (flags ? 4u : 0u)), "i"(static_cast<unsigned>(op)), "r"(a), "r"(b));
  return result;
}
template <ir::Op op, unsigned width, bool flags>
FW_INLINE uint64_t operate1(uint64_t a) {
  uint64_t result;
  asm(".insn r %1, %2, %3, %0, %4, x0"
      : "=r"(result)
      : "i"(kCustom0), "i"(log2_bytes(width) | (flags ? 4u : 0u)), "i"(static_cast<unsigned>(op)), "r"(a));
  return result;
}
/// `third` goes in through rd.
template <ir::Op op, unsigned width, bool flags>
FW_INLINE uint64_t operate3(uint64_t a, uint64_t b, uint64_t third) {
  asm(".insn r %1, %2, %3, %0, %4, %5"
      : "+r"(third)
      : "i"(kCustom1), "i"(log2_bytes(width) | (flags ? 4u : 0u)), "i"(static_cast<unsigned>(op)), "r"(a), "r"(b));
  return third;
}
template <bool right, unsigned width, bool flags>
FW_INLINE uint64_t shift_double(uint64_t dest, uint64_t fill, uint64_t count, uint64_t old) {
  asm(".insn r4 %1, %2, %3, %0, %4, %5, %6"
      : "+r"(old)
      : "i"(kCustom2), "i"(log2_bytes(width) | (flags ? 4u : 0u)), "i"(right ? 1 : 0), "r"(dest), "r"(fill), "r"(count));
  return old;
}

template <ir::Op op, unsigned width, bool flags>
FW_INLINE uint64_t operate(uint64_t s0, uint64_t s1, uint64_t s2, uint64_t s3) {
  constexpr ir::OpInfo row = ir::info(op);
  constexpr bool old = (row.effects & ir::kOldFlags) != 0;
  if constexpr (op == ir::Op::Shld || op == ir::Op::Shrd) return shift_double<op == ir::Op::Shrd, width, flags>(s0, s1, s2, s3);
  else if constexpr (op == ir::Op::SelectNz) return operate3<op, width, flags>(s1, s2, s0);
  else if constexpr (row.sources == 3) return operate3<op, width, flags>(s0, s1, s2);
  else if constexpr (row.sources == 2 && old) return operate3<op, width, flags>(s0, 0, s1);
  else if constexpr (row.sources == 2) return operate2<op, width, flags>(s0, s1);
  else return operate1<op, width, flags>(s0);
}

}  // namespace detail

/// Value and flags results of a pure integer operation; sources in the order of the IR.
template <ir::Op op, unsigned width>
FW_INLINE uint64_t value(uint64_t s0, uint64_t s1 = 0, uint64_t s2 = 0, uint64_t s3 = 0) {
  return detail::operate<op, width, false>(s0, s1, s2, s3);
}
template <ir::Op op, unsigned width>
FW_INLINE uint64_t flags(uint64_t s0, uint64_t s1 = 0, uint64_t s2 = 0, uint64_t s3 = 0) {
  return detail::operate<op, width, true>(s0, s1, s2, s3);
}

/// Guest accesses: through the TLB, modulo 2^32; stores are gated until commit().
template <unsigned width>
FW_INLINE uint64_t guest_load(uint64_t address) {
  uint64_t result;
  asm volatile(".insn r %1, %2, %3, %0, %4, x0"
               : "=r"(result)
               : "i"(detail::kCustom0), "i"(log2_bytes(width)), "i"(static_cast<unsigned>(ir::Op::Load)), "r"(address)
               : "memory");
  return result;
}
template <unsigned width>
FW_INLINE uint64_t guest_load_signed(uint64_t address) {
  uint64_t result;
  asm volatile(".insn r %1, %2, %3, %0, %4, x0"
               : "=r"(result)
               : "i"(detail::kCustom0), "i"(log2_bytes(width)), "i"(static_cast<unsigned>(ir::Op::LoadS)), "r"(address)
               : "memory");
  return result;
}
template <unsigned width>
FW_INLINE void guest_store(uint64_t address, uint64_t data) {
  asm volatile(".insn r %0, %1, %2, x0, %3, %4" ::"i"(detail::kCustom0), "i"(log2_bytes(width)),
               "i"(static_cast<unsigned>(ir::Op::Store)), "r"(address), "r"(data)
               : "memory");
}
template <unsigned width>
FW_INLINE void guest_probe_write(uint64_t address) {
  asm volatile(".insn r %0, %1, %2, x0, %3, x0" ::"i"(detail::kCustom0), "i"(log2_bytes(width)),
               "i"(static_cast<unsigned>(ir::Op::ProbeWrite)), "r"(address)
               : "memory");
}

/// x86 condition `cond` (not Zero or NonZero) of a flags image: 0 or 1.
template <ir::Cond cond>
FW_INLINE uint64_t holds(uint64_t flags_image) {
  uint64_t result;
  asm(".insn r %1, 3, %2, %0, %3, x%4"
      : "=r"(result)
      : "i"(detail::kCustom0), "i"(static_cast<unsigned>(ir::Op::SetCc)), "r"(flags_image), "i"(static_cast<unsigned>(cond)));
  return result;
}

#define FW_INTRINSIC_FORM ".insn r 0x7b, 0, %[id], "
#define FW_INTRINSIC_ID(name) [id] "i"(static_cast<unsigned>(ir::IntrinsicId::name))
// A first operand that must be a number stands in the register field; funct3 is 1 for 0..31, 2 for 32..63.
#define FW_NUMBER_FORM ".insn r 0x7b, %[bank], %[id], "
#define FW_NUMBER(n) [bank] "i"(1u + static_cast<unsigned>(n) / 32), [number] "i"(static_cast<unsigned>(n) % 32)

/// Releases the gated stores (volatile keeps their order; concealed memory is not concerned) and counts
/// `instructions` (0 or 1) completed guest instructions.
template <unsigned instructions>
FW_INLINE void commit() {
  asm volatile(FW_NUMBER_FORM "x0, x%[number], x0" ::FW_NUMBER(instructions), FW_INTRINSIC_ID(Commit));
}
FW_INLINE void rollback() { asm volatile(FW_INTRINSIC_FORM "x0, x0, x0" ::FW_INTRINSIC_ID(Rollback) : "memory"); }
FW_INLINE void platform(Service service) {
  asm volatile(FW_INTRINSIC_FORM "x0, %0, x0" ::"r"(static_cast<uint64_t>(service)), FW_INTRINSIC_ID(Platform) : "memory");
}
template <isa::Special special>
FW_INLINE uint64_t read_special() {
  uint64_t result;
  asm volatile(FW_NUMBER_FORM "%0, x%[number], x0" : "=r"(result) : FW_NUMBER(special), FW_INTRINSIC_ID(ReadSpecial));
  return result;
}
template <isa::Special special>
FW_INLINE void write_special(uint64_t data) {
  asm volatile(FW_NUMBER_FORM "x0, x%[number], %[data]" ::FW_NUMBER(special), [data] "r"(data), FW_INTRINSIC_ID(WriteSpecial)
               : "memory");
}
FW_INLINE void tlb_write(const isa::TlbEntry& entry) {
  asm volatile(FW_INTRINSIC_FORM "x0, %0, %1" ::"r"(entry.word0()), "r"(entry.word1()), FW_INTRINSIC_ID(TlbWrite) : "memory");
}
FW_INLINE void tlb_flush() { asm volatile(FW_INTRINSIC_FORM "x0, x0, x0" ::FW_INTRINSIC_ID(TlbFlush) : "memory"); }
FW_INLINE void tlb_flush_page(uint64_t address) {
  asm volatile(FW_INTRINSIC_FORM "x0, %0, x0" ::"r"(address), FW_INTRINSIC_ID(TlbFlushPage) : "memory");
}
FW_INLINE void jtb_write(uint32_t guest, uint64_t host) {
  asm volatile(FW_INTRINSIC_FORM "x0, %0, %1" ::"r"(uint64_t{guest}), "r"(host), FW_INTRINSIC_ID(JtbWrite));
}
FW_INLINE void jtb_clear() { asm volatile(FW_INTRINSIC_FORM "x0, x0, x0" ::FW_INTRINSIC_ID(JtbClear)); }
FW_INLINE void return_clear() { asm volatile(FW_INTRINSIC_FORM "x0, x0, x0" ::FW_INTRINSIC_ID(ReturnClear)); }

/// True if something asynchronous wants the monitor.
FW_INLINE bool attention() { return read_special<isa::Special::Ipending>() != 0; }

/// What Special::SamplePeriod counts.
FW_INLINE uint64_t sample_clock() { return read_special<isa::Special::Cycles>(); }

/// Guest memory by physical address, for page tables and code bytes. The platform guarantees RAM below
/// Mailbox::guest_ram_size; callers check.
FW_INLINE volatile uint8_t* physical(uint64_t address) { return reinterpret_cast<volatile uint8_t*>(address); }
FW_INLINE Mailbox& mailbox() { return *reinterpret_cast<Mailbox*>(kMailboxAddress); }

/// What lies at a fixed concealed address: code cache, counters, spill slots of translations. Code is only read so.
template <class T>
FW_INLINE T* concealed(uint64_t address) {
  return reinterpret_cast<T*>(address);
}
/// Writes host code; it may be executed from then on.
FW_INLINE void write_code(uint64_t address, const uint32_t* words, size_t count) {
  for (size_t i = 0; i < count; ++i) reinterpret_cast<volatile uint32_t*>(address)[i] = words[i];
}
/// Calls host code as a function: `argument` in a0, result in a0. It leaves the registers that a RISC-V function must
/// preserve, and r31, as they were.
FW_INLINE uint64_t call_code(uint64_t entry, uint64_t argument) {
  return reinterpret_cast<uint64_t (*)(uint64_t)>(entry)(argument);
}

#else  // hosted form

template <ir::Op op, unsigned width>
FW_INLINE uint64_t value(uint64_t s0, uint64_t s1 = 0, uint64_t s2 = 0, uint64_t s3 = 0) {
  return hosted::value<op, width>(s0, s1, s2, s3);
}
template <ir::Op op, unsigned width>
FW_INLINE uint64_t flags(uint64_t s0, uint64_t s1 = 0, uint64_t s2 = 0, uint64_t s3 = 0) {
  return hosted::flags<op, width>(s0, s1, s2, s3);
}
template <ir::Cond cond>
FW_INLINE uint64_t holds(uint64_t flags_image) {
  return isa::holds(static_cast<isa::Cond>(cond), flags_image);
}
template <unsigned width>
FW_INLINE uint64_t guest_load(uint64_t address) {
  return hosted::machine().load<width>(static_cast<uint32_t>(address));
}
template <unsigned width>
FW_INLINE uint64_t guest_load_signed(uint64_t address) {
  const uint64_t data = hosted::machine().load<width>(static_cast<uint32_t>(address));
  return static_cast<uint64_t>(static_cast<int64_t>(data << (64 - width)) >> (64 - width));
}
template <unsigned width>
FW_INLINE void guest_store(uint64_t address, uint64_t data) {
  hosted::machine().store<width>(static_cast<uint32_t>(address), data);
}
template <unsigned width>
FW_INLINE void guest_probe_write(uint64_t address) {
  hosted::machine().probe_write<width>(static_cast<uint32_t>(address));
}
template <unsigned instructions>
FW_INLINE void commit() {
  hosted::machine().commit(instructions);
}
FW_INLINE void rollback() { hosted::machine().rollback(); }
FW_INLINE void platform(Service service) { hosted::machine().platform(service); }
template <isa::Special special>
FW_INLINE uint64_t read_special() {
  return hosted::machine().read_special(special);
}
template <isa::Special special>
FW_INLINE void write_special(uint64_t data) {
  hosted::machine().write_special(special, data);
}
FW_INLINE void tlb_write(const isa::TlbEntry& entry) { hosted::machine().tlb_write(entry); }
FW_INLINE void tlb_flush() { hosted::machine().tlb_flush(); }
FW_INLINE void tlb_flush_page(uint64_t address) { hosted::machine().tlb_flush_page(static_cast<uint32_t>(address)); }
FW_INLINE void jtb_write(uint32_t guest, uint64_t host) { hosted::machine().jtb_write(guest, host); }
FW_INLINE void jtb_clear() { hosted::machine().jtb_clear(); }
FW_INLINE void return_clear() { hosted::machine().return_clear(); }
FW_INLINE bool attention() { return hosted::machine().attention(); }
FW_INLINE uint64_t sample_clock() { return read_special<isa::Special::Molecules>(); }
FW_INLINE volatile uint8_t* physical(uint64_t address) { return hosted::machine().physical(address); }
FW_INLINE Mailbox& mailbox() { return hosted::machine().mailbox(); }
template <class T>
FW_INLINE T* concealed(uint64_t address) {
  return reinterpret_cast<T*>(hosted::machine().concealed(address));
}
FW_INLINE void write_code(uint64_t address, const uint32_t* words, size_t count) {
  hosted::machine().write_code(address, words, count);
}
FW_INLINE uint64_t call_code(uint64_t entry, uint64_t argument) { return hosted::machine().call_code(entry, argument); }

#endif

FW_INLINE uint32_t physical_load_32(uint64_t address) { return *reinterpret_cast<volatile uint32_t*>(physical(address)); }
FW_INLINE void physical_store_32(uint64_t address, uint32_t data) {
  *reinterpret_cast<volatile uint32_t*>(physical(address)) = data;
}

}  // namespace chrysalis::fw::host
