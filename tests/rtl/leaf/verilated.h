// What the tests of single verilated modules share: a clock, and ports that are flat vectors.
#pragma once

#include <cstdint>
#include <verilated.h>

namespace chrysalis::rtl::test {

/// Bits [at, at+width) of a port, width up to 64; `Port` is an integer or Verilator's array of 32-bit words.
inline uint32_t* words(uint32_t& port) { return &port; }
template <std::size_t kWords> uint32_t* words(VlWide<kWords>& port) { return port.data(); }

inline void set_bits(uint32_t* port, unsigned at, unsigned width, uint64_t value) {
  for (unsigned i = 0; i < width; ++i) {
    const uint32_t bit = 1u << ((at + i) % 32);
    uint32_t& word = port[(at + i) / 32];
    word = (value >> i & 1) != 0 ? word | bit : word & ~bit;
  }
}
inline uint64_t get_bits(const uint32_t* port, unsigned at, unsigned width) {
  uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) value |= uint64_t{port[(at + i) / 32] >> ((at + i) % 32) & 1} << i;
  return value;
}
/// The same for ports of at most 64 bits, which Verilator makes integers.
template <class Port> void set_field(Port& port, unsigned at, unsigned width, uint64_t value) {
  const uint64_t mask = (width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1) << at;
  port = static_cast<Port>((port & ~mask) | (value << at & mask));
}

template <class Module> void reset(Module& module) {
  module.clk_i = 0;
  module.rst_ni = 0;
  module.eval();
  module.clk_i = 1;
  module.eval();
  module.clk_i = 0;
  module.rst_ni = 1;
  module.eval();
}
template <class Module> void tick(Module& module) {
  module.clk_i = 1;
  module.eval();
  module.clk_i = 0;
  module.eval();
}

}  // namespace chrysalis::rtl::test
