// String search: Boyer-Moore-Horspool (R. N. Horspool, Software: Practice and Experience 10, 1980). Byte loads, skips
// from a table, short inner loops that mostly fail at once.
#include "tests/kernels/kernel.h"

enum { kText = 16384, kPatterns = 8, kLongest = 12 };

static uint32_t horspool(const uint8_t *text, uint32_t size, const uint8_t *pattern, uint32_t length, uint32_t *places) {
  uint8_t skip[256];
  for (unsigned c = 0; c < sizeof skip; ++c) skip[c] = (uint8_t)length;
  for (uint32_t i = 0; i + 1 < length; ++i) skip[pattern[i]] = (uint8_t)(length - 1 - i);
  uint32_t found = 0;
  for (uint32_t at = 0; at + length <= size;) {
    const uint8_t last = text[at + length - 1];
    if (last == pattern[length - 1]) {
      uint32_t i = 0;
      while (i < length - 1 && text[at + i] == pattern[i]) ++i;
      if (i == length - 1) {
        ++found;
        *places = mix(*places, at);
      }
    }
    at += skip[last];
  }
  return found;
}

static uint32_t everywhere(const uint8_t *text, uint32_t size, const uint8_t *pattern, uint32_t length) {
  uint32_t found = 0;
  for (uint32_t at = 0; at + length <= size; ++at) {
    uint32_t i = 0;
    while (i < length && text[at + i] == pattern[i]) ++i;
    found += i == length;
  }
  return found;
}

uint32_t kernel(uint32_t rounds) {
  static uint8_t text[kText];
  uint32_t seed = 1980, sum = 0;
  make_text(text, kText, &seed);
  for (uint32_t round = 0; round < rounds; ++round)
    for (unsigned n = 0; n < kPatterns; ++n) {
      // Patterns come from the text itself, so each occurs; some with their last letter changed.
      uint8_t pattern[kLongest];
      const uint32_t length = 4 + next_random(&seed) % (kLongest - 3), from = next_random(&seed) % (kText - kLongest);
      for (uint32_t i = 0; i < length; ++i) pattern[i] = text[from + i];
      if (n % 4 == 3) pattern[length - 1] ^= 1;
      const uint32_t found = horspool(text, kText, pattern, length, &sum);
      if (round == 0 && n == 0) require("occurrences", found == everywhere(text, kText, pattern, length));
      require("the pattern's own place", n % 4 == 3 || found > 0);
      sum = mix(sum, found);
    }
  return sum;
}
