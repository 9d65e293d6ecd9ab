// What every benchmark kernel implements, and what it may use.
#pragma once

#include "tests/programs/guests/guest.h"

/// Does `rounds` rounds of work (some 100,000 x86 instructions each; kernels.txt) and returns a checksum of all that
/// it computed. Needs no C library; checks its own results with require().
uint32_t kernel(uint32_t rounds);

/// Reports a result that is wrong: the program then ends with exit code 1.
void require(const char *what, int held);

/// Fills `text` with lower-case words and spaces; the words recur with the skew of a natural language.
void make_text(uint8_t *text, uint32_t size, uint32_t *seed);

static inline uint32_t rotate_left(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

static inline uint32_t rotate_right(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

/// Folds one word into a checksum: the mixing step of MurmurHash3 (A. Appleby, 2011).
static inline uint32_t mix(uint32_t sum, uint32_t word) {
  word = rotate_left(word * 0xcc9e2d51u, 15) * 0x1b873593u;
  return rotate_left(sum ^ word, 13) * 5 + 0xe6546b64u;
}
