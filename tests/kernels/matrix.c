// Matrices: integer product in the row-wise order of G. Golub and C. Van Loan, Matrix Computations, 1.1 ("saxpy" form),
// checked by R. Freivalds's method (1977). Regular loops with independent iterations: what unrolling and wide issue are
// for.
#include "tests/kernels/kernel.h"

enum { kSize = 24 };

typedef int32_t matrix[kSize][kSize];

static void multiply(matrix c, matrix a, matrix b) {
  for (unsigned i = 0; i < kSize; ++i) {
    for (unsigned j = 0; j < kSize; ++j) c[i][j] = 0;
    for (unsigned k = 0; k < kSize; ++k) {
      const int32_t factor = a[i][k];
      for (unsigned j = 0; j < kSize; ++j) c[i][j] += factor * b[k][j];
    }
  }
}

static void apply(int32_t *y, matrix m, const int32_t *x) {
  for (unsigned i = 0; i < kSize; ++i) {
    int32_t dot = 0;
    for (unsigned j = 0; j < kSize; ++j) dot += m[i][j] * x[j];
    y[i] = dot;
  }
}

uint32_t kernel(uint32_t rounds) {
  static matrix a, b, c;
  int32_t x[kSize], bx[kSize], abx[kSize], cx[kSize];
  uint32_t seed = 1977, sum = 0;
  for (unsigned i = 0; i < kSize; ++i)
    for (unsigned j = 0; j < kSize; ++j) a[i][j] = (int32_t)next_random(&seed), b[i][j] = (int32_t)next_random(&seed) >> 16;
  for (uint32_t round = 0; round < rounds; ++round) {
    multiply(c, a, b);
    for (unsigned i = 0; i < kSize; ++i) x[i] = (int32_t)next_random(&seed) >> 20;
    apply(bx, b, x);
    apply(abx, a, bx);
    apply(cx, c, x);
    int same = 1;
    for (unsigned i = 0; i < kSize; ++i) same &= abx[i] == cx[i];
    require("(AB)x = A(Bx)", same);
    for (unsigned i = 0; i < kSize; ++i) {
      sum = mix(sum, (uint32_t)c[i][(i + round) % kSize]);
      a[i][round % kSize] = c[round % kSize][i];
    }
  }
  return sum;
}
