// An x86 reference for a run: the firmware's interpreter in its hosted form, on a guest memory of its own, an instruction at a time.
//
// It follows the leader's commits: as many x86 instructions as the leader has completed, it completes too. Compared are
// - at each commit that completes instructions, EAX to EDI and the flags: from the shadow registers in translated code, from the
//   guest context elsewhere; and the bytes of all stores released since they were last compared;
// - at each x86 exception that reaches the platform, system calls among them, its vector and error code and the whole context.
// What a platform service answers is taken from the leader, so that system calls happen once; RDTSC's result too, with the
// registers and stores up to the next commit.
//
// A commit within a string instruction under REP leaves state that the reference never has: there nothing is compared.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/abi.h"
#include "firmware/hosted/hosted.h"
#include "hw/observer.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::sim {

class Reference {
 public:
  struct Difference {
    uint64_t instructions = 0;       ///< completed
    std::string field, core, reference;
    uint32_t eip = 0;                ///< the first instruction since the last commit on which both agree whose result differs
    uint64_t number = 0;             ///< of that instruction, from 0
    std::string code;                ///< its text, or why it cannot be told from the others
  };

  /// The leader's memory, its mailbox filled in, before it runs. One exists at a time.
  explicit Reference(const isa::PhysicalMemory& leader);
  ~Reference();

  // The leader's services, in order: around it, then each page that it has changed, then its end.
  void before_service(fw::Service kind);
  void after_service();
  void page(uint64_t address, const uint8_t* bytes);
  void service_done(uint64_t instructions);

  /// A molecule of the leader that commits, with the shadow registers behind it.
  void commit(const hw::Observation& observation, const isa::Shadow& shadow);

  const std::optional<Difference>& difference() const { return difference_; }
  uint64_t instructions() const { return firmware_->instructions(); }
  /// Commits at which registers were compared.
  uint64_t compared() const { return compared_; }
  std::string report() const;

  /// For tests: the reference's own guest context.
  fw::GuestContext& context() { return mailbox_.context; }

 private:
  struct Served {
    fw::Service kind;
    uint64_t instructions;           ///< completed by the leader
    fw::Mailbox before, after;
    std::vector<std::pair<uint64_t, std::vector<uint8_t>>> pages;
  };
  struct Step {
    uint32_t eip;
    uint64_t registers[9];           ///< before it
  };
  struct Registers {
    uint64_t value[9];               ///< EAX to EDI, flags
  };
  Registers registers() const;
  void serve(fw::Service kind);
  void answer();
  /// False: it differs, or an exception is due that the leader has yet to take.
  bool run_to(uint64_t instructions);
  bool compare(const Registers& core);
  bool compare_stores();
  bool at_string_instruction() const;
  void adopt(const fw::GuestContext& context);
  void compare_exception(const Served& served);
  void differ(std::string field, std::string core, std::string reference, int writer = -1);
  std::optional<uint64_t> physical(uint32_t address) const;
  unsigned fetch(uint32_t eip, uint8_t (&bytes)[15]) const;
  std::string text_at(uint32_t eip) const;

  const isa::PhysicalMemory& leader_;
  isa::PhysicalMemory memory_;
  fw::Mailbox& mailbox_;
  std::unique_ptr<fw::hosted::HostedFirmware> firmware_;
  std::deque<Served> served_;
  std::optional<Served> under_way_;
  uint64_t agreed_ = 0, compared_ = 0;
  std::vector<Step> steps_;          ///< since the last commit on which both agree
  std::vector<std::pair<uint64_t, unsigned>> released_;  ///< stores not compared yet
  bool adopts_ = false;              ///< RDTSC was executed since
  std::optional<Difference> difference_;
};

}  // namespace chrysalis::sim
