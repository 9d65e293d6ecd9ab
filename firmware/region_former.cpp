#include "firmware/region_former.h"

#include <algorithm>

#include "firmware/host.h"

namespace chrysalis::fw {
namespace {

/// A branch is followed if at least this share of its executions goes one way.
constexpr uint64_t kBiasNumerator = 2, kBiasDenominator = 3;
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

RegionFormer::RegionFormer(GuestCode& code, BlockCache& blocks, const Adaptation& adaptation, const GearOptions& options)
    : code_(code), blocks_(blocks), adaptation_(adaptation), options_(options), builder_(region_, kMailboxAddress + offsetof(Mailbox, context)) {}

/// The profile goes on with the block at `eip`, if there is one.
void RegionFormer::enter(uint32_t eip) {
  place_ = {blocks_.existing(eip), 0, 0};
  if (place_.block != nullptr && place_.block->head == nullptr) place_.block = nullptr;
  if (place_.block != nullptr) place_.executions = place_.block->executions();
}

/// Where the branch at `eip` goes.
RegionFormer::Likely RegionFormer::likely(uint32_t eip, uint32_t& indirect_target) {
  if (place_.block == nullptr) return Likely::Unknown;
  const Block& block = *place_.block;
  while (place_.site < block.site_count && block.sites[place_.site].eip != eip) {
    const uint64_t taken = blocks_.profile(block.sites[place_.site]).taken;
    place_.executions -= std::min(place_.executions, taken);
    ++place_.site;
  }
  if (place_.site == block.site_count || place_.executions < kLeastExecutions) return Likely::Unknown;
  const ExitProfile& profile = blocks_.profile(block.sites[place_.site]);
  indirect_target = profile.target;
  const uint64_t taken = std::min<uint64_t>(profile.taken, place_.executions);
  if (taken * kBiasDenominator >= place_.executions * kBiasNumerator) return Likely::Taken;
  if (taken * kBiasDenominator <= place_.executions * (kBiasDenominator - kBiasNumerator)) return Likely::Falls;
  return Likely::Unknown;
}

bool RegionFormer::visited(uint32_t eip) const { return std::binary_search(path_.begin(), path_.end(), eip); }

unsigned RegionFormer::form(uint32_t entry) {
  using Way = translator::GuestRegionBuilder::Way;
  builder_.begin(entry);
  spans_.count = 0;
  path_.clear();
  addresses_.clear();
  enter(entry);
  uint32_t at = entry;
  unsigned once = 0;  // instructions of one iteration, if it loops
  FetchFault fault;
  const uint32_t longest = std::min(options_.max_instructions, adaptation_.limit(entry));
  while (builder_.size() < longest) {
    if (at == entry && builder_.size() != 0) {
      if (once == 0) once = builder_.size();
      if (builder_.size() + once > options_.unroll_instructions) break;
      enter(entry);
    } else if (once == 0 && visited(at)) {
      break;
    }
    if (!code_.fetch(at, fetched_, fault) || fetched_.unsupported) break;
    const ir::Code& lifted = code_.lifted();
    if (!translator::GuestRegionBuilder::accepts(lifted, builder_.size() == 0)) break;
    const Care care = adaptation_.care(at);
    if (care == Care::Isolated || !spans_.add(at, fetched_)) break;
    addresses_.push_back(at);
    if (care == Care::InOrder) {
      region_.in_order.resize(addresses_.size(), 0);
      region_.in_order.back() = 1;
    }
    const uint32_t next = at + fetched_.length;
    if (once == 0) path_.insert(std::upper_bound(path_.begin(), path_.end(), at), at);

    const ir::Inst* const exit = last_exit(lifted);
    const bool repeats = exit != nullptr && exit->aux == static_cast<uint8_t>(ir::ExitKind::Repeat);
    if (exit == nullptr) {
      builder_.append(lifted, at, next, Way::Falls);
      at = next;
      continue;
    }
    if (repeats || exit->op == ir::Op::ExitInd || (exit->op == ir::Op::Exit && exit->aux != static_cast<uint8_t>(ir::ExitKind::Jump))) {
      builder_.append(lifted, at, next, Way::Ends);
      at = next;  // of what falls through
      break;
    }
    if (exit->op == ir::Op::Exit) {
      const auto target = static_cast<uint32_t>(exit->imm);
      builder_.append(lifted, at, next, Way::Taken);
      at = target;
      enter(at);
      continue;
    }
    uint32_t unused = 0;
    const Likely side = likely(at, unused);
    const auto target = static_cast<uint32_t>(exit->imm);
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
  if (!region_.in_order.empty()) region_.in_order.resize(addresses_.size(), 0);
  if (builder_.size() != 0) builder_.finish(at);
  return builder_.size();
}

}  // namespace chrysalis::fw
