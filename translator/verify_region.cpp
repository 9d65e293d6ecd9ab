#include "translator/verify_region.h"

#include <algorithm>

namespace chrysalis::translator {
namespace {

constexpr unsigned kRegisters = 63;  // r63 is the constant zero

void check_map(const Region& region, std::span<const Binding> map, const std::vector<bool>& defined, uint32_t at,
               std::vector<ir::Violation>& out) {
  uint64_t seen = 0;
  for (const Binding& binding : map) {
    if (binding.reg >= kRegisters) {
      out.push_back({at, "a map names a register that does not exist"});
      continue;
    }
    const uint64_t bit = uint64_t{1} << binding.reg;
    if (seen & bit) out.push_back({at, "a register appears twice in a map"});
    seen |= bit;
    if (binding.value >= defined.size() || !defined[binding.value]) {
      out.push_back({at, "a map names a value that is not defined there"});
      continue;
    }
    if (region.allocatable & bit) continue;
    bool unchanged = false;
    for (const Binding& entry : region.entry) unchanged |= entry.reg == binding.reg && entry.value == binding.value;
    if (!unchanged) out.push_back({at, "a map wants a change to a register that the region may not write"});
  }
}

/// The rules of guest code.
class GuestRules {
 public:
  GuestRules(const Region& region, std::vector<ir::Violation>& out) : region_(region), out_(out) {
    for (const Binding& binding : region.entry) state_ |= uint64_t{1} << (binding.reg & 63);
  }

  /// `map`: of a point that has one.
  void check(const ir::Inst& inst, uint32_t at, const Region::Map* map, std::span<const Binding> bindings) {
    const uint16_t effects = ir::effects(inst);
    if ((effects & ir::kMayFault) && inst.op != ir::Op::Intrinsic && !region_.faults_roll_back) {
      out_.push_back({at, "an operation may fault, and there is no checkpoint to return to"});
    }
    if (effects & ir::kStore) {
      stored_ = true;
      stored_by_ = inst.guest;
    }
    if (map == nullptr || (effects & ir::kMayFault) != 0) return;  // TrapIf rolls back
    uint64_t bound = 0;
    for (const Binding& binding : bindings) bound |= uint64_t{1} << (binding.reg & 63);
    if (map->path != 0 && inst.op != ir::Op::ExitIf) out_.push_back({at, "only an exit_if can lead to a path of the tree"});
    const bool stays = map->path != 0;  // in the tree
    if (!stays && (state_ & ~bound) != 0) out_.push_back({at, "a checkpoint lacks a register of the entry"});
    if (!ir::is_exit(inst)) return;
    const bool repeats = (inst.op == ir::Op::Exit || inst.op == ir::Op::ExitIf) && inst.aux == static_cast<uint8_t>(ir::ExitKind::Repeat);
    const uint16_t completed = static_cast<uint16_t>(map->completed + (repeats ? 1 : 0));
    if (completed < completed_) out_.push_back({at, "guest instructions completed decrease"});
    completed_ = std::max(completed_, completed);
    if (stored_ && stored_by_ == inst.guest && !repeats && !stays && map->completed + region_.skipped <= inst.guest) {
      out_.push_back({at, "an exit makes a store visible without completing its instruction"});
    }
  }

 private:
  const Region& region_;
  std::vector<ir::Violation>& out_;
  uint64_t state_ = 0;
  bool stored_ = false;
  uint16_t stored_by_ = 0, completed_ = 0;
};

}  // namespace

std::vector<ir::Violation> verify_region(const Region& region) {
  std::vector<ir::ValueId> entry;
  for (const Binding& binding : region.entry) entry.push_back(binding.value);
  const bool guest = region.eip != Region::kNoAddress;
  std::vector<ir::Violation> out = ir::verify(region.code, entry, guest);

  std::vector<bool> defined(region.code.next_value, false);
  for (const ir::ValueId value : entry) {
    if (value < defined.size()) defined[value] = true;
  }
  GuestRules rules(region, out);
  size_t point = 0;
  for (uint32_t at = 0; at < region.code.insts.size(); ++at) {
    const ir::Inst& inst = region.code.insts[at];
    // A call's own result, the return address, belongs to its map.
    if (inst.value < defined.size()) defined[inst.value] = true;
    if (inst.flags < defined.size()) defined[inst.flags] = true;
    if (!ir::is_known(inst)) continue;
    if (inst.op == ir::Op::Keep && !region.faults_roll_back) out.push_back({at, "a load is kept where faults do not roll back"});
    const bool has_map = is_point(inst) && point < region.maps.size();
    if (guest) rules.check(inst, at, has_map ? &region.maps[point] : nullptr, has_map ? region.map(point) : std::span<const Binding>());
    if (!is_point(inst)) continue;
    if (has_map) check_map(region, region.map(point), defined, at, out);
    else out.push_back({at, "a point has no map"});
    ++point;
  }
  if (point < region.maps.size()) {
    out.push_back({static_cast<uint32_t>(region.code.insts.size()), "there are more maps than points"});
  }
  return out;
}

namespace {

/// Rules 11 to 13 of the path that begins where `parent` is left at `point`, an operation of which is at `at`.
void check_path(const Region& parent, size_t point, uint32_t at, size_t from, const Region& path, std::vector<TreeViolation>& out) {
  const auto complain = [&](const char* rule) { out.push_back({from, {at, rule}}); };
  const std::span<const Binding> map = parent.map(point);
  bool same = map.size() == path.entry.size();
  for (size_t i = 0; same && i < map.size(); ++i) same = map[i].reg == path.entry[i].reg;
  if (!same) complain("the path that goes on here has other registers at its entry");
  uint32_t eip = parent.eip;
  uint16_t committed = parent.committed;
  for (size_t i = 0; i < point; ++i) {
    if (parent.maps[i].eip == Region::kNoAddress) continue;
    eip = parent.maps[i].eip;
    committed = parent.maps[i].completed;
  }
  if (path.eip != eip || path.committed != committed) complain("the path that goes on here has another checkpoint");
  if (!path.maps.empty() && path.maps.front().count != 0 && path.maps.front().completed < parent.maps[point].completed) {
    complain("the path that goes on here completes fewer guest instructions");
  }
}

}  // namespace

std::vector<TreeViolation> verify_tree(std::span<const Region> tree) {
  std::vector<TreeViolation> out;
  std::vector<unsigned> named(tree.size(), 0);
  uint64_t state = 0;
  for (const Binding& binding : tree.front().entry) state |= uint64_t{1} << (binding.reg & 63);
  for (size_t p = 0; p < tree.size(); ++p) {
    const Region& path = tree[p];
    for (const ir::Violation& violation : verify_region(path)) out.push_back({p, violation});
    size_t point = 0;
    for (uint32_t at = 0; at < path.code.insts.size(); ++at) {
      if (!is_point(path.code.insts[at]) || point >= path.maps.size()) continue;
      const Region::Map& map = path.maps[point++];
      if (map.path == 0) {
        uint64_t bound = 0;
        for (const Binding& binding : path.map(point - 1)) bound |= uint64_t{1} << (binding.reg & 63);
        const bool rolls_back = (ir::effects(path.code.insts[at]) & ir::kMayFault) != 0;
        if (tree.front().eip != Region::kNoAddress && p != 0 && !rolls_back && (state & ~bound) != 0) out.push_back({p, {at, "a checkpoint lacks a register of the tree's entry"}});
      } else if (map.path <= p || map.path >= tree.size()) {
        out.push_back({p, {at, "the tree has no such path behind this one"}});
      } else {
        if (++named[map.path] > 1) out.push_back({p, {at, "another exit leads to this path"}});
        check_path(path, point - 1, at, p, tree[map.path], out);
      }
    }
  }
  for (size_t p = 1; p < tree.size(); ++p) {
    if (named[p] == 0) out.push_back({p, {0, "no exit leads to this path"}});
  }
  return out;
}

}  // namespace chrysalis::translator
