#include "tests/hw/host_program.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace chrysalis::hw::test {
namespace {

using isa::Special;

uint16_t units(std::initializer_list<isa::Unit> list) {
  uint16_t bits = 0;
  for (isa::Unit unit : list) bits |= static_cast<uint16_t>(1u << static_cast<unsigned>(unit));
  return bits;
}

/// Special registers whose values are architecture, not time.
constexpr Special kCompared[] = {Special::Fcr,     Special::Fsr,   Special::Gpc,      Special::Epc,      Special::Ecause,
                                 Special::Eaddr,   Special::Einfo, Special::Vbase,    Special::Imask,    Special::Esave,
                                 Special::Gcount,  Special::UserMode, Special::Iomode, Special::Scratch0, Special::Scratch1,
                                 Special::Scratch2, Special::Scratch3};

State capture(const uint64_t* r, const isa::V128* v, const uint64_t* special, const isa::Shadow& shadow,
              const isa::PhysicalMemory& memory) {
  State state;
  state.registers.assign(r, r + isa::kIntRegs);
  for (unsigned i = 0; i < isa::kFpRegs; ++i) {
    state.registers.push_back(v[i].low);
    state.registers.push_back(v[i].high);
  }
  for (Special s : kCompared) state.registers.push_back(special[static_cast<unsigned>(s)]);
  for (uint64_t value : shadow.r) state.registers.push_back(value);
  for (const isa::V128& value : shadow.v) {
    state.registers.push_back(value.low);
    state.registers.push_back(value.high);
  }
  const uint8_t* guest = memory.ram(0, kGuestRam);
  const uint8_t* concealed = memory.ram(kConcealedBase, kConcealedSize);
  state.guest.assign(guest, guest + kGuestRam);
  state.concealed.assign(concealed, concealed + kConcealedSize);
  return state;
}

/// "a = 12" after a directive's word.
bool parse_assignment(std::istringstream& words, std::string& name, uint64_t& value) {
  std::string equals, number;
  if (!(words >> name >> equals >> number) || equals != "=") return false;
  value = std::stoull(number, nullptr, 0);
  return true;
}

void parse_directive(HostProgram& program, const std::string& line) {
  std::istringstream words(line);
  std::string word, name;
  uint64_t value = 0;
  words >> word;
  if (word == "WHY:") {
    program.explained = true;
  } else if (word == "SET") {
    while (words >> word) set_parameter(program.machine, word);
  } else if (word == "EXPECT") {
    TimingExpectation expectation;
    std::string minus, equals;
    words >> expectation.later >> minus >> expectation.earlier >> equals >> expectation.cycles;
    EXPECT_TRUE(words && minus == "-" && equals == "=") << program.name << ": " << line;
    program.timing.push_back(expectation);
  } else if (word == "ACCOUNT") {
    EXPECT_TRUE(parse_assignment(words, name, value)) << program.name << ": " << line;
    program.account[name] = value;
  } else if (word == "STAT") {
    EXPECT_TRUE(parse_assignment(words, name, value)) << program.name << ": " << line;
    program.statistics[name] = value;
  } else if (word == "FINAL") {
    EXPECT_TRUE(parse_assignment(words, name, value)) << program.name << ": " << line;
    program.registers[name] = value;
  } else if (word == "CYCLE-ONLY") {
    program.cycle_only = true;
  } else if (word == "MODE") {
    HostProgram::ModeRange range{};
    words >> name >> range.begin >> range.end;
    const auto* found = std::find(std::begin(kModeName), std::end(kModeName), name);
    EXPECT_TRUE(words && found != std::end(kModeName)) << program.name << ": " << line;
    range.mode = static_cast<Mode>(found - std::begin(kModeName));
    program.modes.push_back(range);
  } else if (word == "EARLY" || word == "ON-TIME") {
    std::vector<std::string>& rules = word == "EARLY" ? program.early : program.on_time;
    while (words >> name) rules.push_back(name);
  }
}

struct TestPort final : isa::PlatformPort {
  isa::PlatformResult service(uint32_t number) override { return serve(number); }
};

/// The devices of the platform as the functional executor sees them: plain registers.
struct ScratchRegisters final : isa::Device {
  uint64_t registers[6] = {};
  void read(uint64_t offset, unsigned size, uint8_t* bytes) override {
    if (offset / 8 == 0) ++registers[1];
    std::memcpy(bytes, reinterpret_cast<uint8_t*>(registers) + offset, size);
  }
  void write(uint64_t offset, unsigned size, const uint8_t* bytes) override {
    if (offset / 8 == 0) ++registers[2];
    std::memcpy(reinterpret_cast<uint8_t*>(registers) + offset, bytes, size);
  }
};

/// The timer as a follower sees it: it takes what is written. Its interrupts come by the leader's records.
struct TimerSink final : isa::Device {
  void read(uint64_t, unsigned size, uint8_t* bytes) override { std::memset(bytes, 0, size); }
  void write(uint64_t, unsigned, const uint8_t*) override {}
};

}  // namespace

isa::PlatformResult serve(uint32_t number) {
  switch (number) {
    case kServiceNothing: return {};
    case kServiceAttention: return {false, true, 77};
    default: return {true, false, 0};
  }
}

SystemParameters test_machine() {
  using isa::Unit;
  SystemParameters p;
  isa::MachineDescription& machine = p.core.config.machine;
  machine.width = 4;
  machine.literal_slots = 3;
  machine.slot_units[0] = units({Unit::Alu, Unit::Load, Unit::Store});
  machine.slot_units[1] = units({Unit::Alu, Unit::Mul, Unit::Fp, Unit::Media});
  machine.slot_units[2] = units({Unit::Alu});
  machine.slot_units[3] = units({Unit::Alu, Unit::Branch, Unit::Control});
  std::memcpy(machine.latency, isa::kDefaultLatency, sizeof machine.latency);
  machine.alias_entries = 8;
  machine.store_buffer_entries = 36;
  machine.tlb_entries = 64;
  machine.tlb_ways = 4;
  machine.jtb_entries = 64;
  machine.return_stack_entries = 8;
  machine.branch_penalty = 4;
  machine.indirect_penalty = 5;
  machine.return_penalty = 2;
  machine.rollback_penalty = 7;
  machine.event_penalty = 9;
  machine.eret_penalty = 6;
  machine.features = isa::kFeatureAlias | isa::kFeatureJtb | isa::kFeatureReturnStack | isa::kFeatureSampling | isa::kFeatureOffset;
  p.core.config.concealed_base = kConcealedBase;
  p.core.config.concealed_size = kConcealedSize;
  p.core.config.reset_vector = kConcealedBase;
  p.core.l1i = {4096, 2, 64};
  p.core.data.l1d = {1024, 2, 32};
  p.core.data.ports = 1;
  p.core.data.miss_registers = 2;
  p.core.data.store_buffer_entries = machine.store_buffer_entries;
  p.core.data.load_latency = machine.latency[static_cast<unsigned>(isa::Latency::Load)];
  p.l2 = {16384, 4, 128};
  p.l2_timing = {10, 2};
  p.memory_timing = {50, 8};
  return p;
}

void set_parameter(SystemParameters& p, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  ASSERT_NE(equals, std::string::npos) << setting;
  const std::string name = setting.substr(0, equals);
  const unsigned value = static_cast<unsigned>(std::stoul(setting.substr(equals + 1)));
  isa::MachineDescription& machine = p.core.config.machine;
  if (name == "branch_penalty") machine.branch_penalty = static_cast<uint8_t>(value);
  else if (name == "rollback_penalty") machine.rollback_penalty = static_cast<uint8_t>(value);
  else if (name == "indirect_penalty") machine.indirect_penalty = static_cast<uint8_t>(value);
  else if (name == "return_penalty") machine.return_penalty = static_cast<uint8_t>(value);
  else if (name == "event_penalty") machine.event_penalty = static_cast<uint8_t>(value);
  else if (name == "eret_penalty") machine.eret_penalty = static_cast<uint8_t>(value);
  else if (name == "store_buffer") p.core.data.store_buffer_entries = machine.store_buffer_entries = static_cast<uint16_t>(value);
  else if (name == "alias") machine.alias_entries = static_cast<uint8_t>(value);
  else if (name == "miss_registers") p.core.data.miss_registers = value;
  else if (name == "jtb") machine.jtb_entries = static_cast<uint16_t>(value);
  else if (name == "returns") machine.return_stack_entries = static_cast<uint16_t>(value);
  else if (name == "quantum") p.quantum = value;
  else if (name == "ports") {
    // Slots 0 to value-1 load and store.
    for (unsigned slot = 0; slot < value; ++slot)
      machine.slot_units[slot] |= units({isa::Unit::Load, isa::Unit::Store});
    p.core.data.ports = value;
    p.core.data.miss_registers = std::max(p.core.data.miss_registers, 2 * value);
  } else if (name.rfind("latency.", 0) == 0) {
    for (unsigned i = 0; i < isa::kLatencies; ++i)
      if (name.substr(8) == isa::kLatencyName[i]) machine.latency[i] = static_cast<uint8_t>(value);
    p.core.data.load_latency = machine.latency[static_cast<unsigned>(isa::Latency::Load)];
  } else {
    FAIL() << "unknown setting " << setting;
  }
}

std::string difference(const State& functional, const State& cycle) {
  std::ostringstream out;
  for (std::size_t i = 0; i < functional.registers.size(); ++i) {
    if (functional.registers[i] == cycle.registers[i]) continue;
    out << "register word " << i << ": functional 0x" << std::hex << functional.registers[i] << ", cycle 0x" << cycle.registers[i];
    return out.str();
  }
  for (std::size_t i = 0; i < functional.guest.size(); ++i) {
    if (functional.guest[i] == cycle.guest[i]) continue;
    out << "guest byte 0x" << std::hex << i;
    return out.str();
  }
  for (std::size_t i = 0; i < functional.concealed.size(); ++i) {
    if (functional.concealed[i] == cycle.concealed[i]) continue;
    out << "concealed byte 0x" << std::hex << kConcealedBase + i;
    return out.str();
  }
  if (functional.gated != cycle.gated) out << "gated stores " << functional.gated << " and " << cycle.gated;
  else if (functional.pc != cycle.pc) out << "pc 0x" << std::hex << functional.pc << " and 0x" << cycle.pc;
  return out.str();
}

uint64_t HostProgram::symbol(const std::string& label) const {
  const auto found = code.symbols.find(label);
  EXPECT_NE(found, code.symbols.end()) << name << ": no label " << label;
  return found == code.symbols.end() ? 0 : found->second;
}

HostProgram read_program(const std::string& name, const std::string& text) {
  HostProgram program;
  program.name = name;
  program.text = text;
  program.machine = test_machine();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t comment = line.find("; ");
    if (comment != std::string::npos) parse_directive(program, line.substr(comment + 2));
  }
  program.code = isa::assemble(text, kConcealedBase);
  EXPECT_TRUE(program.code.ok()) << program.code.error_text(name);
  return program;
}

HostProgram read_program_file(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return read_program(path.substr(path.rfind('/') + 1), text.str());
}

State run_functional(const HostProgram& program, uint64_t max_molecules) {
  isa::PhysicalMemory memory(kGuestRam, kConcealedBase, kConcealedSize);
  ScratchRegisters scratch;
  memory.add_device(kScratchBase, sizeof scratch.registers, scratch);
  TestPort port;
  isa::FunctionalExecutor executor(program.machine.core.config, memory, port);
  std::memcpy(memory.ram(kConcealedBase, program.code.bytes.size()), program.code.bytes.data(), program.code.bytes.size());
  const uint64_t end = program.symbol("end");
  while (executor.core().pc != end && max_molecules-- != 0) executor.step();
  EXPECT_EQ(executor.core().pc, end) << program.name << ": did not reach `end` on the functional executor";
  const isa::FunctionalCore& core = executor.core();
  State state = capture(core.r, core.v, core.special, core.shadow, memory);
  state.gated = core.stores.size();
  state.pc = core.pc;
  return state;
}

CycleRun run_cycles(const HostProgram& program, bool traced, uint64_t max_cycles, const EngineFactory& engine,
                    const std::function<void(Platform&)>& begin) {
  Platform platform(program.machine, kGuestRam, engine);
  platform.set_service([](uint32_t number, uint64_t) { return serve(number); });
  EXPECT_TRUE(platform.load(kConcealedBase, program.code.bytes.data(), program.code.bytes.size()));
  for (const HostProgram::ModeRange& range : program.modes)
    platform.set_mode(program.symbol(range.begin), program.symbol(range.end), range.mode);
  CycleRun result;
  const uint64_t end = program.symbol("end");
  if (begin) begin(platform);
  if (traced) {
    platform.run(0);
    for (;;) {
      result.ready[platform.core().pc] = platform.cycles();
      if (platform.core().pc == end || platform.cycles() > max_cycles) break;
      platform.run(platform.cycles() + 1);
    }
  } else {
    platform.run(max_cycles);
  }
  result.cycles = platform.cycles();
  const CoreView core = platform.core();
  result.state = capture(core.integer, core.vector, core.special, *core.shadow, platform.memory());
  result.state.gated = core.gated_stores;
  result.state.pc = core.pc;
  for (const Statistic& statistic : platform.statistics()) result.statistics[statistic.name] = statistic.value;
  for (unsigned mode = 0; mode < kModes; ++mode) {
    for (unsigned i = 0; i < kCharges; ++i) {
      const uint64_t cycles = platform.account().mode[mode].cycles[i];
      result.account[kChargeName[i]] += cycles;
      result.account[std::string(kModeName[mode]) + "." + kChargeName[i]] = cycles;
    }
  }
  result.sums = platform.account().total() == result.cycles;
  return result;
}

LockstepRun run_lockstep(const HostProgram& program, uint64_t max_cycles) {
  Platform platform(program.machine, kGuestRam);
  EXPECT_TRUE(platform.load(kConcealedBase, program.code.bytes.data(), program.code.bytes.size()));
  isa::PhysicalMemory memory(kGuestRam, kConcealedBase, kConcealedSize);
  ScratchRegisters scratch;
  TimerSink timer;
  memory.add_device(kScratchBase, sizeof scratch.registers, scratch);
  memory.add_device(kTimerBase, 4096, timer);
  Follower follower(program.machine.core.config, platform.memory(), memory, [&platform] { platform.stop(); });
  platform.set_service([&follower](uint32_t number, uint64_t) {
    follower.before_service();
    const isa::PlatformResult result = serve(number);
    follower.after_service(result);
    return result;
  });
  platform.observe(&follower);
  platform.run(max_cycles);
  platform.observe(nullptr);
  return {follower.difference(), follower.records(), follower.commits(), platform.cycles()};
}

}  // namespace chrysalis::hw::test
