// The gated store buffer in SystemVerilog against isa::StoreBuffer, and a memory that commits write at once.
#include <deque>
#include <gtest/gtest.h>
#include <map>

#include "Vstore_buffer.h"
#include "isa-host/state/store_buffer.h"
#include "tests/isa-host/random.h"
#include "tests/rtl/leaf/verilated.h"

namespace chrysalis::rtl::test {
namespace {

constexpr unsigned kEntries = LEAF_Entries, kLoads = LEAF_LoadPorts, kStores = LEAF_StorePorts;
constexpr uint64_t kWindow = 48;  ///< bytes that all accesses of a run lie in, so that they meet

struct Store {
  uint64_t address = 0;
  unsigned size = 0;
  bool concealed = false, device = false;
  uint8_t bytes[isa::kMaxAccess] = {};
};

class Bench {
 public:
  explicit Bench(uint64_t seed) : random_(seed), base_(seed % 3 == 0 ? 0xffff'ffe0 - kWindow : 0x1000 + seed % 16) { reset(rtl_); }

  void cycle() {
    present_loads();
    const bool issue = random_.chance(2) || random_.chance(2);
    unsigned count = 0;
    bool commit = false, rollback = false;
    rtl_.store_valid_i = rtl_.store_concealed_i = rtl_.store_device_i = 0;
    Store stores[kStores];
    if (issue) {
      for (unsigned p = 0; p < kStores; ++p) count += present_store(p, count, stores[p]);
      commit = random_.chance(4);
      rollback = !commit && random_.chance(10);
    }
    rtl_.commit_i = commit;
    rtl_.rollback_i = rollback;
    rtl_.drain_ready_i = random_.chance(3);
    rtl_.device_index_i = static_cast<uint8_t>(random_.below(kEntries));
    rtl_.eval();
    check_counts();
    check_loads();

    // The molecule.
    for (const Store& store : stores) {
      if (store.size == 0) continue;
      if (store.concealed) {
        for (unsigned i = 0; i < store.size; ++i) committed_[store.address + i] = written_[store.address + i] = store.bytes[i];
      } else {
        gated_.push(store.address, store.size, store.bytes, store.device);
      }
    }
    check_devices();
    drain();
    if (commit) {
      for (unsigned i = 0; i < gated_.size(); ++i) {
        const isa::GatedStore& store = gated_[i];
        if (store.device) continue;
        for (unsigned b = 0; b < store.size; ++b) committed_[store.address + b] = store.bytes[b];
        released_.push_back(store);
      }
    }
    if (commit || rollback) gated_.drop();
    tick(rtl_);
  }

  uint64_t forwarded = 0, drained = 0, full = 0, device_stores = 0;

 private:
  uint64_t address(unsigned size) { return base_ + random_.below(kWindow - size + 1); }

  unsigned present_store(unsigned p, unsigned before, Store& store) {
    if (random_.chance(2)) return 0;
    store.concealed = random_.chance(6);
    store.device = !store.concealed && random_.chance(6);
    if (!store.concealed && gated_.size() + released_.size() + before >= kEntries) {
      ++full;
      return 0;
    }
    store.size = 1 + static_cast<unsigned>(random_.below(isa::kMaxAccess));
    store.address = store.device ? 0x6800'0000 + random_.below(64) : address(store.size);
    for (unsigned i = 0; i < isa::kMaxAccess; ++i) {
      const uint8_t byte = static_cast<uint8_t>(random_.below(256));
      if (i < store.size) store.bytes[i] = byte;
      set_bits(words(rtl_.store_data_i), 128 * p + 8 * i, 8, byte);  // what lies beyond the size must not matter
    }
    set_field(rtl_.store_valid_i, p, 1, 1);
    set_field(rtl_.store_concealed_i, p, 1, store.concealed);
    set_field(rtl_.store_device_i, p, 1, store.device);
    set_field(rtl_.store_addr_i, 32 * p, 32, store.address);
    set_field(rtl_.store_size_i, 5 * p, 5, store.size);
    return store.concealed ? 0 : 1;
  }

  void present_loads() {
    rtl_.load_guest_i = 0;
    for (unsigned p = 0; p < kLoads; ++p) {
      guest_[p] = !random_.chance(3);
      load_[p] = address(isa::kMaxAccess);
      set_field(rtl_.load_guest_i, p, 1, guest_[p]);
      set_field(rtl_.load_addr_i, 32 * p, 32, load_[p]);
    }
  }

  void check_counts() {
    ASSERT_EQ(rtl_.gated_o, gated_.size());
    ASSERT_EQ(rtl_.released_o, released_.size());
    ASSERT_EQ(rtl_.drain_valid_o != 0, !released_.empty());
  }

  void check_loads() {
    for (unsigned p = 0; p < kLoads; ++p) {
      uint8_t expected[isa::kMaxAccess];
      unsigned covered = 0;
      for (unsigned i = 0; i < isa::kMaxAccess; ++i) expected[i] = committed_[load_[p] + i];
      if (guest_[p]) gated_.forward(load_[p], isa::kMaxAccess, expected);
      const auto cover = [&](const isa::GatedStore& store) {
        for (unsigned i = 0; i < isa::kMaxAccess; ++i)
          if (load_[p] + i - store.address < store.size) covered |= 1u << i;
      };
      for (const isa::GatedStore& store : released_) cover(store);
      for (unsigned i = 0; guest_[p] && i < gated_.size(); ++i)
        if (!gated_[i].device) cover(gated_[i]);
      const auto hits = static_cast<unsigned>(rtl_.load_hit_o >> (isa::kMaxAccess * p) & 0xffff);
      ASSERT_EQ(hits, covered);
      forwarded += covered != 0;
      for (unsigned i = 0; i < isa::kMaxAccess; ++i) {
        const auto byte = static_cast<uint8_t>(get_bits(words(rtl_.load_data_o), 128 * p + 8 * i, 8));
        const bool hit = (hits >> i & 1) != 0;
        ASSERT_TRUE(hit || byte == 0) << "byte " << i;
        ASSERT_EQ(hit ? byte : written_[load_[p] + i], expected[i]) << "byte " << i;
      }
    }
  }

  void check_devices() {
    unsigned count = 0;
    for (unsigned i = 0; i < gated_.size(); ++i) {
      if (!gated_[i].device) continue;
      if (count++ != rtl_.device_index_i) continue;
      ++device_stores;
      ASSERT_EQ(rtl_.device_addr_o, gated_[i].address);
      ASSERT_EQ(rtl_.device_size_o, gated_[i].size);
      for (unsigned b = 0; b < gated_[i].size; ++b) ASSERT_EQ(get_bits(words(rtl_.device_data_o), 8 * b, 8), gated_[i].bytes[b]);
    }
    ASSERT_EQ(rtl_.device_count_o, count);
  }

  void drain() {
    if (rtl_.drain_ready_i == 0 || released_.empty()) return;
    const isa::GatedStore& store = released_.front();
    ASSERT_EQ(rtl_.drain_addr_o, store.address);
    ASSERT_EQ(rtl_.drain_size_o, store.size);
    for (unsigned i = 0; i < store.size; ++i)
      written_[store.address + i] = static_cast<uint8_t>(get_bits(words(rtl_.drain_data_o), 8 * i, 8));
    released_.pop_front();
    ++drained;
  }

  isa::test::Random random_;
  uint64_t base_;
  Vstore_buffer rtl_;
  isa::StoreBuffer gated_{kEntries};
  std::deque<isa::GatedStore> released_;
  std::map<uint64_t, uint8_t> committed_, written_;  ///< memory as commits make it; as drains have made it so far
  uint64_t load_[kLoads] = {};
  bool guest_[kLoads] = {};
};

TEST(StoreBufferRtl, AgreesWithTheClass) {
  uint64_t forwarded = 0, drained = 0, full = 0, device_stores = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Bench bench(seed);
    for (unsigned i = 0; i < 500 && !::testing::Test::HasFatalFailure(); ++i) bench.cycle();
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
    forwarded += bench.forwarded;
    drained += bench.drained;
    full += bench.full;
    device_stores += bench.device_stores;
  }
  EXPECT_GT(forwarded, 10'000u);
  EXPECT_GT(drained, 10'000u);
  EXPECT_GT(full, 1'000u);
  EXPECT_GT(device_stores, 1'000u);
}

}  // namespace
}  // namespace chrysalis::rtl::test
