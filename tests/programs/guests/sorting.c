// qsort and bsearch of the library with callbacks, and a hand-written heap sort.
#include <stdlib.h>

#include "guest.h"

struct record { uint32_t key; char name[12]; uint16_t order; };

static unsigned comparisons;
static int by_key(const void *a, const void *b) {
  const struct record *left = a, *right = b;
  ++comparisons;
  if (left->key != right->key) return left->key < right->key ? -1 : 1;
  return left->order - right->order;
}
static int by_name(const void *a, const void *b) { return strcmp(((const struct record *)a)->name, ((const struct record *)b)->name); }

static void sift(int *v, int root, int end) {
  for (int child; (child = 2 * root + 1) < end; root = child) {
    if (child + 1 < end && v[child] < v[child + 1]) ++child;
    if (v[root] >= v[child]) return;
    const int t = v[root];
    v[root] = v[child];
    v[child] = t;
  }
}

static void heap_sort(int *v, int n) {
  for (int root = n / 2 - 1; root >= 0; --root) sift(v, root, n);
  for (int end = n - 1; end > 0; --end) {
    const int t = v[0];
    v[0] = v[end];
    v[end] = t;
    sift(v, 0, end);
  }
}

int main(void) {
  enum { kCount = 150 };
  static struct record records[kCount];
  uint32_t state = 4242;
  for (int i = 0; i < kCount; ++i) {
    records[i].key = next_random(&state) % 60;
    records[i].order = (uint16_t)i;
    for (int k = 0; k < 11; ++k) records[i].name[k] = (char)('a' + (next_random(&state) >> 9) % 3);
  }
  qsort(records, kCount, sizeof *records, by_key);
  printf("%016llx %u comparisons\n", (unsigned long long)fold(FOLD_START, records, sizeof records), comparisons);
  int found = 0;
  for (int i = 0; i < kCount; i += 4) {
    struct record wanted = records[i];
    wanted.order ^= i % 3 == 0;  // every third is absent or another's
    found += bsearch(&wanted, records, kCount, sizeof *records, by_key) != NULL;
  }
  qsort(records, kCount, sizeof *records, by_name);
  printf("%d found, %s..%s\n", found, records[0].name, records[kCount - 1].name);
  int numbers[kCount];
  for (int i = 0; i < kCount; ++i) numbers[i] = (int)next_random(&state);
  heap_sort(numbers, kCount);
  int ordered = 1;
  for (int i = 1; i < kCount; ++i) ordered &= numbers[i - 1] <= numbers[i];
  check("heap sort", ordered);
  printf("%016llx\n", (unsigned long long)fold(FOLD_START, numbers, sizeof numbers));
  return 0;
}
