// Gated stores, alias entries, TLB attributes, devices and concealed memory, at every boundary of size and
// overlap.

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "bench_core.h"
#include "random.h"

namespace chrysalis::isa::test {
namespace {

constexpr unsigned kStoreSizes[] = {1, 2, 4, 8, 10, 16};

std::string store_atom(unsigned size, bool fp) {
  if (!fp) return "stg." + std::to_string(8 * size) + " r20,[r21]";
  return "fstg." + std::to_string(8 * size) + " f20,[r21]";
}
std::string load_atom(unsigned size, bool fp) {
  if (!fp) return (size == 8 ? std::string("ldg.64") : "ldg." + std::to_string(8 * size) + "u") + " r22,[r23]";
  return "fldg." + std::to_string(8 * size) + " f22,[r23]";
}
bool integer_size(unsigned size) { return size <= 8; }
bool fp_size(unsigned size) { return size >= 4; }

/// Two guest pages over scattered physical ones, with a reference copy of their bytes.
class Memory : public ::testing::Test {
 protected:
  Memory() {
    bench.map(1, 3);
    bench.map(2, 7);
    for (unsigned i = 0; i < 0x2000; ++i) {
      reference.push_back(static_cast<uint8_t>(i * 7 + 3));
      *physical(0x1000 + i) = reference.back();
    }
    for (unsigned i = 0; i < kZero; ++i) core.r[i] = 0;
  }
  uint8_t* physical(uint32_t guest) { return bench.memory.ram((guest < 0x2000 ? 0x3000 : 0x7000) + (guest & 0xfff), 1); }

  void set_store(uint32_t at, const uint8_t (&bytes)[16]) {
    core.r[21] = at;
    std::memcpy(&core.r[20], bytes, 8);
    std::memcpy(&core.v[20], bytes, 16);
  }
  bool store(uint32_t at, unsigned size, bool fp, const uint8_t (&bytes)[16]) {
    set_store(at, bytes);
    return bench.execute(store_atom(size, fp));
  }
  void expect_load(uint32_t at, unsigned size, bool fp) {
    core.r[23] = at;
    core.r[22] = ~uint64_t{0}, core.v[22] = {~uint64_t{0}, ~uint64_t{0}};
    ASSERT_TRUE(bench.execute(load_atom(size, fp)));
    uint8_t got[16] = {}, want[16] = {};
    if (fp) {
      std::memcpy(got, &core.v[22], 16);
    } else {
      std::memcpy(got, &core.r[22], 8);
    }
    std::memcpy(want, &reference[at - 0x1000], size);
    ASSERT_EQ(std::memcmp(got, want, 16), 0) << std::hex << at << " size " << size;
  }

  BenchCore bench;
  FunctionalCore& core = bench.core;
  std::vector<uint8_t> reference;
};

TEST_F(Memory, ForwardsAtEverySizeAndOverlap) {
  const uint8_t bytes[16] = {0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef};
  const std::vector<uint8_t> clean = reference;
  for (const uint32_t base : {0x1400u, 0x1ffbu})  // within a page, and across two
    for (const unsigned size : kStoreSizes)
      for (const bool fp : {false, true}) {
        if (fp ? !fp_size(size) : !integer_size(size)) continue;
        ASSERT_TRUE(store(base, size, fp, bytes));
        std::memcpy(&reference[base - 0x1000], bytes, size);
        for (const unsigned load_size : kStoreSizes)
          for (const bool load_fp : {false, true}) {
            if (load_fp ? !fp_size(load_size) : !integer_size(load_size)) continue;
            for (uint32_t at = base - load_size - 1; at <= base + size + 1; ++at) {
              expect_load(at, load_size, load_fp);
              if (HasFatalFailure()) return;
            }
          }
        for (unsigned i = 0; i < size; ++i) ASSERT_EQ(*physical(base + i), clean[base + i - 0x1000]) << "still gated";
        ASSERT_TRUE(bench.execute("rollback"));
        reference = clean;
        expect_load(base, 8, false);
      }
}

TEST_F(Memory, ManyStoresCommitAndRollBackAsTheReference) {
  Random random(51);
  std::vector<uint8_t> committed = reference;
  for (unsigned step = 0; step < 30000; ++step) {
    const unsigned size = kStoreSizes[random.below(6)];
    const bool fp = !integer_size(size) || (fp_size(size) && random.chance(2));
    const uint32_t at = static_cast<uint32_t>(random.chance(2) ? 0x1ff0 + random.below(32) : 0x1400 + random.below(48));
    const uint64_t action = random.below(20);
    if (action == 0) {
      ASSERT_TRUE(bench.execute("commit 1"));
      committed = reference;
      for (unsigned i = 0; i < 0x2000; ++i) ASSERT_EQ(*physical(0x1000 + i), committed[i]);
    } else if (action == 1) {
      ASSERT_TRUE(bench.execute("rollback"));
      reference = committed;
    } else if (action < 11) {
      uint8_t bytes[16];
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
      const unsigned needed = (at & 0xfff) + size > 0x1000 ? 2 : 1, room = core.stores.room();
      if (store(at, size, fp, bytes)) {
        ASSERT_GE(room, needed);
        std::memcpy(&reference[at - 0x1000], bytes, size);
      } else {
        ASSERT_LT(room, needed);
        ASSERT_EQ(bench.take_cause(), Cause::StoreBufferFull);
        ASSERT_TRUE(bench.execute("commit 1"));
        committed = reference;
      }
    } else {
      expect_load(at, size, fp);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(StoreBuffer, FullAtExactlyItsSize) {
  for (const unsigned entries : {36u, 40u, 256u}) {
    MachineDescription machine = wide_machine();
    machine.store_buffer_entries = static_cast<uint16_t>(entries);
    BenchCore bench(test_config(machine));
    bench.map(1, 1);
    bench.map(2, 2);
    bench.core.r[1] = 0x1000;
    for (unsigned i = 0; i < entries - 1; ++i) ASSERT_TRUE(bench.execute("stg.8 r2,[r1]"));
    EXPECT_EQ(bench.core.read_special(Special::Gated), entries - 1);
    bench.core.r[1] = 0x1ffd;
    ASSERT_FALSE(bench.execute("stg.32 r2,[r1]")) << "a store that crosses a page takes two entries";
    EXPECT_EQ(bench.core.event.address, 0x1ffdu);
    EXPECT_EQ(bench.take_cause(), Cause::StoreBufferFull);
    ASSERT_FALSE(bench.execute("{ stg.8 r2,[r1] | stg.8 r2,[r1-4] }"));
    EXPECT_EQ(bench.take_cause(), Cause::StoreBufferFull);
    EXPECT_EQ(bench.core.stores.size(), entries - 1) << "nothing of the molecule has happened";
    ASSERT_TRUE(bench.execute("stg.8 r2,[r1]"));
    ASSERT_FALSE(bench.execute("stg.8 r2,[r1]"));
    EXPECT_EQ(bench.take_cause(), Cause::StoreBufferFull);
    ASSERT_TRUE(bench.execute("pwg.8 [r1]")) << "a probe needs no entry";
    ASSERT_TRUE(bench.execute("commit 0"));
    ASSERT_TRUE(bench.execute("stg.8 r2,[r1]"));
  }
}

bool overlap(int64_t a, unsigned a_size, int64_t b, unsigned b_size) { return a < b + b_size && b < a + a_size; }

TEST_F(Memory, AliasAtEverySizeAndOffset) {
  const uint8_t bytes[16] = {};
  for (const uint32_t base : {0x1400u, 0x1ff8u, 0x1ffeu})
    for (const unsigned load_size : kStoreSizes)
      for (const bool load_fp : {false, true}) {
        if (load_fp ? !fp_size(load_size) : !integer_size(load_size)) continue;
        const std::string width = std::to_string(8 * load_size);
        core.r[23] = base;
        ASSERT_TRUE(bench.execute(load_fp ? "fldgp." + width + " f22,[r23],5" : "ldgp." + width + " r22,[r23],5"));
        for (const unsigned size : kStoreSizes)
          for (const bool fp : {false, true}) {
            if (fp ? !fp_size(size) : !integer_size(size)) continue;
            for (uint32_t at = base - size - 1; at <= base + load_size + 1; ++at) {
              set_store(at, bytes);
              const std::string text = fp ? "fstgm." + std::to_string(8 * size) + " f20,[r21],0x20" : "stgm." + std::to_string(8 * size) + " r20,[r21],0x20";
              const bool hit = overlap(base, load_size, at, size);
              ASSERT_EQ(bench.execute(text), !hit) << std::hex << base << " " << load_size << " " << at << " " << size;
              if (hit) {
                ASSERT_EQ(core.event.info >> kInfoEntriesShift & 0xff, 0x20u);
                ASSERT_EQ(core.event.address, at);
                ASSERT_EQ(bench.take_cause(), Cause::AliasFault);
              }
              core.stores.drop();
            }
          }
      }
}

TEST_F(Memory, AliasMasksNameEntries) {
  for (unsigned entry = 0; entry < 8; ++entry) {
    core.r[23] = 0x1100 + 16 * entry;
    ASSERT_TRUE(bench.execute("ldgp.32 r22,[r23]," + std::to_string(entry)));
  }
  for (unsigned mask = 0; mask < 256; ++mask)
    for (unsigned entry = 0; entry < 8; ++entry) {
      core.r[21] = 0x1100 + 16 * entry;
      const bool hit = (mask >> entry & 1) != 0;
      ASSERT_EQ(bench.execute("stgm.32 r20,[r21]," + std::to_string(mask)), !hit);
      ASSERT_EQ(bench.take_cause(), hit ? Cause::AliasFault : Cause::None);
      core.stores.drop();
    }
  // The bytes are physical: the same page under another name is found.
  bench.map(9, 3);
  core.r[21] = 0x9100;
  EXPECT_FALSE(bench.execute("stgm.8 r20,[r21],0x1"));
  EXPECT_EQ(bench.take_cause(), Cause::AliasFault);
  ASSERT_TRUE(bench.execute("commit 0"));
  EXPECT_FALSE(bench.execute("stgm.8 r20,[r21],0x1")) << "a commit keeps the entries";
  bench.take_cause();
  ASSERT_TRUE(bench.execute("aliascl"));
  EXPECT_TRUE(bench.execute("stgm.8 r20,[r21],0x1"));
  core.r[23] = 0x1100;
  ASSERT_TRUE(bench.execute("ldgp.32 r22,[r23],0"));
  ASSERT_TRUE(bench.execute("rollback"));
  core.r[21] = 0x9100;
  EXPECT_TRUE(bench.execute("stgm.8 r20,[r21],0x1")) << "a rollback clears them";
}

TEST(Alias, EntriesThatDoNotExistAlwaysHit) {
  MachineDescription machine = wide_machine();
  machine.alias_entries = 2;
  BenchCore bench(test_config(machine));
  bench.map(1, 1);
  bench.core.r[1] = 0x1100;
  EXPECT_TRUE(bench.execute("ldgp.32 r2,[r1],7"));
  EXPECT_TRUE(bench.execute("stgm.32 r2,[r1],0x3"));
  EXPECT_FALSE(bench.execute("stgm.32 r2,[r1],0x4"));
  EXPECT_EQ(bench.take_cause(), Cause::AliasFault);
}

TEST_F(Memory, TranslatedGranulesAtEveryBoundary) {
  const uint8_t bytes[16] = {};
  for (unsigned granule = 0; granule < kGranules; ++granule) {
    bench.map(1, 3, kTlbUser | kTlbWritable | kTlbDirty | kTlbTranslated, 1u << granule);
    const int64_t first = 128 * granule;
    for (const unsigned size : kStoreSizes)
      for (int64_t offset = first - 17; offset <= first + 129; offset += (offset == first + 2 ? 110 : 1)) {
        if (offset < 0 || offset + size > 4096) continue;
        const bool hit = overlap(first, 128, offset, size), fp = !integer_size(size);
        ASSERT_EQ(store(static_cast<uint32_t>(0x1000 + offset), size, fp, bytes), !hit) << granule << " " << offset << " " << size;
        if (hit) {
          ASSERT_EQ(core.event.info >> kInfoPageShift, 3u);
          ASSERT_EQ(bench.take_cause(), Cause::TranslatedWrite);
        }
        core.r[21] = static_cast<uint64_t>(0x1000 + offset);
        if (integer_size(size)) {
          ASSERT_EQ(bench.execute("pwg." + std::to_string(8 * size) + " [r21]"), !hit);
          bench.take_cause();
        }
        core.stores.drop();
      }
    expect_load(static_cast<uint32_t>(0x1000 + first), 4, false);  // reading is free
  }
  // Across a page into a translated granule of the next.
  bench.map(1, 3);
  bench.map(2, 7, kTlbUser | kTlbWritable | kTlbDirty | kTlbTranslated, 1);
  EXPECT_FALSE(store(0x1ffe, 4, false, bytes));
  EXPECT_EQ(core.event.address, 0x2000u);
  EXPECT_EQ(bench.take_cause(), Cause::TranslatedWrite);
  EXPECT_EQ(core.stores.size(), 0u);
}

TEST(Tlb, Rights) {
  BenchCore bench;
  FunctionalCore& core = bench.core;
  core.r[1] = 0x1000;
  for (unsigned flags = 0; flags < 16; ++flags)
    for (const uint64_t user : {0u, 1u}) {
      const bool entry_user = flags & 1, writable = flags & 2, dirty = flags & 4, present = flags & 8;
      core.tlb.flush(false);
      core.write_special(Special::UserMode, user);
      if (present) bench.map(1, 1, (entry_user ? kTlbUser : 0u) | (writable ? kTlbWritable : 0u) | (dirty ? kTlbDirty : 0u));
      const bool reach = present && (entry_user || user == 0);
      ASSERT_EQ(bench.execute("ldg.32u r2,[r1]"), reach);
      uint64_t info = core.event.info;
      ASSERT_EQ(bench.take_cause(), reach ? Cause::None : present ? Cause::GuestFault : Cause::TlbMiss);
      const uint64_t user_bit = user != 0 ? uint64_t{kInfoUser} : 0;
      ASSERT_EQ(info, reach ? 0 : 4u | user_bit | (present ? uint64_t{kInfoSupervisor} : 0));
      const bool may_write = reach && writable && dirty;
      ASSERT_EQ(bench.execute("stg.32 r2,[r1]"), may_write);
      info = core.event.info;
      ASSERT_EQ(bench.take_cause(), may_write ? Cause::None : present ? Cause::GuestFault : Cause::TlbMiss);
      if (reach && !may_write) {
        ASSERT_EQ(info, 4u | kInfoWrite | user_bit | (writable ? uint64_t{kInfoClean} : uint64_t{kInfoReadOnly}));
      }
      ASSERT_EQ(bench.execute("pwg.32 [r1]"), may_write);
      bench.take_cause();
      core.stores.drop();
    }
}

TEST(Tlb, MissNamesThePageThatIsMissing) {
  BenchCore bench;
  bench.map(1, 1);
  bench.core.r[1] = 0x1ffd;
  ASSERT_FALSE(bench.execute("ldg.64 r2,[r1]"));
  EXPECT_EQ(bench.core.event.address, 0x2000u);
  EXPECT_EQ(bench.take_cause(), Cause::TlbMiss);
  bench.map(0xfffff, 2);
  bench.core.r[1] = 0xffff'fffe;
  ASSERT_FALSE(bench.execute("ldg.32u r2,[r1]"));
  EXPECT_EQ(bench.core.event.address, 0u) << "addresses wrap at 4 GiB";
  bench.take_cause();
  bench.map(0, 3);
  ASSERT_TRUE(bench.execute("ldg.32u r2,[r1]"));
  bench.core.r[1] = 0x1'0000'1000, bench.core.r[2] = 0x7000'0000'0000'0010;
  ASSERT_TRUE(bench.execute("ldg.32u r2,[r1+r2]")) << "the high halves do not count";
}

TEST(Tlb, SetsWaysReplacementAndFlushes) {
  for (const auto& [entries, ways] : {std::pair<unsigned, unsigned>{16, 4}, {16, 16}, {16, 1}, {4, 2}}) {
    Tlb tlb(entries, ways);
    const unsigned sets = entries / ways;
    const auto page = [sets = sets](unsigned i) { return 5 + i * sets; };  // all in one set
    const auto put = [&tlb](uint32_t p, uint32_t flags = 0) {
      TlbEntry entry;
      entry.virtual_page = p, entry.physical_page = p + 1, entry.flags = kTlbValid | flags;
      tlb.write(entry);
    };
    for (unsigned i = 0; i < ways; ++i) put(page(i));
    for (unsigned i = 0; i < ways; ++i) ASSERT_NE(tlb.find(page(i)), nullptr);
    put(page(0));  // present: overwritten in place
    for (unsigned i = 0; i < ways; ++i) ASSERT_NE(tlb.find(page(i)), nullptr);
    for (unsigned i = 0; i < ways; ++i) {
      put(page(ways + i));
      ASSERT_EQ(tlb.find(page(i)), nullptr) << "first in, first out";
      ASSERT_NE(tlb.find(page(ways + i)), nullptr);
    }
    tlb.flush_page(page(ways));
    EXPECT_EQ(tlb.find(page(ways)), nullptr);
    tlb.flush(false);
    put(6, kTlbGlobal);
    put(7);
    tlb.flush(true);
    EXPECT_NE(tlb.find(6), nullptr);
    EXPECT_EQ(tlb.find(7), nullptr);
    tlb.flush(false);
    EXPECT_EQ(tlb.find(6), nullptr);
    put(9);
    TlbEntry invalid;
    invalid.virtual_page = 9;
    tlb.write(invalid);
    EXPECT_EQ(tlb.find(9), nullptr);
  }
}

TEST(Tlb, EntryPacksAndUnpacks) {
  TlbEntry entry;
  entry.virtual_page = 0xabcde, entry.granules = 0x8000'0001, entry.flags = kTlbValid | kTlbDevice | kTlbUser, entry.physical_page = 0x12'3456;
  const TlbEntry back = TlbEntry::unpack(entry.word0(), entry.word1());
  EXPECT_EQ(back.virtual_page, entry.virtual_page);
  EXPECT_EQ(back.granules, entry.granules);
  EXPECT_EQ(back.flags, entry.flags);
  EXPECT_EQ(back.physical_page, entry.physical_page);
  EXPECT_EQ(granules_of(0, 1), 1u);
  EXPECT_EQ(granules_of(127, 2), 3u);
  EXPECT_EQ(granules_of(4095, 1), 0x8000'0000u);
  EXPECT_EQ(granules_of(0, 4096), ~0u);
}

TEST(Device, AccessNeedsIomodeAndOrder) {
  BenchCore bench;
  FunctionalCore& core = bench.core;
  bench.map(1, kDeviceBase >> kPageShift, kTlbUser | kTlbWritable | kTlbDirty | kTlbDevice);
  bench.map(2, 2);
  core.r[1] = 0x1010, core.r[2] = 0x2000, core.r[3] = 0x55;
  for (const char* text : {"ldg.32u r4,[r1]", "stg.32 r3,[r1]", "pwg.8 [r1]"}) {
    EXPECT_FALSE(bench.execute(text));
    EXPECT_EQ(bench.take_cause(), Cause::DeviceAccess) << text;
  }
  core.write_special(Special::Iomode, 1);
  ASSERT_TRUE(bench.execute("ldg.32u r4,[r1]"));
  EXPECT_EQ(core.r[4], 0x13121110u);
  ASSERT_TRUE(bench.execute("stg.16 r3,[r1]"));
  EXPECT_EQ(bench.device.log, "r16:4 ") << "device stores are gated";
  EXPECT_FALSE(bench.execute("ldg.32u r4,[r1]")) << "a load may not pass gated stores";
  EXPECT_EQ(bench.take_cause(), Cause::DeviceAccess);
  ASSERT_TRUE(bench.execute("{ stg.8 r3,[r1+2] | commit 1 }"));
  EXPECT_EQ(bench.device.log, "r16:4 w16:2=85 w18:1=85 ");
  ASSERT_TRUE(bench.execute("stg.8 r3,[r1]"));
  ASSERT_TRUE(bench.execute("rollback"));
  EXPECT_EQ(bench.device.log, "r16:4 w16:2=85 w18:1=85 ") << "a rolled back store never reaches the device";
  core.r[1] = 0x1ffe;
  EXPECT_FALSE(bench.execute("ldg.32u r4,[r1]")) << "half device, half memory";
  EXPECT_EQ(bench.take_cause(), Cause::BusError);
}

TEST(Concealed, GuestAccessesNeverReachIt) {
  BenchCore bench;
  FunctionalCore& core = bench.core;
  const uint64_t first = kConcealedBase >> kPageShift, last = ((kConcealedBase + kConcealedSize) >> kPageShift) - 1;
  std::memset(bench.memory.ram(kConcealedBase, 4096), 0x5a, 4096);
  const char* access[] = {"ldg.8u r4,[r1]", "ldg.64 r4,[r1]", "stg.8 r4,[r1]", "stg.64 r4,[r1]", "pwg.8 [r1]", "ldgp.32 r4,[r1],0",
                          "stgm.32 r4,[r1],0", "fldg.128 f4,[r1]", "fstg.128 f4,[r1]"};
  for (unsigned flags = 0; flags < 64; ++flags)  // no attribute can permit it
    for (const uint64_t page : {first, first + 1, last}) {
      bench.map(1, page, (flags & 63) | kTlbWritable | kTlbDirty | kTlbUser);
      core.write_special(Special::Iomode, 1);
      for (const char* text : access) {
        core.r[1] = 0x1000 + (flags * 61 & 0xff0);
        ASSERT_FALSE(bench.execute(text)) << text << " flags " << flags;
        ASSERT_EQ(bench.take_cause(), Cause::ConcealedAccess);
      }
    }
  // The neighbours are a bus error at worst, and a page crossing is caught in its second half.
  bench.map(1, first - 1);
  core.r[1] = 0x1000;
  EXPECT_FALSE(bench.execute("ldg.8u r4,[r1]"));
  EXPECT_EQ(bench.take_cause(), Cause::BusError);
  bench.map(1, last + 1);
  EXPECT_FALSE(bench.execute("ldg.8u r4,[r1]"));
  EXPECT_EQ(bench.take_cause(), Cause::BusError);
  bench.map(1, 1);
  bench.map(2, first);
  core.r[1] = 0x1ffc;
  for (const char* text : {"ldg.64 r4,[r1]", "stg.64 r4,[r1]", "fstg.80 f4,[r1]"}) {
    EXPECT_FALSE(bench.execute(text));
    EXPECT_EQ(core.event.address, 0x2000u);
    EXPECT_EQ(bench.take_cause(), Cause::ConcealedAccess) << text;
  }
  ASSERT_TRUE(bench.execute("{ pfg [r1] | commit 0 }"));
  for (unsigned i = 0; i < 4096; ++i) ASSERT_EQ(bench.memory.ram(kConcealedBase + i, 1)[0], 0x5a);
}

TEST(Concealed, FirmwareAccesses) {
  BenchCore bench;
  FunctionalCore& core = bench.core;
  core.r[1] = kConcealedBase + 0x1000, core.r[2] = 0xffee'ddcc'bbaa'9988;
  ASSERT_TRUE(bench.execute("stc.64 r2,[r1]"));
  struct {
    const char* text;
    uint64_t want;
  } loads[] = {{"ldc.8u r3,[r1]", 0x88}, {"ldc.8s r3,[r1]", 0xffff'ffff'ffff'ff88}, {"ldc.16u r3,[r1]", 0x9988}, {"ldc.16s r3,[r1]", 0xffff'ffff'ffff'9988},
               {"ldc.32u r3,[r1]", 0xbbaa'9988}, {"ldc.32s r3,[r1]", 0xffff'ffff'bbaa'9988}, {"ldc.64 r3,[r1]", 0xffee'ddcc'bbaa'9988}, {"ldc.16u r3,[r1+3]", 0xccbb}};
  for (const auto& load : loads) {
    ASSERT_TRUE(bench.execute(load.text));
    EXPECT_EQ(core.r[3], load.want) << load.text;
  }
  ASSERT_TRUE(bench.execute("rollback"));
  ASSERT_TRUE(bench.execute("ldc.64 r3,[r1]"));
  EXPECT_EQ(core.r[3], 0u) << "r1 was rolled back";
  core.r[1] = kConcealedBase + 0x1000;
  ASSERT_TRUE(bench.execute("ldc.64 r3,[r1]"));
  EXPECT_EQ(core.r[3], 0xffee'ddcc'bbaa'9988u) << "concealed stores are not gated";
  core.v[1] = {0x8000'0000'0000'0001, 0x3fff};
  ASSERT_TRUE(bench.execute("fstc.80 f1,[r1]"));
  ASSERT_TRUE(bench.execute("fldc.80 f2,[r1]"));
  EXPECT_TRUE(core.v[2] == core.v[1]);
  core.r[1] = kDeviceBase + 8;
  ASSERT_TRUE(bench.execute("ldc.16u r3,[r1]"));
  EXPECT_EQ(core.r[3], 0x0908u);
  core.r[1] = kConcealedBase + kConcealedSize - 4;
  EXPECT_FALSE(bench.execute("ldc.64 r3,[r1]"));
  EXPECT_EQ(bench.take_cause(), Cause::BusError);
  EXPECT_FALSE(bench.execute("stc.64 r3,[r1]"));
  EXPECT_EQ(bench.take_cause(), Cause::BusError);
  ASSERT_TRUE(bench.execute("pfc [r1]"));
}

}  // namespace
}  // namespace chrysalis::isa::test
