// The store buffer, the alias entries and the TLB's attributes at every boundary of size and overlap: long
// programs made here, run on both executors, and checked against a few lines of C++.
#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/hw/host_program.h"

namespace chrysalis::hw::test {
namespace {

constexpr unsigned kSizes[] = {1, 2, 4, 8, 16};

/// Guest pages 0 to 2 of plain memory, one of each other kind, and a handler that counts events in r30, keeps
/// the last cause in r29 and EINFO in r28, and goes on behind the 64-byte slot of the molecule.
std::string frame(const std::string& body) {
  std::ostringstream text;
  const auto map = [&](unsigned page, uint64_t word1, uint32_t granules) {
    text << "  movi r27,long(" << static_cast<int32_t>(granules) << ")\n  shl.64 r27,r27,32\n  or.64 r27,r27," << page
         << "\n  movi r26,long(" << static_cast<int32_t>(word1) << ")\n  tlbw r27,r26\n";
  };
  text << "  movi r27,handler\n  mts vbase,r27\n";
  for (unsigned page = 0; page < 3; ++page) map(page, page << 12 | 0x73, 0);
  map(3, 0x3071, 0);                       // read-only
  map(4, 0x4077, 0x0000'0014);             // granules 2 and 4 translated
  map(5, 0x6801'007b, 0);                  // device
  map(6, 0x7000'8073, 0);                  // concealed
  map(7, 0x7063, 0);                       // not dirty
  text << "  movi r52,long(results)\n  br body\n"
       << "handler:\n  mfs r29,ecause\n  mfs r28,einfo\n  add.64 r30,r30,1\n  mfs r27,epc\n  and.64 r27,r27,long(-64)\n"
       << "  add.64 r27,r27,64\n  mts epc,r27\n  eret\n.align 64\nbody:\n"
       << body << "end:\n  platform zero\n.align 4096\nresults:\n  .zero 262144\n";
  return text.str();
}

/// Molecules that may raise an event, each in a slot of 64 bytes, where the handler finds the next one.
class Slots {
 public:
  void add(const std::string& molecule) {
    text_ << "  " << molecule << "\n  br s" << count_ << "\n.align 64\ns" << count_ << ":\n";
    ++count_;
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  unsigned count_ = 0;
};

const char* store_name(unsigned size) {
  return size == 1 ? "stg.8" : size == 2 ? "stg.16" : size == 4 ? "stg.32" : size == 8 ? "stg.64" : "fstg.128";
}
const char* load_name(unsigned size) {
  return size == 1 ? "ldg.8u" : size == 2 ? "ldg.16u" : size == 4 ? "ldg.32u" : size == 8 ? "ldg.64" : "fldg.128";
}

/// Both executors; the concealed bytes from `results` on, of which both must have the same.
std::vector<uint8_t> results_of(const HostProgram& program, std::size_t bytes) {
  const CycleRun run = run_cycles(program, false);
  State functional = run_functional(program);
  State cycle = run.state;
  cycle.pc = functional.pc;
  EXPECT_EQ(difference(functional, cycle), "") << program.name;
  EXPECT_TRUE(run.sums);
  const auto begin = functional.concealed.begin() + static_cast<long>(program.symbol("results") - kConcealedBase);
  return {begin, begin + static_cast<long>(bytes)};
}

// Loads see gated stores byte by byte, at every size and offset, across a page too; after a commit the same
// bytes, after a rollback none.
TEST(StoreBuffer, ForwardsEveryByteAtEverySizeAndOffset) {
  struct Case {
    unsigned store_size, load_size, store_at, load_at;
  };
  for (const char* ending : {"commit 0", "rollback"}) {
    std::vector<Case> cases;
    for (unsigned base : {0x100u, 0x1000u})
      for (unsigned store_size : kSizes)
        for (unsigned load_size : kSizes)
          for (int distance = -static_cast<int>(load_size); distance <= static_cast<int>(store_size); ++distance)
            cases.push_back({store_size, load_size, base - 3, static_cast<unsigned>(static_cast<int>(base) - 3 + distance)});
    std::ostringstream body;
    body << "  movi r20,long(0x11223344)\n  sethi r20,r20,long(0x55667788)\n  fmvr f20,r20\n  fmvrh f20,r20\n  movi r51,0\n";
    body << "  movi r21,0\n  fmvr f21,r21\n  commit 0\n";
    for (const Case& c : cases) {
      const bool vector = c.store_size == 16;
      body << "  " << store_name(c.store_size) << (vector ? " f20" : " r20") << ",[r51+" << c.store_at << "]\n";
      const auto read = [&] {
        body << "  " << load_name(c.load_size) << (c.load_size == 16 ? " f22" : " r22") << ",[r51+" << c.load_at << "]\n  "
             << (c.load_size == 16 ? "fstc.128 f22" : "stc.64 r22") << ",[r52]\n  add.64 r52,r52,16\n";
      };
      read();
      body << "  " << ending << "\n";
      read();
      body << "  " << (vector ? "fstg.128 f21" : std::string(store_name(c.store_size)) + " r21") << ",[r51+" << c.store_at << "]\n  commit 0\n";
    }
    const HostProgram program = read_program("forwarding", frame(body.str()));
    ASSERT_TRUE(program.code.ok());
    const std::vector<uint8_t> results = results_of(program, cases.size() * 32);

    uint8_t pattern[16];
    for (unsigned i = 0; i < 16; ++i) pattern[i] = static_cast<uint8_t>((0x5566'7788'1122'3344ull) >> (i % 8 * 8));
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Case& c = cases[i];
      for (unsigned when = 0; when < 2; ++when) {
        const bool visible = when == 0 || std::string(ending) == "commit 0";
        for (unsigned byte = 0; byte < c.load_size; ++byte) {
          const unsigned within = c.load_at + byte - c.store_at;
          const uint8_t expected = visible && within < c.store_size ? pattern[within] : 0;
          ASSERT_EQ(results[i * 32 + when * 16 + byte], expected)
              << ending << ": store of " << c.store_size << " at " << c.store_at << ", load of " << c.load_size << " at " << c.load_at
              << ", byte " << byte << (when == 0 ? " before" : " after");
        }
      }
    }
  }
}

// The newest of several gated stores wins, byte by byte.
TEST(StoreBuffer, NewestByteWins) {
  std::ostringstream body;
  body << "  movi r51,0x200\n";
  for (unsigned i = 0; i < 8; ++i) body << "  movi r20," << i + 1 << "\n  stg.8 r20,[r51+" << i << "]\n";
  body << "  movi r20,long(0x2222)\n  stg.16 r20,[r51+3]\n  movi r20,0x33\n  stg.8 r20,[r51+4]\n  ldg.64 r21,[r51]\n"
       << "  stc.64 r21,[r52]\n";
  const HostProgram program = read_program("newest", frame(body.str()));
  const std::vector<uint8_t> results = results_of(program, 8);
  EXPECT_EQ(results, (std::vector<uint8_t>{1, 2, 3, 0x22, 0x33, 6, 7, 8}));
}

// A buffer of 36 takes 36 stores, a store across a page counting twice; the next is an event that empties it.
TEST(StoreBuffer, FullAtExactlyItsSize) {
  for (unsigned crossing = 0; crossing < 2; ++crossing) {
    for (unsigned entries = 35; entries <= 38; ++entries) {
      Slots slots;
      slots.add("movi r51,0");
      slots.add("commit 0");
      if (crossing != 0) slots.add("stg.32 r20,[r51+4094]");
      for (unsigned i = 2 * crossing; i < entries; ++i) slots.add("stg.8 r20,[r51+" + std::to_string(i) + "]");
      slots.add("mfs r31,gated");
      const HostProgram program = read_program("full", frame(slots.text()));
      ASSERT_TRUE(program.code.ok());
      const CycleRun run = run_cycles(program, false);
      EXPECT_EQ(run.statistics.at("host.rollbacks.store_buffer_full"), entries > 36 ? 1u : 0u) << entries;
      // The store that did not fit is skipped; those behind it are gated anew.
      EXPECT_EQ(run.state.registers[31], entries > 36 ? entries - 37 : entries) << entries;
      State functional = run_functional(program), cycle = run.state;
      cycle.pc = functional.pc;
      EXPECT_EQ(difference(functional, cycle), "") << entries;
    }
  }
}

// A store under mask is refused exactly if it overlaps a protected load that its mask names.
TEST(AliasEntries, FaultOnEveryOverlapAndNoOther) {
  struct Case {
    bool overlaps;
    unsigned protect_size, store_size;
    int distance;
    bool named;
  };
  std::vector<Case> cases;
  Slots slots;
  slots.add("movi r51,0");
  slots.add("movi r30,0");
  unsigned entry = 0;
  for (unsigned base : {0x200u, 0x1000u}) {
    for (unsigned protect_size : kSizes) {
      for (unsigned store_size : kSizes) {
        for (int distance = -static_cast<int>(store_size); distance <= static_cast<int>(protect_size); ++distance) {
          const bool named = cases.size() % 5 != 0;
          const unsigned at = base - 5;
          entry = (entry + 1) % 8;
          const std::string load = protect_size == 16 ? "fldgp.128 f22" : "ldgp." + std::to_string(8 * protect_size) + " r22";
          const std::string store = store_size == 16 ? "fstgm.128 f20" : "stgm." + std::to_string(8 * store_size) + " r20";
          const unsigned mask = named ? 1u << entry : 0xffu & ~(1u << entry);
          slots.add("aliascl");
          slots.add(load + ",[r51+" + std::to_string(at) + "]," + std::to_string(entry));
          slots.add(store + ",[r51+" + std::to_string(static_cast<int>(at) + distance) + "]," + std::to_string(mask));
          slots.add("stc.8 r30,[r52]\n  add.64 r52,r52,1\n  movi r30,0\n  rollback");
          cases.push_back({distance > -static_cast<int>(store_size) && distance < static_cast<int>(protect_size), protect_size,
                           store_size, distance, named});
        }
      }
    }
  }
  const HostProgram program = read_program("alias", frame(slots.text()));
  ASSERT_TRUE(program.code.ok());
  const std::vector<uint8_t> results = results_of(program, cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(results[i], cases[i].overlaps && cases[i].named ? 1 : 0)
        << "protected " << cases[i].protect_size << ", store " << cases[i].store_size << " at distance " << cases[i].distance;
  }
}

/// What an access must raise, by the table of frame(). First byte's page first.
isa::Cause expected_cause(bool write, unsigned address, unsigned size) {
  using isa::Cause;
  const unsigned left = 4096 - address % 4096;
  const unsigned pieces[2] = {std::min(size, left), size - std::min(size, left)};
  for (unsigned piece = 0, at = address; piece < 2 && pieces[piece] != 0; at += pieces[piece++]) {
    const unsigned page = at >> 12, offset = at & 4095;
    if (page > 7) return Cause::TlbMiss;
    if (write && (page == 3 || page == 7)) return Cause::GuestFault;
    if (page == 6) return Cause::ConcealedAccess;
    if (page == 5) return Cause::DeviceAccess;
    const unsigned first = offset / 128, last = (offset + pieces[piece] - 1) / 128;
    if (write && page == 4 && ((first <= 2 && last >= 2) || (first <= 4 && last >= 4))) return Cause::TranslatedWrite;
  }
  return Cause::None;
}

// Every attribute of a TLB entry at its edges, for loads, stores and probes of every size: the page edges
// between two kinds, and the edges of translated granules.
TEST(TlbAttributes, FaultAtEveryEdge) {
  struct Case {
    isa::Cause cause;
    std::string what;
  };
  for (unsigned size : kSizes) {
    std::vector<Case> cases;
    Slots slots;
    slots.add("movi r51,0");
    slots.add("movi r29,0");
    std::vector<unsigned> edges = {0x2000, 0x3000, 0x4000, 0x4000 + 2 * 128, 0x4000 + 3 * 128, 0x4000 + 4 * 128,
                                   0x4000 + 5 * 128, 0x5000, 0x6000, 0x7000, 0x8000};
    for (unsigned edge : edges) {
      for (unsigned address = edge - size - 1; address <= edge + 1; ++address) {
        for (unsigned kind = 0; kind < 3; ++kind) {
          if (kind == 2 && size == 16) continue;  // no probe of 16 bytes
          const std::string at = ",[r51+" + std::to_string(address) + "]";
          const std::string molecule =
              kind == 0   ? std::string(load_name(size)) + (size == 16 ? " f22" : " r22") + at
              : kind == 1 ? std::string(store_name(size)) + (size == 16 ? " f20" : " r20") + at
                          : "pwg." + std::to_string(8 * size) + " " + at.substr(1);
          slots.add(molecule);
          slots.add("stc.8 r29,[r52]\n  add.64 r52,r52,1\n  movi r29,0\n  rollback");
          cases.push_back({expected_cause(kind != 0, address, size), molecule});
        }
      }
    }
    const HostProgram program = read_program("attributes", frame(slots.text()));
    ASSERT_TRUE(program.code.ok());
    const std::vector<uint8_t> results = results_of(program, cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
      EXPECT_STREQ(isa::kCauseName[results[i]], isa::name(cases[i].cause)) << cases[i].what;
    }
  }
}

// Concealed memory: whatever a guest page maps, bytes of it cannot be read or written, at either of its ends.
TEST(ConcealedMemory, RefusesEveryByteAtBothEnds) {
  Slots slots;
  unsigned refused = 0, allowed = 0;
  slots.add("movi r51,0");
  slots.add("movi r30,0");
  // Page 8: the last page before concealed memory (nothing is there); 9: its first; 10: its last; 11: behind it.
  const uint32_t pages[] = {0x6fff'f000, 0x7000'0000, 0x700f'f000, 0x7010'0000};
  for (unsigned i = 0; i < 4; ++i) {
    slots.add("movi r27," + std::to_string(8 + i));
    slots.add("movi r26,long(" + std::to_string(static_cast<int32_t>(pages[i] | 0x73)) + ")");
    slots.add("tlbw r27,r26");
  }
  for (unsigned size : kSizes) {
    for (unsigned edge : {0x9000u, 0xb000u}) {
      for (unsigned address = edge - size - 1; address <= edge + 1; ++address) {
        slots.add(std::string(load_name(size)) + (size == 16 ? " f22" : " r22") + ",[r51+" + std::to_string(address) + "]");
        slots.add(std::string(store_name(size)) + (size == 16 ? " f20" : " r20") + ",[r51+" + std::to_string(address) + "]");
        // The first piece decides: nothing at all before and behind, concealed inside.
        const bool concealed = address >= 0x9000 && address < 0xb000;
        (concealed ? refused : allowed) += 2;
      }
    }
  }
  const HostProgram program = read_program("concealed", frame(slots.text()));
  ASSERT_TRUE(program.code.ok());
  const CycleRun run = run_cycles(program, false);
  EXPECT_EQ(run.statistics.at("host.rollbacks.concealed"), refused);
  EXPECT_EQ(run.statistics.at("host.rollbacks.bus_error"), allowed);
  State functional = run_functional(program), cycle = run.state;
  cycle.pc = functional.pc;
  EXPECT_EQ(difference(functional, cycle), "");
}

}  // namespace
}  // namespace chrysalis::hw::test
