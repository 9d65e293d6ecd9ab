// Segmented sieve of Eratosthenes (C. Bays, R. Hudson, BIT 17, 1977). Short strided store loops of every length over 16
// KiB.
#include "tests/kernels/kernel.h"

enum { kOdd = 16384, kSpan = 2 * kOdd, kSegments = 16384, kPrimes = 3511 };  // kPrimes: odd primes below kSpan

static uint8_t composite[kOdd];  // of 2i + 1 beyond the segment's start
static uint16_t primes[kPrimes];
static uint32_t next_multiple[kPrimes];  // index of the next odd multiple, from the next segment's start
static unsigned active;                  // primes whose square has been reached

static uint32_t sieve_segment(uint32_t start) {
  for (; active < kPrimes && (uint32_t)primes[active] * primes[active] < start + kSpan; ++active) {
    const uint32_t p = primes[active], from = p * p > start ? p * p : ((start / p + 1) | 1) * p;
    next_multiple[active] = (from - start) / 2;
  }
  for (unsigned i = 0; i < kOdd; ++i) composite[i] = 0;
  for (unsigned n = 0; n < active; ++n) {
    uint32_t i = next_multiple[n];
    for (; i < kOdd; i += primes[n]) composite[i] = 1;
    next_multiple[n] = i - kOdd;
  }
  uint32_t found = 0;
  for (unsigned i = 0; i < kOdd; ++i) found += !composite[i];
  return found;
}

/// The first segment, by its own primes as they appear.
static uint32_t find_primes(void) {
  uint32_t count = 0;
  for (unsigned i = 0; i < kOdd; ++i) composite[i] = i == 0;
  for (uint32_t i = 1; i < kOdd && count < kPrimes; ++i) {
    if (composite[i]) continue;
    const uint32_t p = 2 * i + 1;
    primes[count++] = (uint16_t)p;
    for (uint32_t multiple = p * p / 2; multiple < kOdd; multiple += p) composite[multiple] = 1;
  }
  active = 0;
  return count;
}

static int is_prime(uint32_t n) {
  for (unsigned i = 0; i < kPrimes && (uint32_t)primes[i] * primes[i] <= n; ++i)
    if (n % primes[i] == 0) return 0;
  return 1;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    const uint32_t segment = 1 + round % (kSegments - 1), start = segment * kSpan;
    if (segment == 1) require("primes below 32768", find_primes() == kPrimes);
    const uint32_t found = sieve_segment(start), sample = sum % kOdd;
    if (segment == 1) require("primes below 65536", found == 6542 - 3512);
    require("one of them", is_prime(start + 2 * sample + 1) == !composite[sample]);
    sum = mix(sum, found);
  }
  return sum;
}
