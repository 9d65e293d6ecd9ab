#include "translator/passes/redundant_loads.h"

#include <algorithm>

#include "translator/order.h"

namespace chrysalis::translator {
namespace {

using ir::kNoValue;
using ir::Op;
using ir::ValueId;

constexpr size_t kWindow = 24;          // places that are remembered
constexpr unsigned kForScheduler = 2;   // alias entries left to loads that pass stores
constexpr uint32_t kNoLoad = 0xffffffff;

/// Guest memory whose content is in a register.
struct Place {
  ValueId base;        ///< kNoValue: `offset` is an address
  uint32_t offset;     ///< addresses wrap
  uint8_t bytes;
  uint8_t extension;   ///< Op::Load: `value` is zero above them; Op::LoadS: sign-extended; Op::Store: anything
  bool watched;        ///< stores that may have changed it came after the load
  bool may_watch;      ///< the load may be kept
  uint8_t order;       ///< of the load: Region::in_order
  uint8_t passed;      ///< that of the stores since
  ValueId value;
  uint32_t load;       ///< index of the load in the new code; kNoLoad: a store left it
};

/// A load that is kept, from where to where in the new code.
struct Kept {
  uint32_t load, until;
};

class Eliminator {
 public:
  Eliminator(Region& region, unsigned entries)
      : region_(region), most_kept_(entries > kForScheduler ? entries - kForScheduler : 0), renamed_(region.code.next_value), constant_(region.code.next_value, kNone) {
    for (size_t i = 0; i < renamed_.size(); ++i) renamed_[i] = static_cast<ValueId>(i);
  }

  PassStats run() {
    std::vector<ir::Inst>& insts = region_.code.insts;
    out_.reserve(insts.size() + 8);
    size_t point = 0;
    for (const ir::Inst& original : insts) {
      ir::Inst inst = original;
      for (ValueId& source : inst.src) {
        if (source != kNoValue) source = renamed_[source];
      }
      if (is_point(inst)) {
        for (Binding& binding : region_.map(point)) binding.value = renamed_[binding.value];
        ++point;
      }
      visit(inst);
    }
    insts = std::move(out_);
    return stats_;
  }

 private:
  static constexpr int64_t kNone = INT64_MIN;

  void visit(const ir::Inst& inst) {
    if (inst.op == Op::Const) constant_[inst.value] = static_cast<uint32_t>(inst.imm);
    switch (inst.op) {
      case Op::Load:
      case Op::LoadS: return load(inst);
      case Op::Store: return store(inst);
      case Op::Helper: places_.clear(); break;
      case Op::Intrinsic:
        if (inst.imm != static_cast<int64_t>(ir::IntrinsicId::Commit)) places_.clear();
        break;
      default: break;
    }
    out_.push_back(inst);
  }

  // -- places ------------------------------------------------------------------------------------------------

  Place place_of(const ir::Inst& inst) const {
    Place place{inst.src[0], static_cast<uint32_t>(inst.imm), static_cast<uint8_t>(inst.width / 8), static_cast<uint8_t>(inst.op), false, false, order_of(inst), 0, kNoValue, kNoLoad};
    if (constant_[place.base] != kNone) {
      place.offset += static_cast<uint32_t>(constant_[place.base]);
      place.base = kNoValue;
    }
    return place;
  }

  uint8_t order_of(const ir::Inst& inst) const { return inst.guest < region_.in_order.size() ? region_.in_order[inst.guest] : uint8_t{0}; }

  static bool meet(const Place& a, const Place& b) { return b.offset - a.offset < a.bytes || a.offset - b.offset < b.bytes; }

  void remember(const Place& place) {
    if (places_.size() == kWindow) places_.erase(places_.begin());
    places_.push_back(place);
  }

  // -- loads -------------------------------------------------------------------------------------------------

  void load(const ir::Inst& inst) {
    Place wanted = place_of(inst);
    for (size_t i = places_.size(); i-- > 0;) {
      Place& known = places_[i];
      if (known.base != wanted.base || known.offset != wanted.offset || known.bytes < wanted.bytes) continue;
      if (known.watched && (keep_order(wanted.order, known.passed) || !keep(known, inst))) break;
      return replace(inst, known);
    }
    wanted.value = inst.value;
    wanted.load = static_cast<uint32_t>(out_.size());
    wanted.may_watch = (wanted.order & kWithAll) == 0 && most_kept_ != 0;
    out_.push_back(inst);
    if (inst.value == kNoValue) return;
    // What was known of the place less widely, or could not be kept, is of no more use.
    std::erase_if(places_, [&](const Place& known) { return known.base == wanted.base && known.offset == wanted.offset && known.bytes <= wanted.bytes; });
    remember(wanted);
  }

  void replace(const ir::Inst& inst, const Place& known) {
    ++stats_.removed;
    if (inst.value == kNoValue) return;
    const bool extended = known.extension == static_cast<uint8_t>(inst.op) && known.bytes * 8 == inst.width;
    if (extended || inst.width == 64) {
      renamed_[inst.value] = known.value;
      return;
    }
    ir::Inst extension;
    extension.op = inst.op == Op::Load ? Op::Zext : Op::Sext;
    extension.width = inst.width;
    extension.value = inst.value;
    extension.src[0] = known.value;
    extension.guest = inst.guest;
    out_.push_back(extension);
  }

  /// Has the load that the place is known from kept up to here. False: too many are kept at a time.
  bool keep(Place& known, const ir::Inst& inst) {
    Kept wanted{known.load, static_cast<uint32_t>(out_.size())};
    Kept* own = nullptr;
    for (Kept& kept : kept_) {
      if (kept.load == wanted.load) own = &kept;
    }
    // The most are kept where one of them begins.
    const auto most = [&](uint32_t at) {
      unsigned count = 1;
      for (const Kept& kept : kept_) count += kept.load != wanted.load && kept.load <= at && at < kept.until;
      return count;
    };
    if (most(wanted.load) > most_kept_) return false;
    for (const Kept& kept : kept_) {
      if (kept.load > wanted.load && most(kept.load) > most_kept_) return false;
    }
    if (own != nullptr) own->until = wanted.until;
    else add_kept(wanted);
    ir::Inst mark;
    mark.op = Op::Keep;
    mark.src[0] = known.value;
    mark.guest = inst.guest;
    out_.push_back(mark);
    known.watched = false;
    known.passed = 0;  // up to here nothing has changed it
    return true;
  }

  void add_kept(Kept kept) {
    // Those that ended before every place that is still known began cannot be met any more.
    uint32_t oldest = kept.load;
    for (const Place& place : places_) oldest = std::min(oldest, place.load);
    std::erase_if(kept_, [oldest](const Kept& other) { return other.until <= oldest; });
    kept_.push_back(kept);
  }

  // -- stores ------------------------------------------------------------------------------------------------

  void store(const ir::Inst& inst) {
    Place place = place_of(inst);
    std::erase_if(places_, [&](Place& known) {
      if (known.base == place.base) return meet(known, place);
      if (!known.may_watch || keep_order(known.order, place.order)) return true;
      known.watched = true;
      known.passed |= place.order;
      return false;
    });
    out_.push_back(inst);
    place.value = inst.src[1];
    remember(place);
  }

  Region& region_;
  const unsigned most_kept_;
  std::vector<ValueId> renamed_;
  std::vector<int64_t> constant_;  // by value
  std::vector<Place> places_;      // the latest last
  std::vector<Kept> kept_;
  std::vector<ir::Inst> out_;
  PassStats stats_;
};

}  // namespace

PassStats eliminate_redundant_loads(Region& region, unsigned alias_entries) {
  if (!region.faults_roll_back) return {};
  for (const ir::Inst& inst : region.code.insts) {
    if (inst.op == Op::Keep) return {};
  }
  return Eliminator(region, alias_entries).run();
}

}  // namespace chrysalis::translator
