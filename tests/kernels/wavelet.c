// Image coding: the reversible 5/3 wavelet (D. Le Gall, A. Tabatabai, ICASSP 1988) by lifting, as in ISO/IEC 15444-1,
// annex F: forth and back in two levels. Regular loops with neighbours' loads and stores in place, along rows and
// columns.
#include "tests/kernels/kernel.h"

enum { kSize = 64, kLevels = 2 };

static int32_t image[kSize][kSize], original[kSize][kSize];

/// Even samples stay in place as the low band, odd ones as the high band; the signal is mirrored at its ends.
static void forward(int32_t *x, unsigned count, unsigned stride) {
  const unsigned last = count - 1;
  for (unsigned i = 1; i < last; i += 2) x[i * stride] -= (x[(i - 1) * stride] + x[(i + 1) * stride]) >> 1;
  x[last * stride] -= x[(last - 1) * stride];
  x[0] += (x[stride] + 1) >> 1;
  for (unsigned i = 2; i < count; i += 2) x[i * stride] += (x[(i - 1) * stride] + x[(i + 1) * stride] + 2) >> 2;
}

static void backward(int32_t *x, unsigned count, unsigned stride) {
  const unsigned last = count - 1;
  x[0] -= (x[stride] + 1) >> 1;
  for (unsigned i = 2; i < count; i += 2) x[i * stride] -= (x[(i - 1) * stride] + x[(i + 1) * stride] + 2) >> 2;
  for (unsigned i = 1; i < last; i += 2) x[i * stride] += (x[(i - 1) * stride] + x[(i + 1) * stride]) >> 1;
  x[last * stride] += x[(last - 1) * stride];
}

uint32_t kernel(uint32_t rounds) {
  uint32_t seed = 1988, sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    // A smooth surface with noise in its low bits.
    if (round % 8 == 0)
      for (int i = 0; i < kSize; ++i)
        for (int j = 0; j < kSize; ++j) {
          const int32_t surface = (i * (int)(round & 63) + j * j + i * j) / 32;
          image[i][j] = original[i][j] = surface + (int32_t)(next_random(&seed) >> 29);
        }
    for (unsigned level = 0; level < kLevels; ++level) {
      const unsigned step = 1u << level;
      for (unsigned i = 0; i < kSize; i += step) forward(&image[i][0], kSize >> level, step);
      for (unsigned j = 0; j < kSize; j += step) forward(&image[0][j], kSize >> level, step * kSize);
    }
    for (unsigned i = 0; i < kSize; ++i) sum = mix(sum, (uint32_t)image[i][(i + round) % kSize]);
    for (unsigned level = kLevels; level-- > 0;) {
      const unsigned step = 1u << level;
      for (unsigned j = 0; j < kSize; j += step) backward(&image[0][j], kSize >> level, step * kSize);
      for (unsigned i = 0; i < kSize; i += step) backward(&image[i][0], kSize >> level, step);
    }
    uint32_t difference = 0;
    for (unsigned i = 0; i < kSize; ++i)
      for (unsigned j = 0; j < kSize; ++j) difference |= (uint32_t)(image[i][j] ^ original[i][j]);
    require("image after both ways", difference == 0);
  }
  return sum;
}
