// Random regions, compiled for every machine and executed, against their evaluation operation by operation.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "isa-host/assembler.h"
#include "isa-host/functional.h"
#include "isa-host/tlb_entry.h"
#include "tests/translator/legality.h"
#include "tests/translator/machines.h"
#include "tests/translator/random_region.h"
#include "translator/check/check.h"
#include "translator/compile.h"
#include "translator/layout.h"
#include "translator/regalloc.h"
#include "translator/region_text.h"
#include "translator/verify_region.h"

namespace chrysalis::test {
namespace {

constexpr uint64_t kConcealed = 0x7000'0000, kConcealedSize = 1 << 22, kCodeBase = 0x7020'0000, kSpills = 0x7030'0000;
constexpr int64_t kRegionLabel = 100, kReturnLabel = 101, kGuestLabel = 102, kEventLabel = 103;
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
  Fuzz(uint64_t seed, unsigned size, const NamedMachine& machine)
      : seed_(seed), machine_(machine.machine), random_(random_region(seed, size, seed % 4 < 2 ? machine.machine.alias_entries : 0)),  // with kept loads, or for the pass that makes some
        expected_(evaluate_region(random_)) {}

  /// A tree in place of the region.
  struct Tree {};
  Fuzz(uint64_t seed, unsigned size, const NamedMachine& machine, Tree)
      : seed_(seed), machine_(machine.machine), random_(random_region(seed, size, seed % 4 < 2 ? machine.machine.alias_entries : 0)),
        tree_(split(random_, seed)), expected_(evaluate_region(random_)) {}

  void run(const translator::CompileOptions& options) {
    ASSERT_TRUE(translator::verify_region(random_.region).empty()) << translator::verify_region(random_.region)[0].rule << "\n" << translator::region_text(random_.region);
    if (tree_.empty()) tree_.push_back(random_.region);
    for (const auto& [path, violation] : translator::verify_tree(tree_)) {
      FAIL() << "seed " << seed_ << ", path " << path << ", operation " << violation.inst << ": " << violation.rule << "\n" << translator::tree_text(tree_);
    }
    attempt(options, tree_);
    if (!alias_fault || expected_.hits_kept) return;
    // The fault was the reordering's: a region that keeps the order of its accesses has none.
    std::vector<translator::Region> careful = tree_;
    for (translator::Region& path : careful) path.in_order.assign(path.code.insts.back().guest + 1u, 1);
    attempt(options, careful);
    EXPECT_FALSE(alias_fault) << "seed " << seed_;
    alias_fault = true;
  }

  translator::CompileStats stats;
  bool alias_fault = false;
  unsigned executed = 0;
  size_t paths() const { return tree_.size(); }

 private:
  void attempt(const translator::CompileOptions& options, std::vector<translator::Region> tree) {
    translator::CompiledRegion compiled;
    stats = translator::compile(tree, machine_, options, compiled);
    const auto findings = translator::checking::check(tree, machine_, compiled);
    ASSERT_TRUE(findings.empty()) << "seed " << seed_ << "\n" << translator::checking::report(findings, compiled)
                                  << translator::tree_text(tree) << translator::checking::listing(compiled);
    // An exit that turns out to be the only way on leaves for its guest address, which is where its path is in a program, but not here.
    if (std::any_of(tree.begin(), tree.end(), [](const translator::Region& path) { return path.code.insts.empty(); })) return;
    ++executed;
    const ir::Op last = tree.front().code.insts.back().op;
    const bool calls = last == ir::Op::Call || last == ir::Op::CallInd;
    translator::CodeLayout layout;
    layout.add(kRegionLabel, std::move(compiled), calls ? kReturnLabel : translator::CodeLayout::kNoLabel);
    for (const int64_t label : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{3}, kReturnLabel, kGuestLabel, kEventLabel}) {
      layout.add(label, exit_code(machine_, label, commits_ && label != kEventLabel));
    }
    layout.place(kCodeBase, [](void* self, translator::Target, int64_t) { return static_cast<translator::CodeLayout*>(self)->address(kGuestLabel); }, &layout);
    layout.for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
      const std::string problem = illegal(machine_, atoms, count);
      ASSERT_EQ(problem, "") << at;
    });
    execute(layout);
    if (testing::Test::HasFailure()) FAIL() << "seed " << seed_ << "\n" << describe(layout);
  }

  std::string describe(const translator::CodeLayout& layout) const {
    std::string code = translator::tree_text(tree_);
    layout.for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
      isa::Molecule molecule;
      molecule.address = at;
      molecule.count = static_cast<uint8_t>(count);
      for (unsigned i = 0; i < count; ++i) molecule.atoms[i] = atoms[i];
      code += isa::disassemble(molecule) + "\n";
    });
    return code;
  }

  void execute(const translator::CodeLayout& layout) {
    isa::PhysicalMemory memory(1 << 16, kConcealed, kConcealedSize);
    const std::vector<uint32_t> words = layout.encode();
    std::memcpy(memory.ram(kCodeBase, words.size() * 4), words.data(), words.size() * 4);
    std::memcpy(memory.ram(kConcealedData, kDataBytes), random_.concealed.data(), kDataBytes);
    std::memcpy(memory.ram(kGuestData, kDataBytes), random_.guest.data(), kDataBytes);
    Port port;
    isa::CoreConfig config;
    config.machine = machine_;
    config.concealed_base = kConcealed;
    config.concealed_size = kConcealedSize;
    config.reset_vector = layout.address(kRegionLabel);
    isa::FunctionalExecutor executor(config, memory, port);
    auto& core = executor.core();
    for (unsigned r = 0; r < 63; ++r) core.r[r] = random_.entry[r];
    core.r[translator::kSpillBase] = kSpills;
    core.special[static_cast<unsigned>(isa::Special::Vbase)] = layout.address(kEventLabel);
    isa::TlbEntry entry;
    entry.virtual_page = entry.physical_page = kGuestData >> isa::kPageShift;
    entry.flags = isa::kTlbUser | isa::kTlbWritable | isa::kTlbDirty | isa::kTlbValid;
    core.tlb_write(entry.word0(), entry.word1());
    core.commit(0, false, 0);
    // Entries that earlier code has left behind must not matter.
    if (seed_ % 2 == 0) {
      for (unsigned i = 0; i < isa::kMaxAlias; ++i) core.alias.protect(i, {{kGuestData, 0}, {kDataBytes - 1, 0}});
    }

    ASSERT_EQ(executor.run(100000), isa::StopReason::Platform) << "pc " << core.pc;
    alias_fault = port.exit == kEventLabel;
    for (unsigned cause = 2; cause < isa::kCauses; ++cause) {
      const bool expected = alias_fault && cause == static_cast<unsigned>(isa::Cause::AliasFault);
      ASSERT_EQ(executor.events(static_cast<isa::Cause>(cause)), expected ? 1u : 0u) << isa::kCauseName[cause];
    }
    if (alias_fault) check_rollback(core, memory);
    else check_exit(core, memory, port.exit);
  }

  static void check_guest(isa::PhysicalMemory& memory, const Bytes& expected) {
    EXPECT_EQ(std::memcmp(memory.ram(kGuestData, kDataBytes), expected.data(), kDataBytes), 0) << "guest memory";
  }

  /// An alias fault leaves the state of the last commit.
  void check_rollback(const isa::FunctionalCore& core, isa::PhysicalMemory& memory) const {
    ASSERT_LE(core.commits, expected_.checkpoints.size());
    const Checkpoint& checkpoint = expected_.checkpoints[core.commits - 1];
    for (const auto& [reg, content] : checkpoint.registers) {
      if (reg >= isa::kShadowedInt) continue;
      EXPECT_EQ(core.r[reg], content) << "after a rollback r" << reg;
    }
    check_guest(memory, checkpoint.guest);
    EXPECT_EQ(core.special[static_cast<unsigned>(isa::Special::Gcount)], checkpoint.instructions);
  }

  void check_exit(const isa::FunctionalCore& core, isa::PhysicalMemory& memory, uint32_t exit) const {
    EXPECT_FALSE(expected_.must_fault) << "a load was deleted although its bytes changed";
    ASSERT_EQ(exit, static_cast<uint32_t>(expected_.guest_exit ? kGuestLabel : expected_.exit));
    const bool commit = commits_ || expected_.guest_exit;  // exits to guest addresses commit by themselves
    for (const auto& [reg, content] : expected_.registers) {
      if (!commit && reg < isa::kShadowedInt) continue;
      EXPECT_EQ(core.r[reg], content) << "r" << reg;
    }
    if (expected_.guest_exit && commits_) {
      EXPECT_EQ(core.r[isa::kGuestEip], static_cast<uint64_t>(static_cast<int32_t>(expected_.exit)));
    }
    const Checkpoint& checkpoint = expected_.checkpoints.back();
    if (!commit) {
      for (const auto& [reg, content] : checkpoint.registers) {
        if (reg >= isa::kShadowedInt) continue;
        EXPECT_EQ(core.r[reg], content) << "committed r" << reg;
      }
    }
    EXPECT_EQ(std::memcmp(memory.ram(kConcealedData, kDataBytes), expected_.concealed.data(), kDataBytes), 0) << "concealed memory";
    check_guest(memory, commit ? expected_.guest : checkpoint.guest);
    const uint64_t counted = commit ? (0 - expected_.uncounted) % 4096 : 0;  // the exit's own commit counts none
    EXPECT_EQ(core.special[static_cast<unsigned>(isa::Special::Gcount)], checkpoint.instructions + counted);
  }

  const uint64_t seed_;
  const isa::MachineDescription machine_;
  RandomRegion random_;
  std::vector<translator::Region> tree_;
  const Outcome expected_;
  const bool commits_ = seed_ % 3 != 0;  // exits to labels: they commit, or roll back
};

class BackEndFuzz : public testing::TestWithParam<NamedMachine> {};

TEST_P(BackEndFuzz, RandomRegions) {
  translator::CompileOptions options;
  options.verify = true;
  uint64_t spilled = 0, moves = 0, passing = 0, faults = 0;
  const char* const more = std::getenv("CHRYSALIS_FUZZ_SEEDS");
  const uint64_t seeds = more == nullptr ? 3000 : std::strtoull(more, nullptr, 10);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    Fuzz fuzz(seed, 5 + seed % 90, GetParam());
    options.reschedule = seed % 2 != 0;
    fuzz.run(options);
    if (HasFailure()) return;
    spilled += fuzz.stats.spilled;
    moves += fuzz.stats.moves + fuzz.stats.stub_moves;
    passing += fuzz.stats.passing_loads;
    faults += fuzz.alias_fault;
  }
  // The campaign means something only if it gets to the hard parts.
  EXPECT_GT(spilled, 100u);
  EXPECT_GT(moves, 10000u);
  if (GetParam().machine.alias_entries == 0) {
    EXPECT_EQ(passing + faults, 0u);
  } else {
    EXPECT_GT(passing, 50u);
    EXPECT_GT(faults, 20u);
  }
}

TEST_P(BackEndFuzz, RandomTrees) {
  translator::CompileOptions options;
  options.verify = true;
  uint64_t paths = 0, stub_moves = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    Fuzz fuzz(seed + 200000, 10 + seed % 90, GetParam(), Fuzz::Tree{});
    options.reschedule = seed % 2 != 0;
    options.passes = seed % 5 == 0 ? translator::bit(translator::Pass::Reorder) : translator::kUsualPasses;
    fuzz.run(options);
    if (HasFailure()) return;
    paths += fuzz.executed != 0 ? fuzz.paths() : 0;
    stub_moves += fuzz.stats.stub_moves;
  }
  EXPECT_GT(paths, 2500u);
  EXPECT_GT(stub_moves, 1000u);
}

// Subsets of the passes, without and with the first scheduling.
TEST_P(BackEndFuzz, PassSubsets) {
  for (uint64_t seed = 1; seed <= 640; ++seed) {
    const auto bits = static_cast<uint32_t>(seed * 0x9e3779b97f4a7c15u >> 32);
    translator::CompileOptions options;
    options.passes = bits;
    options.pass_stores = bits >> 31 != 0;
    options.reschedule = (bits >> 30 & 1) != 0;
    options.verify = true;
    SCOPED_TRACE(bits);
    Fuzz(seed + 100000, 5 + seed % 70, GetParam()).run(options);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, BackEndFuzz, testing::ValuesIn(machines()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace chrysalis::test
