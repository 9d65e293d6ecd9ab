// Runs the process personality without firmware: user code executes natively in a traced 32-bit process, whose
// address space works like a TLB for the personality's page tables.
//
// Pages are entered one by one, when they are touched, from the page tables in guest RAM, and dropped when a
// reply says FlushTlb: a missing flush, or a wrong page-table entry, shows as it would on the real monitor.
// The build machine's processor is thus the reference for everything but the system calls.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <map>
#include <vector>

#include "sim/linux/process.h"

namespace chrysalis::sim::test {

class NativeMachine {
 public:
  /// `ram_size` bytes of guest RAM, a multiple of the page size.
  explicit NativeMachine(uint64_t ram_size);
  ~NativeMachine();
  NativeMachine(const NativeMachine&) = delete;
  NativeMachine& operator=(const NativeMachine&) = delete;

  uint8_t* ram() { return ram_; }
  uint64_t ram_size() const { return ram_size_; }

  /// Runs a loaded process to its end. Each service advances the guest clock by `cycles_per_service`.
  ServiceResult run(Process& process, fw::Mailbox& mailbox, uint64_t cycles_per_service);

  uint64_t services() const { return services_; }
  uint64_t tlb_fills() const { return fills_; }

 private:
  void start_child();
  int64_t inject(uint32_t number, const uint32_t (&arguments)[6]);
  void load_state(const fw::Mailbox& mailbox);
  void save_state(fw::Mailbox& mailbox);
  bool fill_tlb(const fw::Mailbox& mailbox, uint32_t address);
  void flush_tlb();

  int memory_fd_ = -1;
  uint8_t* ram_ = nullptr;
  uint64_t ram_size_;
  pid_t child_ = -1;
  user_regs_struct regs_{};
  user_fpregs_struct fpu_{};
  std::map<uint32_t, uint32_t> tlb_;  // page address, PROT_*
  uint32_t tls_base_[3] = {};
  uint32_t tls_flags_[3] = {};
  uint64_t services_ = 0;
  uint64_t fills_ = 0;
};

}  // namespace chrysalis::sim::test
