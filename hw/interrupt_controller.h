// Gathers the devices' interrupt lines for the core.
#pragma once

#include <cstdint>
#include <systemc>

namespace chrysalis::hw {

/// Bit n of `raised` follows line n: level-sensitive, without state of its own. The core masks by `imask`
/// and presents the bits as `ipending`.
class InterruptController : public sc_core::sc_module {
 public:
  static constexpr unsigned kLines = 3;

  sc_core::sc_vector<sc_core::sc_in<bool>> lines;
  sc_core::sc_out<uint32_t> raised;

  SC_HAS_PROCESS(InterruptController);
  explicit InterruptController(sc_core::sc_module_name name) : sc_module(name), lines("line", kLines), raised("raised") {
    SC_METHOD(gather);
    for (auto& line : lines) sensitive << line;
  }

 private:
  void gather() {
    uint32_t bits = 0;
    for (unsigned i = 0; i < kLines; ++i) bits |= uint32_t{lines[i].read()} << i;
    raised.write(bits);
  }
};

}  // namespace chrysalis::hw
