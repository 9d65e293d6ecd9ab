// Molecules alone: what the machine accepts, and the cycles that they are planned for.
#include <algorithm>

#include "isa-host/assembler.h"
#include "isa-host/codec.h"
#include "translator/check/checker.h"

namespace chrysalis::translator::checking {

std::span<const isa::Atom> Checker::atoms(uint32_t m) const {
  const CompiledRegion::Molecule& molecule = compiled_.molecules[m];
  return {compiled_.atoms.data() + molecule.first, molecule.count};
}

void Checker::check_molecules() {
  for (uint32_t m = 0; m < compiled_.molecules.size(); ++m) {
    isa::Molecule molecule;
    const std::span<const isa::Atom> list = atoms(m);
    if (list.size() > isa::kMaxWords) {
      findings_.push_back({Rule::Molecule, m, Finding::kNone, "more atoms than a molecule can have"});
      continue;
    }
    molecule.count = static_cast<uint8_t>(list.size());
    for (size_t i = 0; i < list.size(); ++i) molecule.atoms[i] = list[i];
    const isa::CodecResult result = isa::check(molecule);
    if (!result.ok()) {
      findings_.push_back({Rule::Molecule, m, result.atom, isa::message(result.error)});
    } else if (!isa::accepts(machine_, molecule)) {
      findings_.push_back({Rule::Molecule, m, Finding::kNone, "the machine has no slots for these atoms"});
    }
  }
  uint32_t first = 0;
  for (uint32_t m = 1; m <= compiled_.molecules.size(); ++m) {
    const bool begins = m == compiled_.molecules.size() || m == compiled_.main_molecules ||
                        std::find(compiled_.paths.begin(), compiled_.paths.end(), m) != compiled_.paths.end() ||
                        (m > compiled_.main_molecules && compiled_.molecules[m].cycle == 0);
    if (!begins) continue;
    check_cycles(first, m - first);
    first = m;
  }
}

/// Rules O1 to O3 and X2 of docs/timing.md, for molecules that follow each other and loads that hit.
void Checker::check_cycles(uint32_t first, uint32_t count) {
  uint32_t ready[2 * isa::kFpFile] = {}, unit_free[2] = {};
  for (uint32_t m = first; m < first + count; ++m) {
    const uint32_t cycle = compiled_.molecules[m].cycle;
    if (m != first && cycle <= compiled_.molecules[m - 1].cycle) {
      findings_.push_back({Rule::Latency, m, Finding::kNone, "planned for the cycle of the molecule before it, or an earlier one"});
    }
    const std::span<const isa::Atom> list = atoms(m);
    for (uint32_t i = 0; i < list.size(); ++i) {
      const isa::RegUse use = isa::reg_use(list[i]);
      const auto wait = [&](isa::RegName reg, const char* why) {
        if (ready[reg] <= cycle) return;
        findings_.push_back({Rule::Latency, m, i, "planned for cycle " + std::to_string(cycle) + ", but " + isa::register_name(reg) + " is " + why +
                                                      " only in cycle " + std::to_string(ready[reg])});
      };
      for (unsigned r = 0; r < use.read_count; ++r) wait(use.reads[r], "ready");
      for (unsigned w = 0; w < use.write_count; ++w) wait(use.writes[w], "free to be written");
    }
    for (uint32_t i = 0; i < list.size(); ++i) {
      const isa::AtomInfo& row = isa::info(list[i].op);
      const uint32_t done = cycle + machine_.latency[static_cast<unsigned>(row.latency)];
      const isa::RegUse use = isa::reg_use(list[i]);
      for (unsigned w = 0; w < use.write_count; ++w) ready[use.writes[w]] = done;
      const bool divides = row.latency == isa::Latency::Div;
      if (!divides && row.latency != isa::Latency::FpDiv && row.latency != isa::Latency::FpSqrt) continue;
      uint32_t& free = unit_free[divides ? 0 : 1];
      if (free > cycle) findings_.push_back({Rule::Latency, m, i, "its iterative unit is busy until cycle " + std::to_string(free)});
      free = done;
    }
  }
}

}  // namespace chrysalis::translator::checking
