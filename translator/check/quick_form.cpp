#include "translator/check/quick_form.h"

#include <algorithm>

#include "isa-host/atom.h"
#include "isa-host/codec.h"
#include "translator/assert.h"
#include "translator/regalloc.h"

namespace chrysalis::translator::checking {
namespace {

constexpr uint32_t kNone = 0xffff'ffff;
constexpr uint32_t kBridgeWords = 2;  // of a link stub: the branch that chaining may aim

/// Without what gear 1 need not tell apart. Probes: whatever faults at a load of what the instruction stores to in any case is repeated by the
/// interpreter. Vectors of traps: all of them roll back, at one place.
ir::Code as_gear_1(const ir::Code& lifted) {
  ir::Code out;
  out.next_value = lifted.next_value;
  const std::vector<ir::Inst>& list = lifted.insts;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto same = [&](size_t k) { return list[k].src[0] == list[i].src[0] && list[k].imm == list[i].imm && list[k].width == list[i].width; };
    bool needless = false;
    if (list[i].op == ir::Op::ProbeWrite && i + 1 < list.size() && list[i + 1].op == ir::Op::Load && same(i + 1)) {
      for (size_t k = i + 2; k < list.size() && !needless; ++k) {
        if (ir::is_exit(list[k]) && list[k].op != ir::Op::TrapIf) break;
        needless = list[k].op == ir::Op::Store && same(k);
      }
    }
    if (needless) continue;
    out.insts.push_back(list[i]);
    if (list[i].op == ir::Op::TrapIf) out.insts.back().aux = 0;
  }
  return out;
}

/// The region of the block, its last branch turned as gear 1 turns it. False: a region does not hold it.
bool region_of(std::span<const BlockInstruction> instructions, uint64_t context, Region& region) {
  GuestRegionBuilder builder(region, context);
  builder.reload_state();
  builder.begin(instructions.front().eip);
  uint32_t end = instructions.back().next;
  for (const BlockInstruction& instruction : instructions) {
    if (!GuestRegionBuilder::accepts(instruction.lifted, &instruction == &instructions.front())) return false;
    auto way = GuestRegionBuilder::Way::Falls;
    if (&instruction == &instructions.back() && !instruction.lifted.insts.empty()) {
      const ir::Inst& last = instruction.lifted.insts.back();
      const bool turned = last.op == ir::Op::ExitIf && static_cast<uint32_t>(last.imm) < instruction.next &&
                          static_cast<ir::ExitKind>(last.aux) == ir::ExitKind::Jump;
      way = ir::is_final_exit(last) ? GuestRegionBuilder::Way::Ends : turned ? GuestRegionBuilder::Way::Taken : GuestRegionBuilder::Way::Falls;
      if (turned) end = static_cast<uint32_t>(last.imm);
    }
    builder.append(as_gear_1(instruction.lifted), instruction.eip, instruction.next, way);
  }
  builder.finish(end);
  return can_check(region);
}

class Former {
 public:
  Former(const QuickCode& code, const QuickPlacement& placement, const Region& region, const isa::MachineDescription& machine, CompiledRegion& out)
      : code_(code), placement_(placement), region_(region), machine_(machine), out_(out) {}

  /// Out: findings about what check() does not look at.
  std::vector<Finding> run() {
    out_.clear();
    for (const QuickCode::Exit& exit : code_.exits) {
      const bool returns = exit.kind == QuickExitKind::ReturnPoint;
      out_.exits.push_back({kNone, kNone, kNone, exit.target, returns});
    }
    place_.assign(code_.words.size() + 1, kNone);
    for (uint32_t word = 0; word < code_.words.size();) {
      if (word == code_.main_words) end_main();
      word += add(word);
    }
    if (code_.main_words >= code_.words.size()) end_main();
    for (const Branch& branch : branches_) resolve(branch);
    std::sort(out_.fixups.begin(), out_.fixups.end(), [](const auto& a, const auto& b) { return a.atom < b.atom; });
    for (CompiledRegion::Exit& exit : out_.exits) {
      const auto index = static_cast<size_t>(&exit - out_.exits.data());
      if (code_.exits[index].kind != QuickExitKind::Trap) exit.link = place_[link_word(code_.exits[index])];
    }
    // A fixup names its link stub by molecule.
    for (CompiledRegion::Fixup& fixup : out_.fixups) {
      if (fixup.kind == Target::Local) fixup.target = place_[static_cast<size_t>(fixup.target)];
    }
    plan();
    out_.guest.assign(out_.atoms.size(), 0);
    out_.paths.assign(1, 0);
    for (uint32_t e = 0; e < code_.exits.size(); ++e) {
      const QuickExitKind kind = code_.exits[e].kind;
      if (kind == QuickExitKind::Indirect || kind == QuickExitKind::IndirectCall || kind == QuickExitKind::Return) check_leave(e);
    }
    return std::move(findings_);
  }

 private:
  struct Branch {
    uint32_t atom, molecule, word;  ///< `word`: from which its displacement counts; kNone: the end of the main path, which falls into a stub
    uint32_t exit;                  ///< whose stub that is
  };

  static bool has_bridge(const QuickCode::Exit& exit) { return exit.op != isa::Op::Nop; }
  static uint32_t link_word(const QuickCode::Exit& exit) { return exit.stub + (has_bridge(exit) ? kBridgeWords : 0); }

  static bool falls_into_stub(QuickExitKind kind) {
    return kind == QuickExitKind::Interpret || kind == QuickExitKind::Indirect || kind == QuickExitKind::IndirectCall || kind == QuickExitKind::Return;
  }

  /// Whether the main path ends by going where the jump translation buffer says.
  bool looks_up() const { return !out_.atoms.empty() && out_.atoms.back().op == isa::Op::BrInd; }

  /// The main path of a block that ends before what gear 1 refuses falls into the exit's stub, and so do indirect exits that are not looked
  /// up: a branch for the checker's sake.
  void end_main() {
    if (out_.main_molecules != 0) return;
    for (uint32_t e = 0; e < code_.exits.size(); ++e) {
      if (!falls_into_stub(code_.exits[e].kind) || code_.exits[e].stub != code_.main_words || looks_up()) continue;
      const auto molecule = static_cast<uint32_t>(out_.molecules.size());
      isa::Atom atom{};
      atom.op = isa::Op::Br;
      atom.mode = isa::Mode::Short;
      out_.molecules.push_back({static_cast<uint32_t>(out_.atoms.size()), 1, 0});
      branches_.push_back({static_cast<uint32_t>(out_.atoms.size()), molecule, kNone, e});
      out_.atoms.push_back(atom);
    }
    out_.main_molecules = static_cast<uint32_t>(out_.molecules.size());
  }

  /// Adds the molecule at `word`; returns its words.
  uint32_t add(uint32_t word) {
    isa::Molecule molecule;
    const isa::CodecResult result =
        isa::decode(code_.words.data() + word, static_cast<unsigned>(code_.words.size() - word), placement_.address + 4 * uint64_t{word}, molecule);
    CHRYSALIS_ASSERT(result.ok(), word);
    const auto index = static_cast<uint32_t>(out_.molecules.size());
    place_[word] = index;
    out_.molecules.push_back({static_cast<uint32_t>(out_.atoms.size()), molecule.count, 0});
    for (unsigned i = 0; i < molecule.count; ++i) {
      const isa::Atom& atom = molecule.atoms[i];
      const bool pushes = atom.op == isa::Op::ReturnPush;
      if ((isa::info(atom.op).has(isa::kBranch) || pushes) && !isa::info(atom.op).has(isa::kIndirect)) {
        branches_.push_back({static_cast<uint32_t>(out_.atoms.size()), index, word, 0});
      }
      out_.atoms.push_back(atom);
    }
    return molecule.bytes / 4;
  }

  /// The stub of an indirect exit gives the exit's number and leaves; r8 it leaves alone.
  void check_leave(uint32_t e) {
    bool numbered = false;
    for (uint32_t a = out_.molecules[place_[code_.exits[e].stub]].first; a < out_.atoms.size(); ++a) {
      const isa::Atom& atom = out_.atoms[a];
      const auto fixup = std::find_if(out_.fixups.begin(), out_.fixups.end(), [&](const auto& f) { return f.atom == a; });
      if (atom.op == isa::Op::Or32 && atom.rd == kExitNumber && atom.ra == isa::kZero && atom.mode == isa::Mode::Long) {
        numbered = static_cast<uint32_t>(atom.imm) == placement_.first_exit + e;
      } else if (atom.op == isa::Op::Br && numbered && fixup != out_.fixups.end() && fixup->kind == Target::Leave) {
        return;
      } else {
        break;
      }
    }
    findings_.push_back({Rule::Link, place_[code_.exits[e].stub], Finding::kNone, "the stub of an indirect exit does not leave with its number"});
  }

  void resolve(const Branch& branch) {
    const isa::Atom& atom = out_.atoms[branch.atom];
    const auto aim = [&](Target kind, int64_t target, bool patched = false) {
      out_.fixups.push_back({branch.molecule, branch.atom, kind, target, patched});
    };
    const auto leads_out = [&](uint32_t e) {
      out_.exits[e].atom = branch.atom;
      out_.exits[e].molecule = branch.molecule;
      aim(Target::Local, link_word(code_.exits[e]), true);
    };
    if (branch.word == kNone) return code_.exits[branch.exit].kind == QuickExitKind::Interpret ? leads_out(branch.exit) : aim(Target::GuestIndirect, 0);
    const uint64_t to = placement_.address + 4 * uint64_t{branch.word} + static_cast<uint64_t>(atom.imm);
    if (to == placement_.leave) return aim(Target::Leave, 0);
    const auto word = static_cast<uint32_t>((to - placement_.address) / 4);
    for (uint32_t e = 0; e < code_.exits.size(); ++e) {
      const QuickCode::Exit& exit = code_.exits[e];
      if (exit.stub != word) continue;
      if (has_bridge(exit)) return leads_out(e);
      return aim(Target::GuestIndirect, 0);
    }
    if (isa::info(out_.atoms[out_.molecules[place_[word]].first].op).has(isa::kRollback)) return aim(Target::GuestTrap, 0);
    aim(Target::Local, word);
  }

  /// The cycles in which the molecules issue: gear 1 plans them so, but does not keep them.
  void plan() {
    std::vector<bool> begins(out_.molecules.size() + 1, false);
    begins[0] = begins[out_.main_molecules] = true;
    for (const CompiledRegion::Fixup& fixup : out_.fixups) {
      if (fixup.kind == Target::Local) begins[static_cast<size_t>(fixup.target)] = true;
    }
    uint32_t ready[2 * isa::kFpFile] = {}, cycle = 0, unit_free[2] = {};
    for (uint32_t m = 0; m < out_.molecules.size(); ++m) {
      CompiledRegion::Molecule& molecule = out_.molecules[m];
      if (m >= out_.main_molecules && (begins[m] || is_bridge(m))) {
        std::fill(std::begin(ready), std::end(ready), 0);
        unit_free[0] = unit_free[1] = cycle = 0;
      }
      for (uint32_t a = molecule.first; a < molecule.first + molecule.count; ++a) {
        const isa::RegUse use = isa::reg_use(out_.atoms[a]);
        for (unsigned r = 0; r < use.read_count; ++r) cycle = std::max(cycle, ready[use.reads[r]]);
        for (unsigned w = 0; w < use.write_count; ++w) cycle = std::max(cycle, ready[use.writes[w]]);
        const isa::Latency kind = isa::info(out_.atoms[a].op).latency;
        if (kind == isa::Latency::Div) cycle = std::max(cycle, unit_free[0]);
      }
      molecule.cycle = cycle;
      for (uint32_t a = molecule.first; a < molecule.first + molecule.count; ++a) {
        const isa::RegUse use = isa::reg_use(out_.atoms[a]);
        const isa::Latency kind = isa::info(out_.atoms[a].op).latency;
        const uint32_t done = cycle + machine_.latency[static_cast<unsigned>(kind)];
        for (unsigned w = 0; w < use.write_count; ++w) ready[use.writes[w]] = done;
        if (kind == isa::Latency::Div) unit_free[0] = done;
      }
      ++cycle;
    }
  }

  bool is_bridge(uint32_t m) const {
    for (const QuickCode::Exit& exit : code_.exits) {
      if (has_bridge(exit) && place_[exit.stub] == m) return true;
    }
    return false;
  }

  const QuickCode& code_;
  const QuickPlacement& placement_;
  const Region& region_;
  const isa::MachineDescription& machine_;
  CompiledRegion& out_;
  std::vector<uint32_t> place_;     ///< by word: the molecule that begins there
  std::vector<Branch> branches_;
  std::vector<Finding> findings_;
};

}  // namespace

BlockCheck check_block(std::span<const BlockInstruction> instructions, uint64_t context, const isa::MachineDescription& machine,
                       const QuickCode& code, const QuickPlacement& placement) {
  BlockCheck out;
  out.checked = region_of(instructions, context, out.region);
  if (!out.checked) return out;
  // Gear 1 has these as well, QuickTranslator's "Uses".
  out.region.allocatable |= uint64_t{1} << kTargetScratch | uint64_t{1} << kExitNumber | uint64_t{1} << isa::kGuestEip;
  out.findings = Former(code, placement, out.region, machine, out.form).run();
  const std::vector<Finding> more = check(out.region, machine, out.form, {placement.first_exit, false, context});
  out.findings.insert(out.findings.end(), more.begin(), more.end());
  return out;
}

}  // namespace chrysalis::translator::checking
