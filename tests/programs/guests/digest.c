// A small computation of the usual kind: SHA-256 and CRC-32 of generated text, sieve, matrix, edit distance.
#include <stdlib.h>

#include "guest.h"

static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static uint32_t constants[64];

// The constants are the fractions of the cube roots of the primes.
static void make_constants(void) {
  int found = 0;
  for (uint32_t n = 2; found < 64; ++n) {
    int prime = 1;
    for (uint32_t d = 2; d * d <= n; ++d) prime &= n % d != 0;
    if (!prime) continue;
    // floor(cbrt(n) * 2^32), bit by bit; the low word is the fraction. 80-bit products order the candidates.
    uint64_t root = 0;
    for (int bit = 34; bit >= 0; --bit) {
      const long double candidate = (long double)(root | 1ull << bit) / 4294967296.0L;
      if (candidate * candidate * candidate <= n) root |= 1ull << bit;
    }
    constants[found++] = (uint32_t)root;
  }
}

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void block(uint32_t *state, const uint8_t *data) {
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; ++i)
    w[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 | (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
  for (int i = 16; i < 64; ++i)
    w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
           (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
  memcpy(v, state, sizeof v);
  for (int i = 0; i < 64; ++i) {
    const uint32_t t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + w[i];
    const uint32_t t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) state[i] += v[i];
}

int main(int argc, char **argv) {
  const int blocks = argc > 1 ? atoi(argv[1]) : 8;
  make_constants();
  uint32_t state[8], seed = 2026, crc = ~0u;
  memcpy(state, first, sizeof state);
  for (int n = 0; n < blocks; ++n) {
    uint8_t data[64];
    for (int i = 0; i < 64; ++i) {
      data[i] = (uint8_t)(next_random(&seed) >> 11);
      crc ^= data[i];
      for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
    }
    block(state, data);
  }
  for (int i = 0; i < 8; ++i) printf("%08x", state[i]);
  printf(" %08x\n", ~crc);
  static uint8_t composite[1000];
  int primes = 0;
  for (int i = 2; i < 1000; ++i) {
    primes += !composite[i];
    for (int k = i * i; !composite[i] && k < 1000; k += i) composite[k] = 1;
  }
  int a[8][8], b[8][8], c[8][8];
  for (int i = 0; i < 64; ++i) a[i / 8][i % 8] = i * 3 % 11, b[i / 8][i % 8] = i * 5 % 13;
  for (int i = 0; i < 8; ++i)
    for (int k = 0; k < 8; ++k) {
      c[i][k] = 0;
      for (int j = 0; j < 8; ++j) c[i][k] += a[i][j] * b[j][k];
    }
  static const char left[] = "code morphing software", right[] = "concealed firmware";
  int row[sizeof right];
  for (int j = 0; j < (int)sizeof right; ++j) row[j] = j;
  for (int i = 1; i < (int)sizeof left; ++i) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j < (int)sizeof right; ++j) {
      const int up = row[j], replaced = diagonal + (left[i - 1] != right[j - 1]);
      const int other = (up < row[j - 1] ? up : row[j - 1]) + 1;
      row[j] = replaced < other ? replaced : other;
      diagonal = up;
    }
  }
  printf("primes %d matrix %016llx distance %d\n", primes, (unsigned long long)fold(FOLD_START, c, sizeof c), row[sizeof right - 1]);
  return 0;
}
