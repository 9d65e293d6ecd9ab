// Dynamic programming: longest common subsequence with its trace (R. Wagner, M. Fischer, Journal of the ACM 21, 1974)
// and the 0/1 knapsack (R. Bellman, Dynamic Programming, 1957). Maxima of neighbours: branches or conditional moves on
// values just stored.
#include "tests/kernels/kernel.h"

enum { kLength = 96, kItems = 24, kCapacity = 400 };

static uint16_t table[kLength + 1][kLength + 1];

static uint32_t common_subsequence(const uint8_t *a, const uint8_t *b) {
  for (unsigned i = 1; i <= kLength; ++i)
    for (unsigned j = 1; j <= kLength; ++j) {
      const uint16_t up = table[i - 1][j], left = table[i][j - 1];
      table[i][j] = a[i - 1] == b[j - 1] ? (uint16_t)(table[i - 1][j - 1] + 1) : up > left ? up : left;
    }
  return table[kLength][kLength];
}

/// Writes the subsequence that the table holds, backwards; returns its length.
static uint32_t trace(uint8_t *out, const uint8_t *a, const uint8_t *b) {
  uint32_t length = 0;
  for (unsigned i = kLength, j = kLength; i > 0 && j > 0;) {
    if (a[i - 1] == b[j - 1]) {
      out[length++] = a[i - 1];
      --i, --j;
    } else if (table[i - 1][j] >= table[i][j - 1]) {
      --i;
    } else {
      --j;
    }
  }
  return length;
}

static int is_subsequence(const uint8_t *backwards, uint32_t length, const uint8_t *of) {
  for (unsigned i = 0; i < kLength && length > 0; ++i) length -= of[i] == backwards[length - 1];
  return length == 0;
}

struct item { uint16_t weight, value; };

/// best[c]: greatest value with capacity c.
static void knapsack(uint32_t *best, const struct item *items) {
  for (unsigned c = 0; c <= kCapacity; ++c) best[c] = 0;
  for (unsigned i = 0; i < kItems; ++i)
    for (unsigned c = kCapacity; c >= items[i].weight; --c) {
      const uint32_t with = best[c - items[i].weight] + items[i].value;
      if (with > best[c]) best[c] = with;
    }
}

uint32_t kernel(uint32_t rounds) {
  uint8_t a[kLength], b[kLength], common[kLength];
  struct item items[kItems], reversed[kItems];
  uint32_t best[kCapacity + 1], again[kCapacity + 1], seed = 1957, sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    for (unsigned i = 0; i < kLength; ++i) a[i] = next_random(&seed) >> 8 & 7, b[i] = next_random(&seed) >> 8 & 7;
    const uint32_t length = common_subsequence(a, b);
    require("length of the trace", trace(common, a, b) == length);
    require("common subsequence", is_subsequence(common, length, a) && is_subsequence(common, length, b));
    for (unsigned i = 0; i < kItems; ++i) {
      const uint32_t bits = next_random(&seed);
      items[i] = reversed[kItems - 1 - i] = (struct item){(uint16_t)(8 + (bits & 63)), (uint16_t)(1 + (bits >> 16 & 255))};
    }
    knapsack(best, items);
    if (round % 8 == 0) {
      knapsack(again, reversed);
      int same = 1;
      for (unsigned c = 0; c <= kCapacity; ++c) same &= best[c] == again[c];
      require("order of items does not matter", same);
    }
    sum = mix(mix(sum, length), best[kCapacity]);
  }
  return sum;
}
