// A core with a little memory for tests: executes single molecules or assembled programs.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "isa-host/assembler.h"
#include "isa-host/functional.h"

namespace chrysalis::isa::test {

inline constexpr uint64_t kGuestRam = 1u << 20;
inline constexpr uint64_t kConcealedBase = 0x100'0000;
inline constexpr uint64_t kConcealedSize = 1u << 20;
inline constexpr uint64_t kDeviceBase = 0x80'0000;

/// Eight slots of every unit.
inline MachineDescription wide_machine() {
  MachineDescription machine;
  machine.width = kMaxWords;
  machine.literal_slots = kMaxWords;
  for (unsigned i = 0; i < kMaxWords; ++i) machine.slot_units[i] = 0xffff;
  for (unsigned i = 0; i < kLatencies; ++i) machine.latency[i] = kDefaultLatency[i];
  machine.jtb_entries = 64;
  machine.return_stack_entries = 4;
  machine.features = kFeatureAlias | kFeatureJtb | kFeatureReturnStack | kFeatureSampling | kFeatureOffset;
  return machine;
}

inline CoreConfig test_config(const MachineDescription& machine = wide_machine()) {
  return {machine, kConcealedBase, kConcealedSize, kConcealedBase};
}

/// Remembers what was read and written.
class RecordingDevice : public Device {
 public:
  void read(uint64_t offset, unsigned size, uint8_t* bytes) override {
    for (unsigned i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(offset + i);
    log += "r" + std::to_string(offset) + ":" + std::to_string(size) + " ";
  }
  void write(uint64_t offset, unsigned size, const uint8_t* bytes) override {
    uint64_t value = 0;
    std::memcpy(&value, bytes, size < 8 ? size : 8);
    log += "w" + std::to_string(offset) + ":" + std::to_string(size) + "=" + std::to_string(value) + " ";
  }
  std::string log;
};

/// Stops the run; service 7 asks for an event.
class TestPort : public PlatformPort {
 public:
  PlatformResult service(uint32_t number) override {
    last = number;
    PlatformResult result;
    result.stop = number == 0;
    result.raise_event = number == 7;
    result.value = 77;
    return result;
  }
  uint32_t last = 0;
};

class BenchCore {
 public:
  explicit BenchCore(const CoreConfig& config = test_config())
      : memory(kGuestRam, kConcealedBase, kConcealedSize), executor(config, memory, port), core(executor.core()) {
    memory.add_device(kDeviceBase, 0x1000, device);
  }

  /// Assembles at the reset vector and lets it run to its `platform` with service 0.
  void load(const std::string& text) {
    program = assemble(text, kConcealedBase);
    ASSERT_TRUE(program.ok()) << program.error_text("program");
    std::memcpy(memory.ram(kConcealedBase, program.bytes.size()), program.bytes.data(), program.bytes.size());
    executor.code_written(kConcealedBase, program.bytes.size());
  }
  void run(const std::string& text, uint64_t budget = 100000) {
    load(text);
    ASSERT_EQ(executor.run(budget), StopReason::Platform) << "did not stop";
  }
  uint64_t symbol(const std::string& name) const {
    const auto it = program.symbols.find(name);
    EXPECT_NE(it, program.symbols.end()) << name;
    return it == program.symbols.end() ? 0 : it->second;
  }

  /// Maps a guest page to a physical page.
  void map(uint32_t page, uint64_t physical_page, uint32_t flags = kTlbUser | kTlbWritable | kTlbDirty, uint32_t granules = 0) {
    TlbEntry entry;
    entry.virtual_page = page;
    entry.physical_page = physical_page;
    entry.flags = flags | kTlbValid;
    entry.granules = granules;
    core.tlb_write(entry.word0(), entry.word1());
  }

  /// Executes one molecule of `atoms` at `address`; the result of execute().
  bool execute(const Molecule& molecule) {
    core.pc = molecule.address;
    core.next_pc = molecule.address + molecule.bytes;
    return isa::execute(core, Prepared<FunctionalCore>(molecule));
  }
  bool execute(const std::string& text) {
    const Assembly assembly = assemble(text, kConcealedBase);
    EXPECT_TRUE(assembly.ok()) << assembly.error_text("molecule");
    uint32_t words[kMaxWords] = {};
    std::memcpy(words, assembly.bytes.data(), assembly.bytes.size());
    Molecule molecule;
    EXPECT_TRUE(decode(words, static_cast<unsigned>(assembly.bytes.size() / 4), kConcealedBase, molecule).ok()) << text;
    return execute(molecule);
  }
  Cause take_cause() {
    const Cause cause = core.event.cause;
    core.event = Event{};
    return cause;
  }

  PhysicalMemory memory;
  TestPort port;
  RecordingDevice device;
  FunctionalExecutor executor;
  FunctionalCore& core;
  Assembly program;
};

}  // namespace chrysalis::isa::test
