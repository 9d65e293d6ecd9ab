// Hashing: BLAKE2s-256 (J.-P. Aumasson, S. Neves, Z. Wilcox-O'Hearn, C. Winnerlein; RFC 7693). Adds, exclusive ors and
// rotations of 32 bits in four independent chains: more live values than x86 has registers.
#include "tests/kernels/kernel.h"

enum { kBlock = 64, kMessage = 32 * kBlock };

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint8_t schedule[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static void quarter(uint32_t *v, unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x, uint32_t y) {
  v[a] += v[b] + x;
  v[d] = rotate_right(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = rotate_right(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = rotate_right(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = rotate_right(v[b] ^ v[c], 7);
}

static void compress(uint32_t *h, const uint8_t *block, uint32_t count, int last) {
  uint32_t v[16], m[16];
  for (unsigned i = 0; i < 16; ++i)
    m[i] = block[4 * i] | (uint32_t)block[4 * i + 1] << 8 | (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
  for (unsigned i = 0; i < 8; ++i) v[i] = h[i], v[i + 8] = initial[i];
  v[12] ^= count;
  if (last) v[14] = ~v[14];
  for (unsigned round = 0; round < 10; ++round) {
    const uint8_t *s = schedule[round];
    for (unsigned i = 0; i < 4; ++i) quarter(v, i, i + 4, i + 8, i + 12, m[s[2 * i]], m[s[2 * i + 1]]);
    for (unsigned i = 0; i < 4; ++i)
      quarter(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
  }
  for (unsigned i = 0; i < 8; ++i) h[i] ^= v[i] ^ v[i + 8];
}

/// `message` is padded with zeros to whole blocks.
static void blake2s(uint32_t *h, const uint8_t *message, uint32_t size) {
  for (unsigned i = 0; i < 8; ++i) h[i] = initial[i];
  h[0] ^= 0x01010020;  // no key, 32 bytes of digest
  uint32_t done = 0;
  for (; size - done > kBlock; done += kBlock) compress(h, message + done, done + kBlock, 0);
  compress(h, message + done, size, 1);
}

uint32_t kernel(uint32_t rounds) {
  static const uint8_t abc[kBlock] = "abc";  // RFC 7693, appendix B
  static uint8_t message[kMessage];
  uint32_t h[8], sum = 0, seed = 7693;
  blake2s(h, abc, 3);
  require("digest of abc", h[0] == 0x8c5e8c50 && h[1] == 0xe2147c32 && h[7] == 0x82596786);
  for (unsigned i = 0; i < kMessage; ++i) message[i] = (uint8_t)next_random(&seed);
  for (uint32_t round = 0; round < rounds; ++round) {
    blake2s(h, message, kMessage);
    for (unsigned i = 0; i < 8; ++i) {
      message[4 * i + round % 32 * 32] ^= (uint8_t)h[i];
      sum = mix(sum, h[i]);
    }
  }
  return sum;
}
