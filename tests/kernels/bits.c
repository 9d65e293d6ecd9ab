// Bit manipulation (H. S. Warren, Hacker's Delight, 2nd edition; HAKMEM, 1972): population count (5-1), reversal (7-1),
// Morton codes (7-2), Gray codes (13-1), the next number with as many bits (2-1, R. W. Gosper), bitwise CRC-32. Logic
// in registers, few branches.
#include "tests/kernels/kernel.h"

enum { kWords = 512 };

static uint32_t population(uint32_t x) {
  x -= x >> 1 & 0x55555555;
  x = (x & 0x33333333) + (x >> 2 & 0x33333333);
  x = (x + (x >> 4)) & 0x0f0f0f0f;
  return x * 0x01010101 >> 24;
}

static uint32_t reverse(uint32_t x) {
  x = (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
  x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
  x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
  x = (x & 0x00ff00ff) << 8 | (x >> 8 & 0x00ff00ff);
  return x << 16 | x >> 16;
}

static uint32_t spread(uint32_t x) {
  x &= 0xffff;
  x = (x | x << 8) & 0x00ff00ff;
  x = (x | x << 4) & 0x0f0f0f0f;
  x = (x | x << 2) & 0x33333333;
  return (x | x << 1) & 0x55555555;
}

static uint32_t gather(uint32_t x) {
  x &= 0x55555555;
  x = (x | x >> 1) & 0x33333333;
  x = (x | x >> 2) & 0x0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff;
  return (x | x >> 8) & 0xffff;
}

static uint32_t from_gray(uint32_t x) {
  for (unsigned n = 1; n < 32; n *= 2) x ^= x >> n;
  return x;
}

/// x != 0, and its topmost bits not all ones.
static uint32_t next_with_as_many(uint32_t x) {
  const uint32_t smallest = x & -x, ripple = x + smallest, ones = x ^ ripple;
  return ripple | ones >> (2 + (uint32_t)__builtin_ctz(smallest));
}

static uint32_t crc32(uint32_t crc, uint32_t word) {
  crc ^= word;
  for (int i = 0; i < 32; ++i) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
  return crc;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t seed = 1972, sum = 0, crc = ~0u;
  for (uint32_t round = 0; round < rounds; ++round) {
    uint32_t wrong = 0;
    for (unsigned i = 0; i < kWords; ++i) {
      const uint32_t x = next_random(&seed) | 1, y = reverse(x), gray = x ^ x >> 1;
      const uint32_t morton = spread(x) | spread(x >> 16) << 1, count = population(x);
      wrong |= reverse(y) ^ x;
      wrong |= from_gray(gray) ^ x;
      wrong |= (gather(morton) | gather(morton >> 1) << 16) ^ x;
      wrong |= (count ^ population(y)) | (population(morton) ^ count);
      const uint32_t low = x & 0x7fffffff, next = next_with_as_many(low);
      wrong |= population(next) ^ population(low);
      wrong |= next <= low;
      if (i % 8 == 0) crc = crc32(crc, y ^ morton);
      sum += next ^ gray * count;
    }
    require("identities", wrong == 0);
    sum = mix(sum, crc);
  }
  // The residue that every CRC-32 leaves (ITU-T V.42).
  require("residue", crc32(crc, ~crc) == 0xffffffff || crc32(crc, crc) == 0);
  return sum;
}
