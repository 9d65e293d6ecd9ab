#include "firmware/region_former.h"

#include <algorithm>

#include "firmware/host.h"

namespace chrysalis::fw {
namespace {

/// A branch is followed if at least this share of its executions goes one way: the region would end otherwise, and the other side costs
/// a side exit. Gear 3 takes any majority.
struct Bias {
  uint64_t numerator, denominator;
};
constexpr Bias bias_of(unsigned gear) { return gear < 3 ? Bias{2, 3} : Bias{1, 2}; }
/// Shares of executions, as parts of this.
constexpr uint64_t kWhole = 1u << 16;
/// A loop is unrolled for so many times the iterations that its profile lets expect.
constexpr uint64_t kIterationsAhead = 2;
/// Calls within each other that a region follows.
constexpr size_t kMostCalls = 4;
constexpr uint32_t kNowhere = ~0u;
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

}  // namespace

RegionFormer::RegionFormer(GuestCode& code, BlockCache& blocks, TranslationCache& translations, const Adaptation& adaptation,
                           const GearOptions& options, unsigned store_buffer_entries, translator::StageClock& clock)
    : code_(code), blocks_(blocks), translations_(translations), adaptation_(adaptation), options_(options), clock_(clock),
      builder_(region_, kMailboxAddress + offsetof(Mailbox, context), {store_buffer_entries, (options.switches & kSwitchNoShadow) != 0, false}) {}

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

RegionFormer::Likely RegionFormer::decide(uint64_t taken) {
  const uint64_t all = place_.executions;
  if (all < kLeastExecutions) return Likely::Unknown;
  taken = std::min(taken, all);
  const Bias bias = bias_of(gear_);
  if (taken * bias.denominator >= all * bias.numerator) {
    stays_ = stays_ * (taken * kWhole / all) / kWhole;
    return Likely::Taken;
  }
  if ((all - taken) * bias.denominator < all * bias.numerator) return Likely::Unknown;
  stays_ = stays_ * ((all - taken) * kWhole / all) / kWhole;
  return Likely::Falls;
}

/// Most instructions of a loop, unrolled, of which one iteration has been formed.
unsigned RegionFormer::unrolled(unsigned once) const {
  const unsigned most = gear_ < 3 ? options_.unroll_instructions : 2 * options_.unroll_instructions;
  if (stays_ == kWhole) return most;
  const uint64_t iterations = kIterationsAhead * kWhole / (kWhole - stays_);
  return static_cast<unsigned>(std::min<uint64_t>(most, iterations * once));
}

/// Where the branch at `eip` to `target` goes. Counts it as passed.
RegionFormer::Likely RegionFormer::likely(uint32_t eip, uint32_t target) {
  uint64_t taken = 0;
  const auto pass = [&] { place_.executions -= std::min(place_.executions, taken); };
  if (place_.counted != nullptr) {
    const Translation& t = *place_.counted;
    for (; place_.site < t.exit_count; ++place_.site) {
      const Exit& exit = translations_.exit_of(t, place_.site);
      if (exit.completed > place_.position) break;
      taken = translations_.times_left(t, place_.site);
      if (exit.completed == place_.position && exit.target == target && exit.kind == ExitKind::Chained) {
        const Likely side = decide(taken);
        pass();
        ++place_.site;
        return side;
      }
      pass();
    }
    return Likely::Unknown;
  }
  if (place_.block == nullptr) return Likely::Unknown;
  const Block& block = *place_.block;
  for (; place_.site < block.site_count; ++place_.site) {
    taken = blocks_.profile(block.sites[place_.site]).taken;
    if (block.sites[place_.site].eip == eip) {
      const Likely side = decide(taken);
      pass();
      ++place_.site;
      return side;
    }
    pass();
  }
  return Likely::Unknown;
}

/// Where the indirect jump, call or return at `eip` mostly goes, or kNowhere. A return from a call within the region goes
/// behind that call.
uint32_t RegionFormer::expected(uint32_t eip, ir::ExitKind kind) {
  if (kind == ir::ExitKind::Return && !calls_.empty()) {
    const uint32_t back = calls_.back();
    calls_.pop_back();
    return back;
  }
  if (kind == ir::ExitKind::Return || place_.block == nullptr) return kNowhere;
  const Block& block = *place_.block;
  for (uint32_t i = 0; i < block.site_count; ++i) {
    if (block.sites[i].eip != eip) continue;
    const ExitProfile& profile = blocks_.profile(block.sites[i]);
    return profile.taken * 2 >= block.executions() ? profile.target : kNowhere;
  }
  return kNowhere;
}

bool RegionFormer::visited(uint32_t eip) const { return std::binary_search(path_.begin(), path_.end(), eip); }

unsigned RegionFormer::form(uint32_t entry, unsigned gear) {
  using Way = translator::GuestRegionBuilder::Way;
  gear_ = gear;
  stays_ = kWhole;
  builder_.begin(entry);
  source_.clear();
  checks_ = code_.checked(entry);
  path_.clear();
  addresses_.clear();
  calls_.clear();
  enter(entry);
  uint32_t at = entry;
  unsigned once = 0, most = 0;  // instructions of one iteration, if it loops, and of all of them
  FetchFault fault;
  const uint32_t longest = std::min(options_.max_instructions, adaptation_.limit(entry));
  while (builder_.size() < longest) {
    if (at == entry && builder_.size() != 0) {
      if (once == 0) {
        once = builder_.size();
        most = unrolled(once);
      }
      if (builder_.size() + once > most) break;
      enter(entry);
    } else if (once == 0 && calls_.empty() && visited(at)) {
      break;  // an inner loop; what is called may come twice
    }
    const bool ran_out = place_.counted != nullptr ? place_.position == place_.counted->instructions
                                                   : place_.block != nullptr && at == place_.block->eip + place_.block->length;
    if (ran_out) enter(at);
    clock_.begin(translator::Stage::Lift);
    const bool known = code_.fetch(at, fetched_, fault, {checks_, checks_ && adaptation_.reloads(at)}) && !fetched_.unsupported;
    clock_.begin(translator::Stage::Region);
    if (!known) break;
    if (fetched_.checked && !checks_) {
      if (builder_.size() != 0) break;
      checks_ = true;  // the first instruction reaches into such code
      continue;
    }
    const ir::Code& lifted = code_.lifted();
    if (!translator::GuestRegionBuilder::accepts(lifted, builder_.size() == 0)) break;
    const Care care = adaptation_.care(at);
    if (care == Care::Isolated || !source_.add(at, fetched_)) break;
    addresses_.push_back(at);
    if (const uint8_t order = adaptation_.order(at); order != 0) {
      region_.in_order.resize(addresses_.size(), 0);
      region_.in_order.back() = order;
    }
    const uint32_t next = at + fetched_.length;
    if (once == 0) path_.insert(std::upper_bound(path_.begin(), path_.end(), at), at);

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
      const uint32_t target = follows_calls(gear) ? expected(at, kind) : kNowhere;
      builder_.append(lifted, at, next, target == kNowhere ? Way::Ends : Way::Predicted, target);
      if (target == kNowhere) break;
      if (kind == ir::ExitKind::Call) calls_.push_back(next);
      at = target;
      enter(at);
      continue;
    }
    if (exit->op == ir::Op::Exit) {
      const auto target = static_cast<uint32_t>(exit->imm);
      const bool follows = (kind == ir::ExitKind::Jump && (options_.switches & kSwitchBlocks) == 0) || (follows_calls(gear) && calls_.size() < kMostCalls);
      builder_.append(lifted, at, next, follows ? Way::Taken : Way::Ends);
      if (!follows) break;
      if (kind == ir::ExitKind::Call) calls_.push_back(next);
      at = target;
      enter(at);
      continue;
    }
    const auto target = static_cast<uint32_t>(exit->imm);
    const Likely side = (options_.switches & kSwitchBlocks) != 0 ? Likely::Unknown : likely(at, target);
    if (side == Likely::Taken) {
      builder_.append(lifted, at, next, Way::Taken);
      at = target;
      enter(at);
      continue;
    }
    builder_.append(lifted, at, next, Way::Falls);
    at = next;
    if (side == Likely::Unknown) break;
  }
  if (region_.precise) region_.in_order.assign(addresses_.size(), 1);
  if (!region_.in_order.empty()) region_.in_order.resize(addresses_.size(), 0);
  if (builder_.size() != 0) builder_.finish(at);
  return builder_.size();
}

}  // namespace chrysalis::fw
