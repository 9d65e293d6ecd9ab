#include "translator/tree.h"

#include <algorithm>

#include "translator/assert.h"
#include "translator/passes/dead_code.h"
#include "translator/verify_region.h"

namespace chrysalis::translator {
namespace {

/// Deletes the registers from the path's entry, and from the map that leads there, whose place `drop` accepts.
template <class Drop>
void drop_registers(const PathOrigin& origin, Region& path, Drop drop) {
  const std::span<Binding> map = origin.parent->map(origin.point);
  size_t kept = 0;
  for (size_t i = 0; i < map.size(); ++i) {
    if (drop(i)) continue;
    map[kept] = map[i];
    path.entry[kept] = path.entry[i];
    ++kept;
  }
  path.entry.resize(kept);
  origin.parent->maps[origin.point].count = static_cast<uint32_t>(kept);
}

/// Tells `path` which of its entry values are constants, and which are equal.
void inherit(const PathOrigin& origin, Region& path) {
  const Region& parent = *origin.parent;
  const std::span<const Binding> map = parent.map(origin.point);
  std::vector<const ir::Inst*> constants(parent.code.next_value, nullptr);
  for (const ir::Inst& inst : parent.code.insts) {
    if (inst.op == ir::Op::Const) constants[inst.value] = &inst;
  }
  std::vector<ir::Inst> known;
  std::vector<ir::ValueId> renamed(path.code.next_value);
  for (size_t v = 0; v < renamed.size(); ++v) renamed[v] = static_cast<ir::ValueId>(v);
  std::vector<bool> dropped(map.size(), false);
  for (size_t i = 0; i < map.size(); ++i) {
    const ir::ValueId inner = path.entry[i].value;
    size_t same = 0;
    while (map[same].value != map[i].value) ++same;
    if (const ir::Inst* constant = constants[map[i].value]) {
      known.push_back(*constant);
      known.back().value = inner;
      known.back().guest = path.code.insts.front().guest;
    } else if (same != i) {
      renamed[inner] = path.entry[same].value;
    } else {
      continue;
    }
    dropped[i] = true;
  }
  for (ir::Inst& inst : path.code.insts) {
    for (ir::ValueId& source : inst.src) {
      if (source != ir::kNoValue) source = renamed[source];
    }
  }
  for (Binding& binding : path.bindings) binding.value = renamed[binding.value];
  path.code.insts.insert(path.code.insts.begin(), known.begin(), known.end());
  drop_registers(origin, path, [&dropped](size_t i) { return dropped[i]; });
}

/// Drops what the path does not use. True if there was anything.
bool drop_unused(const PathOrigin& origin, Region& path) {
  std::vector<bool> used(path.code.next_value, false);
  for (const ir::Inst& inst : path.code.insts) {
    for (const ir::ValueId source : inst.src) {
      if (source != ir::kNoValue) used[source] = true;
    }
  }
  for (size_t point = 0; point < path.maps.size(); ++point) {
    for (const Binding& binding : path.map(point)) used[binding.value] = true;
  }
  const size_t before = path.entry.size();
  std::vector<bool> unused(before);
  for (size_t i = 0; i < before; ++i) unused[i] = !used[path.entry[i].value];
  drop_registers(origin, path, [&unused](size_t i) { return unused[i]; });
  return path.entry.size() != before;
}

/// An exit that a pass has found to be the only way on commits, like every last one.
void end_path(Region& path) {
  if (ir::is_final_exit(path.code.insts.back())) path.maps.back().path = 0;
}

}  // namespace

PathOrigin origin_of(std::span<Region> tree, size_t path) {
  for (size_t parent = 0; parent < path; ++parent) {
    const std::vector<Region::Map>& maps = tree[parent].maps;
    for (size_t point = 0; point < maps.size(); ++point) {
      if (maps[point].path == path) return {&tree[parent], point};
    }
  }
  return {};
}

void optimize_tree(std::span<Region> tree, const isa::MachineDescription& machine, const CompileOptions& options) {
  if (options.verify && tree.size() > 1) {
    begin_stage(options.clock, Stage::Verify);
    for (const TreeViolation& found : verify_tree(tree)) assertion_failed(found.violation.rule, "translator", static_cast<int>(found.path), found.violation.inst);
  }
  // What a path writes before anybody reads it is of no use to its parent's passes either.
  for (size_t path = tree.size(); path-- > 1;) drop_unused(origin_of(tree, path), tree[path]);
  for (size_t path = 0; path < tree.size(); ++path) {
    if (path != 0) {
      const PathOrigin origin = origin_of(tree, path);
      if (origin.parent == nullptr) {
        tree[path].clear();
        continue;
      }
      inherit(origin, tree[path]);
    }
    optimize(tree[path], machine, options);
    end_path(tree[path]);
  }
  for (size_t path = tree.size(); path-- > 0;) {
    if (tree[path].code.insts.empty()) continue;
    // What only paths used that have turned out not to need it.
    if (tree.size() > 1 && options.runs(Pass::DeadCode)) {
      begin_stage(options.clock, stage_of(Pass::DeadCode));
      eliminate_dead_code(tree[path]);
    }
    if (path != 0) drop_unused(origin_of(tree, path), tree[path]);
  }
}

void place_entries(std::span<Region> tree, const Region& path) {
  for (size_t point = 0; point < path.maps.size(); ++point) {
    const uint16_t next = path.maps[point].path;
    for (size_t i = 0; next != 0 && i < path.maps[point].count; ++i) tree[next].entry[i].reg = path.map(point)[i].reg;
  }
}

}  // namespace chrysalis::translator
