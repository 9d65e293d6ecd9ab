#include "translator/verify_region.h"

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
    if ((state_ & ~bound) != 0) out_.push_back({at, "a checkpoint lacks a register of the entry"});
    if (!ir::is_exit(inst)) return;
    if (map->completed < completed_) out_.push_back({at, "guest instructions completed decrease"});
    completed_ = map->completed;
    const bool repeats = (inst.op == ir::Op::Exit || inst.op == ir::Op::ExitIf) && inst.aux == static_cast<uint8_t>(ir::ExitKind::Repeat);
    if (stored_ && stored_by_ == inst.guest && !repeats && map->completed <= inst.guest) {
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
  std::vector<ir::Violation> out = ir::verify(region.code, entry);

  std::vector<bool> defined(region.code.next_value, false);
  for (const ir::ValueId value : entry) {
    if (value < defined.size()) defined[value] = true;
  }
  const bool guest = region.eip != Region::kNoAddress;
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

}  // namespace chrysalis::translator
