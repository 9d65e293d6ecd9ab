#include "tests/translator/random_region.h"

#include <algorithm>
#include <cstring>

#include "isa-host/registers.h"
#include "tests/translator/evaluate.h"

namespace chrysalis::test {
namespace {

using ir::kNoValue;
using ir::Op;
using ir::ValueId;

constexpr uint64_t kInteresting[] = {0, 1, 2, 31, 32, 63, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
                                     0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};

// A call's return address differs from machine to machine: nothing computes with it.
class Maker {
 public:
  Maker(uint64_t seed, unsigned size, unsigned alias_entries)
      : state_(seed * 0x9e3779b97f4a7c15u + 1), size_(size), alias_entries_(alias_entries) {}

  RandomRegion run() {
    translator::Region& region = out_.region;
    x86_shape_ = chance(2);
    region.faults_roll_back = x86_shape_ && !chance(3);
    much_memory_ = region.faults_roll_back && chance(2);
    region.allocatable = x86_shape_ ? range(0, 7) | range(9, 15) | range(16, 27) : range(9, 27) | range(32, 50);
    if (chance(3)) region.allocatable &= ~range(18, 27);
    for (uint64_t& content : out_.entry) content = number();
    make_entry();
    while (region.code.insts.size() < size_) step();
    finish();
    number_guest_instructions();
    for (Bytes* bytes : {&out_.concealed, &out_.guest}) {
      for (uint8_t& byte : *bytes) byte = static_cast<uint8_t>(next() >> 40);
    }
    turn_away_side_exits();
    return std::move(out_);
  }

 private:
  static constexpr uint64_t range(unsigned first, unsigned last) {
    return (last == 63 ? 0 : uint64_t{1} << (last + 1)) - (uint64_t{1} << first);
  }

  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(next() >> 32) % n; }
  bool chance(unsigned one_in) { return below(one_in) == 0; }
  uint64_t number() {
    if (chance(2)) return kInteresting[below(std::size(kInteresting))];
    return next() >> below(64);
  }

  std::vector<ir::Inst>& insts() { return out_.region.code.insts; }

  void make_entry() {
    for (unsigned reg = 0; reg < 63; ++reg) {
      const bool base = reg == kConcealedBaseReg || reg == kGuestBaseReg;
      if (!base && (!(out_.region.allocatable >> reg & 1) || chance(3))) continue;
      const ValueId value = out_.region.code.new_value();
      out_.region.entry.push_back({value, static_cast<uint8_t>(reg)});
      if (base) {
        (reg == kConcealedBaseReg ? concealed_base_ : guest_base_) = value;
        out_.entry[reg] = reg == kConcealedBaseReg ? kConcealedData : kGuestData;
        if (reg == kConcealedBaseReg && chance(2)) out_.region.readable |= uint64_t{1} << reg;
      } else if (isa::is_flags_register(reg)) {
        out_.entry[reg] &= isa::kFlagsMask;
        flags_.push_back(value);
      } else {
        values_.push_back(value);
      }
    }
    if (flags_.empty()) add_constant(number() & isa::kFlagsMask, flags_);
    if (values_.empty()) add_constant(number(), values_);
  }

  void add_constant(uint64_t content, std::vector<ValueId>& to) {
    ir::Inst inst;
    inst.op = Op::Const;
    inst.width = 64;
    inst.imm = static_cast<int64_t>(content);
    inst.value = out_.region.code.new_value();
    to.push_back(inst.value);
    insts().push_back(inst);
  }

  /// Recent values more often: long chains and short lives, and some that live long.
  ValueId pick(const std::vector<ValueId>& from) {
    const unsigned count = static_cast<unsigned>(from.size());
    return chance(3) ? from[below(count)] : from[count - 1 - below(std::min(count, 6u))];
  }
  ValueId value() { return chance(12) ? pick(flags_) : pick(values_); }
  ValueId flags() { return pick(flags_); }

  void step() {
    const unsigned kind = below(100);
    if (kind < 8) return add_constant(number(), values_);
    if (kind < 15) return add_side_exit();
    if (kind < 22) return add_commit();
    if (kind < (much_memory_ ? 60u : 33u)) return add_memory();
    add_pure();
  }

  void add_pure() {
    const Op op = static_cast<Op>(below(static_cast<unsigned>(Op::kCount)));
    const ir::OpInfo& row = ir::info(op);
    if ((row.effects & ~unsigned{ir::kOldFlags}) != 0 || op == Op::Const || op == Op::CodeAddr) return;
    ir::Inst inst;
    inst.op = op;
    static constexpr uint8_t kWidths[] = {8, 16, 32, 64, 32, 64, 32, 64};
    inst.width = kWidths[below(8)];
    const bool from_16 = op == Op::Bt || op == Op::Bts || op == Op::Btr || op == Op::Btc || op == Op::Bsf || op == Op::Bsr ||
                         op == Op::Shld || op == Op::Shrd || op == Op::Bswap || op == Op::Lea || op == Op::InsertL16;
    if (from_16 && inst.width == 8) inst.width = 16;
    if (op == Op::ExtractH || op == Op::OrcB || op == Op::LeaUw) inst.width = 64;
    if ((op == Op::InsertL8 || op == Op::InsertH8) && inst.width == 8) inst.width = 32;
    const unsigned results = static_cast<unsigned>(row.results);
    const bool wants_flags = (results & 2) && (results == 2 || chance(2));
    const bool wants_value = (results & 1) && (!wants_flags || !chance(4));
    for (unsigned i = 0; i < row.sources; ++i) inst.src[i] = value();
    const bool reads_carry = op == Op::Adc || op == Op::Sbb || op == Op::Rcl || op == Op::Rcr;
    if (row.effects & ir::kOldFlags) inst.src[row.sources - 1] = wants_flags || reads_carry ? flags() : kNoValue;
    if (op == Op::SetCc || op == Op::SelectCc) {
      inst.cond = static_cast<ir::Cond>(below(16));
      inst.src[0] = flags();
    }
    if (op == Op::Lea || op == Op::LeaUw) {
      inst.aux = static_cast<uint8_t>(below(4));
      if (op == Op::Lea) {
        inst.imm = chance(2) ? 0 : static_cast<int32_t>(number());
        if (chance(4)) inst.src[1] = kNoValue;
        else if (chance(4)) inst.src[0] = kNoValue;
      }
    }
    const bool sign_extends = op == Op::Add || op == Op::Sub || op == Op::Shl || op == Op::Sar || op == Op::MulLow;
    if (wants_value) inst.value = out_.region.code.new_value();
    if (wants_flags) inst.flags = out_.region.code.new_value();
    insts().push_back(inst);
    if (wants_value) values_.push_back(inst.value);
    if (wants_flags) flags_.push_back(inst.flags);
    if (wants_value && sign_extends && inst.width == 32 && chance(2)) add_extension(inst.value);
  }

  void add_extension(ValueId of) {
    ir::Inst inst;
    inst.op = Op::Sext;
    inst.width = 32;
    inst.src[0] = of;
    inst.value = out_.region.code.new_value();
    insts().push_back(inst);
    values_.push_back(inst.value);
  }

  /// An address of `size` bytes within the data.
  ValueId address(bool guest, unsigned size, int64_t& offset) {
    const ValueId base = guest ? guest_base_ : concealed_base_;
    offset = chance(2) ? 8 * below(6) : below(kDataBytes / 2 - size);  // often a place that is known
    if (chance(2)) return base;
    // base + (value & 0x7f)
    ir::Inst mask;
    mask.op = Op::Const;
    mask.width = 64;
    mask.imm = chance(2) ? 0x7f : below(0x80);
    mask.value = out_.region.code.new_value();
    ir::Inst masked;
    masked.op = Op::And;
    masked.width = 64;
    masked.src[0] = value();
    masked.src[1] = mask.value;
    masked.value = out_.region.code.new_value();
    ir::Inst sum;
    sum.op = Op::Add;
    sum.width = 64;
    sum.src[0] = base;
    sum.src[1] = chance(2) ? masked.value : mask.value;
    sum.value = out_.region.code.new_value();
    for (const ir::Inst& inst : {mask, masked, sum}) insts().push_back(inst);
    return sum.value;
  }

  void add_memory() {
    const bool guest = much_memory_ ? !chance(4) : chance(2);
    static constexpr Op kOps[2][3] = {{Op::CLoad, Op::CLoadS, Op::CStore}, {Op::Load, Op::LoadS, Op::Store}};
    const unsigned kind = below(3);
    if (guest && kind != 2 && out_.region.faults_roll_back && chance(3) && add_keep()) return;
    if (kind == 2 && guest && ++gated_ > 30) return;
    ir::Inst inst;
    inst.op = kOps[guest][kind];
    inst.width = static_cast<uint8_t>(8u << below(4));
    inst.src[0] = address(guest, inst.width / 8u, inst.imm);
    if (kind == 2) {
      inst.src[1] = value();
    } else {
      inst.value = out_.region.code.new_value();
      values_.push_back(inst.value);
      if (guest) loads_.push_back({insts().size(), insts().size()});
    }
    insts().push_back(inst);
  }

  /// A load that was here has been deleted in favour of an earlier one. False: there is none, or no entry for it.
  bool add_keep() {
    if (loads_.empty()) return false;
    Kept& load = loads_[loads_.size() - 1 - below(static_cast<unsigned>(std::min<size_t>(loads_.size(), 10)))];
    const Kept wanted{load.at, insts().size()};
    for (const Kept& at : loads_) {  // the most are kept where one of them begins
      unsigned count = wanted.at <= at.at && at.at < wanted.until;
      for (const Kept& other : loads_) count += &other != &load && other.at <= at.at && at.at < other.until;
      if (count > alias_entries_) return false;
    }
    load.until = wanted.until;
    ir::Inst keep;
    keep.op = Op::Keep;
    keep.src[0] = insts()[load.at].value;
    insts().push_back(keep);
    values_.push_back(keep.src[0]);
    return true;
  }

  /// Every few operations another guest instruction begins.
  void number_guest_instructions() {
    uint16_t guest = 0;
    for (ir::Inst& inst : insts()) {
      if (chance(4)) ++guest;
      inst.guest = guest;
    }
  }

  void add_map(uint64_t registers, unsigned one_in) {
    std::vector<translator::Binding> map;
    for (unsigned reg = 0; reg < 63; ++reg) {
      if (!(registers >> reg & 1) || !chance(one_in)) continue;
      map.push_back({value(), static_cast<uint8_t>(reg)});
    }
    out_.region.add_map(map);
  }

  void add_side_exit() {
    ir::Inst inst;
    const bool guest = x86_shape_ && chance(2);
    inst.op = guest ? Op::ExitIf : Op::Branch;
    inst.imm = guest ? static_cast<int64_t>(static_cast<uint32_t>(next())) : below(kExits);
    const unsigned kind = below(4);
    inst.cond = static_cast<ir::Cond>(kind == 0 ? below(16) : 16 + below(2));
    if (kind == 0) inst.src[0] = flags();
    else if (kind == 1) inst.src[0] = value();
    else inst.src[0] = add_comparison();
    add_map(out_.region.allocatable, 1 + below(6));
    out_.region.maps.back().likely = chance(4);
    insts().push_back(inst);
  }

  ValueId add_comparison() {
    static constexpr Op kOps[] = {Op::SetEq, Op::SetNe, Op::SetLtU, Op::SetLtS};
    ir::Inst inst;
    inst.op = kOps[below(4)];
    inst.width = 64;
    inst.src[0] = value();
    inst.src[1] = value();
    inst.value = out_.region.code.new_value();
    insts().push_back(inst);
    if (chance(2)) values_.push_back(inst.value);
    return inst.value;
  }

  void add_uncount() {
    ir::Inst inst;
    inst.op = Op::UncountIf;
    inst.imm = 1 + below(63);
    inst.cond = static_cast<ir::Cond>(below(18));
    inst.src[0] = inst.cond < ir::Cond::Zero ? flags() : value();
    insts().push_back(inst);
  }

  void add_commit() {
    if (chance(2)) return add_uncount();
    if (!x86_shape_ && chance(2)) return;
    ir::Inst number;
    number.op = Op::Const;
    number.width = 64;
    number.imm = below(4);
    number.value = out_.region.code.new_value();
    insts().push_back(number);
    if (x86_shape_) add_map(range(0, 7) | range(9, 9), 1 + below(2));
    else out_.region.add_map({});
    ir::Inst commit;
    commit.op = Op::Intrinsic;
    commit.imm = static_cast<int64_t>(ir::IntrinsicId::Commit);
    commit.src[0] = number.value;
    insts().push_back(commit);
    gated_ = 0;
  }

  /// Turns the conditions of most exits that would be taken around, so that long paths are executed.
  void turn_away_side_exits() {
    while (!chance(12)) {
      ir::Inst& exit = insts()[evaluate_region(out_).inst];
      if (!(ir::info(exit.op).effects & ir::kSide)) return;
      exit.cond = static_cast<ir::Cond>(static_cast<unsigned>(exit.cond) ^ 1);
    }
  }

  void finish() {
    ir::Inst inst;
    const unsigned kind = below(x86_shape_ ? 5 : 4);
    const int64_t label = below(kExits);
    ValueId code = kNoValue;
    if (kind == 1 || kind == 3) {
      inst.op = Op::CodeAddr;
      inst.imm = label;
      code = inst.value = out_.region.code.new_value();
      insts().push_back(inst);
      inst = {};
    }
    add_map(out_.region.allocatable, 1 + below(4));
    switch (kind) {
      case 0: inst.op = Op::Jump; break;
      case 1: inst.op = Op::JumpInd; inst.src[0] = code; break;
      case 2: case 3: {
        inst.op = kind == 2 ? Op::Call : Op::CallInd;
        if (kind == 3) inst.src[0] = code;
        inst.value = out_.region.code.new_value();
        // The return address goes to a register of the map.
        for (translator::Binding& binding : out_.region.map(out_.region.maps.size() - 1)) {
          binding.value = inst.value;
          break;
        }
        break;
      }
      default: inst.op = Op::Exit; break;
    }
    if (kind == 0 || kind == 2) inst.imm = label;
    if (kind == 4) inst.imm = static_cast<int64_t>(static_cast<uint32_t>(next()));
    insts().push_back(inst);
  }

  struct Kept {
    size_t at, until;  ///< operations: the load, and the last Keep of it
  };

  uint64_t state_;
  unsigned size_, alias_entries_;
  RandomRegion out_;
  std::vector<Kept> loads_;
  bool x86_shape_ = false, much_memory_ = false;
  unsigned gated_ = 0;
  ValueId concealed_base_ = kNoValue, guest_base_ = kNoValue;
  std::vector<ValueId> values_, flags_;
};

uint64_t load(const Bytes& bytes, uint64_t at, unsigned width, bool is_signed) {
  uint64_t out = 0;
  std::memcpy(&out, &bytes[at], width / 8);
  if (is_signed && width < 64) out = static_cast<uint64_t>(static_cast<int64_t>(out << (64 - width)) >> (64 - width));
  return out;
}

}  // namespace

/// Follows the stores that hit the bytes of kept loads.
class KeptLoads {
 public:
  explicit KeptLoads(const ir::Code& code) : until_(code.next_value, 0), loads_(code.next_value) {
    for (size_t i = 0; i < code.insts.size(); ++i) {
      if (code.insts[i].op == Op::Keep) until_[code.insts[i].src[0]] = i;
    }
  }
  void load(const ir::Inst& inst, uint64_t at) {
    if (until_[inst.value] != 0) loads_[inst.value] = {at, inst.width / 8u, false};
  }
  /// True if the operation `store` comes before a load's last Keep, and hits it.
  bool store(size_t store, uint64_t at, unsigned size) {
    bool hit = false;
    for (size_t value = 0; value < loads_.size(); ++value) {
      Load& load = loads_[value];
      if (store >= until_[value] || at >= load.at + load.size || load.at >= at + size) continue;
      load.hit = hit = true;
    }
    return hit;
  }
  bool is_hit(const ir::Inst& keep) const { return loads_[keep.src[0]].hit; }

 private:
  struct Load {
    uint64_t at = 0;
    unsigned size = 0;
    bool hit = false;
  };
  std::vector<size_t> until_;  // by value
  std::vector<Load> loads_;    // by value
};

RandomRegion random_region(uint64_t seed, unsigned size, unsigned alias_entries) { return Maker(seed, size, alias_entries).run(); }

namespace {

class Splitter {
 public:
  Splitter(RandomRegion& random, uint64_t seed) : random_(random), code_(random.region.code.insts), seed_(seed) {}

  std::vector<translator::Region> run() {
    choose();
    translator::Region root = random_.region;
    root.code.insts.clear();
    root.maps.clear();
    root.bindings.clear();
    tree_.push_back(root);
    add_path(0, 0, 0);
    leave_out();
    return std::move(tree_);
  }

 private:
  /// Side exits over which no Keep reaches back, if registers are enough for what lives there. Two at most: each doubles the paths.
  void choose() {
    constexpr size_t kMost = 2;
    if (code_.back().op == Op::Call || code_.back().op == Op::CallInd) return;  // which return to the next molecule
    for (size_t at = 0; at < code_.size() && chosen_.size() < kMost; ++at) {
      if (code_[at].op != Op::ExitIf && code_[at].op != Op::Branch) continue;
      seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
      if ((seed_ >> 40) % 3 == 0 || keeps_over(at) || live_after(at).size() > room()) continue;
      chosen_.push_back(at);
    }
  }

  size_t room() const { return static_cast<size_t>(__builtin_popcountll(random_.region.allocatable)); }

  bool keeps_over(size_t at) const {
    for (size_t i = at; i < code_.size(); ++i) {
      if (code_[i].op == Op::Keep && made_before(code_[i].src[0], at)) return true;
    }
    return false;
  }

  bool made_before(ValueId value, size_t at) const {
    for (const translator::Binding& binding : random_.region.entry) {
      if (binding.value == value) return true;
    }
    for (size_t i = 0; i < at; ++i) {
      if (code_[i].value == value || code_[i].flags == value) return true;
    }
    return false;
  }

  size_t point_of(size_t at) const {
    return static_cast<size_t>(std::count_if(code_.begin(), code_.begin() + static_cast<long>(at), [](const ir::Inst& inst) { return translator::is_point(inst); }));
  }

  /// Values made before `at` and used behind it, with a register for each.
  std::vector<translator::Binding> live_after(size_t at) const {
    std::vector<ValueId> live;
    const auto use = [&](ValueId value) {
      if (value != kNoValue && made_before(value, at) && std::find(live.begin(), live.end(), value) == live.end()) live.push_back(value);
    };
    size_t point = point_of(at) + 1;
    for (size_t i = at + 1; i < code_.size(); ++i) {
      for (const ValueId source : code_[i].src) use(source);
      if (!translator::is_point(code_[i])) continue;
      for (const translator::Binding& binding : random_.region.map(point++)) use(binding.value);
    }
    std::vector<translator::Binding> out;
    uint64_t free = random_.region.allocatable;
    for (const ValueId value : live) {
      uint8_t reg = 0xff;
      for (const translator::Binding& binding : random_.region.entry) {
        if (binding.value == value && !(random_.region.allocatable >> binding.reg & 1)) reg = binding.reg;
      }
      if (reg == 0xff && free != 0) {
        reg = static_cast<uint8_t>(__builtin_ctzll(free));
        free &= free - 1;
      }
      out.push_back({value, reg});
    }
    return out;
  }

  /// What begins at operation `first`, and the paths that it is left for, those of `chosen_` from `next` on.
  void add_path(size_t path, size_t first, size_t next) {
    size_t point = point_of(first);
    struct Fork {
      size_t at, next, path;
    };
    std::vector<Fork> forks;
    for (size_t i = first; i < code_.size(); ++i) {
      ir::Inst inst = code_[i];
      const bool forks_here = next < chosen_.size() && chosen_[next] == i;
      if (translator::is_point(inst)) {
        std::vector<translator::Binding> map(random_.region.map(point).begin(), random_.region.map(point).end());
        if (forks_here) map = live_after(i);
        tree_[path].add_map(map);
        translator::Region::Map& made = tree_[path].maps.back();
        made.likely = random_.region.maps[point].likely;
        made.completed = random_.region.maps[point].completed;
        made.eip = random_.region.maps[point].eip;
        ++point;
      }
      if (forks_here) {
        inst.op = Op::ExitIf;
        if (forks.size() + path % 2 == 0) inst.cond = static_cast<ir::Cond>(static_cast<unsigned>(inst.cond) ^ 1);
        forks.push_back({i, ++next, tree_.size()});
        tree_[path].maps.back().path = static_cast<uint16_t>(tree_.size());
        translator::Region side = random_.region;
        side.code.insts.clear();
        side.maps.clear();
        side.bindings.clear();
        side.readable = 0;
        side.entry = live_after(i);
        tree_.push_back(side);
      }
      tree_[path].code.insts.push_back(inst);
    }
    for (const Fork& fork : forks) add_path(fork.path, fork.at + 1, fork.next);
  }

  void leave_out() {
    translator::Region& region = random_.region;
    for (size_t i = chosen_.size(); i-- > 0;) {
      region.maps.erase(region.maps.begin() + static_cast<long>(point_of(chosen_[i])));
      code_.erase(code_.begin() + static_cast<long>(chosen_[i]));
    }
  }

  RandomRegion& random_;
  std::vector<ir::Inst>& code_;
  uint64_t seed_;
  std::vector<size_t> chosen_;
  std::vector<translator::Region> tree_;
};

}  // namespace

std::vector<translator::Region> split(RandomRegion& random, uint64_t seed) { return Splitter(random, seed).run(); }

Outcome evaluate_region(const RandomRegion& random) {
  const translator::Region& region = random.region;
  Outcome out;
  out.concealed = random.concealed;
  out.guest = random.guest;
  out.checkpoints.push_back({{}, random.guest, 0});
  for (unsigned reg = 0; reg < isa::kShadowedInt; ++reg) out.checkpoints[0].registers.push_back({reg, random.entry[reg]});
  KeptLoads kept(region.code);
  std::vector<uint64_t> values(region.code.next_value, 0);
  std::vector<int64_t> labels(region.code.next_value, -1);  // values that are code addresses
  for (const translator::Binding& binding : region.entry) values[binding.value] = random.entry[binding.reg];
  size_t point = 0;
  const auto read_map = [&](auto& to, ValueId skip) {
    to.clear();
    for (const translator::Binding& binding : region.map(point)) {
      if (binding.value != skip && labels[binding.value] < 0) to.push_back({binding.reg, values[binding.value]});
    }
  };
  for (const ir::Inst& inst : region.code.insts) {
    uint64_t s[4] = {};
    for (unsigned i = 0; i < 4; ++i) s[i] = inst.src[i] == kNoValue ? 0 : values[inst.src[i]];
    const uint64_t at = s[0] + static_cast<uint64_t>(inst.imm);
    switch (inst.op) {
      case Op::CLoad: case Op::CLoadS:
        values[inst.value] = load(out.concealed, at - kConcealedData, inst.width, inst.op == Op::CLoadS);
        continue;
      case Op::Load: case Op::LoadS:
        values[inst.value] = load(out.guest, at - kGuestData, inst.width, inst.op == Op::LoadS);
        kept.load(inst, at);
        continue;
      case Op::CStore: std::memcpy(&out.concealed[at - kConcealedData], &s[1], inst.width / 8u); continue;
      case Op::Store:
        std::memcpy(&out.guest[at - kGuestData], &s[1], inst.width / 8u);
        out.hits_kept |= kept.store(static_cast<size_t>(&inst - region.code.insts.data()), at, inst.width / 8u);
        continue;
      case Op::Keep: out.must_fault |= kept.is_hit(inst); continue;
      case Op::CodeAddr: labels[inst.value] = inst.imm; continue;
      case Op::UncountIf: out.uncounted += taken(inst, s[0]) ? static_cast<uint64_t>(inst.imm) : 0; continue;
      case Op::Intrinsic:
        out.checkpoints.push_back({{}, out.guest, out.checkpoints.back().instructions + (s[0] - out.uncounted) % 4096});
        out.uncounted = 0;
        read_map(out.checkpoints.back().registers, kNoValue);
        ++point;
        continue;
      default: break;
    }
    if (!ir::is_exit(inst)) {
      const Evaluated result = evaluate(inst, s);
      if (inst.value != kNoValue) values[inst.value] = result.value;
      if (inst.flags != kNoValue) values[inst.flags] = result.flags;
      continue;
    }
    if ((ir::info(inst.op).effects & ir::kSide) && !taken(inst, s[0])) {
      ++point;
      continue;
    }
    read_map(out.registers, inst.value);
    out.guest_exit = inst.op == Op::Exit || inst.op == Op::ExitIf;
    out.inst = static_cast<size_t>(&inst - region.code.insts.data());
    out.exit = inst.src[0] != kNoValue && labels[inst.src[0]] >= 0 ? labels[inst.src[0]] : inst.imm;
    return out;
  }
  return out;
}

}  // namespace chrysalis::test
