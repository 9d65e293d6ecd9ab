// Recursion: I. Takeuchi's function "tarai" (1978), Fibonacci, Ackermann's function (R. Peter's form, 1935), the towers
// of Hanoi (E. Lucas, 1883). Calls and returns every few instructions, frames in memory, returns to several places.
#include "tests/kernels/kernel.h"

#define RECURSIVE static __attribute__((noinline, noclone))

RECURSIVE int tarai(int x, int y, int z) {
  return x <= y ? y : tarai(tarai(x - 1, y, z), tarai(y - 1, z, x), tarai(z - 1, x, y));
}

RECURSIVE uint32_t fibonacci(uint32_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

RECURSIVE uint32_t ackermann(uint32_t m, uint32_t n) {
  if (m == 0) return n + 1;
  return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

struct pegs {
  uint8_t disk[3][16];
  unsigned height[3];
  uint32_t moves, wrong;
};

RECURSIVE void hanoi(struct pegs *pegs, unsigned disks, unsigned from, unsigned to) {
  if (disks == 0) return;
  hanoi(pegs, disks - 1, from, 3 - from - to);
  const uint8_t disk = pegs->disk[from][--pegs->height[from]];
  if (pegs->height[to] > 0 && pegs->disk[to][pegs->height[to] - 1] < disk) ++pegs->wrong;
  pegs->disk[to][pegs->height[to]++] = disk;
  ++pegs->moves;
  hanoi(pegs, disks - 1, 3 - from - to, to);
}

uint32_t kernel(uint32_t rounds) {
  static const uint32_t fibonacci_numbers[] = {89, 144, 233, 377};
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    const int x = 6 + (int)(round % 3), y = 4;
    const uint32_t t = (uint32_t)tarai(x, y, 1), f = fibonacci(11 + round % 4), a = ackermann(2, 5 + round % 8);
    struct pegs pegs = {.height = {9, 0, 0}};
    for (unsigned i = 0; i < 9; ++i) pegs.disk[0][i] = (uint8_t)(9 - i);
    hanoi(&pegs, 9, 0, 2);
    require("tarai", t == (uint32_t)x);  // x > y > z: its value is x
    require("fibonacci", f == fibonacci_numbers[round % 4]);
    require("ackermann", a == 2 * (5 + round % 8) + 3);
    require("hanoi", pegs.wrong == 0 && pegs.moves == 511 && pegs.height[2] == 9 && pegs.disk[2][8] == 1);
    sum = mix(sum, t ^ f << 8 ^ a << 20);
  }
  return sum;
}
