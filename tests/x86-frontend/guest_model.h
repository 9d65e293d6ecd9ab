// The oracle's address space and descriptor tables as the reference evaluator sees them.
#pragma once

#include <array>
#include <cstdint>

#include "tests/oracle/oracle.h"
#include "tests/x86-frontend/ir_eval.h"
#include "x86-frontend/lift.h"

namespace chrysalis::test {

/// Guest memory as oracle/protocol.h lays it out, and the segments that a 64-bit Linux gives a 32-bit process.
class GuestModel : public Environment {
 public:
  explicit GuestModel(const oracle::Shared& shared) : shared_(shared) {}

  /// Memory of image `image`; code pages full of INT3.
  void reset(uint32_t image);
  uint8_t* byte(uint32_t address, bool write, Fault& fault) override;
  HelperResult helper(uint32_t id, const uint64_t (&source)[4], Machine& machine, StoreLog& log) override;
  void note_access(uint32_t address, unsigned bytes) override;
  void hash(uint32_t (&hash)[4]) const;

  /// The bytes from `eip` on, as far as execution may fetch them, at most 15; `fault` is what fetching further raises.
  unsigned fetch(uint32_t eip, uint8_t (&bytes)[15], Fault& fault) const;
  uint8_t* code() { return code_.data(); }
  const uint8_t* code() const { return code_.data(); }
  const uint8_t* page(unsigned i) const { return page_[i]; }

  Machine load(const oracle::State& state) const;
  oracle::State store(const Machine& machine, uint32_t eip) const;
  /// What holds of the machine's segment registers.
  x86::LiftOptions lift_options(const Machine& machine) const;

  /// Since reset(): something happened that cannot be compared (the server's memory, a descriptor that differs
  /// from run to run, a change of mode, an access that wraps round a segment).
  bool incomparable() const { return incomparable_; }
  /// Since reset(): the code pages were read as data.
  bool code_was_read() const { return code_was_read_; }
  bool touches_server(uint32_t address) const {
    return address - oracle::kServer < oracle::kServerEnd - oracle::kServer;
  }

 private:
  struct Descriptor {
    bool present = false, code = false, writable = false;
    uint32_t base = 0, access = 0;
  };
  Descriptor descriptor(uint16_t selector) const;
  HelperResult load_segment(unsigned segment, uint16_t selector, Machine& machine);
  HelperResult check_code_segment(uint16_t selector, bool is_return);
  HelperResult adjust_rpl(uint32_t address, uint16_t selector, bool writable, StoreLog& log);
  HelperResult query(unsigned id, uint16_t selector);

  const oracle::Shared& shared_;
  std::array<uint8_t, oracle::kCodePages * oracle::kPage> code_;
  uint8_t page_[oracle::kPages][oracle::kPage];
  bool incomparable_ = false, code_was_read_ = false;
};

}  // namespace chrysalis::test
