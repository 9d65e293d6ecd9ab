// Big integers: Montgomery multiplication (P. L. Montgomery, Mathematics of Computation 44, 1985), the CIOS method of
// C. K. Koc, T. Acar and B. Kaliski (IEEE Micro 16, 1996), modulo 2^255 - 19. 32 x 32 to 64 bit products and long carry
// chains.
#include "tests/kernels/kernel.h"

enum { kLimbs = 8, kProducts = 64 };

typedef struct { uint32_t limb[kLimbs]; } number;

static const number prime = {{0xffffffed, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x7fffffff}};
static const number one = {{38}};  // Montgomery's form of 1: 2^256 mod p

static uint32_t inverse_of_prime;  // -1/p mod 2^32

static number multiply(const number *a, const number *b) {
  uint32_t t[kLimbs + 2] = {0};
  for (unsigned i = 0; i < kLimbs; ++i) {
    uint64_t carry = 0;
    for (unsigned j = 0; j < kLimbs; ++j) {
      carry += (uint64_t)a->limb[j] * b->limb[i] + t[j];
      t[j] = (uint32_t)carry;
      carry >>= 32;
    }
    carry += t[kLimbs];
    t[kLimbs] = (uint32_t)carry;
    t[kLimbs + 1] = (uint32_t)(carry >> 32);
    const uint32_t m = t[0] * inverse_of_prime;
    carry = ((uint64_t)m * prime.limb[0] + t[0]) >> 32;
    for (unsigned j = 1; j < kLimbs; ++j) {
      carry += (uint64_t)m * prime.limb[j] + t[j];
      t[j - 1] = (uint32_t)carry;
      carry >>= 32;
    }
    carry += t[kLimbs];
    t[kLimbs - 1] = (uint32_t)carry;
    t[kLimbs] = t[kLimbs + 1] + (uint32_t)(carry >> 32);
  }
  // t < 2p: one conditional subtraction, without a branch.
  number less, result;
  uint32_t borrow = 0;
  for (unsigned j = 0; j < kLimbs; ++j) {
    const uint64_t difference = (uint64_t)t[j] - prime.limb[j] - borrow;
    less.limb[j] = (uint32_t)difference;
    borrow = (uint32_t)(difference >> 32) & 1;
  }
  const uint32_t keep = 0u - (borrow > t[kLimbs]);
  for (unsigned j = 0; j < kLimbs; ++j) result.limb[j] = (t[j] & keep) | (less.limb[j] & ~keep);
  return result;
}

static int equal(const number *a, const number *b) {
  uint32_t difference = 0;
  for (unsigned j = 0; j < kLimbs; ++j) difference |= a->limb[j] ^ b->limb[j];
  return difference == 0;
}

// Fermat: a^(p - 1) = 1, and p - 1 = 2^255 - 20 is binary 1...101100.
static int fermat_holds(const number *a) {
  number power = one;
  for (int bit = 254; bit >= 0; --bit) {
    power = multiply(&power, &power);
    if (bit > 4 || bit == 3 || bit == 2) power = multiply(&power, a);
  }
  return equal(&power, &one);
}

uint32_t kernel(uint32_t rounds) {
  inverse_of_prime = 1;
  for (int i = 0; i < 5; ++i) inverse_of_prime *= 2 + prime.limb[0] * inverse_of_prime;
  number a = {{1985, 44}}, b = {{25519}};
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    for (unsigned n = 0; n < kProducts; ++n) {
      const number next = multiply(&a, &b);
      a = b;
      b = next;
    }
    sum = mix(sum, b.limb[round % kLimbs]);
  }
  require("Fermat's theorem", fermat_holds(&b));
  return sum;
}
