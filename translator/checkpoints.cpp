#include "translator/checkpoints.h"

#include <algorithm>

#include "translator/assert.h"

namespace chrysalis::translator {
namespace {

/// By instruction: its place in the order.
std::vector<int> places_of(const Trace& trace, std::span<const int> order) {
  std::vector<int> out(trace.steps.size(), -1);
  for (size_t place = 0; place < order.size(); ++place) out[static_cast<size_t>(order[place])] = static_cast<int>(place);
  for (const int place : out) CHRYSALIS_ASSERT(place >= 0, place);
  return out;
}

/// By value: the instruction that defines it, or kEntry.
std::vector<int> definitions_of(const Trace& trace) {
  std::vector<int> out(trace.value_names.size(), Trace::kEntry);
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    for (const TraceStep::Definition& made : trace.steps[i].defines) {
      // A move only puts a value that is there into another register.
      if (made.value >= trace.registers && out[made.value] == Trace::kEntry) out[made.value] = static_cast<int>(i);
    }
  }
  return out;
}

bool leaves(const Trace& trace, size_t step) { return trace.steps[step].exit || step + 1 == trace.steps.size(); }

/// The instructions that exit `exit` needs and that come behind it in the order.
std::vector<int> compensation_for(const Trace& trace, int exit, const std::vector<int>& places, const std::vector<int>& definitions) {
  std::vector<int> needed;
  std::vector<uint32_t> wanted = trace.rmap(exit);
  while (!wanted.empty()) {
    const int step = definitions[wanted.back()];
    wanted.pop_back();
    if (step == Trace::kEntry || places[static_cast<size_t>(step)] < places[static_cast<size_t>(exit)]) continue;
    if (std::find(needed.begin(), needed.end(), step) != needed.end() || step == exit) continue;
    needed.push_back(step);
    for (const uint32_t use : trace.steps[static_cast<size_t>(step)].uses) wanted.push_back(use);
  }
  for (int step = 0; step < exit; ++step) {  // to stores and traps no value need lead
    const TraceStep& sunk = trace.steps[static_cast<size_t>(step)];
    if ((!sunk.stores && !sunk.traps) || places[static_cast<size_t>(step)] < places[static_cast<size_t>(exit)]) continue;
    if (std::find(needed.begin(), needed.end(), step) == needed.end()) needed.push_back(step);
  }
  std::sort(needed.begin(), needed.end());
  return needed;
}

}  // namespace

std::vector<uint32_t> Trace::rmap(int position) const {
  std::vector<uint32_t> out(registers);
  for (unsigned reg = 0; reg < registers; ++reg) out[reg] = reg;
  for (int i = 0; i <= position; ++i) {
    for (const TraceStep::Definition& made : steps[static_cast<size_t>(i)].defines) out[made.reg] = made.value;
  }
  return out;
}

Checkpoints find_checkpoints(const Trace& trace, std::span<const int> order) {
  Checkpoints out;
  const std::vector<int> places = places_of(trace, order), definitions = definitions_of(trace);
  std::vector<bool> done(trace.steps.size(), false);
  int complete = Trace::kEntry;
  for (const int step : order) {
    out.checkpoint.push_back(complete);
    done[static_cast<size_t>(step)] = true;
    while (static_cast<size_t>(complete + 1) < done.size() && done[static_cast<size_t>(complete + 1)]) ++complete;
  }
  for (size_t i = 0; i < trace.steps.size(); ++i) {
    if (!leaves(trace, i)) continue;
    std::vector<int> steps = compensation_for(trace, static_cast<int>(i), places, definitions);
    if (!steps.empty()) out.compensation.push_back({static_cast<int>(i), std::move(steps)});
  }

  const auto last = static_cast<int>(order.size()) - 1;
  for (uint32_t value = 0; value < trace.value_names.size(); ++value) {
    const int step = definitions[value];
    const int from = step == Trace::kEntry ? Trace::kEntry : places[static_cast<size_t>(step)];
    Checkpoints::Life life{value, from, from, from};
    for (int place = 0; place <= last; ++place) {
      const TraceStep& reader = trace.steps[static_cast<size_t>(order[static_cast<size_t>(place)])];
      bool reads = std::find(reader.uses.begin(), reader.uses.end(), value) != reader.uses.end();
      if (leaves(trace, static_cast<size_t>(order[static_cast<size_t>(place)]))) {
        const int exit = order[static_cast<size_t>(place)];
        const std::vector<uint32_t> map = trace.rmap(exit);
        reads |= std::find(map.begin(), map.end(), value) != map.end() && from <= place;
        for (const Checkpoints::Compensation& made : out.compensation) {
          if (made.exit != exit) continue;
          for (const int compensating : made.steps) {
            const auto& uses = trace.steps[static_cast<size_t>(compensating)].uses;
            reads |= std::find(uses.begin(), uses.end(), value) != uses.end() && from <= place;
          }
        }
      }
      if (reads) life.last_use = place;
      const std::vector<uint32_t> map = trace.rmap(out.checkpoint[static_cast<size_t>(place)]);
      if (std::find(map.begin(), map.end(), value) != map.end()) life.until = place;
    }
    life.until = std::max(life.until, life.last_use);
    out.lives.push_back(life);
  }
  return out;
}

std::vector<std::string> violations(const Trace& trace, std::span<const int> order) {
  std::vector<std::string> out;
  const std::vector<int> places = places_of(trace, order), definitions = definitions_of(trace);
  for (size_t later = 0; later < trace.steps.size(); ++later) {
    const TraceStep& moved = trace.steps[later];
    for (const uint32_t use : moved.uses) {
      const int maker = definitions[use];
      if (maker == Trace::kEntry || places[static_cast<size_t>(maker)] < places[later]) continue;
      out.push_back(moved.name + " comes before " + trace.steps[static_cast<size_t>(maker)].name + ", whose result it reads");
    }
    for (size_t earlier = 0; earlier < later; ++earlier) {
      if (places[earlier] < places[later]) continue;
      const TraceStep& passed = trace.steps[earlier];
      const std::string what = moved.name + " rises above " + passed.name;
      if (later + 1 == trace.steps.size()) out.push_back(passed.name + " comes behind the last exit");
      else if (moved.exit && passed.exit) out.push_back(what + ": exits keep their order");
      else if (moved.stores && passed.exit) out.push_back(what + ": memory would be written before the exit is decided");
      else if (moved.stores && passed.traps) out.push_back(what + ": memory would be written before it may trap");
      else if (moved.stores && (passed.loads || passed.stores)) out.push_back(what + ": they may touch the same bytes");
      else if (moved.loads && passed.stores) out.push_back(what + ": they may touch the same bytes");
    }
  }
  return out;
}

std::vector<int> checkpoints_of(const CompiledRegion& compiled, size_t path, int first) {
  // By guest instruction: the last molecule with an atom of its.
  std::vector<uint32_t> last;
  for (uint32_t m = compiled.paths[path]; m < compiled.path_end(path); ++m) {
    const CompiledRegion::Molecule& molecule = compiled.molecules[m];
    for (uint32_t a = molecule.first; a < molecule.first + molecule.count; ++a) {
      if (compiled.guest[a] >= last.size()) last.resize(compiled.guest[a] + size_t{1}, 0);
      last[compiled.guest[a]] = m + 1;
    }
  }
  std::vector<int> out;
  int complete = first - 1;
  for (uint32_t m = compiled.paths[path]; m < compiled.path_end(path); ++m) {
    while (static_cast<size_t>(complete + 1) < last.size() && last[static_cast<size_t>(complete + 1)] <= m) ++complete;
    out.push_back(complete);
  }
  return out;
}

namespace {

std::string position_name(const Trace& trace, int position) {
  return position == Trace::kEntry ? "@" : trace.steps[static_cast<size_t>(position)].name;
}

}  // namespace

std::string text(const Trace& trace, std::span<const int> order) {
  std::string out = "rmap\n";
  // Registers that nothing changes are left out.
  std::vector<bool> shown(trace.registers, false);
  for (const TraceStep& step : trace.steps) {
    for (const TraceStep::Definition& made : step.defines) shown[made.reg] = true;
  }
  for (int position = Trace::kEntry; position < static_cast<int>(trace.steps.size()); ++position) {
    out += "  " + position_name(trace, position) + ":";
    const std::vector<uint32_t> map = trace.rmap(position);
    for (unsigned reg = 0; reg < trace.registers; ++reg) {
      if (shown[reg]) out += " " + trace.register_names[reg] + "=" + trace.value_names[map[reg]];
    }
    out += "\n";
  }
  const Checkpoints found = find_checkpoints(trace, order);
  out += "order\n  ";
  for (size_t place = 0; place < order.size(); ++place) {
    out += (place == 0 ? "" : " ") + position_name(trace, order[place]) + ">" + position_name(trace, found.checkpoint[place]);
  }
  out += "\nlives\n";
  const auto place_name = [&](int place) { return place == Trace::kEntry ? std::string("@") : position_name(trace, order[static_cast<size_t>(place)]); };
  for (const Checkpoints::Life& life : found.lives) {
    bool interesting = false;  // values of registers that change
    for (unsigned reg = 0; reg < trace.registers; ++reg) {
      if (!shown[reg]) continue;
      for (int position = Trace::kEntry; position < static_cast<int>(trace.steps.size()); ++position) interesting |= trace.rmap(position)[reg] == life.value;
    }
    if (!interesting) continue;
    out += "  " + trace.value_names[life.value] + ": " + place_name(life.from) + " to " + place_name(life.last_use);
    if (life.until != life.last_use) out += ", for checkpoints to " + place_name(life.until);
    out += "\n";
  }
  out += "compensation\n";
  for (const Checkpoints::Compensation& made : found.compensation) {
    out += "  " + position_name(trace, made.exit) + ":";
    for (const int step : made.steps) out += " " + position_name(trace, step);
    out += "\n";
  }
  return out;
}

Trace trace_of(const Region& region, std::span<const std::string> names) {
  static constexpr const char* kRegisters[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "flags"};
  Trace out;
  out.registers = static_cast<unsigned>(std::size(kRegisters));
  out.register_names.assign(std::begin(kRegisters), std::end(kRegisters));
  // The values that are some register's at a boundary, and for each value of the region those of them that it is made from.
  constexpr uint32_t kNone = ~0u;
  std::vector<uint32_t> number(region.code.next_value, kNone);
  std::vector<std::vector<uint32_t>> made_from(region.code.next_value);
  for (unsigned reg = 0; reg < out.registers; ++reg) {
    number[region.rmap(0)[reg]] = reg;
    made_from[region.rmap(0)[reg]] = {reg};
    out.value_names.push_back(out.register_names[reg] + "@");
  }
  const auto add = [](std::vector<uint32_t>& to, const std::vector<uint32_t>& from) {
    for (const uint32_t value : from) {
      if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
    }
  };
  size_t at = 0;
  for (size_t guest = 0; guest < names.size(); ++guest) {
    TraceStep& step = out.steps.emplace_back();
    step.name = names[guest];
    for (; at < region.code.insts.size() && region.code.insts[at].guest <= guest; ++at) {
      const ir::Inst& inst = region.code.insts[at];
      std::vector<uint32_t> sources;
      for (const ir::ValueId source : inst.src) {
        if (source != ir::kNoValue) add(sources, made_from[source]);
      }
      const uint16_t effects = ir::effects(inst);
      const bool exits = ir::is_exit(inst);
      if (!ir::is_pure(inst)) add(step.uses, sources);
      step.exit |= exits;
      step.traps |= (effects & (ir::kMayFault)) != 0;
      step.loads |= (effects & ir::kLoad) != 0 && (effects & ir::kGuest) != 0;
      step.stores |= (effects & ir::kStore) != 0;
      for (const ir::ValueId result : {inst.value, inst.flags}) {
        if (result != ir::kNoValue) made_from[result] = sources;
      }
    }
    const std::span<const ir::ValueId> before = region.rmap(guest), after = region.rmap(guest + 1);
    for (unsigned reg = 0; reg < out.registers; ++reg) {
      if (after[reg] == before[reg]) continue;
      if (number[after[reg]] == kNone) {
        number[after[reg]] = static_cast<uint32_t>(out.value_names.size());
        out.value_names.push_back(reg + 1 == out.registers ? step.name + "'" : step.name);
        add(step.uses, made_from[after[reg]]);
      }
      step.defines.push_back({number[after[reg]], static_cast<uint8_t>(reg)});
    }
    for (const TraceStep::Definition& made : step.defines) {
      made_from[after[made.reg]] = {made.value};
    }
  }
  return out;
}

}  // namespace chrysalis::translator
