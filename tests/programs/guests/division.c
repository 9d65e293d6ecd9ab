// 64-bit division by the compiler's library, and its edges.
#include <limits.h>

#include "guest.h"

int main(void) {
  static const int64_t edges[] = {0, 1, -1, 2, -2, 10, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, -0x100000000,
                                  0x123456789abcdef, LLONG_MAX, LLONG_MIN, LLONG_MIN + 1};
  const int count = sizeof edges / sizeof *edges;
  uint64_t hash = FOLD_START;
  for (int i = 0; i < count; ++i)
    for (int j = 1; j < count; ++j) {
      const volatile int64_t a = edges[i], b = edges[j];
      const uint64_t r[4] = {(uint64_t)a / (uint64_t)b, (uint64_t)a % (uint64_t)b,
                             a == LLONG_MIN && b == -1 ? 7 : (uint64_t)(a / b), a == LLONG_MIN && b == -1 ? 9 : (uint64_t)(a % b)};
      check("quotient and remainder", r[0] * (uint64_t)b + r[1] == (uint64_t)a || !printf("%d %d ", i, j));
      hash = fold(hash, r, sizeof r);
      if (i > 3) break;
    }
  uint32_t state = 5;
  for (int i = 0; i < 120; ++i) {
    const uint64_t a = (uint64_t)next_random(&state) << (i % 33) ^ next_random(&state);
    const uint64_t b = ((uint64_t)next_random(&state) << 32 | next_random(&state)) >> (i % 63) | 1;
    const uint64_t r[2] = {a / b, a % b};
    if (r[0] * b + r[1] != a || r[1] >= b) printf("wrong: %llu %llu\n", (unsigned long long)a, (unsigned long long)b);
    hash = fold(hash, r, sizeof r);
  }
  printf("%016llx\n", (unsigned long long)hash);
  printf("%lld %lld %llu\n", (long long)(LLONG_MIN / 10), (long long)(LLONG_MIN % 10), (unsigned long long)(ULLONG_MAX / 7));
  return 0;
}
