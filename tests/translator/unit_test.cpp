// Verifier, parallel moves and layout, each alone. Passes: golden/.
#include <gtest/gtest.h>

#include "isa-host/codec.h"
#include "tests/translator/machines.h"
#include "translator/layout.h"
#include "translator/parallel_move.h"
#include "translator/verify_region.h"

namespace chrysalis::test {
namespace {

using ir::Cond;
using ir::Op;
using ir::ValueId;
using translator::Region;

/// Writes regions in few words.
struct Maker {
  Region region;

  Maker() { region.allocatable = uint64_t{0xffff} << 9; }

  ValueId entry(unsigned reg) {
    const ValueId value = region.code.new_value();
    region.entry.push_back({value, static_cast<uint8_t>(reg)});
    return value;
  }
  ir::Inst& add(Op op, unsigned width, std::initializer_list<ValueId> sources, int64_t imm = 0) {
    ir::Inst inst;
    inst.op = op;
    inst.width = static_cast<uint8_t>(width);
    std::copy(sources.begin(), sources.end(), inst.src);
    inst.imm = imm;
    region.code.insts.push_back(inst);
    return region.code.insts.back();
  }
  ValueId value(Op op, unsigned width, std::initializer_list<ValueId> sources, int64_t imm = 0) {
    ir::Inst& inst = add(op, width, sources, imm);
    return inst.value = region.code.new_value();
  }
  ValueId flags(Op op, unsigned width, std::initializer_list<ValueId> sources) {
    ir::Inst& inst = add(op, width, sources);
    return inst.flags = region.code.new_value();
  }
  void jump(std::initializer_list<translator::Binding> map, int64_t label = 1) {
    region.add_map({map.begin(), map.size()});
    add(Op::Jump, 32, {}, label);
  }
  std::vector<std::string> violations() {
    std::vector<std::string> out;
    for (const ir::Violation& violation : translator::verify_region(region)) out.push_back(violation.rule);
    return out;
  }
};

using Rules = std::vector<std::string>;

TEST(Verifier, AcceptsARegion) {
  Maker m;
  const ValueId a = m.entry(9);
  const ValueId b = m.value(Op::Add, 32, {a, a});
  m.jump({{b, 10}, {a, 9}});
  EXPECT_EQ(m.violations(), Rules{});
}

TEST(Verifier, NamesEveryViolation) {
  {
    Maker m;
    m.value(Op::Add, 32, {m.entry(9), 77});
    m.jump({});
    EXPECT_EQ(m.violations(), Rules{"a source is used before its definition"});
  }
  {
    Maker m;
    const ValueId a = m.entry(9);
    m.add(Op::Add, 24, {a, a}).value = a;
    m.jump({});
    EXPECT_EQ(m.violations(), (Rules{"width must be 8, 16, 32 or 64", "a value is defined twice"}));
  }
  {
    Maker m;
    const ValueId a = m.entry(9);
    m.add(Op::Add, 32, {a});
    m.jump({});
    EXPECT_EQ(m.violations(), (Rules{"a source is missing", "an operation without effect delivers nothing"}));
  }
  {
    Maker m;
    const ValueId a = m.entry(9);
    m.add(Op::CStore, 32, {a, a, a}).value = m.region.code.new_value();
    m.jump({});
    EXPECT_EQ(m.violations(), (Rules{"more sources than the operation takes", "the operation has no value result"}));
  }
  {
    Maker m;
    const ValueId a = m.entry(9);
    m.flags(Op::Inc, 32, {a});  // delivers flags, so it needs the old ones
    m.jump({});
    EXPECT_EQ(m.violations(), Rules{"a source is missing"});
  }
  {
    Maker m;
    const ValueId a = m.entry(9);
    m.add(Op::SetReg, 32, {a});
    m.value(Op::Load, 32, {a});
    m.jump({});
    EXPECT_EQ(m.violations(), Rules{"a guest register is written before an operation that may fault"});
  }
  {
    Maker m;
    const ValueId a = m.entry(9);
    m.add(Op::SetReg, 32, {a}).aux = 200;
    m.add(Op::Intrinsic, 32, {}, 99);
    EXPECT_EQ(m.violations(), (Rules{"unknown guest register", "unknown intrinsic",
                                     "the last operation must be an exit without a condition"}));
  }
  {
    Maker m;
    m.jump({});
    m.jump({});
    EXPECT_EQ(m.violations(), Rules{"operations follow the final exit"});
  }
}

TEST(Verifier, ChecksMaps) {
  {
    Maker m;
    const ValueId a = m.entry(9);
    m.jump({{a, 10}, {a, 10}, {55, 11}, {a, 63}});
    EXPECT_EQ(m.violations(), (Rules{"a register appears twice in a map", "a map names a value that is not defined there",
                                     "a map names a register that does not exist"}));
  }
  {
    Maker m;
    const ValueId a = m.entry(40), b = m.entry(9);
    m.jump({{a, 40}, {b, 41}});
    EXPECT_EQ(m.violations(), Rules{"a map wants a change to a register that the region may not write"});
  }
  {
    Maker m;
    m.add(Op::Jump, 64, {});
    EXPECT_EQ(m.violations(), Rules{"a point has no map"});
    m.region.add_map({});
    m.region.add_map({});
    EXPECT_EQ(m.violations(), Rules{"there are more maps than points"});
  }
}

TEST(ParallelMove, EveryMappingOfFourRegisters) {
  for (unsigned code = 0; code < 256; ++code) {
    std::vector<translator::Move> moves;
    unsigned from[4];
    for (unsigned to = 0; to < 4; ++to) {
      from[to] = code >> 2 * to & 3;
      moves.push_back({static_cast<translator::Reg>(from[to]), static_cast<translator::Reg>(to)});
    }
    std::vector<translator::MachOp> out;
    translator::sequence_moves(moves, 28, out);
    unsigned content[29] = {0, 1, 2, 3};
    for (const translator::MachOp& op : out) content[op.d] = content[op.a];
    for (unsigned to = 0; to < 4; ++to) EXPECT_EQ(content[to], from[to]) << code;
    EXPECT_LE(out.size(), 6u);
  }
}

// -- layout ------------------------------------------------------------------------------------------------

translator::MachOp op(isa::Op atom, translator::Reg d = translator::kNoReg, translator::Reg a = translator::kNoReg) {
  translator::MachOp out;
  out.op = atom;
  out.d = d;
  out.a = a;
  out.hoist_limit = translator::kNeverHoist;
  return out;
}

translator::MachOp branch(isa::Op atom, int64_t label, isa::Mode mode = isa::Mode::Short) {
  translator::MachOp out = op(atom, translator::kNoReg, 16);
  if (atom == isa::Op::Br) out.a = translator::kNoReg;
  if (atom == isa::Op::BrEq) out.b = 17;
  out.mode = mode;
  out.target_kind = translator::Target::Label;
  out.target = label;
  return out;
}

/// `padding` molecules, a conditional branch to `side`, and a branch to `last`.
translator::CompiledRegion piece(unsigned padding, isa::Op atom, int64_t side, int64_t last) {
  std::vector<translator::MachOp> ops;
  for (unsigned i = 0; i < padding; ++i) {
    ops.push_back(op(isa::Op::Add64, 20, 20));  // a chain: one per molecule
    ops.back().mode = isa::Mode::Short;
    ops.back().imm = 1;
  }
  ops.push_back(branch(atom, side, atom == isa::Op::BrEq ? isa::Mode::Long : isa::Mode::Short));
  ops.push_back(branch(isa::Op::Br, last));
  translator::CompiledRegion out;
  translator::compile_stub(ops, crusoe_like(), out);
  return out;
}

/// Follows branches from an atom's target through islands.
uint64_t final_target(const translator::CodeLayout& layout, uint64_t address) {
  for (bool again = true; again;) {
    again = false;
    layout.for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
      if (at != address || count != 1 || atoms[0].op != isa::Op::Br) return;
      address = at + static_cast<uint64_t>(atoms[0].imm);
      again = true;
    });
  }
  return address;
}

TEST(Layout, DropsBranchesToWhatFollows) {
  translator::CodeLayout layout;
  layout.add(1, piece(2, isa::Op::BrNz, 1, 2));
  layout.add(2, piece(2, isa::Op::BrNz, 1, 1));
  layout.place(0x1000);
  unsigned branches = 0;
  layout.for_each_molecule([&](uint64_t, const isa::Atom* atoms, unsigned count) {
    for (unsigned i = 0; i < count; ++i) branches += atoms[i].op == isa::Op::Br;
  });
  EXPECT_EQ(branches, 1u);
  EXPECT_EQ(layout.address(1), 0x1000u);
}

TEST(Layout, ShortensLiteralDisplacements) {
  translator::CodeLayout near, far;
  near.add(1, piece(4, isa::Op::BrEq, 1, 2));
  near.add(2, piece(1, isa::Op::BrNz, 2, 1));
  near.place(0x1000);
  far.add(1, piece(4, isa::Op::BrEq, 3, 2));
  far.add(2, piece(100, isa::Op::BrNz, 2, 1));
  far.add(3, piece(1, isa::Op::BrNz, 3, 1));
  far.place(0x1000);
  const auto mode_of_compare = [](const translator::CodeLayout& layout) {
    isa::Mode mode = isa::Mode::Register;
    layout.for_each_molecule([&](uint64_t, const isa::Atom* atoms, unsigned count) {
      for (unsigned i = 0; i < count; ++i) {
        if (atoms[i].op == isa::Op::BrEq) mode = atoms[i].mode;
      }
    });
    return mode;
  };
  EXPECT_EQ(mode_of_compare(near), isa::Mode::Short);
  EXPECT_EQ(mode_of_compare(far), isa::Mode::Long);
}

TEST(Layout, IslandsReachFarTargets) {
  translator::CodeLayout layout;
  constexpr int64_t kUnits = 40;
  for (int64_t u = 0; u < kUnits; ++u) layout.add(u, piece(300, isa::Op::BrNz, kUnits - 1 - u, (u + 7) % kUnits));
  const uint64_t bytes = layout.place(0x70000000);
  EXPECT_GT(bytes, 40u * 300u * 4u);
  std::vector<std::pair<uint64_t, uint64_t>> jumps;
  layout.for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      if (atoms[i].op == isa::Op::BrNz) jumps.push_back({at, at + static_cast<uint64_t>(atoms[i].imm)});
    }
  });
  ASSERT_EQ(jumps.size(), static_cast<size_t>(kUnits));
  unsigned by_island = 0;
  for (int64_t u = 0; u < kUnits; ++u) {
    const uint64_t wanted = layout.address(kUnits - 1 - u);
    by_island += jumps[static_cast<size_t>(u)].second != wanted;
    EXPECT_EQ(final_target(layout, jumps[static_cast<size_t>(u)].second), wanted);
  }
  EXPECT_GT(by_island, 10u);
  EXPECT_EQ(layout.encode().size() * 4, bytes);
}

/// Branches to its own end, behind `distance` words more.
translator::CompiledRegion branching_far(uint32_t distance) {
  translator::CompiledRegion region;
  isa::Atom jump, add;
  jump.op = isa::Op::BrNz;
  jump.mode = isa::Mode::Short;
  add.op = isa::Op::Add64;
  region.atoms.push_back(jump);
  region.atoms.resize(distance + 1, add);
  for (uint32_t i = 0; i <= distance; ++i) region.molecules.push_back({i, 1, i});
  region.main_molecules = distance;
  region.fixups.push_back({0, 0, translator::Target::Local, distance});
  return region;
}

TEST(Layout, WhatReachesNothingHasNoPlace) {
  translator::CodeLayout near, far;
  near.add(1, branching_far(2047));
  EXPECT_EQ(near.place(0x1000), 2048u * 4);
  far.add(1, branching_far(2100));
  EXPECT_EQ(far.place(0x1000), 0u);
}

TEST(Layout, WhatACallReturnsToFollowsIt) {
  translator::CodeLayout layout;
  layout.add(1, piece(1, isa::Op::BrNz, 1, 5), 3);
  layout.add(2, piece(1, isa::Op::BrNz, 1, 1));
  layout.add(3, piece(1, isa::Op::BrNz, 1, 1));
  layout.define(5, 0x2000);
  layout.place(0x1000);
  uint64_t last_branch = 0;
  layout.for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
    if (at < layout.address(2) && count == 1 && atoms[0].op == isa::Op::Br) last_branch = at + static_cast<uint64_t>(atoms[0].imm);
  });
  EXPECT_EQ(last_branch, layout.address(3));
}

// A commit before the push has a literal, too: patching the first one sent calls back to where they left.
TEST(CompiledRegion, PatchesThePushBehindACommitWithAPc) {
  translator::CompiledRegion region;
  isa::Atom commit, push;
  commit.op = isa::Op::Commit;
  push.op = isa::Op::ReturnPush;
  commit.mode = push.mode = isa::Mode::Long;
  commit.imm = 0x401000;
  push.imm = 0x40;
  region.atoms = {commit, push};
  region.molecules = {{0, 2}};
  isa::Molecule molecule;
  molecule.count = 2;
  molecule.atoms[0] = commit;
  molecule.atoms[1] = push;
  uint32_t words[isa::kMaxWords] = {};
  ASSERT_TRUE(isa::encode(molecule, words).ok());
  EXPECT_EQ(words[region.patched_word({1, 0, 0, 0x402000, true})], 0x40u);
  EXPECT_EQ(region.patched_word({1, 0, 0, 0x402000, false}), 1u);
}

}  // namespace
}  // namespace chrysalis::test
