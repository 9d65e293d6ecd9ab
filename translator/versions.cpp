#include "translator/versions.h"

#include <algorithm>


namespace chrysalis::translator {
namespace {

using ir::Cond;
using ir::kNoValue;
using ir::Op;
using ir::ValueId;

/// The low 32 bits of a value are (root + offset) mod 2^32, where `root` is an entry value; without one they are `offset`.
struct Sum {
  bool known = false;
  ValueId root = kNoValue;
  uint32_t offset = 0;
};

/// Flags that are those of comparing two values.
struct Comparison {
  Sum left, right;
  Sum difference;       ///< of the two, as far as it is known
  bool carry = false;   ///< CF is the comparison's, too
};

enum class Relation : uint8_t { Eq, Ne, LtS, LeS, LtU, LeU };

/// That an exit is not taken is `left` + `distance` `relation` `right`, the two being entry values or constants.
struct Stay {
  Relation relation;
  Sum left, right;
  int32_t distance;  ///< not negative, but of Eq and Ne
};

/// Exits that stay by one relation of the same two values, at distances from `least` to `most`.
struct Family {
  Stay of;  ///< its first
  int32_t least, most;
  unsigned exits = 0;

  bool constant() const { return least == most; }
};

constexpr bool same(const Sum& a, const Sum& b) { return a.root == b.root && a.offset == b.offset; }

class Versions {
 public:
  explicit Versions(Region& region) : region_(region), sums_(region.code.next_value), comparisons_(region.code.next_value, kNone) {
    for (const Binding& binding : region.entry) {
      if (entry_width(region, binding) == 32) sums_[binding.value] = {true, binding.value, 0};
    }
  }

  unsigned run(Region& other, uint16_t path) {
    find();
    unsigned removed = 0;
    for (Family& family : families_) {
      if (!pays(family)) family.exits = 0;
      removed += family.exits;
    }
    if (removed == 0) return 0;
    other = region_;
    for (Region::Map& map : other.maps) map.path = 0;
    remove();
    guard(path);
    return removed;
  }

 private:
  static constexpr uint32_t kNone = ~0u;
  static constexpr size_t kMostFamilies = 8;
  struct Member {
    size_t inst;
    size_t family;
  };

  Sum sum(ValueId value) const { return value == kNoValue ? Sum{} : sums_[value]; }

  static Sum plus(Sum a, uint32_t offset) { return {a.known, a.root, a.offset + offset}; }
  static Sum plus(const Sum& a, const Sum& b) {
    if (!a.known || !b.known || (a.root != kNoValue && b.root != kNoValue)) return {};
    return {true, a.root != kNoValue ? a.root : b.root, a.offset + b.offset};
  }
  static Sum minus(const Sum& a, const Sum& b) {
    if (!a.known || !b.known || b.root != kNoValue) return {};
    return plus(a, 0 - b.offset);
  }

  Sum sum_of(const ir::Inst& inst) const {
    const Sum a = sum(inst.src[0]), b = sum(inst.src[1]);
    switch (inst.op) {
      case Op::Const: return {true, kNoValue, static_cast<uint32_t>(inst.imm)};
      case Op::Copy:
      case Op::Zext:
      case Op::Sext: return inst.width >= 32 ? a : Sum{};
      default: break;
    }
    if (inst.width != 32) return {};
    switch (inst.op) {
      case Op::Add: return plus(a, b);
      case Op::Sub: return minus(a, b);
      case Op::Inc: return plus(a, 1);
      case Op::Dec: return plus(a, 0 - 1u);
      case Op::Lea: return inst.src[0] != kNoValue && inst.src[1] == kNoValue ? plus(a, static_cast<uint32_t>(inst.imm)) : Sum{};
      default: return {};
    }
  }

  /// What the flags that `inst` delivers compare.
  void compare(const ir::Inst& inst) {
    if (inst.width != 32) return;
    constexpr Sum kZero{true, kNoValue, 0};
    const Sum a = sum(inst.src[0]), b = sum(inst.src[1]);
    Comparison found;
    switch (inst.op) {
      case Op::Sub: found = {a, b, minus(a, b), true}; break;
      case Op::Dec: found = {a, {true, kNoValue, 1}, plus(a, 0 - 1u), false}; break;
      case Op::And:
      case Op::Or:
        if (inst.src[0] != inst.src[1]) return;
        found = {a, kZero, a, true};
        break;
      // Only whether the sum is 0, or negative.
      case Op::Add: found = {{}, {}, plus(a, b), false}; break;
      case Op::Inc: found = {{}, {}, plus(a, 1), false}; break;
      default: return;
    }
    comparisons_[inst.flags] = static_cast<uint32_t>(found_.size());
    found_.push_back(found);
  }

  /// What it takes that the exit is not taken. False: nothing that is known.
  bool stays(const ir::Inst& exit, Stay& out) const {
    constexpr Sum kZero{true, kNoValue, 0};
    const Cond stay = ir::opposite(exit.cond);
    if (exit.cond >= Cond::Zero) {
      // All 64 bits are tested; of what has a root they are 0 if the low ones are.
      const Sum tested = sum(exit.src[0]);
      return relate(stay == Cond::Zero ? Relation::Eq : Relation::Ne, tested, kZero, out);
    }
    if (comparisons_[exit.src[0]] == kNone) return false;
    const Comparison& c = found_[comparisons_[exit.src[0]]];
    const bool equal = stay == Cond::Z, differ = stay == Cond::NZ;
    if ((equal || differ) && !c.left.known) return relate(equal ? Relation::Eq : Relation::Ne, c.difference, kZero, out);
    switch (stay) {
      case Cond::Z: return relate(Relation::Eq, c.left, c.right, out);
      case Cond::NZ: return relate(Relation::Ne, c.left, c.right, out);
      case Cond::L: return relate(Relation::LtS, c.left, c.right, out);
      case Cond::NL: return relate(Relation::LeS, c.right, c.left, out);
      case Cond::LE: return relate(Relation::LeS, c.left, c.right, out);
      case Cond::NLE: return relate(Relation::LtS, c.right, c.left, out);
      case Cond::B: return c.carry && relate(Relation::LtU, c.left, c.right, out);
      case Cond::NB: return c.carry && relate(Relation::LeU, c.right, c.left, out);
      case Cond::BE: return c.carry && relate(Relation::LeU, c.left, c.right, out);
      case Cond::NBE: return c.carry && relate(Relation::LtU, c.right, c.left, out);
      case Cond::S: return relate(Relation::LtS, c.difference, kZero, out);
      case Cond::NS: return relate(Relation::LeS, kZero, c.difference, out);
      default: return false;
    }
  }

  /// left `relation` right, with what is added to either as one distance.
  static bool relate(Relation relation, Sum left, Sum right, Stay& out) {
    if (!left.known || !right.known || left.root == right.root) return false;
    uint32_t distance = 0;
    const auto strip = [](Sum& from) {
      const uint32_t offset = from.root == kNoValue ? 0 : from.offset;
      if (from.root != kNoValue) from.offset = 0;
      return offset;
    };
    const uint32_t more = strip(left), less = strip(right);
    if (relation == Relation::Eq || relation == Relation::Ne) {
      distance = more - less;
    } else {
      // left + more < right without overflow is more < right - left; left < right - less is the same with less for more.
      if (more != 0 && less != 0) return false;
      distance = more != 0 ? more : 0 - less;
      if (static_cast<int32_t>(distance) < 0) return false;
    }
    out = {relation, left, right, static_cast<int32_t>(distance)};
    return true;
  }

  void find() {
    size_t point = 0;
    for (size_t i = 0; i < region_.code.insts.size(); ++i) {
      const ir::Inst& inst = region_.code.insts[i];
      const size_t at = point;
      point += is_point(inst);
      Stay stay;
      if (inst.op == Op::ExitIf && inst.aux != static_cast<uint8_t>(ir::ExitKind::Repeat) && region_.maps[at].path == 0 && stays(inst, stay)) join(i, stay);
      if (inst.flags != kNoValue) compare(inst);
      if (inst.value != kNoValue) sums_[inst.value] = sum_of(inst);
    }
  }

  void join(size_t inst, const Stay& stay) {
    const auto is_same = [&stay](const Family& f) { return f.of.relation == stay.relation && same(f.of.left, stay.left) && same(f.of.right, stay.right); };
    const auto known = std::find_if(families_.begin(), families_.end(), is_same);
    if (known == families_.end() && families_.size() == kMostFamilies) return;
    Family& family = known == families_.end() ? families_.emplace_back(Family{stay, stay.distance, stay.distance}) : *known;
    family.least = std::min(family.least, stay.distance);
    family.most = std::max(family.most, stay.distance);
    ++family.exits;
    members_.push_back({inst, static_cast<size_t>(&family - families_.data())});
  }

  /// Whether one test is possible, and less than those that it stands for: an exit is mostly a comparison and a branch.
  static bool pays(const Family& family) {
    switch (family.of.relation) {
      case Relation::Eq: return family.constant() && family.exits >= 2;
      case Relation::Ne: return (family.constant() || family.least >= 0 || family.most <= 0) && family.exits >= 2;
      default: return family.exits >= 3;
    }
  }

  void remove() {
    std::vector<ir::Inst>& insts = region_.code.insts;
    size_t kept = 0, kept_maps = 0, point = 0, member = 0;
    for (size_t i = 0; i < insts.size(); ++i) {
      const bool has_map = is_point(insts[i]);
      bool gone = false;
      if (member < members_.size() && members_[member].inst == i) gone = families_[members_[member++].family].exits != 0;
      if (!gone) insts[kept++] = insts[i];
      if (has_map && !gone) region_.maps[kept_maps++] = region_.maps[point];
      point += has_map;
    }
    insts.resize(kept);
    region_.maps.resize(kept_maps);
  }

  ValueId emit(Op op, uint8_t width, ValueId a, ValueId b) {
    ir::Inst inst;
    inst.op = op;
    inst.width = width;
    inst.src[0] = a;
    inst.src[1] = b;
    inst.value = region_.code.new_value();
    test_.push_back(inst);
    return inst.value;
  }

  ValueId emit_const(uint64_t value) {
    const ValueId name = emit(Op::Const, 64, kNoValue, kNoValue);
    test_.back().imm = static_cast<int64_t>(value);
    return name;
  }

  /// The side of a relation as 64 bits.
  ValueId emit_side(const Sum& side, bool is_signed) {
    if (side.root == kNoValue) return emit_const(is_signed ? static_cast<uint64_t>(int64_t{static_cast<int32_t>(side.offset)}) : side.offset);
    return is_signed ? emit(Op::Sext, 32, side.root, kNoValue) : side.root;
  }

  /// Not 0 if the family's exits are all not taken.
  ValueId emit_test(const Family& family) {
    const Relation relation = family.of.relation;
    if (relation == Relation::Eq || relation == Relation::Ne) {
      const ValueId left = emit_side(family.of.left, false), right = emit_side(family.of.right, false);
      if (family.constant()) return emit(relation == Relation::Eq ? Op::SetEq : Op::SetNe, 64, emit(Op::Sub, 32, right, left), emit_const(static_cast<uint32_t>(family.least)));
      // Going up from the left, or down, the right lies beyond the farthest of them.
      const bool up = family.least >= 0;
      return emit(Op::SetLtU, 64, emit_const(up ? static_cast<uint32_t>(family.most) : 0 - static_cast<uint32_t>(family.least)),
                  up ? emit(Op::Sub, 32, right, left) : emit(Op::Sub, 32, left, right));
    }
    const bool is_signed = relation == Relation::LtS || relation == Relation::LeS, or_equal = relation == Relation::LeS || relation == Relation::LeU;
    const ValueId left = emit_side(family.of.left, is_signed), right = emit_side(family.of.right, is_signed);
    const ValueId distance = emit(Op::Sub, 64, right, left);
    return emit(Op::SetLtS, 64, emit_const(static_cast<uint64_t>(int64_t{family.most} - or_equal)), distance);
  }

  /// Puts the test of all families before the region.
  void guard(uint16_t path) {
    ValueId holds = kNoValue;
    for (const Family& family : families_) {
      if (family.exits == 0) continue;
      const ValueId one = emit_test(family);
      holds = holds == kNoValue ? one : emit(Op::And, 64, holds, one);
    }
    ir::Inst exit;
    exit.op = Op::ExitIf;
    exit.cond = Cond::Zero;
    exit.src[0] = holds;
    exit.imm = region_.eip;
    test_.push_back(exit);
    region_.code.insts.insert(region_.code.insts.begin(), test_.begin(), test_.end());
    Region::Map map{static_cast<uint32_t>(region_.bindings.size()), static_cast<uint32_t>(region_.entry.size())};
    map.path = path;
    region_.maps.insert(region_.maps.begin(), map);
    region_.bindings.insert(region_.bindings.end(), region_.entry.begin(), region_.entry.end());
  }

  Region& region_;
  std::vector<Sum> sums_;              // by value
  std::vector<uint32_t> comparisons_;  // by flags value, in found_
  std::vector<Comparison> found_;
  std::vector<Family> families_;
  std::vector<Member> members_;        // in the order of the code
  std::vector<ir::Inst> test_;
};

}  // namespace

unsigned make_version(Region& region, Region& other, uint16_t path) { return Versions(region).run(other, path); }

}  // namespace chrysalis::translator
