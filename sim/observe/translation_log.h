// Every translation of a run: what it was made from, its code as installed, how it was used, and what became of it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firmware/translation_cache.h"
#include "sim/observe/observer.h"
#include "translator/compile.h"

namespace chrysalis::sim {

/// An x86 instruction as it was when it was translated.
struct SourceInstruction {
  uint32_t eip = 0;
  std::vector<uint8_t> bytes;
};

/// How often something at one word of a translation has happened.
struct WordCount {
  uint64_t executed = 0;  ///< molecules that begin here and issued
  uint64_t left = 0;      ///< those after which something other than the molecule behind came
  uint64_t cycles = 0;    ///< from when they came up until the next did
};

struct TranslationRecord {
  /// What lies between call-outs.
  struct Part {
    size_t first = 0;                      ///< of its instructions, in `source`; those that it calls out for come behind them
    std::vector<translator::Region> tree;  ///< its paths, before any pass
    translator::CompileOptions options;
  };

  uint32_t id = 0;                       ///< in the order of installation, from 0
  unsigned gear = 0;
  uint32_t eip = 0;
  uint32_t key = 0;                      ///< GuestCode::key()
  bool checks = false;                   ///< compares its source with what it was, when it is executed
  uint64_t code = 0;                     ///< host address
  uint32_t first_exit = 0;               ///< number of its first exit
  std::vector<uint32_t> words;           ///< as installed
  std::vector<fw::Exit> exits;           ///< the same; addresses only, no pointers
  std::vector<SourceInstruction> source; ///< by guest instruction
  std::vector<Part> parts;               ///< gears 2 and 3

  uint64_t began = 0, installed = 0;     ///< cycles: the translator began; it was done
  uint64_t dropped = UINT64_MAX;         ///< cycle in which it went; UINT64_MAX: it stayed
  fw::DropReason reason = fw::DropReason::Replaced;
  uint64_t chained = 0, unchained = 0;   ///< exits led to other translations, and back
  std::vector<isa::Cause> learned;       ///< why it was to be made anew

  std::vector<WordCount> counts;         ///< by word
  /// Events by word and cause.
  std::map<std::pair<uint32_t, isa::Cause>, uint64_t> events;
  uint64_t rolled_back_cycles = 0;       ///< of the events' molecules and penalties
  uint64_t committed = 0;                ///< x86 instructions

  uint64_t executions() const { return counts.empty() ? 0 : counts[0].executed; }
  uint64_t cycles() const;
  uint64_t rollbacks() const;
};

class TranslationLog final : public RunObserver {
 public:
  void begin(Engine& engine, const isa::MachineModel& machine) override;
  void notice(const fw::Notice& notice, uint64_t cycle) override;
  void molecule(const hw::Observation& observation) override;

  /// By id.
  const std::vector<std::unique_ptr<TranslationRecord>>& translations() const { return records_; }
  /// The translation whose code is at host address `address`, or null.
  const TranslationRecord* at(uint64_t address) const;
  /// For compiling a translation again: the mailbox at the last notice, and the machine.
  const fw::Mailbox& mailbox() const;
  const isa::MachineModel& machine() const { return *machine_; }

 private:
  struct Pending {
    uint64_t began = 0;
    std::vector<TranslationRecord::Part> parts;
    std::vector<SourceInstruction> source;
  };

  void installed(const fw::Notice& notice, uint64_t cycle);
  TranslationRecord* find(uint64_t code);
  std::vector<uint8_t> fetch(uint32_t eip) const;
  void fetch_run(uint32_t eip, uint32_t count, std::vector<SourceInstruction>& out) const;
  bool read_guest(uint32_t linear, uint8_t& byte) const;

  Engine* engine_ = nullptr;
  const isa::MachineModel* machine_ = nullptr;
  std::vector<std::unique_ptr<TranslationRecord>> records_;
  std::vector<uint32_t> owner_;  ///< by word of the code cache: id + 1 of who is there; 0: nobody
  Pending pending_;
};

}  // namespace chrysalis::sim
