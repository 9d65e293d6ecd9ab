// Many branches: state machines, long else-chains, loops with breaks and continues, a Life board, primes.
#include "tests/firmware/programs/program.h"

namespace {

uint8_t g_sieve[20000];
uint8_t g_board[2][34][34];

[[gnu::noinline]] unsigned classify(const char* text) {
  unsigned state = 0, words = 0, numbers = 0, others = 0;
  for (; *text != 0; ++text) {
    const char c = *text;
    if (c >= 'a' && c <= 'z') {
      if (state != 1) ++words;
      state = 1;
    } else if (c >= '0' && c <= '9') {
      if (state == 1) continue;
      if (state != 2) ++numbers;
      state = 2;
    } else if (c == ' ') {
      state = 0;
    } else {
      ++others;
      if (others > 5) break;
      state = 3;
    }
  }
  return words * 10000 + numbers * 100 + others;
}

unsigned collatz(uint64_t n) {
  unsigned steps = 0;
  while (n != 1) {
    n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    ++steps;
  }
  return steps;
}

void live(unsigned generations) {
  for (unsigned g = 0; g < generations; ++g) {
    auto& from = g_board[g % 2];
    auto& to = g_board[(g + 1) % 2];
    for (unsigned y = 1; y <= 32; ++y) {
      for (unsigned x = 1; x <= 32; ++x) {
        unsigned count = 0;
        for (unsigned dy = 0; dy < 3; ++dy) {
          for (unsigned dx = 0; dx < 3; ++dx) count += (dx != 1 || dy != 1) && from[y + dy - 1][x + dx - 1];
        }
        to[y][x] = count == 3 || (count == 2 && from[y][x]);
      }
    }
  }
}

}  // namespace

void program() {
  report("words", classify("one 22 three3 four! 5 six; seven 888 n9ne"));
  report("breaks", classify("!!!!!!!! not seen 1 2 3"));
  unsigned longest = 0;
  for (uint64_t n = 1; n < 2000; ++n) {
    const unsigned steps = collatz(n);
    if (steps > longest) longest = steps;
  }
  report("collatz", longest);
  unsigned primes = 0;
  for (unsigned n = 2; n < sizeof g_sieve; ++n) {
    if (g_sieve[n]) continue;
    ++primes;
    for (unsigned m = n * n; m < sizeof g_sieve && n < 200; m += n) g_sieve[m] = 1;
  }
  report("primes", primes);
  Random random(5);
  for (unsigned y = 1; y <= 32; ++y) {
    for (unsigned x = 1; x <= 32; ++x) g_board[0][y][x] = random.next() >> 62 == 0;
  }
  live(12);
  Checksum sum;
  for (const auto& row : g_board[0]) {
    for (const uint8_t cell : row) sum.add(cell);
  }
  report("life", sum.value());
}
