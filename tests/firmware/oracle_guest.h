// The oracle's address space as a guest of the firmware, in either form and under each interpreter: runs one case of the
// oracle's and reports as its server would.
//
// Page tables map the same code, data, read-only and missing pages; the platform answers exceptions as Linux' gates do.
#pragma once

#include "firmware/counters.h"
#include "tests/firmware/guest_machine.h"
#include "tests/oracle/oracle.h"
#include "translator/ir/ir.h"

namespace chrysalis::test {

/// What becomes of predecoded code and TLB entries when a case ends.
enum class Afterwards : uint8_t {
  Forget,  ///< the next case has other code
  Keep,    ///< the next case has the same code; where this one changed it, the platform says so
};

/// How it translates.
struct OracleGears {
  unsigned gear = 0;  ///< 1 or 2: by which what has been executed once is translated; 3: the same as 2, and again the next time; 0: never
  const char* machine = "crusoe";
  void (*change)(fw::GearOptions&) = nullptr;  ///< of what is usual
};

class OracleGuest {
 public:
  /// `shared` outlives this. Only one may exist at a time in the hosted form, which has each region proved.
  OracleGuest(const oracle::Shared& shared, Form form, fw::Interpreter interpreter, const OracleGears& gears = {});

  oracle::Outcome run(const oracle::Case& plan, Afterwards afterwards = Afterwards::Forget);
  uint64_t counter(fw::Counter counter) { return mailbox().counter[static_cast<unsigned>(counter)]; }
  uint64_t instructions() { return machine_->instructions(); }

 private:
  void use_gears(const OracleGears& how);

  static constexpr uint32_t kRamSize = 1u << 20, kTables = 0x1000, kCodeAt = 0x4'0000, kPagesAt = 0x5'0000;

  fw::Mailbox& mailbox() { return machine_->mailbox(); }
  uint64_t& reg(ir::GuestReg r) { return mailbox().context.slot[static_cast<unsigned>(r)]; }
  uint32_t& word(uint32_t at) { return *reinterpret_cast<uint32_t*>(machine_->ram() + at); }
  void map(uint32_t linear, uint32_t physical, uint32_t flags);
  void load_registers(const oracle::Case& plan);
  void store_outcome();
  void serve(fw::Service service);
  uint32_t last_reply();

  const oracle::Shared& shared_;
  std::unique_ptr<GuestMachine> machine_;
  uint32_t next_table_ = kTables + 0x1000;
  uint64_t cases_ = 0;
  uint8_t code_[oracle::kCodePages * oracle::kPage], left_[sizeof code_];  ///< as the case began, and as it ended
  Afterwards afterwards_ = Afterwards::Forget;
  oracle::Outcome outcome_{};
};

}  // namespace chrysalis::test
