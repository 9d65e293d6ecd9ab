// The text that some kernels work on.
#include "tests/kernels/kernel.h"

void make_text(uint8_t *text, uint32_t size, uint32_t *seed) {
  enum { kWords = 256, kLongest = 8 };
  uint8_t words[kWords][kLongest + 1];
  for (uint32_t w = 0; w < kWords; ++w) {
    const uint32_t length = 2 + next_random(seed) % (kLongest - 1);
    for (uint32_t i = 0; i < length; ++i) {
      // The smaller of two random letters: some letters are common.
      const uint32_t bits = next_random(seed), a = bits % 26, b = (bits >> 16) % 26;
      words[w][i] = (uint8_t)('a' + (a < b ? a : b));
    }
    words[w][length] = '\0';
  }
  for (uint32_t at = 0; at < size;) {
    // Zipf's law, roughly: each halving of the rank doubles the frequency.
    const uint32_t bits = next_random(seed);
    const uint8_t *word = words[(bits & 0xff) >> (bits >> 8 & 7)];
    while (*word != '\0' && at < size) text[at++] = *word++;
    if (at < size) text[at++] = ' ';
  }
}
