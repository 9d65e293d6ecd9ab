// Sorting without comparisons: least-significant-digit radix sort with counting (H. H. Seward, 1954; D. Knuth, The Art
// of Computer Programming 3, 5.2.5). Loads whose addresses depend on loads, increments in memory, scattered stores.
#include "tests/kernels/kernel.h"

enum { kItems = 2048, kDigits = 256 };

static void sort_by_digit(uint32_t *to, const uint32_t *from, unsigned shift) {
  uint32_t start[kDigits];
  for (unsigned d = 0; d < kDigits; ++d) start[d] = 0;
  for (unsigned i = 0; i < kItems; ++i) ++start[from[i] >> shift & (kDigits - 1)];
  for (unsigned d = 0, at = 0; d < kDigits; ++d) {
    const uint32_t count = start[d];
    start[d] = at;
    at += count;
  }
  for (unsigned i = 0; i < kItems; ++i) to[start[from[i] >> shift & (kDigits - 1)]++] = from[i];
}

uint32_t kernel(uint32_t rounds) {
  static uint32_t items[kItems], other[kItems];
  uint32_t seed = 1954, sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    uint32_t before = 0, after = 0, ordered = 1;
    for (unsigned i = 0; i < kItems; ++i) before += items[i] = next_random(&seed);
    sort_by_digit(other, items, 0);
    sort_by_digit(items, other, 8);
    sort_by_digit(other, items, 16);
    sort_by_digit(items, other, 24);
    for (unsigned i = 0; i < kItems; ++i) {
      after += items[i];
      ordered &= i == 0 || items[i - 1] <= items[i];
    }
    require("order", ordered && before == after);
    sum = mix(sum, items[round % kItems]);
  }
  return sum;
}
