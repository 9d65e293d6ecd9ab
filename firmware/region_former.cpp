#include "firmware/region_former.h"

#include <algorithm>

#include "firmware/host.h"

namespace chrysalis::fw {
namespace {

/// A branch is followed if at least this share of its executions goes one way.
constexpr uint64_t kBiasNumerator = 2, kBiasDenominator = 3;
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

/// Whether the monitor can interpret the instruction between two parts: control goes on behind it.
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

RegionFormer::Likely RegionFormer::decide(uint64_t taken) const {
  if (place_.executions < kLeastExecutions) return Likely::Unknown;
  taken = std::min(taken, place_.executions);
  if (taken * kBiasDenominator >= place_.executions * kBiasNumerator) return Likely::Taken;
  if (taken * kBiasDenominator <= place_.executions * (kBiasDenominator - kBiasNumerator)) return Likely::Falls;
  return Likely::Unknown;
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
  source_.clear();
  checks_ = code_.checked(entry);
  path_.clear();
  calls_.clear();
  part_count_ = 0;
  place_ = {};
  const uint32_t longest = std::min(options_.max_instructions, adaptation_.limit(entry));
  unsigned instructions = 0;
  for (uint32_t at = entry;; at = next_.end) {
    form_part(at, gear, longest - instructions);
    if (builder_.size() == 0) {
      if (part_count_ == 0) return 0;
      instructions -= parts_[part_count_ - 1].next.instructions;
      parts_[part_count_ - 1].next = {};  // there is nothing to come back to
      return instructions;
    }
    if (part_count_ == parts_.size()) parts_.emplace_back();
    Part& part = parts_[part_count_++];
    std::swap(part.region, region_);
    std::swap(part.addresses, addresses_);
    instructions += builder_.size() + next_.instructions;
    // A loop comes back to a part that is there already.
    next_.part = 0;
    while (next_.part < part_count_ && parts_[next_.part].region.eip != next_.end) ++next_.part;
    part.next = next_;
    if (next_.instructions == 0 || next_.part < part_count_) return instructions;
    place_.position += next_.instructions;
  }
}

/// The region from `entry` on, of at most `longest` instructions, and what is called out for behind it.
void RegionFormer::form_part(uint32_t entry, unsigned gear, uint32_t longest) {
  using Way = translator::GuestRegionBuilder::Way;
  builder_.begin(entry);
  addresses_.clear();
  next_ = {};
  if (place_.counted == nullptr) enter(entry);
  uint32_t at = entry;
  unsigned once = 0;  // instructions of one iteration, if it loops
  FetchFault fault;
  while (builder_.size() < longest) {
    if (at == entry && builder_.size() != 0) {
      if (once == 0) once = builder_.size();
      if (builder_.size() + once > options_.unroll_instructions) break;
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
    if (!translator::GuestRegionBuilder::accepts(lifted, builder_.size() == 0)) {
      clock_.begin(translator::Stage::Lift);
      if (builder_.size() != 0) next_ = find_call_out(code_, at, longest - builder_.size(), source_);
      clock_.begin(translator::Stage::Region);
      break;
    }
    const Care care = adaptation_.care(at);
    if (care == Care::Isolated || !source_.add(at, fetched_)) break;
    addresses_.push_back(at);
    if (care == Care::InOrder) {
      region_.in_order.resize(addresses_.size(), 0);
      region_.in_order.back() = 1;
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
}

}  // namespace chrysalis::fw
