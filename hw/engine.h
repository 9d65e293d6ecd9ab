// The core's engine: executes predecoded molecules and computes when each of them issues.
#pragma once

#include <cstdint>
#include <memory>

#include "hw/account.h"
#include "hw/code_map.h"
#include "hw/core_engine.h"
#include "hw/data_side.h"
#include "hw/engine_bus.h"
#include "hw/fetch_side.h"
#include "hw/observer.h"
#include "hw/parameters.h"
#include "hw/surroundings.h"
#include "hw/types.h"

namespace chrysalis::hw {

class Recorder;

/// Implements docs/timing.md, with DataSide and FetchSide. It is plain C++: SystemC begins at `Surroundings`.
///
/// Molecules execute in bursts, each up to the cycle that Surroundings::synchronise() has promised to be
/// quiet; what a burst computes does not depend on where it ends.
class Engine final : public CoreEngine, private EngineHooks {
 public:
  Engine(const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings);
  ~Engine() override;

  void reset() override;
  RunEnd run(const RunLimits& limits) override;
  void stop() override { stop_requested_ = true; }

  void observe(Observer* observer) override;

  ModelCore& core() { return core_; }
  const ModelCore& core() const { return core_; }

  Cycle cycles() const override { return up_; }
  uint64_t instructions() const override { return core_.special[static_cast<unsigned>(isa::Special::Gcount)]; }
  Account account() const override;
  CoreCounters counters() const override;
  CoreView view() const override;
  const DataSide& data_side() const { return data_; }
  const FetchSide& fetch_side() const { return fetch_; }
  const EngineBus& bus() const { return bus_; }
  uint64_t decodings() const { return code_.decodings(); }
  uint64_t molecule_count() const;
  uint64_t atom_count() const;
  /// The molecule that comes next. Between runs.
  uint64_t next_address() const { return current_->address; }

  void set_mode(uint64_t begin, uint64_t end, Mode mode) override { code_.set_mode(begin, end, mode); }
  void charge_firmware_to(Mode mode) override;
  void memory_written(uint64_t address, uint64_t size) override;

 private:
  static constexpr unsigned kRegisters = kNoRegister + 1;  ///< the last absorbs results that nobody reads
  // EngineHooks
  bool device(bool write, uint64_t physical, unsigned size, uint8_t* bytes) override;
  void code_written(uint64_t physical, unsigned size) override { memory_written(physical, size); }
  void commit(unsigned guest_instructions) override;
  void rollback() override;
  isa::PlatformResult platform(uint32_t service) override;
  uint64_t molecules() override { return molecule_count(); }
  uint64_t atoms() override { return atom_count(); }

  class FetchPath;

  /// run(), compiled once for each of its two users: those who watch, and those who pay nothing for it.
  template <bool kObserved> RunEnd loop(const RunLimits& limits);
  void begin_observation(const Decoded& molecule, Cycle now);
  void end_observation(const Decoded& molecule, Cycle issued, Cycle done, const Decoded& next, isa::Cause event, unsigned instructions);

  // A molecule's way, in order. Those that take and return a cycle are told the time and move it on.
  Cycle fetch(Decoded& molecule, Cycle now);
  Cycle wait_for_registers(const uint64_t* mask, ModeAccount& account, Cycle now);
  Cycle wait_for_rarer_things(const Decoded& molecule, Cycle now);
  bool run_steps(Decoded& molecule);
  bool run_rarer_steps(Decoded& molecule);
  bool run_memory_steps(Decoded& molecule);
  Cycle issue_accesses(const Decoded& molecule, Cycle now);
  bool issue_hits(const Decoded& molecule, Cycle now);
  Cycle issue_slowly(const Decoded& molecule, Cycle now);
  uint32_t gated_bytes(const DataAccess& access) const;
  /// Rule S2: entries that are gated when the molecule issues, its own included. What it commits or rolls back is so until it has issued.
  unsigned gated_at_issue() const { return gated_before_ + bus_.gated_stores; }
  Cycle wait_for_devices(ModeAccount& account, Cycle now);
  void occupy_units(const Decoded& molecule, Cycle now);
  Cycle finish(Decoded& molecule, Cycle now, Cycle penalty);

  enum class Attention : uint8_t { None, Event, End };
  Attention attend(const Decoded& molecule, Cycle now);
  void look_ahead();
  RunEnd why_ended(Cycle now) const;
  bool sample_due(Cycle now);
  Cycle take_event(Decoded& molecule, Cycle now);
  Decoded* go(uint64_t address);
  Decoded* redirect(Decoded& molecule, uint64_t address);
  /// The register's result is outstanding until `when`; who waits for it charges `charge`.
  void set_ready(unsigned reg, Cycle when, Charge charge) {
    ready_[reg] = when;
    charge_[reg] = charge;
    outstanding_[reg >> 6] |= uint64_t{1} << (reg & 63);
  }

  CoreParameters parameters_;
  Surroundings& surroundings_;
  isa::PhysicalMemory& memory_;
  Account account_;                     ///< by the molecules' modes alone
  FirmwareCharge firmware_charge_;
  CodeMarks marks_;
  EngineBus bus_;
  ModelCore core_;
  std::unique_ptr<FetchPath> fetch_path_;
  FetchSide fetch_;
  DataSide data_;
  CodeMap code_;

  Decoded* current_ = nullptr;
  Decoded* redirected_to_ = nullptr;   ///< the molecule that the last redirect led to, until it is fetched
  Decoded nowhere_, end_of_memory_;    ///< stand for addresses where no code can be
  Cycle up_ = 0;
  bool ready_already_ = false;         ///< `current_` was found ready in `up_` before the last run ended
  Cycle attend_from_ = 0;              ///< a molecule that is ready in this cycle or later needs attend()
  Cycle quiet_until_ = 0;              ///< as promised by synchronise()
  uint64_t outstanding_[3] = {0, 0, 0};///< registers that may not be ready, a bit each
  Cycle ready_[kRegisters] = {};
  Charge charge_[kRegisters] = {};
  Cycle div_free_ = 0, fp_div_free_ = 0;
  Cycle answered_ = 0;                 ///< when the devices that the molecule accessed have answered
  Cycle last_sample_ = 0;
  RunLimits limits_;
  bool limit_reached_ = false;         ///< RunLimits::instructions
  volatile bool stop_requested_ = false;
  struct Release {
    uint64_t address;
    uint8_t size;
  };
  Release releases_[isa::kMaxStoreBuffer];
  unsigned committed_ = 0;  ///< x86 instructions committed by the molecule under way
  unsigned release_count_ = 0;         ///< stores that the molecule's commit releases
  unsigned gated_before_ = 0;          ///< gated stores when the molecule began
  CoreCounters statistics_;             ///< those that are counted as they happen; see counters()

  // Of the molecule under way, for the observer.
  Observer* observer_ = nullptr;
  std::unique_ptr<Recorder> recorder_;  ///< if it wants records
  Observation observation_;
  Mode observed_mode_ = Mode::Firmware;  ///< in which its cycles are counted first; observation_.mode: to whom they go
};

}  // namespace chrysalis::hw
