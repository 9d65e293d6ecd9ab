// Block cipher by table look-up: AES-128 (FIPS 197), with the four tables of J. Daemen and V. Rijmen, "The Design of
// Rijndael" (2002), section 4.2, in CBC mode. 16 loads at computed addresses and few branches for each of ten rounds.
#include "tests/kernels/kernel.h"

enum { kBlocks = 96 };

static uint8_t sbox[256];
static uint32_t table[4][256];

static uint8_t times(uint8_t a, uint8_t b) {
  uint8_t product = 0;
  for (; b != 0; b >>= 1) {
    if (b & 1) product ^= a;
    a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1b : 0));
  }
  return product;
}

static void make_tables(void) {
  // 3 generates the field's units, and 0xf6 is its inverse: the two walks stay inverse to each other.
  uint8_t power = 1, inverse = 1;
  do {
    const uint32_t twice = inverse * 0x101u;
    sbox[power] = (uint8_t)(inverse ^ twice >> 7 ^ twice >> 6 ^ twice >> 5 ^ twice >> 4 ^ 0x63);
    power = times(power, 3);
    inverse = times(inverse, 0xf6);
  } while (power != 1);
  sbox[0] = 0x63;
  for (unsigned x = 0; x < 256; ++x) {
    const uint8_t s = sbox[x];
    const uint32_t column = (uint32_t)times(s, 2) << 24 | (uint32_t)s << 16 | (uint32_t)s << 8 | times(s, 3);
    for (unsigned i = 0; i < 4; ++i) table[i][x] = i == 0 ? column : rotate_right(column, 8 * i);
  }
}

static uint32_t substitute(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return (uint32_t)sbox[a >> 24] << 24 | (uint32_t)sbox[b >> 16 & 255] << 16 | (uint32_t)sbox[c >> 8 & 255] << 8 | sbox[d & 255];
}

static void expand_key(uint32_t *keys, const uint32_t *key) {
  uint8_t constant = 1;
  for (unsigned i = 0; i < 44; ++i) {
    if (i < 4) {
      keys[i] = key[i];
      continue;
    }
    uint32_t word = keys[i - 1];
    if (i % 4 == 0) {
      word = rotate_left(word, 8);
      word = substitute(word, word, word, word) ^ (uint32_t)constant << 24;
      constant = times(constant, 2);
    }
    keys[i] = keys[i - 4] ^ word;
  }
}

static void encrypt(uint32_t *block, const uint32_t *keys) {
  uint32_t s[4], t[4];
  for (unsigned i = 0; i < 4; ++i) s[i] = block[i] ^ keys[i];
  for (unsigned round = 1; round < 10; ++round) {
    for (unsigned i = 0; i < 4; ++i)
      t[i] = table[0][s[i] >> 24] ^ table[1][s[(i + 1) % 4] >> 16 & 255] ^ table[2][s[(i + 2) % 4] >> 8 & 255] ^
             table[3][s[(i + 3) % 4] & 255] ^ keys[4 * round + i];
    for (unsigned i = 0; i < 4; ++i) s[i] = t[i];
  }
  for (unsigned i = 0; i < 4; ++i) block[i] = substitute(s[i], s[(i + 1) % 4], s[(i + 2) % 4], s[(i + 3) % 4]) ^ keys[40 + i];
}

uint32_t kernel(uint32_t rounds) {
  // FIPS 197, appendix C.1.
  static const uint32_t key[4] = {0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f};
  uint32_t keys[44], block[4] = {0x00112233, 0x44556677, 0x8899aabb, 0xccddeeff}, seed = 197, sum = 0;
  make_tables();
  expand_key(keys, key);
  encrypt(block, keys);
  const int right = block[0] == 0x69c4e0d8 && block[1] == 0x6a7b0430 && block[2] == 0xd8cdb780 && block[3] == 0x70b4c55a;
  require("FIPS 197 example", right);
  for (uint32_t round = 0; round < rounds; ++round) {
    for (unsigned n = 0; n < kBlocks; ++n) {
      for (unsigned i = 0; i < 4; ++i) block[i] ^= next_random(&seed);
      encrypt(block, keys);
    }
    sum = mix(sum, block[round % 4]);
  }
  return sum;
}
