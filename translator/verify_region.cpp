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

}  // namespace

std::vector<ir::Violation> verify_region(const Region& region) {
  std::vector<ir::ValueId> entry;
  for (const Binding& binding : region.entry) entry.push_back(binding.value);
  std::vector<ir::Violation> out = ir::verify(region.code, entry);

  std::vector<bool> defined(region.code.next_value, false);
  for (const ir::ValueId value : entry) {
    if (value < defined.size()) defined[value] = true;
  }
  size_t point = 0;
  for (uint32_t at = 0; at < region.code.insts.size(); ++at) {
    const ir::Inst& inst = region.code.insts[at];
    // A call's own result, the return address, belongs to its map.
    if (inst.value < defined.size()) defined[inst.value] = true;
    if (inst.flags < defined.size()) defined[inst.flags] = true;
    if (!ir::is_known(inst) || !is_point(inst)) continue;
    if (point >= region.maps.size()) {
      out.push_back({at, "a point has no map"});
    } else {
      check_map(region, region.map(point), defined, at, out);
    }
    ++point;
  }
  if (point < region.maps.size()) {
    out.push_back({static_cast<uint32_t>(region.code.insts.size()), "there are more maps than points"});
  }
  return out;
}

}  // namespace chrysalis::translator
