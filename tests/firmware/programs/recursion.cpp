// Recursion: Ackermann, queens, Hanoi, permutations, mutual recursion with many live values.
#include "tests/firmware/programs/program.h"

namespace {

[[gnu::noinline]] unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

unsigned queens(unsigned all, unsigned columns, unsigned left, unsigned right) {
  if (columns == all) return 1;
  unsigned count = 0;
  for (unsigned free = all & ~(columns | left | right); free != 0; free &= free - 1) {
    const unsigned bit = free & -free;
    count += queens(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
  }
  return count;
}

uint64_t hanoi(unsigned disks, int from, int to, int over, Checksum& sum) {
  if (disks == 0) return 0;
  const uint64_t before = hanoi(disks - 1, from, over, to, sum);
  sum.add(static_cast<uint64_t>(from * 3 + to));
  return before + 1 + hanoi(disks - 1, over, to, from, sum);
}

int64_t odd(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h, int64_t i, int n);
[[gnu::noinline]] int64_t even(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h,
                               int64_t i, int n) {
  if (n == 0) return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i;
  return odd(b, c, d, e, f, g, h, i, a + n, n - 1) - a;
}
[[gnu::noinline]] int64_t odd(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h,
                              int64_t i, int n) {
  if (n == 0) return a - b + c - d + e - f + g - h + i;
  return even(i, a * 3, b, c, d, e, f, g, h ^ n, n - 1) + i;
}

void permute(uint8_t* items, unsigned at, unsigned count, Checksum& sum) {
  if (at == count) {
    uint64_t packed = 0;
    for (unsigned i = 0; i < count; ++i) packed = packed << 8 | items[i];
    return sum.add(packed);
  }
  for (unsigned i = at; i < count; ++i) {
    const uint8_t item = items[i];
    items[i] = items[at];
    items[at] = item;
    permute(items, at + 1, count, sum);
    items[at] = items[i];
    items[i] = item;
  }
}

}  // namespace

void program() {
  report("ackermann", ackermann(2, 40));
  report("queens", queens(0xff, 0, 0, 0));
  Checksum sum;
  report("hanoi", hanoi(10, 0, 2, 1, sum));
  report("moves", sum.value());
  report("even", static_cast<uint64_t>(even(1, -2, 3, -4, 5, -6, 7, -8, 9, 60)));
  uint8_t items[] = {1, 2, 3, 4, 5, 6};
  permute(items, 0, 6, sum);
  report("permutations", sum.value());
}
