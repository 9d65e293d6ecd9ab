// The x87 state of a GuestContext as the processor shows it: status and tag words, the pending exception.
// Freestanding; the platform uses it for signal frames too.
#pragma once

#include "firmware/abi.h"
#include "translator/ir/ir.h"

namespace chrysalis::fw {

inline constexpr uint16_t kX87StackFault = 1 << 6, kX87ErrorSummary = 1 << 7, kX87Busy = 1 << 15;
inline constexpr uint16_t kX87TopMask = 7 << 11;
inline constexpr uint16_t kX87ExceptionMask = 0x3f;
inline constexpr uint16_t kX87InitialControl = 0x37f;

/// FCW bits that can be written; bit 6 reads as 1.
inline constexpr uint16_t kX87ControlMask = 0x1f3f, kX87ControlOnes = 0x40;

/// Brings ES, B and GuestReg::FpuError up to date: call after every change of fcw or of the exceptions in fsw.
inline void x87_summarize(GuestContext& c) {
  const bool pending = (c.fsw & ~c.fcw & kX87ExceptionMask) != 0;
  c.fsw = static_cast<uint16_t>((c.fsw & ~(kX87ErrorSummary | kX87Busy)) | (pending ? kX87ErrorSummary | kX87Busy : 0));
  c.slot[static_cast<unsigned>(ir::GuestReg::FpuError)] = pending;
}

inline uint16_t x87_status_word(const GuestContext& c) {
  return static_cast<uint16_t>((c.fsw & ~kX87TopMask) | (c.x87_top & 7) << 11);
}

inline void x87_set_status_word(GuestContext& c, uint16_t word) {
  c.fsw = static_cast<uint16_t>(word & ~kX87TopMask);
  c.x87_top = word >> 11 & 7;
  x87_summarize(c);
}

inline void x87_set_control_word(GuestContext& c, uint16_t word) {
  c.fcw = static_cast<uint16_t>((word & kX87ControlMask) | kX87ControlOnes);
  x87_summarize(c);
}

/// Two bits per physical register, SDM Vol. 1, 8.1.7: 0 valid, 1 zero, 2 special, 3 empty.
inline uint16_t x87_tag_word(const GuestContext& c) {
  unsigned word = 0;
  for (unsigned n = 0; n < 8; ++n) {
    const GuestContext::X87Register& r = c.st[n];
    const unsigned exponent = r.sign_exponent & 0x7fff;
    unsigned tag = 0;
    if ((c.x87_tag >> n & 1) == 0) tag = 3;
    else if (exponent == 0 && r.significand == 0) tag = 1;
    else if (exponent == 0 || exponent == 0x7fff || r.significand >> 63 == 0) tag = 2;
    word |= tag << 2 * n;
  }
  return static_cast<uint16_t>(word);
}

inline void x87_set_tag_word(GuestContext& c, uint16_t word) {
  c.x87_tag = 0;
  for (unsigned n = 0; n < 8; ++n) {
    if ((word >> 2 * n & 3) != 3) c.x87_tag = static_cast<uint8_t>(c.x87_tag | 1u << n);
  }
}

/// As FNINIT: the registers keep their contents.
inline void x87_initialize(GuestContext& c) {
  c.fcw = kX87InitialControl;
  c.fsw = 0;
  c.x87_top = c.x87_tag = 0;
  c.fop = c.fcs = c.fds = 0;
  c.fip = c.fdp = 0;
  x87_summarize(c);
}

}  // namespace chrysalis::fw
