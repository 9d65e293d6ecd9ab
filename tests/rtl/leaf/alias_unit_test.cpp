// The alias unit in SystemVerilog against isa::AliasUnit.
#include <gtest/gtest.h>

#include "Valias_unit.h"
#include "isa-host/state/alias_unit.h"
#include "tests/isa-host/random.h"
#include "tests/rtl/leaf/verilated.h"

namespace chrysalis::rtl::test {
namespace {

constexpr unsigned kEntries = LEAF_Entries, kLoads = LEAF_LoadPorts, kStores = LEAF_StorePorts;

/// Few bytes around a page boundary, so that ranges meet, touch and miss by one.
isa::PhysicalRange range(isa::test::Random& random) {
  const unsigned size = 1 + static_cast<unsigned>(random.below(16));
  const uint64_t page = 0x3000 + 0x1000 * random.below(2), at = 0x1000 - 24 + random.below(24);
  const unsigned first = at + size <= 0x1000 ? size : static_cast<unsigned>(0x1000 - at);
  isa::PhysicalRange result;
  result.address[0] = page + at;
  result.size[0] = static_cast<uint8_t>(first);
  if (first < size) {
    result.address[1] = 0x4000 + 0x1000 * random.below(3);  // the next virtual page lies anywhere
    result.size[1] = static_cast<uint8_t>(size - first);
  }
  return result;
}

TEST(AliasUnitRtl, AgreesWithTheClass) {
  uint64_t hits = 0, misses = 0, absent = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    isa::test::Random random(seed);
    Valias_unit rtl;
    isa::AliasUnit reference(kEntries);
    reset(rtl);
    for (unsigned cycle = 0; cycle < 1000; ++cycle) {
      rtl.protect_valid_i = 0;
      isa::PhysicalRange loads[kLoads], stores[kStores];
      unsigned entry[kLoads], mask[kStores];
      const unsigned first = static_cast<unsigned>(random.below(8));
      for (unsigned p = 0; p < kLoads; ++p) {
        loads[p] = range(random);
        entry[p] = (first + p) % 8;
        set_field(rtl.protect_valid_i, p, 1, random.chance(3));
        set_field(rtl.protect_entry_i, 3 * p, 3, entry[p]);
        for (unsigned r = 0; r < 2; ++r) {
          set_bits(words(rtl.protect_addr_i), 32 * (2 * p + r), 32, loads[p].address[r]);
          set_field(rtl.protect_size_i, 5 * (2 * p + r), 5, loads[p].size[r]);
        }
      }
      for (unsigned p = 0; p < kStores; ++p) {
        stores[p] = range(random);
        mask[p] = static_cast<unsigned>(random.below(256)) & (random.chance(3) ? 0xff : 0x1f);
        set_field(rtl.check_mask_i, 8 * p, 8, mask[p]);
        for (unsigned r = 0; r < 2; ++r) {
          set_bits(words(rtl.check_addr_i), 32 * (2 * p + r), 32, stores[p].address[r]);
          set_field(rtl.check_size_i, 5 * (2 * p + r), 5, stores[p].size[r]);
        }
      }
      rtl.clear_i = random.chance(30);
      rtl.eval();
      ASSERT_EQ(rtl.valid_o, reference.valid()) << "seed " << seed << " cycle " << cycle;
      for (unsigned p = 0; p < kStores; ++p) {
        const unsigned expected = reference.check(mask[p], stores[p]);
        ASSERT_EQ(rtl.hits_o >> (8 * p) & 0xffu, expected) << "seed " << seed << " cycle " << cycle << " port " << p;
        hits += (expected & 0x1f) != 0;
        absent += (expected & 0xe0) != 0;
        misses += (mask[p] & reference.valid()) != 0 && expected == 0;
      }
      for (unsigned p = 0; p < kLoads; ++p)
        if ((rtl.protect_valid_i >> p & 1) != 0) reference.protect(entry[p], loads[p]);
      if (rtl.clear_i != 0) reference.clear();
      tick(rtl);
    }
  }
  EXPECT_GT(hits, 10'000u);
  EXPECT_GT(misses, 10'000u);
  EXPECT_GT(absent, 10'000u);
}

}  // namespace
}  // namespace chrysalis::rtl::test
