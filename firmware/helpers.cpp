// The helpers of x86-frontend/helpers.h.
#include "x86-frontend/helpers.h"

#include "firmware/counters.h"
#include "firmware/descriptors.h"
#include "firmware/helper_call.h"
#include "firmware/host.h"
#include "firmware/x87.h"
#include "x86-frontend/decoded.h"

namespace chrysalis::fw {
namespace {

using ir::GuestReg;
using x86::SegmentRegister;

constexpr uint8_t kInvalidOpcode = 6, kNotPresent = 11, kStackFault = 12, kProtection = 13;
constexpr uint32_t kCr4Tsd = 4;

uint64_t& guest(GuestReg reg) { return host::mailbox().context.slot[static_cast<unsigned>(reg)]; }

bool fault(uint8_t vector, uint32_t error_code) {
  raise_exception(vector, error_code);
  return false;
}

// The processor that CPUID describes: of the P6 family, with an x87 unit, without MMX and SSE.
struct CpuidLeaf {
  uint32_t leaf, eax, ebx, ecx, edx;
};
constexpr uint32_t text(const char (&s)[5]) {
  return static_cast<uint32_t>(s[0]) | static_cast<uint32_t>(s[1]) << 8 | static_cast<uint32_t>(s[2]) << 16 |
         static_cast<uint32_t>(s[3]) << 24;
}
constexpr CpuidLeaf kCpuid[] = {
    {0, 1, text("Genu"), text("Mx86"), text("ineT")},  // "GenuineTMx86", in the order EBX EDX ECX
    {1, 0x611, 0, 0, kCpuidFeatures},
    {0x8000'0000, 0x8000'0004, 0, 0, 0},
    {0x8000'0001, 0, 0, 0, 0},
    {0x8000'0002, text("Chry"), text("sali"), text("s   "), text("    ")},
    {0x8000'0003, 0, 0, 0, 0},
    {0x8000'0004, 0, 0, 0, 0},
};

bool cpuid(HelperCall&) {
  // SDM Vol. 2, "CPUID": a leaf beyond the highest basic one answers as that one.
  uint32_t leaf = static_cast<uint32_t>(guest(GuestReg::Eax));
  if ((leaf < 0x8000'0000 && leaf > 1) || leaf > 0x8000'0004) leaf = 1;
  for (const CpuidLeaf& row : kCpuid) {
    if (row.leaf != leaf) continue;
    guest(GuestReg::Eax) = row.eax;
    guest(GuestReg::Ebx) = row.ebx;
    guest(GuestReg::Ecx) = row.ecx;
    guest(GuestReg::Edx) = row.edx;
  }
  return true;
}

bool rdtsc(HelperCall& call) {
  if ((host::mailbox().context.cr4 & kCr4Tsd) != 0) return fault(kProtection, 0);
  const uint64_t cycles = host::read_special<isa::Special::Cycles>(), scale = host::mailbox().tsc_scale;
  // (cycles * scale) >> 32 without a product of 128 bits.
  call.value = cycles * (scale >> 32) + (cycles >> 32) * (scale & 0xffff'ffff) + ((cycles & 0xffff'ffff) * (scale & 0xffff'ffff) >> 32);
  return true;
}

bool load_segment(HelperCall& call) {
  const auto segment = static_cast<SegmentRegister>(call.source[0]);
  const uint32_t selector = static_cast<uint32_t>(call.source[1]) & 0xffff, error = selector & ~3u;
  const bool stack = segment == SegmentRegister::Ss;
  const auto index = static_cast<unsigned>(segment);
  const auto reg = static_cast<GuestReg>(static_cast<unsigned>(GuestReg::EsSel) + index);
  const auto base = static_cast<GuestReg>(static_cast<unsigned>(GuestReg::EsBase) + index);
  if (is_null(selector)) {
    if (stack) return fault(kProtection, 0);
    guest(reg) = selector;
    guest(base) = 0;
    return true;
  }
  Descriptor found;
  if (!find_descriptor(selector, found) || !found.segment()) return fault(kProtection, error);
  const uint32_t rpl = selector & 3, dpl = found.dpl();
  if (stack) {
    if (found.code() || !found.writable() || rpl != 3 || dpl != 3) return fault(kProtection, error);
  } else {
    if (found.code() && !found.readable_code()) return fault(kProtection, error);
    if (!found.conforming() && dpl < 3) return fault(kProtection, error);
  }
  if (!found.present()) return fault(stack ? kStackFault : kNotPresent, error);
  guest(reg) = selector;
  guest(base) = found.base;
  return true;
}

bool check_code_segment(HelperCall& call) {
  const uint32_t selector = static_cast<uint32_t>(call.source[0]) & 0xffff, error = selector & ~3u, rpl = selector & 3;
  const bool returns = call.source[1] != 0;
  if (is_null(selector)) return fault(kProtection, 0);
  Descriptor found;
  if (!find_descriptor(selector, found) || !found.segment() || !found.code()) return fault(kProtection, error);
  if (returns) {
    if (rpl != 3 || (found.conforming() ? found.dpl() > 3 : found.dpl() != 3)) return fault(kProtection, error);
  } else if (found.conforming() ? found.dpl() > 3 : found.dpl() != 3) {
    return fault(kProtection, error);
  }
  if (!found.flat_code_32()) return fault(kProtection, error);
  if (!found.present()) return fault(kNotPresent, error);
  call.value = error | 3;
  return true;
}

/// The descriptor if a query from user level may see it.
bool visible(uint64_t selector, Descriptor& found) {
  const uint32_t rpl = static_cast<uint32_t>(selector) & 3;
  if (!find_descriptor(static_cast<uint32_t>(selector) & 0xffff, found)) return false;
  if (found.segment() && found.code() && found.conforming()) return true;
  return found.dpl() >= 3 && found.dpl() >= rpl;
}

constexpr uint64_t kVisible = uint64_t{1} << 32;

bool load_access_rights(HelperCall& call) {
  Descriptor found;
  call.value = visible(call.source[0], found) && found.segment() ? found.rights | kVisible : 0;
  return true;
}
bool load_segment_limit(HelperCall& call) {
  Descriptor found;
  call.value = visible(call.source[0], found) && found.segment() ? found.limit | kVisible : 0;
  return true;
}
bool verify_read(HelperCall& call) {
  Descriptor found;
  call.value = visible(call.source[0], found) && found.segment() && (!found.code() || found.readable_code()) ? kVisible : 0;
  return true;
}
bool verify_write(HelperCall& call) {
  Descriptor found;
  call.value = visible(call.source[0], found) && found.segment() && found.writable() ? kVisible : 0;
  return true;
}

// Linux's emulation of UMIP, as the contract says.
bool read_system_register(HelperCall& call) {
  switch (static_cast<x86::SystemRegister>(call.source[0])) {
    case x86::SystemRegister::Gdtr: call.value = uint64_t{0xfffe'0000} << 16; return true;
    case x86::SystemRegister::Idtr: call.value = uint64_t{0xffff'0000} << 16; return true;
    case x86::SystemRegister::Ldtr: call.value = 0; return true;
    case x86::SystemRegister::Tr: call.value = 0x40; return true;
    case x86::SystemRegister::Msw: call.value = 0x8005'0033; return true;
  }
  return fault(kInvalidOpcode, 0);
}

bool adjust_rpl(HelperCall& call) {
  const uint64_t there = host::guest_load<16>(call.source[0]);
  const uint64_t rpl = call.source[1] & 3;
  if ((there & 3) >= rpl) return true;
  if (call.source[2] == 0) return fault(kProtection, 0);
  host::guest_store<16>(call.source[0], (there & ~uint64_t{3}) | rpl);
  call.value = 1;
  return true;
}

/// In the order of x86::HelperId, up to those of x87.
constexpr HelperFunction kHelpers[] = {
    cpuid, rdtsc, load_segment, check_code_segment, load_access_rights, load_segment_limit, verify_read, verify_write,
    read_system_register, adjust_rpl,
};

void x87(uint32_t imm, HelperCall& call) {
  X87Call operation{imm, static_cast<uint32_t>(guest(GuestReg::Eip)),
                    {call.source[0], call.source[1], call.source[2], call.source[3]}};
  x87_execute(host::mailbox().context, operation);
  call.value = operation.value;
  call.flags = operation.flags;
}

}  // namespace

bool call_helper(const Uop* u, char* base) {
  count(Counter::Helpers);
  HelperCall call;
  call.source[0] = slot(base, u->a);
  call.source[1] = slot(base, u->b);
  call.source[2] = slot(base, u->c);
  call.source[3] = slot(base, u->e);
  const x86::HelperId id = x86::helper_id(u->imm);
  if (id >= x86::kFirstX87Helper) {
    x87(static_cast<uint32_t>(u->imm), call);
  } else if (!kHelpers[static_cast<unsigned>(id)](call)) {
    return false;
  }
  slot(base, u->f) = call.flags;
  slot(base, u->d) = call.value;
  return true;
}

}  // namespace chrysalis::fw
