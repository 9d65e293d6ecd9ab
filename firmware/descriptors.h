// The guest's segment descriptors, as the process personality has them: those of a 64-bit Linux kernel for
// 32-bit programs, and the thread-local ones of the mailbox.
#pragma once

#include <cstdint>

namespace chrysalis::fw {

struct Descriptor {
  uint32_t base;
  uint32_t limit;   ///< in bytes
  uint32_t rights;  ///< as LAR delivers them: second word of the descriptor under mask 0x00ffff00

  bool present() const { return (rights & 0x8000) != 0; }
  uint32_t dpl() const { return rights >> 13 & 3; }
  bool segment() const { return (rights & 0x1000) != 0; }  ///< code or data, not a system descriptor
  bool code() const { return (rights & 0x800) != 0; }
  bool conforming() const { return code() && (rights & 0x400) != 0; }
  bool readable_code() const { return code() && (rights & 0x200) != 0; }
  bool writable() const { return !code() && (rights & 0x200) != 0; }
  bool flat_code_32() const { return code() && base == 0 && limit == 0xffff'ffff && (rights & 0x60'0000) == 0x40'0000; }
};

inline bool is_null(uint32_t selector) { return (selector & ~3u) == 0; }

/// The descriptor that `selector` names; false if it lies beyond the table or the entry is empty.
bool find_descriptor(uint32_t selector, Descriptor& found);

}  // namespace chrysalis::fw
