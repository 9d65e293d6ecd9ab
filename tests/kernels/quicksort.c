// Sorting: quicksort (C. A. R. Hoare, 1961) with R. Sedgewick's improvements (Communications of the ACM 21, 1978):
// median of three, small parts left to one insertion sort, the larger part sorted last. Branches that no one can
// predict.
#include "tests/kernels/kernel.h"

enum { kItems = 1024, kSmall = 12 };

static inline void exchange(uint32_t *a, uint32_t *b) {
  const uint32_t t = *a;
  *a = *b;
  *b = t;
}

static void sort(uint32_t *low, uint32_t *high) {
  while (high - low > kSmall) {
    uint32_t *middle = low + (high - low) / 2;
    if (*middle < *low) exchange(middle, low);
    if (*high < *low) exchange(high, low);
    if (*high < *middle) exchange(high, middle);
    const uint32_t pivot = *middle;
    uint32_t *i = low, *j = high;
    while (i <= j) {
      while (*i < pivot) ++i;
      while (*j > pivot) --j;
      if (i <= j) exchange(i++, j--);
    }
    if (j - low < high - i) {
      sort(low, j);
      low = i;
    } else {
      sort(i, high);
      high = j;
    }
  }
}

static void insertion_sort(uint32_t *items, unsigned count) {
  for (unsigned i = 1; i < count; ++i) {
    const uint32_t item = items[i];
    unsigned j = i;
    for (; j > 0 && items[j - 1] > item; --j) items[j] = items[j - 1];
    items[j] = item;
  }
}

uint32_t kernel(uint32_t rounds) {
  static uint32_t items[kItems];
  uint32_t seed = 1961, sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    uint32_t before = 0, after = 0, ordered = 1;
    for (unsigned i = 0; i < kItems; ++i) before += items[i] = next_random(&seed) >> round % 24;
    sort(items, items + kItems - 1);
    insertion_sort(items, kItems);
    for (unsigned i = 0; i < kItems; ++i) {
      after += items[i];
      ordered &= i == 0 || items[i - 1] <= items[i];
    }
    require("order", ordered && before == after);
    sum = mix(sum, items[round % kItems]);
  }
  return sum;
}
