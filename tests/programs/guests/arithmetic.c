// Integer arithmetic of every width, signed and unsigned, as compilers write it.
#include "guest.h"

#define MIX(type, utype, name)                                                                   \
  static uint64_t __attribute__((noinline)) name(uint32_t seed) {                                \
    uint64_t hash = FOLD_START;                                                                  \
    uint32_t state = seed;                                                                       \
    for (int i = 0; i < 25; ++i) {                                                               \
      uint64_t wide = (uint64_t)next_random(&state) << 32;                                       \
      wide |= next_random(&state);                                                               \
      const type a = (type)wide, b = (type)(wide >> 24 ^ (uint32_t)i);                           \
      const utype ua = (utype)a, ub = (utype)b;                                                  \
      const unsigned bits = 8 * sizeof(type), n = (unsigned)ub % bits;                           \
      type r[16];                                                                                \
      unsigned k = 0;                                                                            \
      r[k++] = (type)(ua + ub);                                                                  \
      r[k++] = (type)(ua - ub);                                                                  \
      r[k++] = (type)(ua * (uint64_t)ub);                                                        \
      r[k++] = b == 0 ? 0 : (type)(ua / ub);                                                     \
      r[k++] = b == 0 ? 0 : (type)(ua % ub);                                                     \
      r[k++] = b == 0 || b == -1 ? 0 : (type)(a / b);                                            \
      r[k++] = b == 0 || b == -1 ? 0 : (type)(a % b);                                            \
      r[k++] = (type)(ua << n);                                                                  \
      r[k++] = (type)(ua >> n);                                                                  \
      r[k++] = (type)(a >> n);                                                                   \
      r[k++] = (type)(n == 0 ? ua : ua << n | ua >> (bits - n));                                 \
      r[k++] = (type)(n == 0 ? ua : ua >> n | ua << (bits - n));                                 \
      r[k++] = (type)((a < b) | (ua < ub) << 1 | (a == b) << 2 | (a <= b) << 3 | (ua >= ub) << 4); \
      r[k++] = (type)(a < b ? -a : b);                                                           \
      r[k++] = (type)~(a ^ (b & 0x55));                                                          \
      r[k++] = (type)(__builtin_popcountll(ua) + __builtin_parityll(ub));                        \
      hash = fold(hash, r, sizeof r);                                                            \
    }                                                                                            \
    return hash;                                                                                 \
  }

MIX(int8_t, uint8_t, mix_8)
MIX(int16_t, uint16_t, mix_16)
MIX(int32_t, uint32_t, mix_32)
MIX(int64_t, uint64_t, mix_64)

static void scans(void) {
  uint32_t state = 9;
  uint64_t hash = FOLD_START;
  for (int i = 0; i < 40; ++i) {
    const uint32_t v = next_random(&state) >> (i % 32) | 1u << (i % 31);
    const int r[] = {__builtin_clz(v), __builtin_ctz(v), __builtin_ffs((int)v), __builtin_clzll((uint64_t)v << (i % 33))};
    const uint32_t swapped = __builtin_bswap32(v);
    hash = fold(fold(hash, r, sizeof r), &swapped, 4);
  }
  printf("scans %016llx\n", (unsigned long long)hash);
}

static void overflow(void) {
  uint32_t state = 77;
  unsigned counts[6] = {0};
  for (int i = 0; i < 100; ++i) {
    const int a = (int)next_random(&state), b = (int)next_random(&state) >> (i % 24);
    int r;
    unsigned u;
    counts[0] += __builtin_add_overflow(a, b, &r);
    counts[1] += __builtin_sub_overflow(a, b, &r);
    counts[2] += __builtin_mul_overflow(a, b, &r);
    counts[3] += __builtin_add_overflow((unsigned)a, (unsigned)b, &u);
    counts[4] += __builtin_sub_overflow((unsigned)a, (unsigned)b, &u);
    counts[5] += __builtin_mul_overflow((unsigned)a, (unsigned)b, &u);
  }
  printf("overflows %u %u %u %u %u %u\n", counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]);
}

int main(void) {
  printf("8 bits  %016llx\n", (unsigned long long)mix_8(1));
  printf("16 bits %016llx\n", (unsigned long long)mix_16(2));
  printf("32 bits %016llx\n", (unsigned long long)mix_32(3));
  printf("64 bits %016llx\n", (unsigned long long)mix_64(4));
  scans();
  overflow();
  return 0;
}
