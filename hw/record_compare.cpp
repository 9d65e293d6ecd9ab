#include "hw/record_compare.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace chrysalis::hw {
namespace {

/// Keeps the first difference; what is asked afterwards changes nothing. Millions of records are equal: texts are made at a difference alone.
class Comparison {
 public:
  void number(const char* field, uint64_t leader, uint64_t follower) {
    if (leader != follower) differ(field, std::to_string(leader), std::to_string(follower));
  }
  void address(const char* field, uint64_t leader, uint64_t follower) {
    if (leader != follower) differ(field, hex(leader), hex(follower));
  }
  std::optional<FieldDifference> found;

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

bool equal(const isa::V128& a, const isa::V128& b) { return a.low == b.low && a.high == b.high; }

bool equal(const MemoryAccess& a, const MemoryAccess& b) {
  return a.kind == b.kind && a.address == b.address && a.size == b.size &&
         (a.kind != isa::AccessKind::GuestStore || std::memcmp(a.bytes, b.bytes, a.size) == 0);
}

bool equal(const isa::GatedStore& a, const isa::GatedStore& b) {
  return a.device == b.device && a.address == b.address && a.size == b.size && std::memcmp(a.bytes, b.bytes, a.size) == 0;
}

/// As text_of() or hex() writes them.
template <class T> void compare_lists(Comparison& c, const char* field, const T* a, const T* b, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    if (!equal(a[i], b[i])) return c.differ(field, text_of(a[i]), text_of(b[i]));
}

void compare_writes(Comparison& c, const RegisterWrite& a, const RegisterWrite& b) {
  if (a.reg != b.reg) return c.differ("register written", register_name(a.reg), register_name(b.reg));
  if (a.reg >= isa::kFpFile && !equal(a.value, b.value)) c.differ(register_name(a.reg), hex(a.value), hex(b.value));
  if (a.reg < isa::kFpFile && a.value.low != b.value.low) c.differ(register_name(a.reg), hex(a.value.low), hex(b.value.low));
}

void compare_records(Comparison& c, const RetireRecord& a, const RetireRecord& b) {
  c.address("eaddr", a.event_address, b.event_address);
  c.address("einfo", a.event_info, b.event_info);
  for (unsigned i = 0; i < std::min(a.write_count, b.write_count); ++i) compare_writes(c, a.writes[i], b.writes[i]);
  c.number("registers written", a.write_count, b.write_count);
  compare_lists(c, "access", a.accesses, b.accesses, std::min(a.access_count, b.access_count));
  c.number("accesses", a.access_count, b.access_count);
  c.number("commit", a.committed, b.committed);
  if (!a.committed || !b.committed) return;
  c.address("guest PC", a.commit.guest_pc, b.commit.guest_pc);
  c.number("guest instructions", a.commit.total_instructions, b.commit.total_instructions);
  c.address("digest of the shadow registers", a.commit.digest, b.commit.digest);
  compare_lists(c, "released store", a.commit.stores, b.commit.stores, std::min(a.commit.store_count, b.commit.store_count));
  c.number("released stores", a.commit.store_count, b.commit.store_count);
}

}  // namespace

std::optional<FieldDifference> first_difference(const Observation& leader, const Observation& follower) {
  Comparison c;
  c.address("host PC", leader.address, follower.address);
  if (leader.event != follower.event) c.differ("event", isa::name(leader.event), isa::name(follower.event));
  c.number("cycle in which it came up", leader.up, follower.up);
  c.number("cycle in which it was ready", leader.ready, follower.ready);
  c.number("cycle of issue", leader.issued, follower.issued);
  if (leader.record != nullptr && follower.record != nullptr) compare_records(c, *leader.record, *follower.record);
  c.address("next host PC", leader.next, follower.next);
  c.number("cycle in which the next comes up", leader.done, follower.done);
  c.address("end", leader.end, follower.end);
  if (leader.mode != follower.mode) c.differ("mode", kModeName[static_cast<unsigned>(leader.mode)], kModeName[static_cast<unsigned>(follower.mode)]);
  for (unsigned i = 0; i < kCharges; ++i)
    if (leader.charged[i] != follower.charged[i])
      c.number((std::string("cycles charged to ") + kChargeName[i]).c_str(), leader.charged[i], follower.charged[i]);
  c.number("commits", leader.commits, follower.commits);
  c.number("rolls back", leader.rolls_back, follower.rolls_back);
  c.number("x86 instructions", leader.instructions, follower.instructions);
  return c.found;
}

void KeptRecord::keep(const Observation& observed) {
  observation = observed;
  observation.record = nullptr;
  if (observed.record == nullptr) return;
  // Of its arrays what they hold: they are long.
  const RetireRecord& from = *observed.record;
  record.event_address = from.event_address;
  record.event_info = from.event_info;
  record.write_count = from.write_count;
  record.access_count = from.access_count;
  std::copy_n(from.writes, from.write_count, record.writes);
  std::copy_n(from.accesses, from.access_count, record.accesses);
  record.committed = from.committed;
  record.commit = from.commit;
  if (from.committed) released.assign(from.commit.stores, from.commit.stores + from.commit.store_count);
  else released.clear();
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
