#include "translator/passes/dead_code.h"

namespace chrysalis::translator {
namespace {

/// Operations whose only product besides a value is flags, and that need the old image just for those.
bool old_flags_only_for_flags(const ir::Inst& inst) {
  return (ir::info(inst.op).effects & ir::kOldFlags) && inst.op != ir::Op::Adc && inst.op != ir::Op::Sbb &&
         inst.op != ir::Op::Rcl && inst.op != ir::Op::Rcr;
}

}  // namespace

PassStats eliminate_dead_code(Region& region) {
  PassStats stats;
  std::vector<ir::Inst>& insts = region.code.insts;
  std::vector<bool> used(region.code.next_value, false);
  const auto use = [&used](ir::ValueId value) {
    if (value != ir::kNoValue) used[value] = true;
  };

  // Kept operations move to the end of the vector, in order, and then to its front.
  size_t point = region.maps.size();
  size_t kept = insts.size();
  for (size_t at = insts.size(); at-- > 0;) {
    ir::Inst inst = insts[at];
    if (is_point(inst)) {
      for (const Binding& binding : region.map(--point)) use(binding.value);
    }
    const bool value_used = inst.value != ir::kNoValue && used[inst.value];
    const bool flags_used = inst.flags != ir::kNoValue && used[inst.flags];
    if (ir::is_pure(inst) || (ir::effects(inst) & (ir::kLoad | ir::kStore | ir::kMayFault)) == ir::kLoad) {
      // A concealed load has no effect of its own either.
      const bool effect_free = (ir::effects(inst) & ~uint16_t{ir::kOldFlags | ir::kLoad}) == ir::kNone;
      if (effect_free && !value_used && !flags_used) {
        ++stats.removed;
        continue;
      }
      if (inst.flags != ir::kNoValue && !flags_used) {
        inst.flags = ir::kNoValue;
        if (old_flags_only_for_flags(inst)) inst.src[ir::info(inst.op).sources - 1] = ir::kNoValue;
        ++stats.changed;
      }
      if (inst.value != ir::kNoValue && !value_used && flags_used) {
        inst.value = ir::kNoValue;
        ++stats.changed;
      }
    }
    for (const ir::ValueId source : inst.src) use(source);
    insts[--kept] = inst;
  }
  insts.erase(insts.begin(), insts.begin() + static_cast<ptrdiff_t>(kept));
  return stats;
}

}  // namespace chrysalis::translator
