// Random regions, compiled for every machine and executed, against their evaluation operation by operation.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "isa-host/assembler.h"
#include "isa-host/functional.h"
#include "isa-host/tlb_entry.h"
#include "tests/translator/legality.h"
#include "tests/translator/machines.h"
#include "tests/translator/random_region.h"
#include "translator/compile.h"
#include "translator/ir/text.h"
#include "translator/layout.h"
#include "translator/regalloc.h"
#include "translator/verify_region.h"

namespace chrysalis::test {
namespace {

constexpr uint64_t kConcealed = 0x7000'0000, kConcealedSize = 1 << 22, kCodeBase = 0x7020'0000, kSpills = 0x7030'0000;
constexpr int64_t kRegionLabel = 100, kReturnLabel = 101, kGuestLabel = 102;
constexpr unsigned kServiceReg = 30;

/// The platform: stops, and remembers which exit it was.
struct Port : isa::PlatformPort {
  isa::PlatformResult service(uint32_t number) override {
    exit = number;
    return {true, false, 0};
  }
  uint32_t exit = 0;
};

translator::MachOp op(isa::Op atom, translator::Reg d = translator::kNoReg, translator::Reg a = translator::kNoReg) {
  translator::MachOp out;
  out.op = atom;
  out.d = d;
  out.a = a;
  out.hoist_limit = translator::kNeverHoist;
  return out;
}

/// An exit's code: commit or roll back, then tell the platform.
translator::CompiledRegion exit_code(const isa::MachineDescription& machine, int64_t label, bool commit) {
  std::vector<translator::MachOp> ops;
  ops.push_back(op(commit ? isa::Op::Commit : isa::Op::Rollback));
  ops.push_back(op(isa::Op::MovImm, kServiceReg));
  ops.back().mode = isa::Mode::Long;
  ops.back().imm = label;
  ops.push_back(op(isa::Op::Platform, translator::kNoReg, kServiceReg));
  ops.push_back(op(isa::Op::Br));
  ops.back().mode = isa::Mode::Short;
  ops.back().target_kind = translator::Target::Label;
  ops.back().target = label;
  translator::CompiledRegion out;
  translator::compile_stub(ops, machine, out);
  return out;
}

class Fuzz {
 public:
  Fuzz(uint64_t seed, unsigned size, const NamedMachine& machine, const translator::CompileOptions& options)
      : seed_(seed), machine_(machine.machine), random_(random_region(seed, size)), original_(random_.region), options_(options) {}

  void run() {
    ASSERT_TRUE(translator::verify_region(random_.region).empty()) << translator::verify_region(random_.region)[0].rule << "\n" << ir::text(original_.code);
    const Outcome expected = evaluate_region(random_);
    const bool commit = seed_ % 3 != 0;

    translator::CompiledRegion compiled;
    stats = translator::compile(random_.region, machine_, options_, compiled);
    const ir::Op last = random_.region.code.insts.back().op;
    const bool calls = last == ir::Op::Call || last == ir::Op::CallInd;
    layout_.add(kRegionLabel, std::move(compiled), calls ? kReturnLabel : translator::CodeLayout::kNoLabel);
    for (const int64_t label : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{3}, kReturnLabel, kGuestLabel}) {
      layout_.add(label, exit_code(machine_, label, commit));
    }
    layout_.place(kCodeBase, [](void* self, translator::Target, int64_t) { return static_cast<Fuzz*>(self)->layout_.address(kGuestLabel); }, this);
    layout_.for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
      const std::string problem = illegal(machine_, atoms, count);
      ASSERT_EQ(problem, "") << at;
    });
    execute(expected, commit);
    if (testing::Test::HasFailure()) {
      std::string code = ir::text(original_.code);
      for (size_t m = 0; m < original_.maps.size(); ++m) {
        code += "  map " + std::to_string(m) + ":";
        for (const translator::Binding& binding : original_.map(m)) {
          code += " r" + std::to_string(binding.reg) + "=v" + std::to_string(binding.value);
        }
        code += "\n";
      }
      layout_.for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
        isa::Molecule molecule;
        molecule.address = at;
        molecule.count = static_cast<uint8_t>(count);
        for (unsigned i = 0; i < count; ++i) molecule.atoms[i] = atoms[i];
        code += isa::disassemble(molecule) + "\n";
      });
      FAIL() << "seed " << seed_ << "\n" << code;
    }
  }

  translator::CompileStats stats;

 private:
  void execute(const Outcome& expected, bool commit) {
    const bool rolls_back = !commit;
    if (expected.guest_exit) commit = true;  // by themselves
    isa::PhysicalMemory memory(1 << 16, kConcealed, kConcealedSize);
    const std::vector<uint32_t> words = layout_.encode();
    std::memcpy(memory.ram(kCodeBase, words.size() * 4), words.data(), words.size() * 4);
    std::memcpy(memory.ram(kConcealedData, kDataBytes), random_.concealed.data(), kDataBytes);
    std::memcpy(memory.ram(kGuestData, kDataBytes), random_.guest.data(), kDataBytes);
    Port port;
    isa::CoreConfig config;
    config.machine = machine_;
    config.concealed_base = kConcealed;
    config.concealed_size = kConcealedSize;
    config.reset_vector = layout_.address(kRegionLabel);
    isa::FunctionalExecutor executor(config, memory, port);
    auto& core = executor.core();
    for (unsigned r = 0; r < 63; ++r) core.r[r] = random_.entry[r];
    core.r[translator::kSpillBase] = kSpills;
    isa::TlbEntry entry;
    entry.virtual_page = entry.physical_page = kGuestData >> isa::kPageShift;
    entry.flags = isa::kTlbUser | isa::kTlbWritable | isa::kTlbDirty | isa::kTlbValid;
    core.tlb_write(entry.word0(), entry.word1());

    ASSERT_EQ(executor.run(100000), isa::StopReason::Platform) << "pc " << core.pc;
    for (unsigned cause = 2; cause < isa::kCauses; ++cause) ASSERT_EQ(executor.events(static_cast<isa::Cause>(cause)), 0u) << isa::kCauseName[cause];
    ASSERT_EQ(port.exit, static_cast<uint32_t>(expected.guest_exit ? kGuestLabel : expected.exit));
    for (const auto& [reg, content] : expected.registers) {
      if (!commit && reg < isa::kShadowedInt) continue;
      EXPECT_EQ(core.r[reg], content) << "r" << reg;
    }
    if (expected.guest_exit && !rolls_back) {
      EXPECT_EQ(core.r[isa::kGuestEip], static_cast<uint64_t>(static_cast<int32_t>(expected.exit)));
    }
    if (!commit && expected.any_commit) {
      for (const auto& [reg, content] : expected.committed) EXPECT_EQ(core.r[reg], content) << "committed r" << reg;
    }
    EXPECT_EQ(std::memcmp(memory.ram(kConcealedData, kDataBytes), expected.concealed.data(), kDataBytes), 0) << "concealed memory";
    const Bytes& guest_after = commit ? expected.guest : expected.guest_committed;
    EXPECT_EQ(std::memcmp(memory.ram(kGuestData, kDataBytes), guest_after.data(), kDataBytes), 0) << "guest memory";
    EXPECT_EQ(core.special[static_cast<unsigned>(isa::Special::Gcount)], expected.instructions);
  }

  const uint64_t seed_;
  const isa::MachineDescription machine_;
  RandomRegion random_;
  const translator::Region original_;
  const translator::CompileOptions options_;
  translator::CodeLayout layout_;
};

class BackEndFuzz : public testing::TestWithParam<NamedMachine> {};

TEST_P(BackEndFuzz, RandomRegions) {
  translator::CompileOptions options;
  options.verify = true;
  uint64_t spilled = 0, moves = 0;
  const char* const more = std::getenv("CHRYSALIS_FUZZ_SEEDS");
  const uint64_t seeds = more == nullptr ? 3000 : std::strtoull(more, nullptr, 10);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    Fuzz fuzz(seed, 5 + seed % 90, GetParam(), options);
    fuzz.run();
    if (HasFailure()) return;
    spilled += fuzz.stats.spilled;
    moves += fuzz.stats.moves + fuzz.stats.stub_moves;
  }
  // The campaign means something only if it gets to the hard parts.
  EXPECT_GT(spilled, 100u);
  EXPECT_GT(moves, 10000u);
}

// Every subset of the passes, without and with the first scheduling.
TEST_P(BackEndFuzz, PassSubsets) {
  for (uint64_t seed = 1; seed <= 640; ++seed) {
    const unsigned bits = static_cast<unsigned>(seed % 32);
    const translator::CompileOptions options{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, (bits & 16) != 0, true};
    SCOPED_TRACE(bits);
    Fuzz(seed + 100000, 5 + seed % 70, GetParam(), options).run();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, BackEndFuzz, testing::ValuesIn(machines()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chrysalis::test
