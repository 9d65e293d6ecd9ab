#include "firmware/region_former.h"

#include <algorithm>

#include "firmware/counters.h"
#include "firmware/host.h"
#include "firmware/region_shape.h"
#include "translator/versions.h"

namespace chrysalis::fw {
namespace {

/// A branch is followed if at least this share of its executions goes one way.
constexpr uint64_t kBiasNumerator = 2, kBiasDenominator = 3;
/// Calls within each other that a region follows.
constexpr size_t kMostCalls = 4;
/// What enters a region, as a weight; and the least that a path of a tree is worth to follow.
constexpr uint32_t kEntered = 1u << 16, kLeastWeight = kEntered / 16;
/// A superblock that so many entries come as far as follows the likelier side of a branch that is not decided.
constexpr uint32_t kLeastGuess = kEntered / 2;
/// So many times what a path may hold a tree may.
constexpr uint32_t kLongestPaths = 2;
/// The same of an indirect jump's target.
constexpr uint32_t kLeastJump = kEntered / 4;
/// A loop that iterates so many times as often as it is unrolled is worth two versions: the one for its last iterations starts late.
constexpr uint64_t kLongLoop = 8;
/// A profile of fewer executions says nothing.
constexpr uint64_t kLeastExecutions = 8;

/// The exit that ends the instruction, or null if control only falls through.
const ir::Inst* last_exit(const ir::Code& code) {
  for (size_t i = code.insts.size(); i-- > 0;) {
    const ir::Inst& inst = code.insts[i];
    if (inst.op == ir::Op::Exit || inst.op == ir::Op::ExitIf || inst.op == ir::Op::ExitInd) return &inst;
  }
  return nullptr;
}

/// Whether the monitor can interpret the instruction between two parts: control goes on behind it, at `next`.
bool can_be_called_out(const ir::Code& lifted, uint32_t next) {
  for (const ir::Inst& inst : lifted.insts) {
    const bool falls = (inst.op == ir::Op::Exit || inst.op == ir::Op::ExitIf) && static_cast<uint32_t>(inst.imm) == next &&
                       static_cast<ir::ExitKind>(inst.aux) == ir::ExitKind::Jump;
    if (ir::is_exit(inst) && inst.op != ir::Op::TrapIf && !falls) return false;
  }
  return is_for_interpreter(lifted);
}

}  // namespace

CallOut find_call_out(GuestCode& code, uint32_t eip, uint32_t longest, Source& source) {
  CallOut out{eip, eip, 0, 0};
  Fetched fetched;
  FetchFault fault;
  while (out.instructions + 1 < longest && code.fetch(out.end, fetched, fault) && !fetched.unsupported && !fetched.checked &&
         can_be_called_out(code.lifted(), out.end + fetched.length) && source.add(out.end, fetched)) {
    out.end += fetched.length;
    ++out.instructions;
  }
  return out;
}

RegionFormer::RegionFormer(GuestCode& code, BlockCache& blocks, TranslationCache& translations, const Adaptation& adaptation,
                           const GearOptions& options, unsigned store_buffer_entries, translator::StageClock& clock)
    : code_(code), blocks_(blocks), translations_(translations), adaptation_(adaptation), options_(options), clock_(clock),
      store_buffer_entries_(store_buffer_entries),
      builder_(regions_[0], kMailboxAddress + offsetof(Mailbox, context), {store_buffer_entries, (options.switches & kSwitchNoShadow) != 0, false}) {}

/// The profile goes on with what begins at `eip`, if it was counted.
void RegionFormer::enter(uint32_t eip) {
  place_ = {};
  if (const Translation* const t = translations_.counted(eip)) {
    place_.counted = t;
    for (uint32_t i = 0; i < t->exit_count; ++i) place_.executions += translations_.times_left(*t, i);
    if (place_.executions >= kLeastExecutions) return;
    place_ = {};
  }
  const Block* const block = blocks_.existing(eip);
  if (block == nullptr || block->head == nullptr) return;
  place_.block = block;
  place_.executions = block->executions();
}

bool RegionFormer::grows_trees() const { return gear_ >= 3 && (options_.switches & kSwitchTrees) != 0; }

/// Where control mostly goes from a branch.
RegionFormer::Likely RegionFormer::decide(const Branch& branch) const {
  if (branch.executions < kLeastExecutions) return Likely::Unknown;
  if (branch.taken * kBiasDenominator >= branch.executions * kBiasNumerator) return Likely::Taken;
  if (branch.taken * kBiasDenominator <= branch.executions * (kBiasDenominator - kBiasNumerator)) return Likely::Falls;
  return Likely::Unknown;
}

/// Whether the path goes on along the likelier side of a branch that is not decided, to which control comes `weight` times in kEntered entries.
bool RegionFormer::guesses(uint32_t weight) const { return weight >= (grows_trees() ? kLeastWeight : kLeastGuess); }

/// What is known of the branch at `eip` to `target`. Counts it as passed.
RegionFormer::Branch RegionFormer::branch(uint32_t eip, uint32_t target) {
  uint64_t taken = 0;
  const auto pass = [&] {
    const Branch passed{place_.executions, std::min(taken, place_.executions)};
    place_.executions -= passed.taken;
    return passed;
  };
  if (place_.counted != nullptr) {
    const Translation& t = *place_.counted;
    for (; place_.site < t.exit_count; ++place_.site) {
      const Exit& exit = translations_.exit_of(t, place_.site);
      if (exit.completed > place_.position) break;
      taken = translations_.times_left(t, place_.site);
      if (exit.completed == place_.position && exit.target == target && exit.kind == ExitKind::Chained) {
        ++place_.site;
        return pass();
      }
      pass();
    }
    return {};
  }
  if (place_.block == nullptr) return {};
  const Block& block = *place_.block;
  for (; place_.site < block.site_count; ++place_.site) {
    taken = blocks_.profile(block.sites[place_.site]).taken;
    if (block.sites[place_.site].eip == eip) {
      ++place_.site;
      return pass();
    }
    pass();
  }
  return {};
}

/// Where the indirect jump, call or return at `eip` has gone: expected_. A return from a call within the region goes behind that call.
void RegionFormer::expect(uint32_t eip, ir::ExitKind kind) {
  expected_.clear();
  expected_of_ = 0;
  if (kind == ir::ExitKind::Return) {
    if (calls_.empty()) return;
    expected_.push_back({calls_.back(), 1});
    expected_of_ = 1;
    calls_.pop_back();
  } else if (place_.counted != nullptr) {
    const Translation& t = *place_.counted;
    for (uint32_t i = 0; i < t.exit_count; ++i) {
      const Exit& exit = translations_.exit_of(t, i);
      if (exit.kind != ExitKind::Indirect || exit.completed != place_.position) continue;
      for (const uint32_t target : translations_.targets_of(t, i)) {
        const auto same = std::find_if(expected_.begin(), expected_.end(), [target](const Target& known) { return known.eip == target; });
        if (same != expected_.end()) ++same->times;
        else expected_.push_back({target, 1});
        ++expected_of_;
      }
    }
    std::sort(expected_.begin(), expected_.end(), [](const Target& a, const Target& b) { return a.times != b.times ? a.times > b.times : a.eip < b.eip; });
  } else if (place_.block != nullptr) {
    const Block& block = *place_.block;
    for (uint32_t i = 0; i < block.site_count; ++i) {
      if (block.sites[i].eip != eip) continue;
      // Known is by how much one leads: at least so many times were its own.
      const ExitProfile& profile = blocks_.profile(block.sites[i]);
      expected_of_ = static_cast<uint32_t>(block.executions());
      if (profile.taken != 0 && expected_of_ != 0) expected_.push_back({profile.target, std::min(expected_of_, profile.taken)});
      return;
    }
  }
}

/// Of the targets expected the one that is followed, and those that paths of a tree may follow: targets_. `weight`: how often control comes to the jump.
void RegionFormer::choose_expected(ir::ExitKind kind, uint32_t weight) {
  targets_.clear();
  for (const Target& target : expected_) {
    const uint64_t share = uint64_t{weight} * target.times / expected_of_;
    const bool decided = uint64_t{target.times} * kBiasDenominator >= uint64_t{expected_of_} * kBiasNumerator;
    const bool enough = targets_.empty() ? decided || share >= (grows_trees() ? kLeastWeight : kLeastJump)
                                         : grows_trees() && kind == ir::ExitKind::Jump && share >= kLeastWeight;
    if (!enough) break;
    targets_.push_back(target.eip);
  }
}

bool RegionFormer::visited(uint32_t eip) const { return std::binary_search(visited_.begin(), visited_.end(), eip); }

unsigned RegionFormer::form(uint32_t entry, unsigned gear, uint32_t most) {
  entry_ = entry;
  gear_ = gear;
  const uint32_t limit = adaptation_.limit(entry);
  longest_ = std::min(most, limit);
  largest_ = std::min(kLongestPaths * longest_, limit);
  source_.clear();
  checks_ = code_.checked(entry);
  visited_.clear();
  calls_.clear();
  waiting_.clear();
  place_ = {};
  part_count_ = first_region_ = path_count_ = 0;
  held_ = before_ = 0;
  form_part(entry, kEntered);
  while (follow_call_out()) {}
  return held_;
}

/// Forms the part that begins at `eip`, if there is anything that it can hold.
void RegionFormer::form_part(uint32_t eip, uint32_t weight) {
  start_ = eip;
  first_region_ += path_count_;
  path_count_ = 1;
  addresses_.clear();
  in_order_.clear();
  sides_.clear();
  long_loop_ = false;
  builder_.begin(path(0), eip);
  grow(eip, weight);
  if (builder_.size() == 0) {
    path_count_ = 0;
    return;
  }
  // What waits behind call-outs wants to be held, too.
  const auto room = [this] { return (largest_ - held_) / (waiting_.empty() ? 1 : 2); };
  while (path_count_ < kMostPaths && first_region_ + path_count_ < kMostRegions && builder_.size() < room() && follow_side()) {}
  make_versions();
  if (path(0).precise) in_order_.assign(addresses_.size(), 1);
  if (!in_order_.empty()) in_order_.resize(addresses_.size(), 0);
  if (part_count_ == parts_.size()) parts_.emplace_back();
  Part& part = parts_[part_count_++];
  part.tree = {&path(0), path_count_};
  part.call_outs.clear();
  for (translator::Region& path : part.tree) path.in_order = in_order_;
  std::swap(part.addresses, addresses_);
  held_ += builder_.size();
}

/// A version of the main path's loop for as many iterations as it has copies, or more. Its other version becomes the tree's last path.
void RegionFormer::make_versions() {
  if (!long_loop_ || gear_ < 3 || (options_.switches & kSwitchVersions) == 0 || path_count_ == kMostPaths || first_region_ + path_count_ == kMostRegions) return;
  const unsigned exits = translator::make_version(path(0), path(path_count_), static_cast<uint16_t>(path_count_));
  if (exits == 0) return;
  ++path_count_;
  count(Counter::Versions);
  count(Counter::VersionedExits, exits);
}

/// The path under way ends before the instruction at `eip`, to which control comes `weight` times.
void RegionFormer::note_call_out(const ir::Code& lifted, uint32_t eip, uint32_t next, uint32_t weight) {
  if (!can_be_called_out(lifted, next) || (grows_trees() && weight < kLeastWeight)) return;
  waiting_.push_back({part_count_, eip, weight, before_ + builder_.completed(), place_, visited_, calls_});
}

/// Goes on behind the call-out that control comes to most often; of equals the first. False: there is none, or no room.
bool RegionFormer::follow_call_out() {
  const auto best = std::max_element(waiting_.begin(), waiting_.end(), [](const Waiting& a, const Waiting& b) { return a.weight < b.weight; });
  if (best == waiting_.end() || first_region_ + path_count_ == kMostRegions) return false;
  const Waiting waiting = std::move(*best);
  waiting_.erase(best);
  std::vector<CallOut>& known = parts_[waiting.part].call_outs;
  const auto same = [&](const CallOut& other) { return other.eip == waiting.eip; };
  if (std::any_of(known.begin(), known.end(), same)) return true;
  const uint32_t left = std::min(largest_ - std::min(held_, largest_), longest_ - std::min(waiting.completed, longest_));
  clock_.begin(translator::Stage::Lift);
  CallOut out = find_call_out(code_, waiting.eip, left, source_);
  clock_.begin(translator::Stage::Region);
  if (out.instructions == 0) return true;
  // A loop comes back to a part that is there already.
  while (out.part < part_count_ && parts_[out.part].tree.front().eip != out.end) ++out.part;
  if (out.part == part_count_) {
    visited_ = waiting.visited;
    calls_ = waiting.calls;
    place_ = waiting.place;
    place_.position += out.instructions;
    before_ = waiting.completed + out.instructions;
    form_part(out.end, waiting.weight);
    if (out.part == part_count_) return true;  // there is nothing to come back to
  }
  held_ += out.instructions;
  parts_[waiting.part].call_outs.push_back(out);
  return true;
}

/// The side exit that has just been appended, or one `earlier` exits before, may be followed later.
void RegionFormer::note_side(size_t earlier, uint32_t target, uint32_t weight) {
  const translator::GuestRegionBuilder::Fork fork = builder_.fork(earlier);
  if (fork.point == translator::GuestRegionBuilder::kNoPoint || weight < kLeastWeight) return;
  sides_.push_back({path_count_ - 1, fork, target, weight, visited_, calls_});
}

/// Follows the side exit that is taken most often; of equals the first. False: there is none.
bool RegionFormer::follow_side() {
  const auto best = std::max_element(sides_.begin(), sides_.end(), [](const Side& a, const Side& b) { return a.weight < b.weight; });
  if (best == sides_.end()) return false;
  const Side side = std::move(*best);
  sides_.erase(best);
  visited_ = side.visited;
  calls_ = side.calls;
  const unsigned before = builder_.size();
  translator::Region& parent = path(side.path);
  builder_.begin_path(path(path_count_), static_cast<uint16_t>(path_count_), parent, side.fork);
  ++path_count_;
  place_ = {};
  grow(side.target, side.weight);
  if (builder_.size() == before) {  // there is nothing that a region can hold
    --path_count_;
    parent.maps[side.fork.point].path = 0;
  }
  return true;
}

/// The instruction at `at` is the region's next.
void RegionFormer::note(uint32_t at) {
  addresses_.push_back(at);
  if (const uint8_t order = adaptation_.order(at); order != 0) {
    in_order_.resize(addresses_.size(), 0);
    in_order_.back() = order;
  }
  visited_.insert(std::upper_bound(visited_.begin(), visited_.end(), at), at);
}

/// What control comes to from `at` on, as far as it can be an arm.
void RegionFormer::follow_arm(Arm& arm, uint32_t at) {
  arm.count = 0;
  FetchFault fault;
  while (arm.count < options_.if_convert_instructions && adaptation_.care(at) == Care::None) {
    if (arm.count == arm.steps.size()) arm.steps.emplace_back();
    Step& step = arm.steps[arm.count];
    step.code.clear();
    clock_.begin(translator::Stage::Lift);
    const bool known = code_.fetch(at, step.fetched, fault, step.code) && !step.fetched.unsupported && !step.fetched.checked;
    clock_.begin(translator::Stage::Region);
    if (!known || !translator::GuestRegionBuilder::accepts_in_arm(step.code)) break;
    step.eip = at;
    ++arm.count;
    const ir::Inst* const jump = last_exit(step.code);
    at = jump != nullptr ? static_cast<uint32_t>(jump->imm) : at + step.fetched.length;
  }
  arm.end = at;
}

/// Cuts the arms where they first meet. False: they do not, within the instructions that both together may have.
bool RegionFormer::meet() {
  for (unsigned sum = 1; sum <= options_.if_convert_instructions; ++sum) {
    for (unsigned i = sum - std::min(sum, taken_.count); i <= std::min(sum, fallen_.count); ++i) {
      const uint32_t eip = fallen_.eip(i);
      if (taken_.eip(sum - i) != eip) continue;
      fallen_.count = i;
      taken_.count = sum - i;
      fallen_.end = taken_.end = eip;
      return true;
    }
  }
  return false;
}

void RegionFormer::append(const Arm& arm) {
  for (unsigned i = 0; i < arm.count; ++i) {
    const Step& step = arm.steps[i];
    note(step.eip);
    builder_.append(step.code, step.eip, step.eip + step.fetched.length, translator::GuestRegionBuilder::Way::Taken);
  }
}

/// If-converts the branch at `at`, which has just been fetched, unless its arms are long or have effects. Control goes on where they end.
bool RegionFormer::convert(uint32_t at, uint32_t next, uint32_t target) {
  if (checks_ || (options_.switches & kSwitchNoShadow) != 0 || !translator::GuestRegionBuilder::accepts_branch(code_.lifted())) return false;
  follow_arm(fallen_, next);
  follow_arm(taken_, target);
  if (!meet()) return false;
  const unsigned more = 1 + fallen_.count + taken_.count;
  if (before_ + builder_.completed() + more > longest_ || held_ + builder_.size() + more > largest_) return false;
  for (const Arm* arm : {&fallen_, &taken_}) {
    for (unsigned i = 0; i < arm->count; ++i) {
      if (!source_.add(arm->steps[i].eip, arm->steps[i].fetched)) return false;
    }
  }
  count(Counter::IfConversions);
  builder_.begin_arms(code_.lifted(), at);
  append(fallen_);
  builder_.next_arm();
  append(taken_);
  builder_.end_arms();
  // The profile goes on with what is counted where they meet, or with the arm that leads there, whichever has been executed more often.
  const uint32_t join = fallen_.end;
  const bool falls = fallen_.count == 0 || fallen_.steps[fallen_.count - 1].eip + fallen_.steps[fallen_.count - 1].fetched.length == join;
  Place passed = place_;
  passed.position += fallen_.count;
  const bool holds = passed.counted != nullptr ? passed.position <= passed.counted->instructions
                                               : passed.block != nullptr && join - passed.block->eip <= passed.block->length;
  enter(join);
  if (falls && holds && passed.executions > place_.executions) place_ = passed;
  return true;
}

/// Whether a loop of which there are `copies` gets another: as often as it iterates, as long as it is to be, and as the store buffer holds it.
bool RegionFormer::unrolls(unsigned copies, unsigned instructions, unsigned stores, uint32_t left, uint32_t entered) const {
  const bool iterates = uint64_t{copies} * left < entered;  // it iterates entered / left times
  ++copies;
  const uint32_t longest = gear_ >= 3 ? options_.unroll_instructions + options_.unroll_instructions / 2 : options_.unroll_instructions;
  return iterates && copies * instructions <= longest && copies * stores <= store_buffer_entries_;
}

/// Follows control from `at` on, to which it comes `weight` times in kEntered entries, and ends the path.
void RegionFormer::grow(uint32_t at, uint32_t weight) {
  using Way = translator::GuestRegionBuilder::Way;
  // Behind a call-out the profile goes on, if it is of gear 1.
  if (place_.counted == nullptr) enter(at);
  const bool main = path_count_ == 1;
  const unsigned before = builder_.size();
  const uint32_t entered = weight;
  // If the main path loops: its copies, and of one iteration the instructions and guest stores, and how often control does not come back.
  unsigned copies = 0, once = 0, stores = 0;
  uint32_t left = 0;
  FetchFault fault;
  while (before_ + builder_.completed() < longest_ && held_ + builder_.size() < largest_) {
    if (at == start_ && builder_.size() != 0) {
      if (once == 0) {
        once = builder_.completed();
        stores = builder_.stores();
        left = entered - std::min(weight, entered);
      }
      if (!main || !unrolls(++copies, once, stores, left, entered)) break;
      count(Counter::UnrolledIterations);
      visited_.clear();
      enter(at);
    } else if ((at == entry_ && start_ != entry_) || (calls_.empty() && visited(at))) {
      break;  // the translation itself, or an inner loop; what is called may come twice
    }
    const bool ran_out = place_.counted != nullptr ? place_.position == place_.counted->instructions
                                                   : place_.block != nullptr && at == place_.block->eip + place_.block->length;
    if (ran_out) enter(at);
    clock_.begin(translator::Stage::Lift);
    const bool known = code_.fetch(at, fetched_, fault, {checks_, checks_ && adaptation_.reloads(at)}) && !fetched_.unsupported;
    clock_.begin(translator::Stage::Region);
    if (!known) break;
    if (fetched_.checked && !checks_) {
      if (held_ + builder_.size() != 0) break;
      checks_ = true;  // the first instruction reaches into such code
      continue;
    }
    const ir::Code& lifted = code_.lifted();
    if (!translator::GuestRegionBuilder::accepts(lifted, builder_.size() == 0)) {
      if (builder_.size() != 0) note_call_out(lifted, at, at + fetched_.length, weight);
      break;
    }
    const Care care = adaptation_.care(at);
    if (care == Care::Isolated || !source_.add(at, fetched_)) break;
    note(at);
    const uint32_t next = at + fetched_.length;
    const ir::Inst* const exit = last_exit(lifted);
    ++place_.position;
    if (exit == nullptr) {
      builder_.append(lifted, at, next, Way::Falls);
      at = next;
      continue;
    }
    const auto kind = static_cast<ir::ExitKind>(exit->aux);
    if (kind == ir::ExitKind::Repeat) {
      builder_.append(lifted, at, next, Way::Ends);
      at = next;  // of what falls through
      break;
    }
    if (exit->op == ir::Op::ExitInd) {
      expected_.clear();
      if (follows_calls()) expect(at, kind);
      choose_expected(kind, weight);
      builder_.append(lifted, at, next, targets_.empty() ? Way::Ends : Way::Predicted, targets_);
      if (targets_.empty()) break;
      if (kind != ir::ExitKind::Return) count(Counter::JumpTargets, targets_.size());
      for (size_t i = 1; i < targets_.size(); ++i) {
        note_side(targets_.size() - i, targets_[i], static_cast<uint32_t>(uint64_t{weight} * expected_[i].times / expected_of_));
      }
      weight = static_cast<uint32_t>(uint64_t{weight} * expected_[0].times / expected_of_);
      if (kind == ir::ExitKind::Call) calls_.push_back(next);
      // What is jumped to may come twice, as what is called may: it comes by another way.
      if (kind == ir::ExitKind::Jump) visited_.clear();
      at = targets_[0];
      enter(at);
      continue;
    }
    if (exit->op == ir::Op::Exit) {
      const auto target = static_cast<uint32_t>(exit->imm);
      const bool follows = (kind == ir::ExitKind::Jump && (options_.switches & kSwitchBlocks) == 0) || (follows_calls() && calls_.size() < kMostCalls);
      builder_.append(lifted, at, next, follows ? Way::Taken : Way::Ends);
      if (!follows) break;
      if (kind == ir::ExitKind::Call) calls_.push_back(next);
      at = target;
      enter(at);
      continue;
    }
    const auto target = static_cast<uint32_t>(exit->imm);
    const Branch counts = (options_.switches & kSwitchBlocks) != 0 ? Branch{} : branch(at, target);
    Likely side = decide(counts);
    if (side == Likely::Unknown && counts.executions >= kLeastExecutions) {
      if (convert(at, next, target)) {
        at = taken_.end;
        continue;
      }
      if (guesses(weight)) side = counts.taken * 2 > counts.executions ? Likely::Taken : Likely::Falls;
    }
    const bool takes = side == Likely::Taken;
    builder_.append(lifted, at, next, takes ? Way::Taken : Way::Falls);
    at = takes ? target : next;
    if (side == Likely::Unknown) break;
    const auto taken = static_cast<uint32_t>(counts.taken * weight / counts.executions);
    if (grows_trees()) note_side(0, takes ? next : target, takes ? weight - taken : taken);
    weight = takes ? taken : weight - taken;
    if (takes) enter(at);
  }
  if (builder_.size() != before) builder_.finish(at);
  if (main) long_loop_ = copies > 1 && kLongLoop * copies * left <= entered;
}

}  // namespace chrysalis::fw
