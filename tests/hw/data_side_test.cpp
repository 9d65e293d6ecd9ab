// The rules D and S of docs/timing.md against a scripted second level.
#include "hw/data_side.h"

#include <gtest/gtest.h>
#include <vector>

namespace chrysalis::hw {
namespace {

/// Every line arrives `latency` cycles after its request was received.
struct FixedLatency final : LineSource {
  Cycle latency = 20;
  Level level = Level::L2;
  struct Seen {
    bool write_back;
    uint64_t line;
    Cycle received;
  };
  std::vector<Seen> seen;

  Reply fill(bool, uint64_t line, uint32_t, Cycle received) override {
    seen.push_back({false, line, received});
    return {received + latency, level};
  }
  void write_back(uint64_t line, uint32_t, Cycle received) override { seen.push_back({true, line, received}); }
};

class DataSideTest : public testing::Test {
 protected:
  // 2 sets of 2 ways of 32 bytes; one port, two miss registers, four store buffer entries.
  DataSideTest() : side({{128, 2, 32}, 1, 2, 4}, next) {}

  Cycle issue(std::vector<DataAccess> list, Cycle now, uint32_t gated = 0, bool stores = false) {
    accesses = std::move(list);
    return side.issue(accesses.data(), static_cast<unsigned>(accesses.size()), gated, stores, now, causes);
  }
  static DataAccess load(uint64_t address, uint8_t size = 4) {
    DataAccess access;
    access.address = address;
    access.size = size;
    access.latency = 3;
    return access;
  }
  static DataAccess store(uint64_t address, uint8_t size = 4) {
    DataAccess access = load(address, size);
    access.kind = DataUse::Store;
    return access;
  }
  static DataAccess prefetch(uint64_t address) {
    DataAccess access = load(address, 1);
    access.kind = DataUse::Prefetch;
    return access;
  }
  uint64_t charged(Charge cause) const { return causes[static_cast<unsigned>(cause)]; }

  FixedLatency next;
  DataSide side;
  std::vector<DataAccess> accesses;
  uint64_t causes[kCharges] = {};
};

TEST_F(DataSideTest, MissIsReadyWhenTheLineArrivesAndHitAfterTheLatency) {
  EXPECT_EQ(issue({load(0x100)}, 10), 10u);
  EXPECT_EQ(accesses[0].ready, 10u + 1 + 20);  // received one cycle after issue (D3)
  EXPECT_EQ(accesses[0].level, Level::L2);
  EXPECT_FALSE(side.hit(0x100, 4, false, 30));  // still under way
  EXPECT_TRUE(side.hit(0x100, 4, false, 31));
  EXPECT_EQ(issue({load(0x104)}, 32), 32u);
  EXPECT_EQ(accesses[0].ready, 35u);
}

TEST_F(DataSideTest, AccessToALineUnderWayWaitsForIt) {
  issue({load(0x100)}, 10);  // arrives in 31
  EXPECT_EQ(issue({load(0x108)}, 15), 31u);
  EXPECT_EQ(accesses[0].ready, 34u);
  EXPECT_EQ(charged(Charge::DataL2), 16u);
}

TEST_F(DataSideTest, AccessInTheCycleOfArrivalDoesNotWait) {
  issue({load(0x100)}, 10);
  EXPECT_EQ(issue({load(0x108)}, 31), 31u);
  EXPECT_EQ(charged(Charge::DataL2), 0u);
}

TEST_F(DataSideTest, HitUnderMiss) {
  issue({load(0x100)}, 10);
  issue({load(0x120)}, 100);
  EXPECT_EQ(issue({load(0x100)}, 101), 101u);
  EXPECT_EQ(accesses[0].ready, 104u);
}

TEST_F(DataSideTest, MissWaitsForAMissRegister) {
  next.level = Level::Memory;
  issue({load(0x100)}, 10);                   // 31
  issue({load(0x120)}, 12);                   // 33
  EXPECT_EQ(issue({load(0x140)}, 14), 31u);   // the first comes free
  EXPECT_EQ(charged(Charge::DataMemory), 17u);
}

TEST_F(DataSideTest, LoadAcrossLinesLooksBothUpAndTakesACycleMore) {
  issue({load(0x100)}, 0);
  issue({load(0x120)}, 100);
  EXPECT_FALSE(side.hit(0x11e, 4, false, 200));
  EXPECT_EQ(issue({load(0x11e)}, 200), 200u);
  EXPECT_EQ(accesses[0].ready, 204u);
  EXPECT_EQ(side.statistics().line_crossings, 1u);
}

TEST_F(DataSideTest, ForwardedMissIsAHitAndAsksForNothing) {
  DataAccess access = load(0x100);
  access.guest = true;
  access.gated = (1u << access.size) - 1;
  issue({access}, 10);
  EXPECT_EQ(accesses[0].ready, 13u);
  EXPECT_TRUE(next.seen.empty());
}

TEST_F(DataSideTest, PrefetchIsDroppedWithoutAMissRegister) {
  issue({load(0x100)}, 10);
  issue({load(0x120)}, 11);
  EXPECT_EQ(issue({prefetch(0x140)}, 12), 12u);
  EXPECT_EQ(side.statistics().prefetches_dropped, 1u);
  EXPECT_EQ(issue({prefetch(0x140)}, 31), 31u);  // one is free again
  EXPECT_EQ(side.statistics().prefetches_dropped, 1u);
}

TEST_F(DataSideTest, LeastRecentlyUsedDirtyVictimFollowsItsRequest) {
  issue({store(0x000)}, 0);    // set 0
  issue({load(0x040)}, 100);
  issue({load(0x080)}, 200);   // evicts 0x000, dirty
  ASSERT_EQ(next.seen.size(), 4u);
  EXPECT_FALSE(next.seen[2].write_back);
  EXPECT_EQ(next.seen[2].line, 0x080u);
  EXPECT_TRUE(next.seen[3].write_back);
  EXPECT_EQ(next.seen[3].line, 0x000u);
  EXPECT_EQ(next.seen[3].received, 201u);
}

TEST_F(DataSideTest, ReleasedStoresDrainOnePerCycleFromTheNextCycleOn) {
  issue({load(0x100)}, 0);
  side.release(0x100, 4, 100);
  side.release(0x104, 4, 100);
  side.drain_to(101);
  EXPECT_EQ(side.released(), 2u);
  side.drain_to(102);
  EXPECT_EQ(side.released(), 1u);
  side.drain_to(103);
  EXPECT_EQ(side.released(), 0u);
}

TEST_F(DataSideTest, LoadTakesThePortFromTheDrain) {
  issue({load(0x100)}, 0);
  side.release(0x100, 4, 100);
  EXPECT_TRUE(side.hit(0x108, 4, false, 101));
  side.drain_to(102);
  EXPECT_EQ(side.released(), 1u);  // cycle 101 belonged to the load
  side.drain_to(103);
  EXPECT_EQ(side.released(), 0u);
  EXPECT_EQ(side.statistics().drain_conflicts, 1u);
}

TEST_F(DataSideTest, DrainThatMissesIsWrittenWhenItsLineArrives) {
  side.release(0x100, 4, 100);   // tried in 101, received in 102, arrives in 122
  side.release(0x108, 4, 100);
  side.drain_to(122);
  EXPECT_EQ(side.released(), 2u);
  side.drain_to(123);
  EXPECT_EQ(side.released(), 1u);
  side.drain_to(124);
  EXPECT_EQ(side.released(), 0u);
}

TEST_F(DataSideTest, StoreWaitsForADrainWhenOnlyReleasedStoresAreInTheWay) {
  issue({load(0x100)}, 0);
  for (int i = 0; i < 4; ++i) side.release(0x100 + 4 * i, 4, 100);
  // Cycle 101 drains the first; its entry serves a store that issues in 102.
  EXPECT_EQ(issue({}, 101, 1, true), 102u);
  EXPECT_EQ(charged(Charge::StoreBuffer), 1u);
}

TEST_F(DataSideTest, StoreOnTimeDoesNotWait) {
  issue({load(0x100)}, 0);
  for (int i = 0; i < 4; ++i) side.release(0x100 + 4 * i, 4, 100);
  EXPECT_EQ(issue({}, 102, 1, true), 102u);
  EXPECT_EQ(charged(Charge::StoreBuffer), 0u);
}

TEST_F(DataSideTest, CoversSeesEveryByteOfReleasedAndGatedStores) {
  side.release(0x100, 2, 0);
  side.release(0x102, 1, 0);
  EXPECT_TRUE(side.covers(0x100, 3, 0));
  EXPECT_FALSE(side.covers(0x100, 4, 0));
  EXPECT_TRUE(side.covers(0x100, 4, 1u << 3));  // a gated store supplies the last byte
}

}  // namespace
}  // namespace chrysalis::hw
