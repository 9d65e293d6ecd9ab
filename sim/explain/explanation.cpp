#include "sim/explain/explanation.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <Zydis/Zydis.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "firmware/gears.h"
#include "isa-host/assembler.h"
#include "translator/checkpoints.h"
#include "translator/ir/text.h"
#include "translator/layout.h"
#include "translator/tree.h"
#include "x86-frontend/lift.h"

namespace chrysalis::sim {
namespace {

using translator::CompiledRegion;
using translator::Target;

std::string x86_text(const SourceInstruction& instruction) {
  ZydisDisassembledInstruction text;
  if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LEGACY_32, instruction.eip, instruction.bytes.data(),
                                          instruction.bytes.size(), &text)))
    return "(?)";
  return text.text;
}

x86::LiftOptions lift_options(uint32_t key) {
  return {static_cast<uint8_t>(key), static_cast<uint8_t>(key >> 8), static_cast<uint8_t>(key >> 16)};
}

/// Appends the IR of one instruction, as the firmware lifts it.
void lift_into(const SourceInstruction& source, uint32_t key, ir::Code& out) {
  x86::DecodedInst inst;
  if (x86::decode(source.bytes, inst) != x86::DecodeStatus::Ok) throw std::logic_error("what was decoded once is decoded again");
  x86::lift(inst, source.eip, lift_options(key), out);
}

/// "rmap{eax=v3, flags=f7}": the bindings that differ from those at the entry, written as in translator/region_text.h. Empty: none.
std::string map_text(const translator::Region& region, size_t point, std::span<const bool> is_flags) {
  std::string text;
  for (const translator::Binding& binding : region.map(point)) {
    const bool unchanged = std::any_of(region.entry.begin(), region.entry.end(), [&](const translator::Binding& at_entry) {
      return at_entry.reg == binding.reg && at_entry.value == binding.value;
    });
    if (unchanged) continue;
    const std::string reg = binding.reg < 8 ? ir::name(ir::gpr(binding.reg))
                            : binding.reg == isa::kGuestEip ? "eip"
                            : binding.reg == isa::kGuestFlags ? "flags" : fmt::format("r{}", binding.reg);
    text += fmt::format("{}{}={}{}", text.empty() ? "" : ", ", reg, is_flags[binding.value] ? 'f' : 'v', binding.value);
  }
  return text.empty() ? text : "rmap{" + text + "}";
}

void add_operations(const ir::Code& code, const translator::Region* region, unsigned path, std::vector<OperationView>& out) {
  const ir::FlagsResults results(code);
  const std::span<const bool> is_flags = results.span();
  size_t point = 0;
  for (const ir::Inst& inst : code.insts) {
    OperationView view{ir::text(inst, is_flags), inst.guest, {0, path}, {}};
    if (region != nullptr && translator::is_point(inst)) {
      view.map = map_text(*region, point, is_flags);
      if (const uint16_t next = region->maps[point].path; next != 0) view.map += fmt::format("{}path {}", view.map.empty() ? "" : " ", next);
      ++point;
    }
    out.push_back(std::move(view));
  }
}

std::vector<OperationView> operations(std::span<const translator::Region> tree) {
  std::vector<OperationView> out;
  for (unsigned path = 0; path < tree.size(); ++path) add_operations(tree[path].code, &tree[path], path, out);
  return out;
}

/// Decodes the installed words: the words may hold patches that chaining made later, but not when they were installed.
isa::Molecule molecule_at(const TranslationRecord& record, uint32_t word) {
  isa::Molecule molecule;
  const isa::CodecResult result = isa::decode(record.words.data() + word, static_cast<unsigned>(record.words.size() - word),
                                              record.code + 4 * word, molecule);
  if (!result.ok()) throw std::logic_error(fmt::format("translation at {:#x}: word {} is no molecule", record.eip, word));
  return molecule;
}

/// Issue cycles of straight code that starts with every register ready: rules O1 to O3 of docs/timing.md.
class Clock {
 public:
  explicit Clock(const isa::MachineDescription& machine) : machine_(machine) {}
  /// Straight code begins anew.
  void restart() {
    for (unsigned& ready : ready_) ready = 0;
    next_ = 0;
  }
  unsigned issue(const isa::Molecule& molecule) {
    unsigned at = next_;
    const auto wait = [&](unsigned reg) { at = std::max(at, ready_[reg]); };
    for (unsigned i = 0; i < molecule.count; ++i) {
      const isa::RegUse use = isa::reg_use(molecule.atoms[i]);
      for (unsigned r = 0; r < use.read_count; ++r) wait(use.reads[r]);
      for (unsigned w = 0; w < use.write_count; ++w) wait(use.writes[w]);
    }
    for (unsigned i = 0; i < molecule.count; ++i) {
      const isa::RegUse use = isa::reg_use(molecule.atoms[i]);
      const unsigned latency = machine_.latency[static_cast<unsigned>(isa::info(molecule.atoms[i].op).latency)];
      for (unsigned w = 0; w < use.write_count; ++w) ready_[use.writes[w]] = at + latency;
    }
    next_ = at + 1;
    return at;
  }

 private:
  const isa::MachineDescription& machine_;
  unsigned ready_[isa::kIntRegs + isa::kFpRegs] = {};
  unsigned next_ = 0;
};

class Explainer {
 public:
  Explainer(const TranslationRecord& record, const TranslationLog& log) : record_(record), log_(log), machine_(log.machine().core) {}

  Explanation run() {
    out_.record = &record_;
    out_.slots = machine_.width;
    for (unsigned slot = 0; slot < machine_.width; ++slot) {
      std::vector<std::string> units;
      for (unsigned unit = 1; unit < isa::kUnits; ++unit)
        if ((machine_.slot_units[slot] >> unit & 1) != 0) units.emplace_back(isa::kUnitName[unit]);
      out_.slot_names.push_back(fmt::format("{}", fmt::join(units, "+")));
    }
    for (const SourceInstruction& instruction : record_.source)
      out_.source.push_back({instruction.eip, fmt::format("{:02x}", fmt::join(instruction.bytes, " ")), x86_text(instruction)});
    if (record_.parts.empty()) block();
    else regions();
    return std::move(out_);
  }

 private:
  void expect(const std::vector<uint32_t>& words) const {
    if (words != record_.words)
      throw std::logic_error(fmt::format("the translation of {:#x} (gear {}) compiled again is not what the core has", record_.eip, record_.gear));
  }

  // -- gears 2 and 3 --------------------------------------------------------------------------------------------

  void regions() {
    std::vector<CompiledRegion> compiled(record_.parts.size());
    translator::CodeLayout layout;
    for (size_t p = 0; p < compiled.size(); ++p) {
      std::vector<translator::Region> tree = record_.parts[p].tree;
      const translator::CompileStats stats = translator::compile(tree, machine_, record_.parts[p].options, compiled[p]);
      out_.stats.spilled += stats.spilled;
      out_.stats.moves += stats.moves;
      out_.stats.stub_moves += stats.stub_moves;
      out_.stats.passing_loads += stats.passing_loads;
      layout.add(static_cast<int64_t>(p), compiled[p]);
    }
    layout.place(record_.code, fw::resolve_target);
    expect(layout.encode());
    size_t exits = 0;
    for (unsigned p = 0; p < compiled.size(); ++p) {
      region(p, compiled[p], layout, {record_.exits.data() + exits, compiled[p].exits.size()});
      exits += compiled[p].exits.size();
    }
  }

  void region(unsigned p, const CompiledRegion& compiled, const translator::CodeLayout& layout, std::span<const fw::Exit> installed) {
    const TranslationRecord::Part& part = record_.parts[p];
    std::vector<translator::Region> optimised = part.tree;
    translator::optimize_tree(optimised, machine_, part.options);
    append(operations(part.tree), p, out_.before);
    append(operations(optimised), p, out_.after);

    rows_.clear();
    molecules_.clear();
    exits_.clear();
    std::vector<uint32_t> links;   // molecules where link stubs begin
    for (const CompiledRegion::Exit& exit : compiled.exits) links.push_back(exit.link);
    const uint32_t first_link = links.empty() ? static_cast<uint32_t>(compiled.molecules.size()) : links.front();
    for (uint32_t m = 0; m < compiled.molecules.size(); ++m) {
      const auto word = static_cast<uint32_t>((layout.molecule_address(p, m) - record_.code) / 4);
      const MoleculePart kind = m < compiled.main_molecules ? MoleculePart::Main : m < first_link ? MoleculePart::Compensation : MoleculePart::Link;
      add_row(word, molecule_at(record_, word), kind, compiled.molecules[m].cycle, compiled.guest.data() + compiled.molecules[m].first);
    }
    for (unsigned path = 0; path < compiled.paths.size(); ++path) {
      for (uint32_t m = compiled.paths[path]; m < compiled.path_end(path); ++m) rows_[m].where.path = path;
    }
    checkpoints(part, compiled, first_link);
    region_exits(compiled, first_link, installed);
    append_rows(p);
  }

  void append(std::vector<OperationView> operations, unsigned part, std::vector<OperationView>& out) const {
    for (OperationView& view : operations) {
      view.where.part = part;
      view.guest += static_cast<int>(record_.parts[part].first);
      out.push_back(std::move(view));
    }
  }

  /// Rows and exits of a part have been numbered from 0, and its instructions too.
  void append_rows(unsigned part) {
    const auto row = static_cast<unsigned>(out_.molecules.size()), guest = static_cast<unsigned>(record_.parts[part].first);
    for (MoleculeView& view : rows_) {
      view.where.part = part;
      if (view.complete != 0) view.complete += guest;
      if (view.back_to >= 0) view.back_to += static_cast<int>(row);
      for (AtomView& atom : view.atoms)
        if (atom.guest >= 0) atom.guest += static_cast<int>(guest);
      out_.molecules.push_back(std::move(view));
    }
    for (ExitView& view : exits_) {
      if (view.guest >= 0) view.guest += static_cast<int>(guest);
      for (unsigned* const number : {&view.row, &view.first, &view.last}) *number += row;
      if (view.link >= 0) view.link += static_cast<int>(row);
      out_.exits.push_back(std::move(view));
    }
  }

  void add_row(uint32_t word, const isa::Molecule& molecule, MoleculePart part, unsigned cycle, const uint16_t* guests) {
    MoleculeView row{record_.code + 4 * word, part, {}, cycle, {}, 0, -1, record_.counts[word], {}};
    uint8_t slots[isa::kMaxWords] = {};
    isa::match_slots(machine_, molecule, slots);
    for (unsigned i = 0; i < molecule.count; ++i)
      row.atoms.push_back({slots[i], isa::disassemble(molecule.atoms[i], row.address), guests == nullptr || part == MoleculePart::Link ? -1 : guests[i]});
    for (const auto& [where, times] : record_.events)
      if (where.first == word) row.events.emplace_back(where.second, times);
    molecules_.push_back(molecule);
    rows_.push_back(std::move(row));
  }

  /// The checkpoint of each row of the main path, and where a rollback leads from there.
  void checkpoints(const TranslationRecord::Part& part, const CompiledRegion& compiled, uint32_t first_link) {
    struct Origin {
      unsigned complete = 0;
      int commit = -1;
    };
    std::vector<Origin> origins(compiled.paths.size());
    for (unsigned path = 0; path < compiled.paths.size(); ++path) {
      const std::vector<ir::Inst>& before = part.tree[path].code.insts;
      const int first = before.front().guest;
      const std::vector<int> complete = translator::checkpoints_of(compiled, path, first);
      Origin state = origins[path];
      for (uint32_t m = compiled.paths[path]; m < compiled.path_end(path); ++m) {
        MoleculeView& row = rows_[m];
        if (const int last = complete[m - compiled.paths[path]]; last >= first) state.complete = static_cast<unsigned>(last + 1);
        row.complete = state.complete;
        row.back_to = state.commit;
        // A path begins with what is complete at its exit, the branch included; but nothing is where the other version of a loop begins.
        if (const unsigned next = next_path(compiled, m, first_link); next != 0) {
          origins[next] = state;
          for (const AtomView& atom : row.atoms)
            if (atom.guest >= 0) origins[next].complete = std::max(origins[next].complete, static_cast<unsigned>(atom.guest + 1));
          origins[next].complete = std::min<unsigned>(origins[next].complete, part.tree[next].code.insts.front().guest);
        }
        for (unsigned i = 0; i < molecules_[m].count; ++i)
          if (isa::info(molecules_[m].atoms[i].op).has(isa::kCommit)) state.commit = static_cast<int>(m);
      }
    }
  }

  static const CompiledRegion::Fixup* fixup_of(const CompiledRegion& compiled, uint32_t molecule) {
    for (const CompiledRegion::Fixup& fixup : compiled.fixups)
      if (fixup.molecule == molecule) return &fixup;
    return nullptr;
  }

  /// The path that control goes on with if it leaves molecule `m`, perhaps by compensation code; 0: none.
  unsigned next_path(const CompiledRegion& compiled, uint32_t m, uint32_t first_link) const {
    const CompiledRegion::Fixup* fixup = fixup_of(compiled, m);
    if (fixup != nullptr && fixup->kind == Target::Local && fixup->target >= compiled.main_molecules && fixup->target < first_link) {
      auto at = static_cast<uint32_t>(fixup->target);
      while (!ends(at)) ++at;
      fixup = fixup_of(compiled, at);
    }
    if (fixup == nullptr || fixup->kind != Target::Local || fixup->target >= compiled.main_molecules) return 0;
    for (unsigned path = 1; path < compiled.paths.size(); ++path)
      if (compiled.paths[path] == fixup->target && compiled.path_end(path) != fixup->target) return path;
    return 0;
  }

  /// `installed`: the firmware's exits, in the order of those compiled.
  void region_exits(const CompiledRegion& compiled, uint32_t first_link, std::span<const fw::Exit> installed) {
    const auto exit_of = [&](uint32_t molecule) -> const CompiledRegion::Exit* {
      for (const CompiledRegion::Exit& exit : compiled.exits)
        if (exit.molecule == molecule && !exit.returns) return &exit;
      return nullptr;
    };
    for (uint32_t m = 0; m < compiled.main_molecules; ++m) {
      for (unsigned i = 0; i < molecules_[m].count; ++i) {
        const isa::AtomInfo& row = isa::info(molecules_[m].atoms[i].op);
        if (!row.has(isa::kBranch)) continue;
        ExitView exit;
        exit.row = m;
        exit.guest = rows_[m].atoms[i].guest;
        exit.times = rows_[m].count.left;
        const CompiledRegion::Fixup* fixup = fixup_of(compiled, m);
        const unsigned next = next_path(compiled, m, first_link);
        uint32_t leaving = m;  // molecule whose branch leaves the translation
        if (fixup != nullptr && fixup->kind == Target::Local && fixup->target >= compiled.main_molecules && fixup->target < first_link) {
          exit.first = static_cast<unsigned>(fixup->target);
          exit.last = exit.first;
          while (exit.last < first_link && !ends(exit.last)) ++exit.last;
          leaving = exit.last;
          ++exit.last;
          fixup = fixup_of(compiled, leaving);
        }
        bool calls_out = false;
        if (const CompiledRegion::Exit* chained = exit_of(leaving)) {
          calls_out = installed[static_cast<size_t>(chained - compiled.exits.data())].kind == fw::ExitKind::CalledOut;
          exit.target = chained->target;
          exit.has_target = true;
          exit.link = static_cast<int>(chained->link);
        }
        const bool side = row.has(isa::kConditional);
        exit.kind = next != 0 ? fmt::format("to path {}", next)
                    : calls_out                                                ? "call-out"
                    : fixup != nullptr && fixup->kind == Target::GuestTrap        ? "exception"
                    : fixup != nullptr && fixup->kind == Target::GuestIndirect ? (side ? "mispredicted" : "indirect")
                    : row.has(isa::kIndirect)                                  ? "indirect"
                    : side                                                     ? "side exit"
                                                                               : "end";
        exits_.push_back(std::move(exit));
      }
    }
  }

  /// Whether the molecule never reaches the one behind.
  bool ends(unsigned m) const {
    for (unsigned i = 0; i < molecules_[m].count; ++i) {
      const isa::AtomInfo& row = isa::info(molecules_[m].atoms[i].op);
      if (row.has(isa::kBranch) && !row.has(isa::kConditional)) return true;
    }
    return false;
  }

  // -- gear 1 -----------------------------------------------------------------------------------------------------

  void block() {
    ir::Code lifted;
    for (size_t i = 0; i < record_.source.size(); ++i) {
      const size_t first = lifted.insts.size();
      lift_into(record_.source[i], record_.key, lifted);
      for (size_t k = first; k < lifted.insts.size(); ++k) lifted.insts[k].guest = static_cast<uint16_t>(i);
    }
    add_operations(lifted, nullptr, 0, out_.before);
    // Its comparisons with the source as it was are the firmware's (GuestCode::fetch), and cannot be lifted again here.
    if (record_.checks) main_ = {{0, static_cast<uint32_t>(record_.words.size())}};
    else expect(translate_block());

    const auto is_start = [&](uint64_t address, auto member) {
      return std::any_of(record_.exits.begin(), record_.exits.end(), [&](const fw::Exit& exit) { return exit.*member == address; });
    };
    Clock clock(machine_);
    bool link = false;
    for (uint32_t word = 0; word < record_.words.size();) {
      const isa::Molecule molecule = molecule_at(record_, word);
      if (is_start(record_.code + 4 * word, &fw::Exit::link)) {
        link = true;
        clock.restart();
      } else if (is_start(record_.code + 4 * word, &fw::Exit::resume)) {
        link = false;
        clock.restart();
      }
      const bool main = std::any_of(main_.begin(), main_.end(), [&](const auto& part) { return word >= part.first && word < part.second; });
      const MoleculePart part = main && !link ? MoleculePart::Main : link ? MoleculePart::Link : MoleculePart::Compensation;
      add_row(word, molecule, part, clock.issue(molecule), nullptr);
      word += molecule.bytes / 4;
    }
    out_.molecules = std::move(rows_);
    for (const fw::Exit& exit : record_.exits) {
      ExitView view;
      const auto row_of = [&](uint64_t address) {
        return static_cast<unsigned>(std::find_if(out_.molecules.begin(), out_.molecules.end(),
                                                  [&](const MoleculeView& row) { return row.address == address; }) - out_.molecules.begin());
      };
      static constexpr const char* kKind[] = {"exit", "return point", "to the interpreter", "call-out", "indirect", "exception"};
      view.kind = kKind[static_cast<unsigned>(exit.kind)];
      view.row = row_of(exit.molecule);
      view.target = exit.target;
      view.has_target = exit.kind != fw::ExitKind::Indirect;
      view.times = view.row < out_.molecules.size() ? out_.molecules[view.row].count.left : 0;
      const unsigned link_row = row_of(exit.link);
      if (link_row < out_.molecules.size()) view.link = static_cast<int>(link_row);
      out_.exits.push_back(std::move(view));
    }
  }

  /// The same instructions to gear 1 again. What ended the block is not recorded: if it was an instruction that gear 1
  /// refuses, offering that gives the firmware's code.
  std::vector<uint32_t> translate_block() {
    std::vector<uint32_t> words;
    for (const bool offer_next : {false, true}) {
      words.clear();
      main_.clear();
      uint32_t first_exit = record_.first_exit;
      size_t i = 0;
      while (i < record_.source.size()) {
        translator::QuickTranslator quick(machine_, fw::quick_options(log_.mailbox()));
        quick.begin(record_.source[i].eip);
        const fw::Exit* out = nullptr;
        for (; i < record_.source.size() && (out = call_out_at(record_.source[i].eip)) == nullptr; ++i) {
          lift_into(record_.source[i], record_.key, quick.code());
          quick.add(end_of(record_.source[i]));
        }
        if (out != nullptr || offer_next) {
          // Gear 1 refuses what is longer than any instruction's IR.
          quick.code().insts.resize(quick.code().insts.size() + translator::QuickBlock::kMaxInstructionOperations + 1);
          quick.add(end_of(record_.source[i - 1]) + 1);
        }
        const translator::QuickCode& made = quick.finish({record_.code + 4 * words.size(), fw::address(fw::CodeStub::Leave), first_exit, first_exit,
                                                          translator::QuickLikely::Unknown});
        main_.emplace_back(words.size(), words.size() + made.main_words);
        first_exit += static_cast<uint32_t>(made.exits.size());
        words.insert(words.end(), made.words.begin(), made.words.end());
        while (out != nullptr && i < record_.source.size() && record_.source[i].eip != out->resume_eip) ++i;
      }
      if (words == record_.words) break;
    }
    return words;
  }
  static uint32_t end_of(const SourceInstruction& instruction) { return instruction.eip + static_cast<uint32_t>(instruction.bytes.size()); }
  const fw::Exit* call_out_at(uint32_t eip) const {
    for (const fw::Exit& exit : record_.exits)
      if (exit.kind == fw::ExitKind::CalledOut && exit.target == eip) return &exit;
    return nullptr;
  }

  const TranslationRecord& record_;
  const TranslationLog& log_;
  const isa::MachineDescription& machine_;
  Explanation out_;
  // Of the part under way; gear 1 has one.
  std::vector<MoleculeView> rows_;
  std::vector<isa::Molecule> molecules_;  ///< by row
  std::vector<ExitView> exits_;
  std::vector<std::pair<uint32_t, uint32_t>> main_;  ///< gear 1: words of its parts, without stubs
};

}  // namespace

Explanation explain(const TranslationRecord& record, const TranslationLog& log) { return Explainer(record, log).run(); }

std::vector<const TranslationRecord*> hottest(const TranslationLog& log, size_t top, std::optional<uint32_t> eip) {
  std::vector<const TranslationRecord*> list;
  for (const auto& record : log.translations()) {
    const bool contains = !eip || std::any_of(record->source.begin(), record->source.end(), [&](const SourceInstruction& instruction) {
      return *eip - instruction.eip < instruction.bytes.size();
    });
    if (contains) list.push_back(record.get());
  }
  std::stable_sort(list.begin(), list.end(), [](const auto* a, const auto* b) { return a->cycles() > b->cycles(); });
  if (list.size() > top) list.resize(top);
  return list;
}

}  // namespace chrysalis::sim
