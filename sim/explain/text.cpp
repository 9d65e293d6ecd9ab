#include "sim/explain/text.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/report.h"

namespace chrysalis::sim {
namespace {

std::string rule(const std::string& title) { return fmt::format("\n{}\n{}\n", title, std::string(title.size(), '-')); }

std::string operations_text(const Explanation& region, const std::vector<OperationView>& operations) {
  std::string out;
  int guest = -1;
  PathOf where;
  for (const OperationView& operation : operations) {
    if (operation.where != where) out += fmt::format("  {}\n", path_text(region, where = operation.where));
    const std::string mark = operation.guest != guest ? fmt::format("{:>3}", operation.guest) : "";
    guest = operation.guest;
    out += fmt::format("  {:<4} {}\n", mark, operation.text);
    if (!operation.map.empty()) out += fmt::format("         {}\n", operation.map);
  }
  return out;
}

/// "+ text" with the guest instruction's number in front.
std::string atom_text(const AtomView& atom) { return atom.guest >= 0 ? fmt::format("{}: {}", atom.guest, atom.text) : atom.text; }

class Table {
 public:
  explicit Table(const Explanation& region) : region_(region), width_(region.slots, 4) {
    for (unsigned slot = 0; slot < region.slots; ++slot) width_[slot] = std::max(width_[slot], region.slot_names[slot].size());
    for (const MoleculeView& row : region.molecules)
      for (const AtomView& atom : row.atoms) width_[atom.slot] = std::max(width_[atom.slot], atom_text(atom).size());
  }

  std::string header() const {
    std::string line = fmt::format("  {:>4} {:>5}", "row", "cycle");
    for (unsigned slot = 0; slot < region_.slots; ++slot) line += fmt::format(" | {:<{}}", region_.slot_names[slot], width_[slot]);
    return line + fmt::format(" | {:>10} {:>10}  {}\n", "executed", "cycles", "complete; a rollback leads to");
  }

  std::string row(size_t index) const {
    const MoleculeView& molecule = region_.molecules[index];
    std::vector<std::string> cells(region_.slots);
    for (const AtomView& atom : molecule.atoms) cells[atom.slot] = atom_text(atom);
    std::string line = fmt::format("  {:>4} {:>5}", index, molecule.part == MoleculePart::Main ? fmt::format("{}", molecule.cycle)
                                                                                               : fmt::format("+{}", molecule.cycle));
    for (unsigned slot = 0; slot < region_.slots; ++slot) line += fmt::format(" | {:<{}}", cells[slot], width_[slot]);
    line += fmt::format(" | {:>10} {:>10}", molecule.count.executed, molecule.count.cycles);
    if (molecule.part == MoleculePart::Main && !region_.record->parts.empty())
      line += fmt::format("  {}; {}", complete_text(region_, molecule), back_text(region_, molecule));
    for (const auto& [cause, times] : molecule.events) line += fmt::format("  [{} {}]", times, isa::name(cause));
    return line + "\n";
  }

  std::string part(MoleculePart part) const {
    std::string out;
    PathOf where;
    for (size_t i = 0; i < region_.molecules.size(); ++i) {
      if (region_.molecules[i].part != part) continue;
      if (part == MoleculePart::Main && region_.molecules[i].where != where)
        out += fmt::format("  {}\n", path_text(region_, where = region_.molecules[i].where));
      out += row(i);
    }
    return out;
  }

 private:
  const Explanation& region_;
  std::vector<size_t> width_;
};

std::string one_region(const ExplainedRun& run, const Explanation& region, size_t number, size_t count) {
  std::string out = fmt::format("\n==== {} of {}: {:#x}, gear {} ====\n", number, count, region.record->eip, region.record->gear);
  for (const std::string& fact : region_facts(run, region)) out += fact + "\n";

  out += rule("x86");
  for (size_t i = 0; i < region.source.size(); ++i)
    out += fmt::format("  {:>3}  {:08x}  {:<24}  {}\n", i, region.source[i].eip, region.source[i].bytes, region.source[i].text);

  if (!region.record->parts.empty()) {
    out += rule(fmt::format("IR before the passes: {} operations", region.before.size())) + operations_text(region, region.before);
    out += rule(fmt::format("IR after the passes: {} operations", region.after.size())) + operations_text(region, region.after);
  } else {
    out += rule(fmt::format("IR as lifted: {} operations; gear 1 has no passes", region.before.size())) + operations_text(region, region.before);
  }

  const Table table(region);
  out += rule("molecules: main path") + table.header() + table.part(MoleculePart::Main);
  if (const std::string text = table.part(MoleculePart::Compensation); !text.empty()) out += rule("compensation code") + table.header() + text;
  if (const std::string text = table.part(MoleculePart::Link); !text.empty()) out += rule("link stubs") + table.header() + text;

  out += rule("exits");
  for (const ExitView& exit : region.exits) out += "  " + exit_text(region, exit) + "\n";
  return out;
}

}  // namespace

std::vector<std::string> region_facts(const ExplainedRun& run, const Explanation& region) {
  const TranslationRecord& record = *region.record;
  const auto share = [](uint64_t part, uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  std::vector<std::string> facts;
  size_t main = 0;
  for (const MoleculeView& row : region.molecules) main += row.part == MoleculePart::Main;
  facts.push_back(fmt::format("{} x86 instructions in {} molecules, {} of them the main path; {} words at {:#x}", region.source.size(),
                              region.molecules.size(), main, record.words.size(), record.code));
  facts.push_back(fmt::format("entered {} times; {} cycles, {:.1f} % of the run; {} x86 instructions committed, {:.3f} per cycle",
                              grouped(record.executions()), grouped(record.cycles()), 100 * share(record.cycles(), run.cycles),
                              grouped(record.committed), share(record.committed, record.cycles())));
  facts.push_back(fmt::format("made from cycle {} to {}: {} cycles, {:.0f} per x86 instruction", grouped(record.began), grouped(record.installed),
                              grouped(record.installed - record.began), share(record.installed - record.began, region.source.size())));
  if (!record.parts.empty())
    facts.push_back(fmt::format("{} IR operations, {} after the passes; {} spilled, {} moves in line, {} in compensation code, {} loads above stores",
                                region.before.size(), region.after.size(), region.stats.spilled, region.stats.moves, region.stats.stub_moves,
                                region.stats.passing_loads));
  std::map<isa::Cause, uint64_t> events;
  for (const auto& [where, times] : record.events) events[where.second] += times;
  std::string text;
  for (const auto& [cause, times] : events) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", grouped(times), isa::name(cause));
  facts.push_back(fmt::format("events: {}; rollbacks: {}", text.empty() ? "none" : text, grouped(record.rollbacks())));
  text = fmt::format("exits chained {} times, unchained {} times", record.chained, record.unchained);
  for (const isa::Cause cause : record.learned) text += fmt::format("; to be made anew after {}", isa::name(cause));
  if (record.dropped != UINT64_MAX)
    text += fmt::format("; dropped in cycle {}: {}", grouped(record.dropped), fw::kDropReasonName[static_cast<unsigned>(record.reason)]);
  facts.push_back(text);
  return facts;
}

std::string path_text(const Explanation& region, PathOf where) {
  return region.record->parts.size() > 1 ? fmt::format("part {}, path {}", where.part, where.path) : fmt::format("path {}", where.path);
}

std::string complete_text(const Explanation& region, const MoleculeView& row) {
  return row.complete == 0 ? "-" : fmt::format("{}: {:x}", row.complete - 1, region.source[row.complete - 1].eip);
}

std::string back_text(const Explanation& region, const MoleculeView& row) {
  return row.back_to < 0 ? fmt::format("entry {:x}", region.record->parts[row.where.part].tree.front().eip) : fmt::format("commit of row {}", row.back_to);
}

std::string rows_text(const ExitView& exit) {
  if (exit.first == exit.last) return "";
  return exit.last - exit.first == 1 ? fmt::format("row {}", exit.first) : fmt::format("rows {} to {}", exit.first, exit.last - 1);
}

std::string exit_text(const Explanation&, const ExitView& exit) {
  std::string text = fmt::format("{:<18} row {:>3}", exit.kind, exit.row);
  if (exit.guest >= 0) text += fmt::format("  of instruction {:>3}", exit.guest);
  text += exit.has_target ? fmt::format("  to {:08x}", exit.target) : fmt::format("  {:11}", "");
  text += fmt::format("  taken {:>12} times", grouped(exit.times));
  if (exit.first != exit.last) text += fmt::format("  compensation: {}", rows_text(exit));
  if (exit.link >= 0) text += fmt::format("  link stub: row {}", exit.link);
  return text;
}

std::string explanation_text(const ExplainedRun& run, const std::vector<Explanation>& regions) {
  std::string out = fmt::format("{}\n{}: {} x86 instructions in {} cycles; translations by gear 1, 2, 3: {}, {}, {}\n", run.command,
                                run.machine, grouped(run.instructions), grouped(run.cycles), run.translations[0], run.translations[1],
                                run.translations[2]);
  if (regions.empty()) out += "no translation to explain; gears beyond 0 need --set firmware.max_gear=N\n";
  for (size_t i = 0; i < regions.size(); ++i) out += one_region(run, regions[i], i + 1, regions.size());
  return out;
}

}  // namespace chrysalis::sim
