#include "translator/layout.h"

#include <algorithm>
#include <utility>

#include "isa-host/codec.h"
#include "isa-host/encoding.h"
#include "translator/assert.h"

namespace chrysalis::translator {
namespace {

/// Stubs are placed once so many words of main paths, or of stubs, wait for them: well within the reach of a
/// conditional branch (2,048 words).
constexpr uint32_t kGroupWords = 1024;

uint32_t words_of(const isa::Atom* atoms, unsigned count) {
  uint32_t words = 0;
  for (unsigned i = 0; i < count; ++i) words += isa::words(atoms[i]);
  return words;
}

/// Bits of the displacement that the atom word has room for.
unsigned displacement_bits(isa::Op op) { return isa::encoding(op).width(isa::Field::Target); }

bool reaches(isa::Op op, int64_t displacement) {
  const int64_t words = displacement / 4;
  const int64_t limit = int64_t{1} << (displacement_bits(op) - 1);
  return words >= -limit && words < limit;
}

isa::Atom branch_atom() {
  isa::Atom atom;
  atom.op = isa::Op::Br;
  atom.mode = isa::Mode::Short;
  return atom;
}

}  // namespace

void CodeLayout::add(int64_t label, CompiledRegion region, int64_t continues_at) {
  units_.push_back({label, continues_at, std::move(region)});
}

void CodeLayout::define(int64_t label, uint64_t address) { labels_.push_back({label, kExternal, address}); }

void CodeLayout::append_molecules(const Unit& unit, uint32_t begin, uint32_t end, std::vector<uint32_t>& places,
                                  int64_t next_label) {
  const auto& fixups = unit.code.fixups;
  size_t fixup = static_cast<size_t>(std::lower_bound(fixups.begin(), fixups.end(), begin,
                                                      [](const auto& f, uint32_t m) { return f.molecule < m; }) -
                                     fixups.begin());
  for (uint32_t m = begin; m < end; ++m) {
    const CompiledRegion::Molecule& molecule = unit.code.molecules[m];
    places[m] = static_cast<uint32_t>(placed_.size());
    const uint32_t first = static_cast<uint32_t>(atoms_.size());
    for (uint32_t a = molecule.first; a < molecule.first + molecule.count; ++a) {
      const isa::Atom& atom = unit.code.atoms[a];
      const bool aimed = fixup < fixups.size() && fixups[fixup].atom == a;
      if (aimed) {
        const auto& f = fixups[fixup++];
        const bool falls_through = m + 1 == end && atom.op == isa::Op::Br && f.kind == Target::Label &&
                                   f.target == next_label;
        if (falls_through) continue;
        fixups_.push_back({static_cast<uint32_t>(placed_.size()), static_cast<uint32_t>(atoms_.size()), f.kind, f.target});
        fixups_.back().patched = f.patched;
      }
      atoms_.push_back(atom);
    }
    const uint32_t count = static_cast<uint32_t>(atoms_.size()) - first;
    if (count == 0) continue;
    placed_.push_back({first, static_cast<uint8_t>(count), 0});
  }
}

void CodeLayout::append_branch(int64_t label) {
  fixups_.push_back({static_cast<uint32_t>(placed_.size()), static_cast<uint32_t>(atoms_.size()), Target::Label, label});
  placed_.push_back({static_cast<uint32_t>(atoms_.size()), 1, 0});
  atoms_.push_back(branch_atom());
}

void CodeLayout::flatten() {
  places_.resize(units_.size());
  std::vector<size_t> fixup_units;  // by fixup: whose molecules a Local target counts
  const auto tag = [&](size_t unit) { fixup_units.resize(fixups_.size(), unit); };
  for (size_t u = 0; u < units_.size(); ++u) {
    const Unit& unit = units_[u];
    places_[u].assign(unit.code.molecules.size(), 0);
    const int64_t next_label = u + 1 < units_.size() ? units_[u + 1].label : kNoLabel;
    labels_.push_back({unit.label, static_cast<uint32_t>(placed_.size()), 0});
    unit_begin_.push_back(static_cast<uint32_t>(placed_.size()));

    // Whether stubs come between this unit and the next has to be known before its last branch is dropped.
    const bool has_stubs = unit.code.main_molecules < unit.code.molecules.size();
    const uint32_t words = words_of(unit.code.atoms.data(), static_cast<unsigned>(unit.code.atoms.size()));
    if (has_stubs) pending_stubs_.push_back(u);
    pending_words_ += words;
    const bool full = pending_words_ > kGroupWords;
    append_molecules(unit, 0, unit.code.main_molecules, places_[u], full ? kNoLabel : next_label);
    tag(u);
    if (unit.continues_at != kNoLabel && (full || unit.continues_at != next_label)) append_branch(unit.continues_at);
    tag(u);
    unit_end_.push_back(static_cast<uint32_t>(placed_.size()));
    if (!full && u + 1 < units_.size()) continue;
    for (const size_t pending : pending_stubs_) {
      const Unit& stub_unit = units_[pending];
      append_molecules(stub_unit, stub_unit.code.main_molecules, static_cast<uint32_t>(stub_unit.code.molecules.size()),
                       places_[pending], kNoLabel);
      tag(pending);
    }
    pending_stubs_.clear();
    groups_.push_back({placed_.size(), {}});
    pending_words_ = 0;
  }
  for (size_t i = 0; i < fixups_.size(); ++i) {
    if (fixups_[i].kind == Target::Local) fixups_[i].target = places_[fixup_units[i]][static_cast<size_t>(fixups_[i].target)];
  }
}

void CodeLayout::assign_addresses() {
  uint64_t address = base_;
  size_t group = 0;
  for (size_t i = 0; i <= placed_.size(); ++i) {
    for (; group < groups_.size() && groups_[group].end == i; ++group) {
      for (Island& island : groups_[group].islands) {
        island.address = address;
        address += 4;
      }
    }
    if (i == placed_.size()) break;
    placed_[i].address = address;
    address += 4 * words_of(&atoms_[placed_[i].first], placed_[i].count);
  }
  end_ = address;
}

uint64_t CodeLayout::target_address(Target kind, int64_t target) const {
  switch (kind) {
    case Target::Local: return placed_[static_cast<size_t>(target)].address;
    case Target::Label: return address(target);
    default: CHRYSALIS_ASSERT(resolve_ != nullptr, target); return resolve_(context_, kind, target);
  }
}

int64_t CodeLayout::displacement(const Fixup& fixup) const {
  const uint64_t target = fixup.island >= 0
                              ? groups_[static_cast<size_t>(fixup.group)].islands[static_cast<size_t>(fixup.island)].address
                              : target_address(fixup.kind, fixup.target);
  return static_cast<int64_t>(target - placed_[fixup.molecule].address);
}

isa::Atom CodeLayout::island_atom(const Island& island) const {
  isa::Atom atom = branch_atom();
  atom.imm = static_cast<int64_t>(target_address(island.kind, island.target) - island.address);
  CHRYSALIS_ASSERT(reaches(atom.op, atom.imm), atom.imm);  // an unconditional branch goes anywhere in concealed memory
  return atom;
}

bool CodeLayout::reach_by_island(Fixup& fixup, size_t group) {
  std::vector<Island>& islands = groups_[group].islands;
  size_t at = 0;
  while (at < islands.size() && (islands[at].kind != fixup.kind || islands[at].target != fixup.target)) ++at;
  if (at == islands.size()) islands.push_back({fixup.kind, fixup.target, 0});
  fixup.group = static_cast<int32_t>(group);
  fixup.island = static_cast<int32_t>(at);
  return true;
}

/// Gives every branch that does not reach its target an island. True if that changed the layout.
bool CodeLayout::add_islands() {
  bool changed = false;
  size_t group = 0;
  for (Fixup& fixup : fixups_) {
    while (group < groups_.size() && groups_[group].end <= fixup.molecule) ++group;
    const isa::Atom& atom = atoms_[fixup.atom];
    if (!isa::info(atom.op).uses(isa::kTarget) || atom.mode != isa::Mode::Short || fixup.island >= 0) continue;
    if (!reaches(atom.op, displacement(fixup))) changed |= reach_by_island(fixup, group);
  }
  return changed;
}

/// Moves displacements that fit from literals into atom words. True if that changed the layout.
bool CodeLayout::shorten() {
  bool changed = false;
  for (const Fixup& fixup : fixups_) {
    isa::Atom& atom = atoms_[fixup.atom];
    if (!isa::info(atom.op).uses(isa::kTarget) || atom.mode != isa::Mode::Long || fixup.patched) continue;
    if (!reaches(atom.op, displacement(fixup))) continue;
    atom.mode = isa::Mode::Short;
    changed = true;
  }
  return changed;
}

uint64_t CodeLayout::place(uint64_t base, Resolve resolve, void* context) {
  base_ = base;
  resolve_ = resolve;
  context_ = context;
  flatten();
  std::sort(labels_.begin(), labels_.end(), [](const Label& a, const Label& b) { return a.label < b.label; });
  // Islands first, while every literal is still in place: later distances only shrink.
  do assign_addresses();
  while (add_islands());
  while (shorten()) assign_addresses();
  for (const Fixup& fixup : fixups_) {
    isa::Atom& atom = atoms_[fixup.atom];
    if (isa::info(atom.op).uses(isa::kTarget)) {
      atom.imm = displacement(fixup);
      if (atom.mode != isa::Mode::Long && !reaches(atom.op, atom.imm)) return 0;
    } else {
      atom.imm = static_cast<int64_t>(target_address(fixup.kind, fixup.target));
    }
  }
  return end_ - base_;
}

uint64_t CodeLayout::address(int64_t label) const {
  const auto found = std::lower_bound(labels_.begin(), labels_.end(), label,
                                      [](const Label& entry, int64_t wanted) { return entry.label < wanted; });
  CHRYSALIS_ASSERT(found != labels_.end() && found->label == label, label);
  if (found->place == kExternal) return found->address;
  return found->place < placed_.size() ? placed_[found->place].address : end_;
}

std::vector<CodeLayout::Extent> CodeLayout::extents() const {
  std::vector<Extent> out;
  const auto at = [this](uint32_t place) { return place < placed_.size() ? placed_[place].address : end_; };
  for (size_t u = 0; u < units_.size(); ++u) out.push_back({units_[u].label, at(unit_begin_[u]), at(unit_end_[u])});
  return out;
}

std::vector<uint32_t> CodeLayout::encode() const {
  std::vector<uint32_t> out;
  out.reserve((end_ - base_) / 4);
  for_each_molecule([&](uint64_t at, const isa::Atom* atoms, unsigned count) {
#if defined(__riscv)
    (void)at;
#else
    // On the core, the scheduler is trusted.
    isa::Molecule molecule;
    molecule.address = at;
    molecule.count = static_cast<uint8_t>(count);
    for (unsigned i = 0; i < count; ++i) molecule.atoms[i] = atoms[i];
    const isa::CodecResult result = isa::check(molecule);
    CHRYSALIS_ASSERT(result.ok(), static_cast<long>(molecule.atoms[result.atom].op) * 100 + static_cast<long>(result.error));
#endif
    for (unsigned i = 0; i < count; ++i) out.push_back(isa::encode_atom(atoms[i], i + 1 == count));
    for (unsigned i = 0; i < count; ++i) {
      if (atoms[i].mode == isa::Mode::Long) out.push_back(static_cast<uint32_t>(atoms[i].imm));
    }
  });
  return out;
}

}  // namespace chrysalis::translator
