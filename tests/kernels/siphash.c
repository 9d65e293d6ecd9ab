// Keyed hashing of short strings: SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, INDOCRYPT 2012). 64-bit arithmetic in
// pairs of 32-bit registers: carries and double-word shifts.
#include "tests/kernels/kernel.h"

enum { kStrings = 128, kLongest = 32 };

static inline uint64_t rotate(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

struct state { uint64_t v0, v1, v2, v3; };

static inline void sip_round(struct state *s) {
  s->v0 += s->v1;
  s->v1 = rotate(s->v1, 13) ^ s->v0;
  s->v0 = rotate(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = rotate(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = rotate(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = rotate(s->v1, 17) ^ s->v2;
  s->v2 = rotate(s->v2, 32);
}

static uint64_t siphash(uint64_t k0, uint64_t k1, const uint8_t *data, uint32_t size) {
  struct state s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
  for (uint32_t left = size;; left -= 8) {
    uint64_t word = left < 8 ? (uint64_t)(size & 0xff) << 56 : 0;
    for (uint32_t i = 0; i < (left < 8 ? left : 8); ++i) word |= (uint64_t)*data++ << 8 * i;
    s.v3 ^= word;
    sip_round(&s);
    sip_round(&s);
    s.v0 ^= word;
    if (left < 8) break;
  }
  s.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) sip_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint32_t kernel(uint32_t rounds) {
  static uint8_t text[kStrings + kLongest];
  uint8_t counting[15];
  for (unsigned i = 0; i < sizeof counting; ++i) counting[i] = (uint8_t)i;
  // The paper's test vector, appendix A.
  require("test vector", siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, counting, sizeof counting) == 0xa129ca6149be45e5);
  uint32_t sum = 0, seed = 24;
  uint64_t key = 1;
  make_text(text, sizeof text, &seed);
  for (uint32_t round = 0; round < rounds; ++round)
    for (uint32_t i = 0; i < kStrings; ++i) {
      key = siphash(key, round, text + i, 1 + (i ^ round) % kLongest);
      sum = mix(sum, (uint32_t)key ^ (uint32_t)(key >> 32));
    }
  return sum;
}
