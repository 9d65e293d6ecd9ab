#include "translator/passes/fold_sums.h"

#include <utility>

namespace chrysalis::translator {
namespace {

using ir::kNoValue;
using ir::Op;
using ir::ValueId;

/// A value as (base + offset) mod 2^width.
struct Sum {
  ValueId base = kNoValue;
  int32_t offset = 0;
  uint8_t width = 0;  ///< 0: not a sum
};

/// base + (index << scale) mod 2^32, of which `value` is the one and `offset` more.
struct Element {
  ValueId base, index;
  uint8_t scale;
  uint32_t offset;
  ValueId value;
};
constexpr size_t kElements = 16;  // that are remembered

bool fits(int64_t value) { return value == static_cast<int32_t>(value); }

class Folder {
 public:
  explicit Folder(Region& region) : region_(region), sums_(region.code.next_value), constants_(region.code.next_value, kUnknown) {}

  PassStats run() {
    for (ir::Inst& inst : region_.code.insts) {
      if (inst.value == kNoValue) continue;
      if (inst.op == Op::Const) {
        if (fits(inst.imm)) constants_[inst.value] = inst.imm;
        continue;
      }
      if (inst.op == Op::Lea && inst.src[1] != kNoValue) {
        relate(inst);
        continue;
      }
      ValueId base = kNoValue;
      int64_t offset = 0;
      if (!is_sum(inst, base, offset)) continue;
      const Sum below = sums_[base];
      const bool chained = below.width == inst.width;
      // At width 32 the offset counts modulo 2^32.
      int64_t total = offset + (chained ? below.offset : 0);
      if (inst.width == 32) total = static_cast<int32_t>(static_cast<uint32_t>(total));
      if (!fits(total)) continue;
      sums_[inst.value] = {chained ? below.base : base, static_cast<int32_t>(total), inst.width};
      if (!chained || inst.flags != kNoValue) continue;
      inst.op = Op::Lea;
      inst.aux = 0;
      inst.src[0] = below.base;
      inst.src[1] = kNoValue;
      inst.imm = total;
      ++stats_.changed;
    }
    return stats_;
  }

 private:
  static constexpr int64_t kUnknown = INT64_MIN;

  /// Strips `value` of what is added to it.
  uint32_t strip(ValueId& value) const {
    if (value == kNoValue || sums_[value].width != 32) return 0;
    const Sum& sum = sums_[value];
    value = sum.base;
    return static_cast<uint32_t>(sum.offset);
  }

  /// Has an address with an index count from an earlier one that is a constant away.
  void relate(ir::Inst& inst) {
    if (inst.width != 32) return;
    Element element{inst.src[0], inst.src[1], inst.aux, static_cast<uint32_t>(inst.imm), inst.value};
    element.offset += strip(element.base);
    element.offset += strip(element.index) << element.scale;
    if (element.scale == 0 && element.base < element.index) std::swap(element.base, element.index);
    for (const Element& known : elements_) {
      if (known.base != element.base || known.index != element.index || known.scale != element.scale) continue;
      inst.aux = 0;
      inst.src[0] = known.value;
      inst.src[1] = kNoValue;
      inst.imm = static_cast<int32_t>(element.offset - known.offset);
      sums_[inst.value] = {known.value, static_cast<int32_t>(inst.imm), 32};
      ++stats_.changed;
      return;
    }
    if (elements_.size() == kElements) elements_.erase(elements_.begin());
    elements_.push_back(element);
  }

  bool is_sum(const ir::Inst& inst, ValueId& base, int64_t& offset) const {
    if (inst.width != 32 && inst.width != 64) return false;
    const ValueId a = inst.src[0], b = inst.src[1];
    switch (inst.op) {
      case Op::Add:
        base = constants_[b] != kUnknown ? a : b;
        offset = constants_[b] != kUnknown ? constants_[b] : constants_[a];
        return offset != kUnknown;
      case Op::Sub:
        if (constants_[b] == kUnknown) return false;
        base = a;
        offset = -constants_[b];
        return true;
      case Op::Inc:
      case Op::Dec:
        base = a;
        offset = inst.op == Op::Inc ? 1 : -1;
        return true;
      case Op::Lea:
        base = a;
        offset = inst.imm;
        return a != kNoValue && b == kNoValue && fits(offset);
      default: return false;
    }
  }

  Region& region_;
  std::vector<Sum> sums_;           // by value
  std::vector<int64_t> constants_;  // by value: those that fit 32 bits
  std::vector<Element> elements_;   // the latest last
  PassStats stats_;
};

}  // namespace

PassStats fold_sums(Region& region) { return Folder(region).run(); }

}  // namespace chrysalis::translator
