#include "sim/explain/html.h"

#include <algorithm>

#include <fmt/format.h>

#include "sim/report.h"

namespace chrysalis::sim {
namespace {

constexpr const char* kStyle = R"css(
:root { --bg:#f6f7f9; --card:#fff; --ink:#1c2430; --dim:#6b7686; --line:#dfe4ea; --accent:#2563eb; --hot:#f59e0b; --bad:#dc2626; --hit:#fde68a; }
@media (prefers-color-scheme: dark) {
  :root { --bg:#12161c; --card:#1a2029; --ink:#e3e8ef; --dim:#8b97a8; --line:#2c3542; --accent:#7aa2ff; --hot:#b45309; --bad:#f87171; --hit:#574510; } }
* { box-sizing:border-box }
body { margin:0; background:var(--bg); color:var(--ink); font:14px/1.45 system-ui, "DejaVu Sans", sans-serif; }
header { padding:22px 28px 12px } h1 { margin:0 0 4px; font-size:21px } header p { margin:2px 0; color:var(--dim) }
code, .mono, table.mono td, ol.mono li { font:12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace }
nav { padding:0 28px 10px } nav table { border-collapse:collapse; background:var(--card); border:1px solid var(--line); border-radius:8px }
nav td, nav th { padding:4px 12px; text-align:right } nav td:first-child, nav th:first-child { text-align:left } nav a { color:var(--accent); text-decoration:none }
section { margin:14px 28px 30px; background:var(--card); border:1px solid var(--line); border-radius:10px; padding:14px 18px }
h2 { margin:0 0 6px; font-size:17px } h2 .gear { font-size:12px; color:#fff; background:var(--accent); border-radius:9px; padding:2px 9px; vertical-align:2px; margin-left:8px }
h3 { margin:18px 0 6px; font-size:12px; text-transform:uppercase; letter-spacing:.07em; color:var(--dim) }
ul.facts { margin:4px 0 8px; padding-left:18px; color:var(--dim) }
.columns { display:grid; grid-template-columns:minmax(330px,1fr) minmax(300px,1fr) minmax(300px,1fr); gap:18px }
.scroll { overflow:auto; max-height:520px; border:1px solid var(--line); border-radius:6px } .wide { overflow-x:auto; border:1px solid var(--line); border-radius:6px }
table.mono { border-collapse:collapse; width:100% } table.mono td, table.mono th { padding:1px 8px; white-space:nowrap; text-align:left; vertical-align:top }
table.mono th { position:sticky; top:0; background:var(--card); font:600 11.5px system-ui, sans-serif; color:var(--dim); border-bottom:1px solid var(--line); padding:4px 8px }
table.slots td { border-right:1px solid var(--line) } table.slots tr:nth-child(even) td { background-color:color-mix(in srgb, var(--line) 25%, transparent) }
table.mono td.n { text-align:right; color:var(--dim) } td.dim, .dim { color:var(--dim) } .bad { color:var(--bad) }
.a { border-left:3px solid var(--c, var(--line)); padding-left:5px; border-radius:2px; display:block; cursor:default }
.bar { background-image:linear-gradient(to left, color-mix(in srgb, var(--hot) 55%, transparent) var(--w), transparent var(--w)) }
.hit, .hit td { background-color:var(--hit) !important } .map { color:var(--dim); padding-left:26px; white-space:normal }
tr.part td { background-color:var(--bg) !important; font:600 11.5px system-ui, sans-serif; color:var(--dim); padding-top:6px }
)css";

constexpr const char* kScript = R"js(
// Everything that belongs to one x86 instruction carries its number in data-g; hovering shows all of them, a click keeps them.
document.querySelectorAll('section').forEach(function (section) {
  var kept = null;
  function show(g) {
    section.querySelectorAll('.hit').forEach(function (e) { e.classList.remove('hit'); });
    if (g !== null) section.querySelectorAll('[data-g="' + g + '"]').forEach(function (e) { e.classList.add('hit'); });
  }
  function of(event) { var e = event.target.closest('[data-g]'); return e ? e.getAttribute('data-g') : null; }
  section.addEventListener('mouseover', function (event) { var g = of(event); show(g === null ? kept : g); });
  section.addEventListener('mouseleave', function () { show(kept); });
  section.addEventListener('click', function (event) { var g = of(event); kept = g === kept ? null : g; show(kept); });
});
)js";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

/// Attributes of what belongs to guest instruction `guest`: its number, and a colour of its own.
std::string belongs(int guest) {
  if (guest < 0) return "";
  constexpr int kGoldenAngle = 137;  // neighbours differ
  return fmt::format(" data-g=\"{}\" style=\"--c:hsl({} 65% 50%)\"", guest, guest * kGoldenAngle % 360);
}

std::string source_table(const Explanation& region) {
  std::string out = "<table class=\"mono\"><tr><th></th><th>address</th><th>bytes</th><th>instruction</th></tr>\n";
  for (size_t i = 0; i < region.source.size(); ++i) {
    const InstructionView& view = region.source[i];
    out += fmt::format("<tr data-g=\"{}\"><td class=\"n\">{}</td><td class=\"dim\">{:08x}</td><td class=\"dim\">{}</td><td><span class=\"a\"{}>{}</span></td></tr>\n",
                       i, i, view.eip, view.bytes, belongs(static_cast<int>(i)), escaped(view.text));
  }
  return out + "</table>";
}

std::string operation_table(const Explanation& region, const std::vector<OperationView>& operations) {
  std::string out = "<table class=\"mono\">\n";
  int guest = -1;
  PathOf where;
  for (const OperationView& view : operations) {
    if (view.where != where)
      out += fmt::format("<tr class=\"part\"><td colspan=\"2\">{}</td></tr>\n", path_text(region, where = view.where));
    out += fmt::format("<tr data-g=\"{}\"><td class=\"n\">{}</td><td><span class=\"a\"{}>{}</span>", view.guest,
                       view.guest != guest ? fmt::format("{}", view.guest) : "", belongs(view.guest), escaped(view.text));
    if (!view.map.empty()) out += fmt::format("<div class=\"map\">{}</div>", escaped(view.map));
    out += "</td></tr>\n";
    guest = view.guest;
  }
  return out + "</table>";
}

std::string molecule_table(const Explanation& region) {
  uint64_t most = 1;
  for (const MoleculeView& row : region.molecules) most = std::max(most, row.count.cycles);
  std::string out = "<table class=\"mono slots\"><tr><th>row</th><th>cycle</th>";
  for (const std::string& name : region.slot_names) out += fmt::format("<th>{}</th>", escaped(name));
  out += "<th>executed</th><th>cycles</th><th>complete up to</th><th>a rollback leads to</th></tr>\n";
  const unsigned columns = region.slots + 6;
  MoleculePart part = MoleculePart::Main;
  PathOf where;
  for (size_t i = 0; i < region.molecules.size(); ++i) {
    const MoleculeView& row = region.molecules[i];
    if (row.part != part) {
      part = row.part;
      if (part != MoleculePart::Main) out += fmt::format("<tr class=\"part\"><td colspan=\"{}\">{}</td></tr>\n", columns,
                         part == MoleculePart::Compensation ? "compensation code" : "link stubs");
    }
    if (row.part == MoleculePart::Main && row.where != where)
      out += fmt::format("<tr class=\"part\"><td colspan=\"{}\">{}</td></tr>\n", columns, path_text(region, where = row.where));
    std::vector<std::string> cells(region.slots);
    for (const AtomView& atom : row.atoms) cells[atom.slot] = fmt::format("<span class=\"a\"{}>{}</span>", belongs(atom.guest), escaped(atom.text));
    out += fmt::format("<tr title=\"{:#x}\"><td class=\"n\">{}</td><td class=\"n\">{}{}</td>", row.address, i,
                       row.part == MoleculePart::Main ? "" : "+", row.cycle);
    for (const std::string& cell : cells) out += "<td>" + cell + "</td>";
    out += fmt::format("<td class=\"n\">{}</td><td class=\"n bar\" style=\"--w:{:.1f}%\">{}</td>", grouped(row.count.executed),
                       100.0 * static_cast<double>(row.count.cycles) / static_cast<double>(most), grouped(row.count.cycles));
    if (row.part == MoleculePart::Main && !region.record->parts.empty()) {
      out += fmt::format("<td{}>{}</td><td class=\"dim\">{}", row.complete == 0 ? "" : fmt::format(" data-g=\"{}\"", row.complete - 1),
                         complete_text(region, row), back_text(region, row));
    } else {
      out += "<td></td><td>";
    }
    for (const auto& [cause, times] : row.events) out += fmt::format(" <span class=\"bad\">{} {}</span>", grouped(times), isa::name(cause));
    out += "</td></tr>\n";
  }
  return out + "</table>";
}

std::string exit_table(const Explanation& region) {
  std::string out = "<table class=\"mono\"><tr><th>exit</th><th>row</th><th>of instruction</th><th>to</th><th>taken</th><th>compensation</th><th>link stub</th></tr>\n";
  for (const ExitView& exit : region.exits) {
    out += fmt::format("<tr{}><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>\n",
                       exit.guest < 0 ? "" : fmt::format(" data-g=\"{}\"", exit.guest), escaped(exit.kind), exit.row,
                       exit.guest < 0 ? "" : fmt::format("{}", exit.guest), exit.has_target ? fmt::format("{:08x}", exit.target) : "",
                       grouped(exit.times), rows_text(exit),
                       exit.link < 0 ? "" : fmt::format("row {}", exit.link));
  }
  return out + "</table>";
}

std::string section(const ExplainedRun& run, const Explanation& region, size_t number) {
  std::string out = fmt::format("<section id=\"r{}\"><h2>{:#x}<span class=\"gear\">gear {}</span></h2>\n<ul class=\"facts\">", number,
                                region.record->eip, region.record->gear);
  for (const std::string& fact : region_facts(run, region)) out += fmt::format("<li>{}</li>", escaped(fact));
  out += "</ul>\n<div class=\"columns\">\n";
  out += "<div><h3>x86</h3><div class=\"scroll\">" + source_table(region) + "</div></div>\n";
  if (!region.record->parts.empty()) {
    out += fmt::format("<div><h3>IR before the passes: {} operations</h3><div class=\"scroll\">{}</div></div>\n", region.before.size(),
                       operation_table(region, region.before));
    out += fmt::format("<div><h3>IR after the passes: {} operations</h3><div class=\"scroll\">{}</div></div>\n", region.after.size(),
                       operation_table(region, region.after));
  } else {
    out += fmt::format("<div><h3>IR as lifted: {} operations</h3><div class=\"scroll\">{}</div></div>\n", region.before.size(),
                       operation_table(region, region.before));
  }
  out += "</div>\n<h3>Molecules by cycle</h3><div class=\"wide\">" + molecule_table(region) + "</div>\n";
  return out + "<h3>Exits</h3><div class=\"wide\">" + exit_table(region) + "</div></section>\n";
}

}  // namespace

std::string explanation_html(const ExplainedRun& run, const std::vector<Explanation>& regions) {
  std::string out = fmt::format("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n<style>{}</style></head><body>\n",
                                escaped(run.command), kStyle);
  out += fmt::format("<header><h1><code>{}</code></h1><p>{}: {} x86 instructions in {} cycles; translations by gear 1, 2, 3: {}, {}, {}.</p>"
                     "<p>Point at an instruction, operation or atom to see what belongs to it; click to keep it.</p></header>\n",
                     escaped(run.command), escaped(run.machine), grouped(run.instructions), grouped(run.cycles), run.translations[0],
                     run.translations[1], run.translations[2]);
  out += "<nav><table><tr><th>region</th><th>gear</th><th>x86</th><th>molecules</th><th>entered</th><th>cycles</th><th>of the run</th><th>rollbacks</th></tr>\n";
  for (size_t i = 0; i < regions.size(); ++i) {
    const TranslationRecord& record = *regions[i].record;
    out += fmt::format("<tr><td><a class=\"mono\" href=\"#r{}\">{:#x}</a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1f} %</td><td>{}</td></tr>\n",
                       i, record.eip, record.gear, regions[i].source.size(), regions[i].molecules.size(), grouped(record.executions()),
                       grouped(record.cycles()), run.cycles == 0 ? 0 : 100.0 * static_cast<double>(record.cycles()) / static_cast<double>(run.cycles),
                       grouped(record.rollbacks()));
  }
  out += "</table></nav>\n";
  for (size_t i = 0; i < regions.size(); ++i) out += section(run, regions[i], i);
  return out + fmt::format("<script>{}</script></body></html>\n", kScript);
}

}  // namespace chrysalis::sim
