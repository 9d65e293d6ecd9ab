#include "hw/lockstep.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "hw/record_compare.h"
#include "isa-host/tlb_entry.h"

namespace chrysalis::hw {
namespace {

constexpr uint64_t kPage = isa::kPageSize;

}  // namespace

std::vector<unsigned char> touched_pages(const isa::PhysicalMemory& memory, uint64_t base, uint64_t size) {
  std::vector<unsigned char> pages(size / kPage);
  if (size == 0 || ::mincore(memory.ram(base, size), size, pages.data()) != 0) pages.assign(pages.size(), 1);
  return pages;
}

Follower::Follower(const isa::CoreConfig& config, const isa::PhysicalMemory& leader, isa::PhysicalMemory& own, std::function<void()> stop)
    : leader_(leader), own_(own), executor_(config, own, *this), stop_(std::move(stop)) {
  executor_.follow();
  copy_memory();
}

// -- records ------------------------------------------------------------------------------------------------------

void Follower::observe(const Observation& observation) {
  if (difference_) return;
  cycle_ = observation.issued;
  address_ = observation.address;
  const std::size_t place = records_ % kRecent;
  if (recent_.size() <= place) recent_.resize(place + 1);
  recent_[place] = {observation, *observation.record};
  recent_[place].observation.record = nullptr;
  follow(observation, *observation.record);
  ++records_;
}

void Follower::follow(const Observation& observation, const RetireRecord& record) {
  isa::FunctionalCore& core = executor_.core();
  const isa::Cause cause = observation.event;
  differ("host PC", observation.address, core.pc);
  if (difference_) return;
  if (cause == isa::Cause::Interrupt || cause == isa::Cause::Sample) {
    differ("imask", 1, core.special_ref(isa::Special::Imask));
    executor_.interrupt({cause, record.event_address, record.event_info});
    return;
  }
  const uint64_t events_before = events(), commits_before = core.commits;
  const uint32_t gated_before = core.stores.size();
  executor_.pass(observation.ready - 1 - executor_.cycles());  // the molecule itself counts as the last of them
  executor_.tell(issued_, atoms_);
  const uint64_t atoms_before = executor_.atoms();
  executor_.step();
  // PlatformReturn comes behind its molecule, which has done its work.
  const auto ecause = static_cast<isa::Cause>(core.special_ref(isa::Special::Ecause));
  const bool raised = events() != events_before && ecause != isa::Cause::PlatformReturn;
  const isa::Cause own = raised ? ecause : isa::Cause::None;
  if (own != cause) differ("event", isa::name(cause), isa::name(own));
  if (own == isa::Cause::None) {
    ++issued_;
    atoms_ += executor_.atoms() - atoms_before;
  }
  if (cause != isa::Cause::None) {
    differ("eaddr", record.event_address, core.special_ref(isa::Special::Eaddr));
    differ("einfo", record.event_info, core.special_ref(isa::Special::Einfo));
    return;
  }
  differ("commit", record.committed, core.commits != commits_before);
  if (difference_) return;
  compare_writes(record);
  compare_accesses(record, gated_before);
  if (record.committed) compare_commit(record.commit);
}

void Follower::compare_writes(const RetireRecord& record) {
  const isa::FunctionalCore& core = executor_.core();
  for (unsigned i = 0; i < record.write_count; ++i) {
    const RegisterWrite& write = record.writes[i];
    const isa::V128 own = write.reg < isa::kFpFile ? isa::V128{core.r[write.reg], 0} : core.v[write.reg - isa::kFpFile];
    if (!(own == write.value)) differ(register_name(write.reg), hex(write.value), hex(own));
  }
}

void Follower::compare_accesses(const RetireRecord& record, uint32_t gated_before) {
  const isa::FunctionalCore& core = executor_.core();
  uint32_t store = std::min<uint32_t>(gated_before, core.stores.size());  // fewer: the molecule has rolled back
  for (unsigned i = 0; i < record.access_count; ++i) {
    const MemoryAccess& access = record.accesses[i];
    if (access.kind == isa::AccessKind::ConcealedStore) {
      const uint8_t* leader = leader_.ram(access.address, access.size);
      const uint8_t* own = own_.ram(access.address, access.size);
      if (leader != nullptr && std::memcmp(leader, own, access.size) != 0)
        differ("concealed store to " + hex(access.address), hex(leader, access.size), hex(own, access.size));
      const auto explained = [&](uint64_t word) { return word + 8 > access.address && word < access.address + access.size; };
      unexplained_.erase(std::remove_if(unexplained_.begin(), unexplained_.end(), explained), unexplained_.end());
    } else if (access.kind == isa::AccessKind::GuestStore && !record.committed) {
      if (store >= core.stores.size()) {
        differ("guest stores gated", std::to_string(store + 1 - gated_before), std::to_string(core.stores.size() - gated_before));
        return;
      }
      const isa::GatedStore& own = core.stores[store++];
      differ("address of a guest store", access.address, own.address);
      differ("size of a guest store", access.size, own.size);
      if (!difference_ && std::memcmp(access.bytes, own.bytes, own.size) != 0)
        differ("guest store to " + hex(access.address), hex(access.bytes, access.size), hex(own.bytes, own.size));
    }
  }
  if (!record.committed) differ("gated stores", store, core.stores.size());
  if (!unexplained_.empty()) differ("memory before the service", "differs at " + hex(unexplained_[0]), "");
  unexplained_.clear();
}

void Follower::compare_commit(const CommitRecord& commit) {
  const isa::FunctionalCore& core = executor_.core();
  differ("guest PC", commit.guest_pc, core.special[static_cast<unsigned>(isa::Special::Gpc)]);
  differ("guest instructions", commit.total_instructions, core.special[static_cast<unsigned>(isa::Special::Gcount)]);
  differ("digest of the shadow registers", commit.digest, digest_of(core.shadow));
  for (unsigned i = 0; i < commit.store_count && !difference_; ++i) {
    const isa::GatedStore& store = commit.stores[i];
    if (store.device) continue;
    const uint8_t* leader = leader_.ram(store.address, store.size);
    const uint8_t* own = own_.ram(store.address, store.size);
    if (std::memcmp(leader, own, store.size) != 0) differ("released store to " + hex(store.address), hex(leader, store.size), hex(own, store.size));
  }
  ++commits_;
  if (!difference_) guest_pc_ = commit.guest_pc;
}

std::vector<Follower::Step> Follower::recent() const {
  std::vector<Step> result;
  for (std::size_t i = 0; i < recent_.size(); ++i)
    result.push_back(recent_[recent_.size() < kRecent ? i : (records_ + i) % kRecent]);
  return result;
}

uint64_t Follower::events() const {
  uint64_t count = 0;
  for (unsigned i = 0; i < isa::kCauses; ++i) count += executor_.events(static_cast<isa::Cause>(i));
  return count;
}

void Follower::differ(const char* field, uint64_t leader, uint64_t follower) {
  if (leader != follower) differ(field, hex(leader), hex(follower));
}

void Follower::differ(std::string field, std::string leader, std::string follower) {
  if (difference_) return;
  difference_ = Difference{records_, cycle_, address_, guest_pc_, std::move(field), std::move(leader), std::move(follower)};
  if (stop_) stop_();
}

// -- memory ---------------------------------------------------------------------------------------------------------

template <typename Visit> void Follower::for_different_pages(Visit visit) {
  const Range ranges[] = {{0, leader_.guest_size()}, {leader_.concealed_base(), leader_.concealed_size()}};
  for (const Range& range : ranges) {
    const std::vector<unsigned char> ours = touched_pages(own_, range.base, range.size), theirs = touched_pages(leader_, range.base, range.size);
    for (std::size_t page = 0; page < ours.size(); ++page) {
      if (((ours[page] | theirs[page]) & 1) == 0) continue;
      const uint64_t address = range.base + page * kPage;
      const uint8_t* leader = leader_.ram(address, kPage);
      uint8_t* own = own_.ram(address, kPage);
      if (std::memcmp(leader, own, kPage) != 0) visit(address, leader, own);
    }
  }
}

void Follower::copy_memory() {
  for_different_pages([&](uint64_t address, const uint8_t* leader, uint8_t* own) {
    std::memcpy(own, leader, kPage);
    if (page_copied) page_copied(address, leader);
    executor_.code_written(address, kPage);
  });
}

/// The leader executes `platform`: it has done what else that molecule does, the follower has not. So what differs now
/// has to be explained by that molecule's own stores, when its record comes.
void Follower::before_service() {
  if (difference_) return;
  unexplained_.clear();
  for_different_pages([&](uint64_t address, const uint8_t* leader, const uint8_t* own) {
    for (uint64_t at = 0; at < kPage && unexplained_.size() < 64; at += 8)
      if (std::memcmp(leader + at, own + at, 8) != 0) unexplained_.push_back(address + at);
  });
}

isa::PlatformResult Follower::service(uint32_t) {
  copy_memory();
  return result_;
}

}  // namespace chrysalis::hw
