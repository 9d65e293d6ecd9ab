#include "translator/passes/merge.h"

namespace chrysalis::translator {
namespace {

uint32_t hash(const ir::Inst& inst) {
  uint64_t h = static_cast<uint64_t>(inst.op) | uint64_t{inst.width} << 8 | uint64_t{inst.aux} << 16 |
               static_cast<uint64_t>(inst.cond) << 24;
  const auto mix = [&h](uint64_t word) { h = (h ^ word) * 0x9e3779b97f4a7c15u; h ^= h >> 29; };
  mix(static_cast<uint64_t>(inst.imm));
  for (const ir::ValueId source : inst.src) mix(source);
  return static_cast<uint32_t>(h >> 32);
}

bool equal(const ir::Inst& a, const ir::Inst& b) {
  for (unsigned i = 0; i < 4; ++i) {
    if (a.src[i] != b.src[i]) return false;
  }
  return a.op == b.op && a.width == b.width && a.cond == b.cond && a.aux == b.aux && a.imm == b.imm;
}

void substitute(ir::ValueId& value, const std::vector<ir::ValueId>& renamed) {
  if (value != ir::kNoValue) value = renamed[value];
}

}  // namespace

PassStats merge_equal_operations(Region& region) {
  PassStats stats;
  std::vector<ir::Inst>& insts = region.code.insts;
  std::vector<ir::ValueId> renamed(region.code.next_value);
  for (size_t i = 0; i < renamed.size(); ++i) renamed[i] = static_cast<ir::ValueId>(i);

  size_t buckets = 16;
  while (buckets < insts.size() * 2) buckets *= 2;
  std::vector<uint32_t> table(buckets, 0);  // index of the kept operation plus one

  size_t point = 0;
  size_t kept = 0;
  for (size_t at = 0; at < insts.size(); ++at) {
    ir::Inst inst = insts[at];
    for (ir::ValueId& source : inst.src) substitute(source, renamed);
    if (is_point(inst)) {
      for (Binding& binding : region.map(point++)) substitute(binding.value, renamed);
    }
    if (ir::is_pure(inst)) {
      size_t slot = hash(inst) & (buckets - 1);
      while (table[slot] != 0 && !equal(insts[table[slot] - 1], inst)) slot = (slot + 1) & (buckets - 1);
      if (table[slot] != 0) {
        ir::Inst& earlier = insts[table[slot] - 1];
        if (inst.value != ir::kNoValue) {
          if (earlier.value == ir::kNoValue) earlier.value = inst.value;
          else renamed[inst.value] = earlier.value;
        }
        if (inst.flags != ir::kNoValue) {
          if (earlier.flags == ir::kNoValue) earlier.flags = inst.flags;
          else renamed[inst.flags] = earlier.flags;
        }
        ++stats.removed;
        continue;
      }
      table[slot] = static_cast<uint32_t>(kept + 1);
    }
    insts[kept++] = inst;
  }
  insts.resize(kept);
  return stats;
}

}  // namespace chrysalis::translator
