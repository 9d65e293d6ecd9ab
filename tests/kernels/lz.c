// LZ77 compression and expansion: LZSS (J. Storer, T. Szymanski, Journal of the ACM 29, 1982), matches found by hash
// chains as in RFC 1951, section 4. Data-dependent loop lengths; byte stores that overlap the loads that follow.
#include "tests/kernels/kernel.h"

enum { kText = 4096, kHashes = 1024, kNone = 0xffff, kChain = 8, kShortest = 3, kLongest = 18, kWindow = 4095 };

static uint16_t heads[kHashes], previous[kText];

static uint32_t hash(const uint8_t *at) { return (at[0] * 0x9e5fu ^ at[1] * 0x79b9u ^ at[2] * 0x1f35u) >> 4 & (kHashes - 1); }

// A token is a flag bit, then a byte or 12 bits of distance and 4 bits of length; eight flags share a byte.
static uint32_t compress(uint8_t *out, const uint8_t *text, uint32_t size) {
  uint32_t used = 0, flags_at = 0, tokens = 0;
  for (unsigned h = 0; h < kHashes; ++h) heads[h] = kNone;
  for (uint32_t at = 0; at < size; ++tokens) {
    if (tokens % 8 == 0) out[flags_at = used++] = 0;
    uint32_t best = 0, distance = 0;
    if (at + kShortest <= size) {
      const uint32_t limit = size - at < kLongest ? size - at : kLongest;
      uint32_t candidate = heads[hash(text + at)];
      for (unsigned tries = 0; tries < kChain && candidate != kNone && at - candidate <= kWindow; ++tries) {
        uint32_t length = 0;
        while (length < limit && text[candidate + length] == text[at + length]) ++length;
        if (length > best) best = length, distance = at - candidate;
        candidate = previous[candidate];
      }
    }
    uint32_t step = 1;
    if (best >= kShortest) {
      out[flags_at] |= (uint8_t)(1 << tokens % 8);
      out[used++] = (uint8_t)distance;
      out[used++] = (uint8_t)(distance >> 8 << 4 | (best - kShortest));
      step = best;
    } else {
      out[used++] = text[at];
    }
    for (; step > 0; --step, ++at)
      if (at + kShortest <= size) {
        uint16_t *head = &heads[hash(text + at)];
        previous[at] = *head;
        *head = (uint16_t)at;
      }
  }
  return used;
}

static uint32_t expand(uint8_t *out, const uint8_t *packed, uint32_t size) {
  uint32_t made = 0;
  for (uint32_t at = 0; at < size;) {
    const uint8_t flags = packed[at++];
    for (unsigned bit = 0; bit < 8 && at < size; ++bit) {
      if (flags >> bit & 1) {
        const uint32_t distance = packed[at] | (uint32_t)(packed[at + 1] >> 4) << 8;
        for (uint32_t left = (packed[at + 1] & 15) + kShortest; left > 0; --left, ++made) out[made] = out[made - distance];
        at += 2;
      } else {
        out[made++] = packed[at++];
      }
    }
  }
  return made;
}

uint32_t kernel(uint32_t rounds) {
  static uint8_t text[kText], packed[kText + kText / 8 + 1], back[kText];
  uint32_t seed = 1982, sum = 0;
  make_text(text, kText, &seed);
  for (uint32_t round = 0; round < rounds; ++round) {
    // Another letter here and there: no two rounds are the same.
    for (unsigned i = 0; i < 8; ++i) text[next_random(&seed) % kText] = (uint8_t)('a' + i);
    const uint32_t used = compress(packed, text, kText);
    uint32_t same = expand(back, packed, used) == kText;
    for (unsigned i = 0; i < kText; ++i) same &= text[i] == back[i];
    require("text after expansion", same && used < kText);
    sum = mix(sum, used);
    sum = mix(sum, packed[used / 2]);
  }
  return sum;
}
