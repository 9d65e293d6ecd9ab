#include "hw/engine.h"

#include <algorithm>

#include "hw/recorder.h"
#include "isa-host/codec.h"

namespace chrysalis::hw {

using isa::Cause;
using isa::Special;

namespace {

Charge charge_of(Cause cause) {
  if (cause == Cause::AliasFault) return Charge::Alias;
  return isa::rolls_back(cause) ? Charge::Rollback : Charge::Event;
}

}  // namespace

/// Instruction misses on their way to the second level: stores that drain before them go first.
class Engine::FetchPath final : public LineSource {
 public:
  explicit FetchPath(Engine& engine) : engine_(engine) {}
  Reply fill(bool instruction, uint64_t line, uint32_t bytes, Cycle received) override {
    engine_.data_.drain_to(received - 1);
    return engine_.surroundings_.fill(instruction, line, bytes, received);
  }
  void write_back(uint64_t line, uint32_t bytes, Cycle received) override {
    engine_.surroundings_.write_back(line, bytes, received);
  }

 private:
  Engine& engine_;
};

Engine::Engine(const CoreParameters& parameters, isa::PhysicalMemory& memory, Surroundings& surroundings)
    : parameters_(parameters),
      surroundings_(surroundings),
      memory_(memory),
      marks_(parameters.config.concealed_base, parameters.config.concealed_size),
      bus_(memory, marks_, *this),
      core_(parameters_.config, bus_),
      fetch_path_(std::make_unique<FetchPath>(*this)),
      fetch_(parameters.l1i, *fetch_path_),
      data_(parameters.data, surroundings),
      code_(parameters_.config.machine, memory, marks_, parameters.l1i.line, account_) {
  // Past the last molecule of concealed memory, and wherever else no code can be.
  for (Decoded* place : {&nowhere_, &end_of_memory_}) {
    place->flags = kFaulty;
    place->account = &account_[Mode::Firmware];
  }
  end_of_memory_.address = parameters.config.concealed_base + parameters.config.concealed_size;
  end_of_memory_.fault = {Cause::IllegalMolecule, end_of_memory_.address,
                          static_cast<uint64_t>(isa::CodecError::Misaligned)};
  end_of_memory_.end = end_of_memory_.address + 4;
  reset();
}

Engine::~Engine() = default;

void Engine::reset() {
  core_.reset();
  fetch_.reset();
  data_.reset();
  // Whoever resets may have loaded another program.
  code_.written(parameters_.config.concealed_base, parameters_.config.concealed_size);
  account_ = Account{};
  firmware_charge_ = FirmwareCharge{};
  statistics_ = CoreCounters{};
  current_ = go(core_.pc);
  redirected_to_ = current_;
  up_ = 0;
  ready_already_ = false;
  quiet_until_ = 0;
  attend_from_ = 0;
  std::fill(std::begin(outstanding_), std::end(outstanding_), 0);
  std::fill(std::begin(ready_), std::end(ready_), 0);
  div_free_ = fp_div_free_ = answered_ = last_sample_ = 0;
  release_count_ = gated_before_ = 0;
  bus_.access_count = bus_.gated_stores = 0;
  bus_.forwarded = 0;
  stop_requested_ = false;
}

Account Engine::account() const {
  Account account = account_;
  FirmwareCharge(firmware_charge_).settle(account);
  return account;
}

void Engine::charge_firmware_to(Mode mode) {
  // The molecule under way keeps what it has been charged with.
  ModeAccount& under_way = account_[observed_mode_];
  const ModeAccount before = under_way;
  firmware_charge_.change(account_, mode);
  for (unsigned i = 0; i < kCharges; ++i) observation_.charged[i] += under_way.cycles[i] - before.cycles[i];
}

uint64_t Engine::molecule_count() const {
  uint64_t count = 0;
  for (const ModeAccount& mode : account_.mode) count += mode[Charge::Issue];
  return count;
}

uint64_t Engine::atom_count() const {
  uint64_t count = 0;
  for (const ModeAccount& mode : account_.mode) count += mode.atoms;
  return count;
}

CoreCounters Engine::counters() const {
  CoreCounters counters = statistics_;
  counters.cycles = up_;
  counters.molecules = molecule_count();
  counters.atoms = atom_count();
  counters.slots = counters.molecules * parameters_.config.machine.width;
  counters.instructions = instructions();
  counters.commits = core_.commits;
  counters.rollbacks = core_.rollbacks;
  counters.forwards = bus_.forwarded;
  counters.jtb_lookups = core_.jtb.lookups();
  counters.jtb_hits = core_.jtb.hits();
  counters.return_pops = core_.returns.pops();
  counters.return_hits = core_.returns.hits();
  counters.decodings = code_.decodings();
  counters.data = data_.statistics();
  counters.fetch = fetch_.statistics();
  return counters;
}

CoreView Engine::view() const {
  return {core_.r, core_.v, core_.special, &core_.shadow, current_->address, core_.stores.size()};
}

void Engine::memory_written(uint64_t address, uint64_t size) {
  code_.written(address, size);
  for (uint64_t line = fetch_.line_of(address); line < address + size; line += fetch_.line_size()) {
    fetch_.invalidate(line);
  }
}

// -- the loop ------------------------------------------------------------------------------------------------

/// Runs a molecule that has flags. False: it has raised an event and nothing of it has happened.
[[gnu::always_inline]] inline bool Engine::run_steps(Decoded& molecule) {
  const Step* step = molecule.steps;
  const Step* const end = step + molecule.count;
  if ((molecule.flags & kAccesses) != 0) {
    if ((molecule.flags & kCareful) != 0 || molecule.faulting != 1) return run_rarer_steps(molecule);
    gated_before_ = core_.stores.size();
    step->run(core_, step->atom);
    if (core_.event.cause != Cause::None) return false;
    ++step;
  } else if ((molecule.flags & (kCareful | kFaulty)) != 0) {
    return run_rarer_steps(molecule);
  }
  for (; step != end; ++step) step->run(core_, step->atom);
  return true;
}

[[gnu::always_inline]] inline Cycle Engine::issue_accesses(const Decoded& molecule, Cycle now) {
  if (answered_ > now) return issue_slowly(molecule, now);
  if (bus_.gated_stores == 0) {
    if (bus_.access_count == 0) return now;
    const DataAccess& only = bus_.accesses[0];
    if (bus_.access_count == 1 && only.kind != DataUse::Prefetch &&
        data_.hit(only.address, only.size, only.kind == DataUse::Store, now)) {
      bus_.access_count = 0;
      if (only.kind == DataUse::Load) set_ready(molecule.load_register, now + parameters_.data.load_latency, Charge::Operand);
      return now;
    }
  } else if (bus_.access_count == 0 && data_.has_room(gated_at_issue())) {
    bus_.gated_stores = 0;
    return now;
  }
  return issue_slowly(molecule, now);
}

RunEnd Engine::run(const RunLimits& limits) { return observer_ == nullptr ? loop<false>(limits) : loop<true>(limits); }

void Engine::observe(Observer* observer) {
  observer_ = observer;
  recorder_.reset();
  if (observer != nullptr && observer->wants_records()) recorder_ = std::make_unique<Recorder>();
  begin_observation(*current_, up_);
}

void Engine::begin_observation(const Decoded& molecule, Cycle now) {
  observation_.up = now;
  // A molecule that is not decoded yet has no account. Nothing is charged to it before it has been.
  observed_mode_ = molecule.line == Decoded::kUndecoded ? code_.mode_of(molecule.address)
                                                        : static_cast<Mode>(molecule.account - account_.mode);
  observation_.mode = firmware_charge_.charged(observed_mode_);
  std::copy_n(account_[observed_mode_].cycles, kCharges, observation_.charged);
}

void Engine::end_observation(const Decoded& molecule, Cycle issued, Cycle done, const Decoded& next, isa::Cause event,
                             unsigned instructions) {
  Observation& o = observation_;
  o.address = molecule.address;
  o.end = molecule.end;
  o.next = next.address;
  o.event = event;
  o.commits = event == Cause::None && (molecule.flags & kCommits) != 0;
  o.rolls_back = event == Cause::None ? (molecule.flags & kRollsBack) != 0 : isa::rolls_back(event);
  o.instructions = static_cast<uint16_t>(instructions);
  o.issued = issued;
  o.done = done;
  o.record = recorder_ == nullptr ? nullptr : &recorder_->finish(core_);
  for (unsigned i = 0; i < kCharges; ++i) o.charged[i] = account_[observed_mode_].cycles[i] - o.charged[i];
  observer_->observe(o);
  if (stop_requested_) attend_from_ = 0;
}

template <bool kObserved> RunEnd Engine::loop(const RunLimits& limits) {
  limits_ = limits;
  limit_reached_ = core_.special_ref(Special::Gcount) >= limits.instructions;
  core_.stopped = false;
  attend_from_ = 0;

  Decoded* molecule = current_;
  Cycle now = up_;
  if (ready_already_) {
    ready_already_ = false;
    goto ready;
  }
  for (;;) {
    if constexpr (kObserved) begin_observation(*molecule, now);
    // Lines that stand for a state of the molecule are never in L1I.
    if (molecule->line != fetch_.buffered_line() && !fetch_.hit(molecule->line)) now = fetch(*molecule, now);
    if (((molecule->waits_for[0] & outstanding_[0]) | (molecule->waits_for[1] & outstanding_[1])) != 0) {
      now = wait_for_registers(molecule->waits_for, *molecule->account, now);
    }
    if ((molecule->flags & (kSerialises | kIterative)) != 0) now = wait_for_rarer_things(*molecule, now);
  ready:
    if constexpr (kObserved) observation_.ready = now;
    if (now >= attend_from_) {
      const Attention attention = attend(*molecule, now);
      if (attention == Attention::End) {
        current_ = molecule;
        up_ = now;
        ready_already_ = true;
        data_.drain_to(now);  // so that what is counted does not depend on when the run ends
        return why_ended(now);
      }
      if (attention == Attention::Event) {
        const Decoded& waiting = *molecule;
        const Cycle taken = now;
        const Cause cause = core_.event.cause;
        now = take_event(*molecule, now);
        molecule = current_;
        if constexpr (kObserved) end_observation(waiting, taken, now, *molecule, cause, 0);
        continue;
      }
    }

    bus_.now = now;
    core_.next_pc = molecule->end;
    Decoded* next = molecule->next;
    ModeAccount& account = *molecule->account;
    const uint8_t flags = molecule->flags;
    Cycle penalty = 0;
    if constexpr (kObserved) {
      if (recorder_ != nullptr) recorder_->start(*molecule, core_, memory_);
    }
    if (flags == 0) {
      const Step* step = molecule->steps;
      for (const Step* end = step + molecule->count; step != end; ++step) step->run(core_, step->atom);
      if constexpr (kObserved) {
        if (recorder_ != nullptr) recorder_->executed(core_, bus_);
      }
    } else {
      if (!run_steps(*molecule)) {
        const Decoded& raising = *molecule;
        const Cycle taken = now;
        const Cause cause = core_.event.cause;
        now = take_event(*molecule, now);
        molecule = current_;
        if constexpr (kObserved) end_observation(raising, taken, now, *molecule, cause, 0);
        continue;
      }
      if constexpr (kObserved) {
        if (recorder_ != nullptr) recorder_->executed(core_, bus_);
      }
      if ((flags & kAccesses) != 0) now = issue_accesses(*molecule, now);
      if ((flags & (kBranches | kIterative | kEndsSpecially)) != 0) {
        if ((flags & kBranches) != 0 && core_.next_pc != molecule->end) {
          next = core_.next_pc == molecule->target_address ? molecule->target : redirect(*molecule, core_.next_pc);
          redirected_to_ = next;
          penalty = molecule->redirect_penalty;
          ++statistics_.branches_taken;
        }
        if ((flags & kIterative) != 0) occupy_units(*molecule, now);
        if ((flags & kEndsSpecially) != 0) {
          current_ = next;
          const Decoded& finished = *molecule;
          const unsigned instructions = committed_;
          now = finish(*molecule, now, penalty);
          molecule = current_;
          if constexpr (kObserved) end_observation(finished, observation_.issued, now, *molecule, Cause::None, instructions);
          if (core_.stopped) {
            up_ = now;
            data_.drain_to(now);
            return RunEnd::Platform;
          }
          continue;
        }
        account[Charge::Branch] += penalty;
      }
    }
    for (unsigned i = 0; i < molecule->late_count; ++i) {
      const LateResult& late = molecule->late[i];
      set_ready(late.reg, now + late.latency, Charge::Operand);
    }
    ++account[Charge::Issue];
    account.atoms += molecule->count;
    if constexpr (kObserved) end_observation(*molecule, now, now + 1 + penalty, *next, Cause::None, 0);
    now += 1 + penalty;
    molecule = next;
  }
}

RunEnd Engine::why_ended(Cycle now) const {
  if (limit_reached_) return RunEnd::Instructions;
  return now >= limits_.cycles ? RunEnd::Cycles : RunEnd::Stopped;
}

bool Engine::run_rarer_steps(Decoded& molecule) {
  if ((molecule.flags & kFaulty) != 0) {
    core_.event = molecule.fault;
    return false;
  }
  gated_before_ = core_.stores.size();
  if ((molecule.flags & kCareful) == 0) return run_memory_steps(molecule);
  return isa::execute_carefully(core_, *molecule.careful) || core_.event.cause == Cause::PlatformReturn;
}

/// The same for any number of atoms that can raise events, in an order in which none reads another's result.
bool Engine::run_memory_steps(Decoded& molecule) {
  struct Old {
    uint64_t value;
    isa::V128 vector;
  };
  Old old[isa::kMaxWords];
  isa::AliasUnit alias(0);
  if (molecule.protects) alias = core_.alias;
  for (unsigned i = 0; i < molecule.count; ++i) {
    const Step& step = molecule.steps[i];
    const unsigned reg = step.destination;
    if (reg < isa::kFpFile) {
      old[i].value = core_.r[reg];
    } else if (reg != kNoRegister) {
      old[i].vector = core_.v[reg - isa::kFpFile];
    }
    bus_.destination = static_cast<uint8_t>(reg);
    bus_.source = step.source;
    step.run(core_, step.atom);
    if (i >= molecule.faulting || core_.event.cause == Cause::None) continue;
    for (unsigned done = i; done-- > 0;) {
      const unsigned written = molecule.steps[done].destination;
      if (written < isa::kFpFile) {
        core_.r[written] = old[done].value;
      } else if (written != kNoRegister) {
        core_.set_v(written - isa::kFpFile, old[done].vector);
      }
    }
    core_.stores.drop(gated_before_);
    if (molecule.protects) core_.alias = alias;
    return false;
  }
  return true;
}

// -- before the issue -------------------------------------------------------------------------------------------

Cycle Engine::fetch(Decoded& molecule, Cycle now) {
  if (&molecule == &nowhere_ || &molecule == &end_of_memory_) return now;
  if (molecule.line == Decoded::kUndecoded) {
    code_.decode(molecule);
    if (molecule.next == nullptr) molecule.next = &end_of_memory_;
    if (molecule.line == fetch_.buffered_line()) return now;
  }
  const bool redirected = redirected_to_ == &molecule;
  redirected_to_ = nullptr;
  return fetch_.fetch(molecule.address, molecule.bytes, redirected, now, molecule.account->cycles);
}

/// Rules O2 and O3 for the registers of `mask`, integer ones first, in the order of their numbers.
Cycle Engine::wait_for_registers(const uint64_t* mask, ModeAccount& account, Cycle now) {
  const auto wait = [&](unsigned file) {
    for (uint64_t bits = mask[file] & outstanding_[file]; bits != 0; bits &= bits - 1) {
      const unsigned reg = 64 * file + static_cast<unsigned>(__builtin_ctzll(bits));
      if (ready_[reg] <= now) continue;
      account[charge_[reg]] += ready_[reg] - now;
      now = ready_[reg];
    }
    outstanding_[file] &= ~mask[file];
  };
  wait(0);
  if ((mask[1] & outstanding_[1]) != 0) wait(1);
  return now;
}

/// Rules O4 and X2.
Cycle Engine::wait_for_rarer_things(const Decoded& molecule, Cycle now) {
  if ((molecule.flags & kSerialises) != 0) {
    static constexpr uint64_t kAll[] = {~uint64_t{0}, ~uint64_t{0}};
    now = wait_for_registers(kAll, *molecule.account, now);
  }
  const auto wait = [&](uint8_t cycles, Cycle free) {
    if (cycles == 0 || free <= now) return;
    (*molecule.account)[Charge::Unit] += free - now;
    now = free;
  };
  wait(molecule.div_cycles, div_free_);
  wait(molecule.fp_div_cycles, fp_div_free_);
  return now;
}

/// Rule D11.
Cycle Engine::wait_for_devices(ModeAccount& account, Cycle now) {
  if (answered_ <= now) return now;
  account[Charge::Device] += answered_ - now;
  return answered_;
}

void Engine::occupy_units(const Decoded& molecule, Cycle now) {
  if (molecule.div_cycles != 0) div_free_ = now + molecule.div_cycles;
  if (molecule.fp_div_cycles != 0) fp_div_free_ = now + molecule.fp_div_cycles;
}

// -- memory atoms ---------------------------------------------------------------------------------------------------

/// Several accesses in the commonest case: all hit, none has to wait, none lies in two pages. Devices never hit.
bool Engine::issue_hits(const Decoded& molecule, Cycle now) {
  const unsigned count = bus_.access_count;
  DataAccess* const accesses = bus_.accesses;
  if (molecule.faulting <= 1 || answered_ > now) return false;  // then destinations are not in the accesses
  if (bus_.gated_stores != 0 && !data_.has_room(gated_at_issue())) return false;
  for (unsigned i = 1; i < count; ++i) {
    if (accesses[i].kind == DataUse::Load && accesses[i].destination == accesses[i - 1].destination) return false;
  }
  if (!data_.hits(accesses, count, now)) return false;
  for (unsigned i = 0; i < count; ++i) {
    if (accesses[i].kind == DataUse::Load) set_ready(accesses[i].destination, accesses[i].ready, Charge::Operand);
  }
  bus_.access_count = bus_.gated_stores = 0;
  return true;
}

Cycle Engine::issue_slowly(const Decoded& molecule, Cycle now) {
  if (molecule.reordered) {
    // Loads have executed before stores; L1D and L2 see the accesses in the order of atoms (D8, M1).
    DataAccess* const accesses = bus_.accesses;
    for (unsigned i = 1; i < bus_.access_count; ++i)
      for (unsigned k = i; k > 0 && accesses[k].source < accesses[k - 1].source; --k) std::swap(accesses[k], accesses[k - 1]);
  }
  if (issue_hits(molecule, now)) return now;
  now = wait_for_devices(*molecule.account, now);
  DataAccess* const accesses = bus_.accesses;
  unsigned count = 0;
  for (unsigned i = 0; i < bus_.access_count; ++i) {
    DataAccess& access = accesses[count];
    access = accesses[i];
    if (access.kind == DataUse::Load && (molecule.memory_atoms == 1 || molecule.faulting <= 1)) {
      access.destination = molecule.load_register;
    }
    if (memory_.ram(access.address, access.size) == nullptr) {  // a device: it has answered already (rule D11)
      if (access.kind == DataUse::Load) set_ready(access.destination, now + parameters_.data.load_latency, Charge::Operand);
      continue;
    }
    access.latency = parameters_.data.load_latency;
    access.gated = access.guest ? gated_bytes(access) : 0;
    ++count;
  }
  const unsigned gated = gated_at_issue();
  const bool stores = bus_.gated_stores != 0;
  bus_.access_count = bus_.gated_stores = 0;
  now = data_.issue(accesses, count, gated, stores, now, molecule.account->cycles);

  for (unsigned i = 0; i < count; ++i) {
    DataAccess& access = accesses[i];
    if (access.kind != DataUse::Load) continue;
    if (i + 1 < count && accesses[i + 1].kind == DataUse::Load && accesses[i + 1].destination == access.destination &&
        access.destination != kNoRegister) {
      // The pieces of a load across two pages: rules D2 and D3 for bytes in two lines.
      const DataAccess& second = accesses[++i];
      if (second.ready > access.ready) {
        access.ready = second.ready;
        access.level = second.level;
      }
      access.ready = std::max<Cycle>(access.ready, now + access.latency + 1);
    }
    set_ready(access.destination, access.ready,
              access.level == Level::L1   ? Charge::Operand
              : access.level == Level::L2 ? Charge::DataL2
                                          : Charge::DataMemory);
  }
  return now;
}

/// Rule D9: the bytes of the load that are gated, by stores of earlier molecules; a bit each.
uint32_t Engine::gated_bytes(const DataAccess& access) const {
  uint32_t covered = 0;
  for (unsigned i = 0; i < gated_before_; ++i) {
    const isa::GatedStore& store = core_.stores[i];
    for (uint32_t byte = 0; byte < access.size; ++byte) {
      if (access.address + byte - store.address < store.size) covered |= 1u << byte;
    }
  }
  return covered;
}

// -- after the issue ---------------------------------------------------------------------------------------------------

/// Completes a molecule that ends in a commit, rollback or serialising atom and that issued in `now`; its
/// branch, if any, redirects with `penalty`. Sets current_ if it leads elsewhere; returns when that comes up.
Cycle Engine::finish(Decoded& molecule, Cycle now, Cycle penalty) {
  ModeAccount& account = *molecule.account;
  now = wait_for_devices(account, now);
  observation_.issued = now;
  ++account[Charge::Issue];
  account.atoms += molecule.count;
  account.instructions += committed_;
  committed_ = 0;
  for (unsigned i = 0; i < molecule.late_count; ++i) {
    set_ready(molecule.late[i].reg, now + molecule.late[i].latency, Charge::Operand);
  }
  for (unsigned i = 0; i < release_count_; ++i) data_.release(releases_[i].address, releases_[i].size, now);
  release_count_ = 0;
  if ((molecule.flags & kSerialises) != 0) {
    if (core_.event.cause != Cause::None) return take_event(molecule, now);  // rule B9: instead of a redirect
    // `eret` is the branch among them. Any may have changed what attend() looks for.
    account[(molecule.flags & kBranches) != 0 ? Charge::Event : Charge::Branch] += penalty;
    look_ahead();
  } else {
    account[Charge::Branch] += penalty;
  }
  if ((molecule.flags & kRollsBack) != 0) {
    const Cycle cost = parameters_.config.machine.rollback_penalty;
    account[Charge::Rollback] += cost;
    penalty += cost;
    redirected_to_ = current_;
  }
  return now + 1 + penalty;
}

/// Enters the handler of core_.event, raised by `molecule` in `now`, with current_; returns when it comes up.
Cycle Engine::take_event(Decoded& molecule, Cycle now) {
  const Cause cause = core_.event.cause;
  const isa::MachineDescription& machine = parameters_.config.machine;
  ++statistics_.events[static_cast<unsigned>(cause)];
  bus_.access_count = bus_.gated_stores = 0;
  answered_ = 0;  // a device that was asked before the event holds up nobody
  core_.pc = molecule.address;
  if (recorder_ != nullptr && cause != Cause::PlatformReturn) recorder_->raised(core_.event);
  core_.enter_event();
  const Cycle penalty = machine.event_penalty + (isa::rolls_back(cause) ? machine.rollback_penalty : 0);
  // A molecule that has issued has been charged for its cycle already.
  const Cycle own = cause == Cause::PlatformReturn ? 0 : 1;
  (*molecule.account)[charge_of(cause)] += own + penalty;
  current_ = go(core_.pc);
  redirected_to_ = current_;
  look_ahead();
  return now + 1 + penalty;
}

Decoded* Engine::go(uint64_t address) {
  if (Decoded* molecule = code_.find(address)) return molecule;
  nowhere_.address = address;
  nowhere_.end = address + 4;
  nowhere_.fault = {Cause::IllegalMolecule, address, static_cast<uint64_t>(isa::CodecError::Misaligned)};
  return &nowhere_;
}

/// The molecule at `address`, to which `molecule` has branched: remembered, since it is likely to do so again.
Decoded* Engine::redirect(Decoded& molecule, uint64_t address) {
  Decoded* target = go(address);
  if (target != &nowhere_) {
    molecule.target = target;
    molecule.target_address = address;
  }
  return target;
}

// -- what comes between molecules -----------------------------------------------------------------------------------------

Engine::Attention Engine::attend(const Decoded& molecule, Cycle now) {
  if (limit_reached_ || stop_requested_ || now >= limits_.cycles) {
    stop_requested_ = false;
    return Attention::End;
  }
  if (now > quiet_until_ || quiet_until_ == 0) {
    up_ = now;
    quiet_until_ = surroundings_.synchronise(now);
    bus_.lines = surroundings_.interrupt_lines();
  }
  bus_.now = now;
  core_.pc = molecule.address;
  if (core_.special_ref(Special::Imask) != 0 && core_.poll_interrupts(sample_due(now))) return Attention::Event;
  look_ahead();
  return Attention::None;
}

/// Sets attend_from_: the first cycle in which anything but the next molecule may have to be looked at.
void Engine::look_ahead() {
  Cycle from = std::min(quiet_until_, kNever - 1) + 1;
  from = std::min(from, limits_.cycles);
  if (core_.special_ref(Special::Imask) != 0) {
    if (bus_.lines != 0) from = 0;
    if (const Cycle compare = core_.special_ref(Special::TimerCompare)) from = std::min(from, compare);
    const Cycle period = core_.special_ref(Special::SamplePeriod);
    if (period != 0 && period < kNever - last_sample_) from = std::min(from, last_sample_ + period);
  }
  attend_from_ = limit_reached_ || stop_requested_ ? 0 : from;
}

/// Rule T4. A sample that is due in the cycle of an interrupt is lost.
bool Engine::sample_due(Cycle now) {
  const Cycle period = core_.special_ref(Special::SamplePeriod);
  if (period == 0 || (core_.special_ref(Special::Features) & isa::kFeatureSampling) == 0) return false;
  if (now - last_sample_ < period) return false;
  last_sample_ = now;
  return true;
}

// -- EngineHooks -------------------------------------------------------------------------------------------------------------

bool Engine::device(bool write, uint64_t physical, unsigned size, uint8_t* bytes) {
  ++statistics_.device_accesses;
  Cycle answered = bus_.now;
  const bool ok = surroundings_.device_access(write, physical, size, bytes, bus_.now, answered);
  answered_ = std::max(answered_, answered);
  // The device may raise or lower a line from this cycle on.
  quiet_until_ = bus_.now;
  attend_from_ = 0;
  return ok;
}

void Engine::commit(unsigned guest_instructions) {
  const unsigned count = core_.stores.size();
  if (recorder_ != nullptr) recorder_->commit(core_);
  committed_ += guest_instructions;
  for (unsigned i = 0; i < count; ++i) {
    const isa::GatedStore& store = core_.stores[i];
    if (!store.device) releases_[release_count_++] = {store.address, store.size};
  }
  statistics_.guest_stores += count;
  statistics_.gated_peak = std::max<uint64_t>(statistics_.gated_peak, count);
  if (core_.special_ref(Special::Gcount) + guest_instructions < limits_.instructions) return;
  limit_reached_ = true;
  attend_from_ = 0;
}

void Engine::rollback() {
  // Events that roll back are counted by cause.
  if (core_.event.cause == Cause::None) ++statistics_.rollback_atoms;
}

isa::PlatformResult Engine::platform(uint32_t service) {
  up_ = bus_.now;
  return surroundings_.service(service, bus_.now);
}

}  // namespace chrysalis::hw
