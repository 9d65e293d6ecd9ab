// Hashing: CRC-32, SHA-256, an open-addressing table.
#include <array>
#include <vector>

#include "tests/firmware/programs/program.h"

namespace {

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrc = make_crc_table();

uint32_t crc32(const std::vector<uint8_t>& data) {
  uint32_t c = 0xffffffffu;
  for (const uint8_t byte : data) c = kCrc[(c ^ byte) & 0xff] ^ (c >> 8);
  return ~c;
}

uint32_t rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

// The constants of FIPS 180-4 are fractional parts of roots; this test needs the rounds, not the standard.
void sha_like(std::array<uint32_t, 8>& state, const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    w[i] = static_cast<uint32_t>(block[4 * i]) << 24 | static_cast<uint32_t>(block[4 * i + 1]) << 16 |
           static_cast<uint32_t>(block[4 * i + 2]) << 8 | block[4 * i + 3];
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (uint32_t i = 0; i < 64; ++i) {
    const uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + (i * 0x9e3779b9u) + w[i];
    const uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t add[] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) state[static_cast<size_t>(i)] += add[i];
}

struct Table {
  struct Slot {
    uint64_t key = 0;
    uint32_t value = 0;
    bool used = false;
  };
  std::vector<Slot> slots{64};
  size_t count = 0;

  Slot& find(uint64_t key) {
    size_t at = (key * 0x9e3779b97f4a7c15u) >> 40 & (slots.size() - 1);
    while (slots[at].used && slots[at].key != key) at = (at + 1) & (slots.size() - 1);
    return slots[at];
  }
  void add(uint64_t key) {
    if (2 * count >= slots.size()) {
      std::vector<Slot> old(2 * slots.size());
      old.swap(slots);
      count = 0;
      for (const Slot& slot : old) {
        if (!slot.used) continue;
        find(slot.key) = slot;
        ++count;
      }
    }
    Slot& slot = find(key);
    count += !slot.used;
    slot.used = true;
    slot.key = key;
    ++slot.value;
  }
};

}  // namespace

void program() {
  std::vector<uint8_t> data(5000);
  Random random(7);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random.next() >> 33);
  report("crc", crc32(data));
  std::array<uint32_t, 8> state = {1, 2, 3, 4, 5, 6, 7, 8};
  for (size_t at = 0; at + 64 <= data.size(); at += 64) sha_like(state, &data[at]);
  for (const uint32_t word : state) report("state", word);
  Table table;
  for (int i = 0; i < 4000; ++i) table.add(random.next() % 700);
  Checksum sum;
  for (const Table::Slot& slot : table.slots) sum.add(slot.used ? slot.key << 32 | slot.value : 0);
  report("table", sum.value());
  report("count", table.count);
}
