#include "hw/record_compare.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace chrysalis::hw {
namespace {

/// Keeps the first difference; what is asked afterwards changes nothing.
class Comparison {
 public:
  void number(const std::string& field, uint64_t leader, uint64_t follower) {
    if (leader != follower) differ(field, std::to_string(leader), std::to_string(follower));
  }
  void address(const std::string& field, uint64_t leader, uint64_t follower) {
    if (leader != follower) differ(field, hex(leader), hex(follower));
  }
  void text(const std::string& field, const std::string& leader, const std::string& follower) {
    if (leader != follower) differ(field, leader, follower);
  }
  std::optional<FieldDifference> found;

 private:
  void differ(const std::string& field, const std::string& leader, const std::string& follower) {
    if (!found) found = FieldDifference{field, leader, follower};
  }
};

std::string text_of(const MemoryAccess& access) {
  static constexpr const char* kKind[] = {"guest load", "guest store", "load", "store", "guest prefetch", "prefetch"};
  std::string text = std::string(kKind[static_cast<unsigned>(access.kind)]) + " " + hex(access.address) + "+" + std::to_string(access.size);
  if (access.kind == isa::AccessKind::GuestStore) text += " " + hex(access.bytes, access.size);
  return text;
}

std::string text_of(const isa::GatedStore& store) {
  return (store.device ? "device " : "") + hex(store.address) + "+" + std::to_string(store.size) + " " + hex(store.bytes, store.size);
}

void compare_records(Comparison& c, const RetireRecord& a, const RetireRecord& b) {
  c.address("eaddr", a.event_address, b.event_address);
  c.address("einfo", a.event_info, b.event_info);
  for (unsigned i = 0; i < std::min(a.write_count, b.write_count); ++i) {
    c.text("register written", register_name(a.writes[i].reg), register_name(b.writes[i].reg));
    if (a.writes[i].reg < isa::kFpFile) c.address(register_name(a.writes[i].reg), a.writes[i].value.low, b.writes[i].value.low);
    else c.text(register_name(a.writes[i].reg), hex(a.writes[i].value), hex(b.writes[i].value));
  }
  c.number("registers written", a.write_count, b.write_count);
  for (unsigned i = 0; i < std::min(a.access_count, b.access_count); ++i) c.text("access", text_of(a.accesses[i]), text_of(b.accesses[i]));
  c.number("accesses", a.access_count, b.access_count);
  c.number("commit", a.committed, b.committed);
  if (!a.committed || !b.committed) return;
  c.address("guest PC", a.commit.guest_pc, b.commit.guest_pc);
  c.number("guest instructions", a.commit.total_instructions, b.commit.total_instructions);
  c.address("digest of the shadow registers", a.commit.digest, b.commit.digest);
  for (unsigned i = 0; i < std::min(a.commit.store_count, b.commit.store_count); ++i)
    c.text("released store", text_of(a.commit.stores[i]), text_of(b.commit.stores[i]));
  c.number("released stores", a.commit.store_count, b.commit.store_count);
}

}  // namespace

std::optional<FieldDifference> first_difference(const Observation& leader, const Observation& follower) {
  Comparison c;
  c.address("host PC", leader.address, follower.address);
  c.text("event", isa::name(leader.event), isa::name(follower.event));
  c.number("cycle in which it came up", leader.up, follower.up);
  c.number("cycle in which it was ready", leader.ready, follower.ready);
  c.number("cycle of issue", leader.issued, follower.issued);
  if (leader.record != nullptr && follower.record != nullptr) compare_records(c, *leader.record, *follower.record);
  c.address("next host PC", leader.next, follower.next);
  c.number("cycle in which the next comes up", leader.done, follower.done);
  c.address("end", leader.end, follower.end);
  c.text("mode", kModeName[static_cast<unsigned>(leader.mode)], kModeName[static_cast<unsigned>(follower.mode)]);
  for (unsigned i = 0; i < kCharges; ++i) c.number(std::string("cycles charged to ") + kChargeName[i], leader.charged[i], follower.charged[i]);
  c.number("commits", leader.commits, follower.commits);
  c.number("rolls back", leader.rolls_back, follower.rolls_back);
  c.number("x86 instructions", leader.instructions, follower.instructions);
  return c.found;
}

KeptRecord::KeptRecord(const Observation& observed) : observation(observed) {
  observation.record = nullptr;
  if (observed.record == nullptr) return;
  record = *observed.record;
  if (record.committed) released.assign(record.commit.stores, record.commit.stores + record.commit.store_count);
  record.commit.stores = nullptr;
}

Observation KeptRecord::view() {
  Observation view = observation;
  record.commit.stores = released.data();
  view.record = &record;
  return view;
}

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string hex(const isa::V128& value) {
  char text[40];
  std::snprintf(text, sizeof text, "0x%016llx%016llx", static_cast<unsigned long long>(value.high),
                static_cast<unsigned long long>(value.low));
  return text;
}

std::string hex(const uint8_t* bytes, unsigned size) {
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    char part[4];
    std::snprintf(part, sizeof part, "%s%02x", i == 0 ? "" : " ", bytes[i]);
    text += part;
  }
  return text;
}

std::string register_name(unsigned reg) {
  return (reg < isa::kFpFile ? "r" : "f") + std::to_string(reg % isa::kFpFile);
}

}  // namespace chrysalis::hw
