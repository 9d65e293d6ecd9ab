// The command of every kernel: NAME [ROUNDS]. Prints the checksum; exit code 1 if a kernel found its results wrong.
#include <stdlib.h>

#include "tests/kernels/kernel.h"

static int failures;

void require(const char *what, int held) {
  if (held) return;
  if (failures++ < 10) printf("wrong: %s\n", what);
}

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

int main(int argc, char **argv) {
  const uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
  const uint32_t sum = kernel(rounds);
  printf("%08x%s\n", sum, failures == 0 ? "" : " WRONG");
  return failures != 0;
}
