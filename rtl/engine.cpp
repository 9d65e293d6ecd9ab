#include "rtl/engine.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "hw/check.h"
#include "hw/mode_map.h"
#include "hw/recorder.h"
#include "hw/written_registers.h"
#include "rtl/bus.h"
#include "rtl/model.h"

namespace chrysalis::rtl {
namespace {

using hw::Charge;
using hw::Cycle;
using hw::Mode;

Geometry geometry_of(const hw::CoreParameters& parameters) {
  const isa::MachineDescription& machine = parameters.config.machine;
  const auto sets = [](const hw::CacheGeometry& cache) { return cache.size / cache.line / cache.ways; };
  const hw::CacheGeometry &l1i = parameters.l1i, &l1d = parameters.data.l1d;
  Geometry g;
  g.width = machine.width;
  g.mem_ports = parameters.data.ports;
  g.miss_registers = parameters.data.miss_registers;
  g.store_entries = machine.store_buffer_entries;
  g.tlb_entries = machine.tlb_entries;
  g.tlb_ways = machine.tlb_ways;
  g.jtb_entries = machine.jtb_entries;
  g.return_entries = machine.return_stack_entries;
  g.l1i_sets = sets(l1i);
  g.l1i_ways = l1i.ways;
  g.l1i_line = l1i.line;
  g.l1d_sets = sets(l1d);
  g.l1d_ways = l1d.ways;
  g.l1d_line = l1d.line;
  return g;
}

/// What keeps a core built as `built` from being `wanted`: the names of the numbers. Some only have to suffice.
std::string mismatch(const Geometry& built, const Geometry& wanted) {
  std::string text;
  const auto compare = [&text](const char* name, unsigned have, unsigned want, bool exact) {
    if (exact ? have == want : have >= want) return;
    text += std::string(text.empty() ? "" : ", ") + name + " " + std::to_string(want) + " (built: " + std::to_string(have) + ")";
  };
  compare("width", built.width, wanted.width, true);
  compare("load/store slots", built.mem_ports, wanted.mem_ports, false);
  compare("l1d.miss_registers", built.miss_registers, wanted.miss_registers, false);
  compare("store_buffer.entries", built.store_entries, wanted.store_entries, false);
  compare("tlb.entries", built.tlb_entries, wanted.tlb_entries, true);
  compare("tlb.ways", built.tlb_ways, wanted.tlb_ways, true);
  compare("jtb.entries", built.jtb_entries, wanted.jtb_entries, false);
  compare("return_stack.entries", built.return_entries, wanted.return_entries, false);
  compare("l1i sets", built.l1i_sets, wanted.l1i_sets, true);
  compare("l1i.ways", built.l1i_ways, wanted.l1i_ways, true);
  compare("l1i.line", built.l1i_line, wanted.l1i_line, true);
  compare("l1d sets", built.l1d_sets, wanted.l1d_sets, true);
  compare("l1d.ways", built.l1d_ways, wanted.l1d_ways, true);
  compare("l1d.line", built.l1d_line, wanted.l1d_line, true);
  return text;
}

const BuiltModel* find(const hw::CoreParameters& parameters, std::string& why) {
  const Geometry wanted = geometry_of(parameters);
  for (const BuiltModel& built : built_models()) {
    const std::string text = mismatch(built.geometry, wanted);
    if (text.empty()) return &built;
    if (why.empty() || text.size() < why.size()) why = text;
  }
  return nullptr;
}

class Engine final : public hw::CoreEngine, private Bus {
 public:
  Engine(const BuiltModel& built, const hw::CoreParameters& parameters, isa::PhysicalMemory& memory, hw::Surroundings& surroundings)
      : built_(built), parameters_(parameters), memory_(memory), surroundings_(surroundings) {
    Bus::set_current(this);
    model_ = built.make();
    reset();
  }
  ~Engine() override {
    model_.reset();
    Bus::set_current(nullptr);
  }

  void reset() override {
    started_ = false;
    account_ = hw::Account{};
    firmware_charge_ = hw::FirmwareCharge{};
    counters_ = hw::CoreCounters{};
    gated_.clear();
    quiet_until_ = 0;
    lines_ = 0;
    stopped_ = stop_requested_ = false;
    last_mode_ = Mode::Firmware;
    written_begin_ = written_end_ = 0;
  }

  hw::RunEnd run(const hw::RunLimits& limits) override {
    start();
    stopped_ = false;
    for (;;) {
      const Outputs& out = model_->outputs();
      if (out.ready) {
        if (out.gcount >= limits.instructions) return hw::RunEnd::Instructions;
        if (out.cycle >= limits.cycles) return hw::RunEnd::Cycles;
        if (stop_requested_) {
          stop_requested_ = false;
          return hw::RunEnd::Stopped;
        }
      }
      const Outputs ended = out;
      if (observer_ != nullptr && observed_ == Observed::Nothing) begin_observing(ended);
      now_ = ended.cycle + 1;
      // Rule T1: the next cycle sees what was raised before it.
      if (now_ > quiet_until_) {
        quiet_until_ = surroundings_.synchronise(now_);
        lines_ = surroundings_.interrupt_lines();
      }
      // Before it executes: it may overwrite itself.
      if (records_ && ended.issue)
        record_.write_count = written_.read(memory_, ended.pc, static_cast<unsigned>(ended.end - ended.pc), writes_);
      const uint64_t begin = std::exchange(written_begin_, 0), end = std::exchange(written_end_, 0);
      model_->clock(lines_, end != 0, begin, end);
      account(ended);
      const Outputs& begun = model_->outputs();
      if (observer_ != nullptr && observed_ == Observed::Left && !begun.redirecting) tell(begun);
      if (stopped_ && !begun.redirecting) return hw::RunEnd::Platform;
    }
  }

  void stop() override { stop_requested_ = true; }

  Cycle cycles() const override { return started_ ? model_->outputs().cycle : 0; }
  uint64_t instructions() const override { return started_ ? model_->outputs().gcount : 0; }
  hw::Account account() const override {
    hw::Account account = account_;
    hw::FirmwareCharge(firmware_charge_).settle(account);
    return account;
  }
  void charge_firmware_to(Mode mode) override { firmware_charge_.change(account_, mode); }
  void observe(hw::Observer* observer) override {
    observer_ = observer;
    observed_ = Observed::Nothing;
    records_ = observer != nullptr && observer->wants_records();
    model_->records(records_);
    begin_record();
  }

  hw::CoreCounters counters() const override {
    hw::CoreCounters counters = counters_;
    if (!started_) return counters;
    uint64_t value[kCounters];
    model_->counters(value);
    counters.cycles = cycles();
    for (const hw::ModeAccount& mode : account_.mode) {
      counters.molecules += mode[Charge::Issue];
      counters.atoms += mode.atoms;
    }
    counters.slots = counters.molecules * parameters_.config.machine.width;
    counters.instructions = instructions();
    counters.branches_taken = value[0];
    counters.fetch.hits = value[1];
    counters.fetch.misses = value[2];
    counters.fetch.invalidations = value[3];
    counters.data.load_hits = value[4];
    counters.data.load_misses = value[5];
    counters.data.store_hits = value[6];
    counters.data.store_misses = value[7];
    counters.data.prefetches = value[8];
    counters.data.prefetches_dropped = value[9];
    counters.data.forwarded_misses = value[10];
    counters.data.line_crossings = value[11];
    counters.data.drain_conflicts = value[12];
    counters.rollback_atoms = value[13];
    counters.guest_stores = value[14];
    counters.gated_peak = value[15];
    counters.jtb_lookups = value[16];
    counters.jtb_hits = value[17];
    counters.return_pops = value[20];
    counters.return_hits = value[21];
    counters.commits = value[18];
    counters.rollbacks = value[19];
    return counters;
  }

  hw::CoreView view() const override {
    const_cast<Engine*>(this)->start();  // the state of reset, if it has not run
    model_->registers(registers_);
    return {registers_.integer, registers_.vector, registers_.special, &registers_.shadow, model_->outputs().pc, model_->outputs().gated};
  }

  void set_mode(uint64_t begin, uint64_t end, Mode mode) override {
    if (begin >= end) return;
    modes_.set(begin, end, mode);
    std::fill(mode_cache_.begin(), mode_cache_.end(), CachedMode{});
  }

  std::vector<uint8_t> save() {
    start();
    return model_->save();
  }
  void restore(const std::vector<uint8_t>& state) {
    model_ = built_.make();
    model_->restore(state);
    model_->records(records_);
    started_ = true;
    now_ = model_->outputs().cycle;
  }

  bool waves(const std::string& file) {
    start();
    return model_->waves(file);
  }

  void memory_written(uint64_t address, uint64_t size) override {
    // What was fetched before the core has started is nothing.
    if (!started_ || size == 0) return;
    written_begin_ = written_end_ == 0 ? address : std::min(written_begin_, address);
    written_end_ = std::max(written_end_, address + size);
  }

 private:
  struct CachedMode {
    uint64_t pc = ~uint64_t{0};
    Mode mode = Mode::Firmware;
  };

  void start() {
    if (started_) return;
    started_ = true;
    now_ = 0;
    model_->reset();
  }

  void account(const Outputs& out) {
    if (!out.redirecting) last_mode_ = mode_of(out.pc);
    hw::ModeAccount& mode = account_[last_mode_];
    Charge charge = static_cast<Charge>(out.charge);
    // In the cycle of its request the core does not know yet where a line comes from.
    if (charge == Charge::FetchL2 || charge == Charge::FetchMemory) charge = fetched_from_memory_ ? Charge::FetchMemory : Charge::FetchL2;
    ++mode[charge];
    if (observer_ != nullptr) watch(out, charge);
    if (out.issue) {
      mode.atoms += out.count;
      if (out.commit) mode.instructions += out.committed;
    }
    if (out.event) ++counters_.events[out.cause];
  }

  /// The molecule under way comes up; its own platform service may change the mode. Watching may begin amid a molecule: what it is
  /// charged counts from then on.
  void begin_observing(const Outputs& out) {
    observation_ = hw::Observation{};
    observation_.up = out.cycle;
    observation_.mode = firmware_charge_.charged(out.redirecting ? last_mode_ : mode_of(out.pc));
    observed_ = Observed::Up;
  }
  /// Adds a cycle to it, for the observer.
  void watch(const Outputs& out, Charge charge) {
    ++observation_.charged[static_cast<unsigned>(charge)];
    if (out.ready) observation_.ready = out.cycle;
    if (!out.issue && !out.event) return;
    observation_.address = out.pc;
    observation_.end = out.end;
    observation_.event = static_cast<isa::Cause>(out.cause);
    observation_.commits = out.commit;
    observation_.rolls_back = out.rollback;
    observation_.instructions = static_cast<uint16_t>(out.commit ? out.committed : 0);
    observation_.issued = out.cycle;
    observed_ = Observed::Left;
  }
  /// The next molecule is up.
  void tell(const Outputs& next) {
    observation_.next = next.pc;
    observation_.done = next.cycle;
    observed_ = Observed::Nothing;
    if (records_) finish_record();
    observation_.record = records_ ? &record_ : nullptr;
    observer_->observe(observation_);
    begin_record();
  }

  // -- the retire record of the molecule under way; docs/verification.md ----------------------------------------------
  void begin_record() {
    record_.event_address = record_.event_info = 0;
    record_.write_count = record_.access_count = 0;
    record_.committed = false;
    // Not gated_: if the molecule is ready as it comes up, device stores that it makes and releases are in there (rule D11).
    gated_before_ = model_->outputs().gated;
  }
  void finish_record() {
    if (observation_.event != isa::Cause::None) {
      record_.event_address = model_->special(isa::Special::Eaddr);
      record_.event_info = model_->special(isa::Special::Einfo);
      record_.write_count = 0;
      return;
    }
    for (unsigned i = 0; i < record_.write_count; ++i) record_.writes[i] = {writes_[i], model_->value_of(writes_[i])};
    if (!record_.committed) {
      for (std::size_t i = gated_before_; i < gated_.size(); ++i) hw::add_store(record_, gated_[i]);
      return;
    }
    model_->registers(registers_);
    record_.commit.guest_pc = model_->special(isa::Special::Gpc);
    record_.commit.total_instructions = model_->special(isa::Special::Gcount);
    record_.commit.digest = hw::digest_of(registers_.shadow);
  }
  void record_commit() {
    record_.committed = true;
    released_ = gated_;
    record_.commit.stores = released_.data();
    record_.commit.store_count = static_cast<uint32_t>(released_.size());
    for (std::size_t i = gated_before_; i < gated_.size(); ++i) hw::add_store(record_, gated_[i]);
  }
  void record_access(isa::AccessKind kind, uint64_t address, unsigned size) override {
    record_.accesses[record_.access_count++] = {kind, static_cast<uint8_t>(size), address, {}};
  }

  Mode mode_of(uint64_t pc) {
    CachedMode& cached = mode_cache_[pc >> 2 & (kModeCache - 1)];
    if (cached.pc == pc) return cached.mode;
    cached = {pc, modes_.at(pc)};
    return cached.mode;
  }

  // -- Bus -------------------------------------------------------------------------------------------------------
  unsigned code(uint64_t pc, uint64_t (&words)[4]) override {
    const uint64_t offset = pc - memory_.concealed_base();
    if (offset >= memory_.concealed_size() || (pc & 3) != 0) return 0;
    const uint64_t bytes = std::min<uint64_t>(memory_.concealed_size() - offset, sizeof words);
    std::memcpy(words, memory_.ram(pc, bytes), bytes);
    return static_cast<unsigned>(bytes / 4);
  }
  Bytes16 load(uint64_t address, unsigned size) override {
    Bytes16 bytes;
    const uint8_t* memory = memory_.ram(address, size);
    hw::check(memory != nullptr, "the address unit lets loads of memory through only");
    std::memcpy(&bytes, memory, size);
    return bytes;
  }
  void store(uint64_t address, unsigned size, const Bytes16& bytes) override {
    uint8_t* memory = memory_.ram(address, size);
    hw::check(memory != nullptr, "the address unit lets stores to memory through only");
    std::memcpy(memory, &bytes, size);
  }
  void gate(uint64_t address, unsigned size, bool device, const Bytes16& bytes) override {
    isa::GatedStore& store = gated_.emplace_back();
    store.address = address;
    store.size = static_cast<uint8_t>(size);
    store.device = device;
    std::memcpy(store.bytes, &bytes, sizeof store.bytes);
  }
  void commit(unsigned) override {
    if (records_) record_commit();
    for (const isa::GatedStore& store : gated_) {
      if (store.device) continue;
      uint8_t* memory = memory_.ram(store.address, store.size);
      hw::check(memory != nullptr, "the address unit lets stores to memory through only");
      std::memcpy(memory, store.bytes, store.size);
    }
    gated_.clear();
  }
  void rollback() override { gated_.clear(); }

  bool device(bool write, uint64_t address, unsigned size, void* bytes, unsigned& delay) {
    ++counters_.device_accesses;
    Cycle answered = now_;
    const bool ok = surroundings_.device_access(write, address, size, static_cast<uint8_t*>(bytes), now_, answered);
    delay = static_cast<unsigned>(answered - now_);
    quiet_until_ = now_;  // the device may raise or lower a line from this cycle on
    return ok;
  }
  bool device_load(uint64_t address, unsigned size, Bytes16& bytes, unsigned& delay) override {
    return device(false, address, size, &bytes, delay);
  }
  bool device_store(uint64_t address, unsigned size, const Bytes16& bytes, unsigned& delay) override {
    Bytes16 copy = bytes;
    return device(true, address, size, &copy, delay);
  }
  unsigned device_commit() override {
    unsigned longest = 0;
    for (isa::GatedStore& store : gated_) {
      if (!store.device) continue;
      unsigned delay = 0;
      device(true, store.address, store.size, store.bytes, delay);
      longest = std::max(longest, delay);
    }
    return longest;
  }

  uint64_t fill(bool instruction, uint64_t line, uint64_t received, bool& from_memory) override {
    const uint32_t bytes = instruction ? parameters_.l1i.line : parameters_.data.l1d.line;
    const hw::LineSource::Reply reply = surroundings_.fill(instruction, line, bytes, received);
    from_memory = reply.level == hw::Level::Memory;
    if (instruction) fetched_from_memory_ = from_memory;
    return reply.arrival;
  }
  void write_back(uint64_t line, uint64_t received) override {
    ++counters_.data.write_backs;
    surroundings_.write_back(line, parameters_.data.l1d.line, received);
  }

  PlatformAnswer platform(uint32_t service, uint64_t ready) override {
    const isa::PlatformResult result = surroundings_.service(service, ready);
    stopped_ |= result.stop;
    if (result.raise_event) ++counters_.events[static_cast<unsigned>(isa::Cause::PlatformReturn)];
    const PlatformAnswer answer{result.raise_event, result.value, written_begin_, written_end_};
    written_begin_ = written_end_ = 0;
    return answer;
  }

  uint64_t strap(unsigned index) override {
    const isa::MachineDescription& machine = parameters_.config.machine;
    if (index >= static_cast<unsigned>(Strap::Latencies)) return machine.latency[index - static_cast<unsigned>(Strap::Latencies)];
    if (index >= static_cast<unsigned>(Strap::Slots)) return machine.slot_units[index - static_cast<unsigned>(Strap::Slots)];
    switch (static_cast<Strap>(index)) {
      case Strap::ConcealedBase: return memory_.concealed_base();
      case Strap::ConcealedSize: return memory_.concealed_size();
      case Strap::GuestSize: return memory_.guest_size();
      case Strap::ResetVector: return parameters_.config.reset_vector;
      case Strap::Features: return machine.features;
      case Strap::Width: return machine.width;
      case Strap::LiteralSlots: return machine.literal_slots;
      case Strap::Offset: return machine.offset_addressing;
      case Strap::AliasEntries: return machine.alias_entries;
      case Strap::StoreEntries: return machine.store_buffer_entries;
      case Strap::MissRegisters: return parameters_.data.miss_registers;
      case Strap::Ports: return parameters_.data.ports;
      case Strap::JtbEntries: return machine.jtb_entries;
      case Strap::ReturnEntries: return machine.return_stack_entries;
      case Strap::Branch: return machine.branch_penalty;
      case Strap::Indirect: return machine.indirect_penalty;
      case Strap::Return: return machine.return_penalty;
      case Strap::Rollback: return machine.rollback_penalty;
      case Strap::Event: return machine.event_penalty;
      case Strap::Eret: return machine.eret_penalty;
      default: break;
    }
    hw::check(false, "core.sv asks for straps that there are");
    return 0;
  }

  const BuiltModel& built_;
  hw::CoreParameters parameters_;
  isa::PhysicalMemory& memory_;
  hw::Surroundings& surroundings_;
  std::unique_ptr<Model> model_;
  bool started_ = false;
  Cycle now_ = 0;                      ///< the cycle that the model is in, or is being clocked into
  Cycle quiet_until_ = 0;              ///< as promised by synchronise()
  uint32_t lines_ = 0;
  bool stopped_ = false;
  bool fetched_from_memory_ = false;   ///< the last line for L1I
  volatile bool stop_requested_ = false;
  std::vector<isa::GatedStore> gated_; ///< oldest first
  uint64_t written_begin_ = 0, written_end_ = 0;
  hw::Account account_;
  hw::FirmwareCharge firmware_charge_;
  hw::Observer* observer_ = nullptr;
  hw::Observation observation_;        ///< of the molecule under way
  enum class Observed : uint8_t { Nothing, Up, Left } observed_ = Observed::Nothing;
  bool records_ = false;               ///< the observer wants records
  hw::RetireRecord record_;
  hw::WrittenRegisters written_;
  uint8_t writes_[hw::kMaxRetireWrites] = {};
  unsigned gated_before_ = 0;          ///< stores that were gated when the molecule came up
  std::vector<isa::GatedStore> released_;
  hw::CoreCounters counters_;          ///< those that are not the core's
  hw::ModeMap modes_;
  static constexpr unsigned kModeCache = 4096;
  std::vector<CachedMode> mode_cache_ = std::vector<CachedMode>(kModeCache);
  Mode last_mode_ = Mode::Firmware;
  mutable Registers registers_;
};

}  // namespace

std::string find_model(const hw::CoreParameters& parameters, std::string& why) {
  const BuiltModel* built = find(parameters, why);
  return built == nullptr ? std::string() : built->machine;
}

std::unique_ptr<hw::CoreEngine> make_engine(const hw::CoreParameters& parameters, isa::PhysicalMemory& memory,
                                            hw::Surroundings& surroundings) {
  std::string why;
  const BuiltModel* built = find(parameters, why);
  hw::check(built != nullptr, "callers ask find_model() first");
  return make_engine_of(*built, parameters, memory, surroundings);
}

std::unique_ptr<hw::CoreEngine> make_engine_of(const BuiltModel& built, const hw::CoreParameters& parameters, isa::PhysicalMemory& memory,
                                               hw::Surroundings& surroundings) {
  return std::make_unique<Engine>(built, parameters, memory, surroundings);
}

std::vector<uint8_t> save(hw::CoreEngine& engine) { return static_cast<Engine&>(engine).save(); }

bool waves(hw::CoreEngine& engine, const std::string& file) { return static_cast<Engine&>(engine).waves(file); }

void restore(hw::CoreEngine& engine, const std::vector<uint8_t>& state) { static_cast<Engine&>(engine).restore(state); }

}  // namespace chrysalis::rtl
