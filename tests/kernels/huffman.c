// Huffman coding (D. A. Huffman, 1952) with canonical codes (E. S. Schwartz, B. Kallick, Communications of the ACM 7,
// 1964), lengths computed in place (A. Moffat, J. Katajainen, 1995). Variable shifts, bit buffers, a table-driven
// decoder.
#include "tests/kernels/kernel.h"

enum { kText = 4096, kSymbols = 256, kLongest = 15 };

struct code { uint16_t bits; uint8_t length; };

/// weights: ascending, count of them > 1. Replaced by code lengths, descending.
static void code_lengths(uint32_t *a, unsigned count) {
  unsigned leaf = 0, root = 0;
  for (unsigned next = 0; next < count - 1; ++next) {
    uint32_t weight = 0;
    for (int child = 0; child < 2; ++child) {
      if (leaf >= count || (root < next && a[root] < a[leaf])) {
        weight += a[root];
        a[root++] = next;
      } else {
        weight += a[leaf++];
      }
    }
    a[next] = weight;
  }
  a[count - 2] = 0;
  for (int next = (int)count - 3; next >= 0; --next) a[next] = a[a[next]] + 1;
  unsigned available = 1, depth = 0;
  int inner = (int)count - 2, next = (int)count - 1;
  while (available > 0) {
    unsigned used = 0;
    for (; inner >= 0 && a[inner] == depth; --inner) ++used;
    for (; available > used; --available) a[next--] = depth;
    available = 2 * used;
    ++depth;
  }
}

static void make_codes(struct code *codes, const uint8_t *text) {
  uint32_t counts[kSymbols], weights[kSymbols];
  uint8_t symbols[kSymbols];
  for (unsigned s = 0; s < kSymbols; ++s) counts[s] = 0, codes[s].length = 0;
  for (unsigned i = 0; i < kText; ++i) ++counts[text[i]];
  unsigned present = 0;
  for (unsigned s = 0; s < kSymbols; ++s) {
    if (counts[s] == 0) continue;
    unsigned at = present++;
    for (; at > 0 && weights[at - 1] > counts[s]; --at) weights[at] = weights[at - 1], symbols[at] = symbols[at - 1];
    weights[at] = counts[s];
    symbols[at] = (uint8_t)s;
  }
  code_lengths(weights, present);
  uint32_t bits = 0, length = 0;
  for (unsigned i = present; i-- > 0; ++bits) {
    bits <<= weights[i] - length;
    length = weights[i];
    codes[symbols[i]] = (struct code){(uint16_t)bits, (uint8_t)length};
  }
}

static uint32_t encode(uint8_t *out, const struct code *codes, const uint8_t *text) {
  uint32_t buffer = 0, held = 0, used = 0;
  for (unsigned i = 0; i < kText; ++i) {
    const struct code *code = &codes[text[i]];
    buffer = buffer << code->length | code->bits;
    for (held += code->length; held >= 8; held -= 8) out[used++] = (uint8_t)(buffer >> (held - 8));
  }
  out[used++] = (uint8_t)(buffer << (8 - held));
  return used;
}

static void decode(uint8_t *text, const struct code *codes, const uint8_t *in) {
  static struct { uint8_t symbol, length; } table[1 << kLongest];
  uint32_t buffer = 0, held = 0, longest = 0;
  for (unsigned s = 0; s < kSymbols; ++s)
    if (codes[s].length > longest) longest = codes[s].length;
  for (unsigned s = 0; s < kSymbols; ++s) {
    if (codes[s].length == 0) continue;
    const uint32_t first = (uint32_t)codes[s].bits << (longest - codes[s].length), count = 1u << (longest - codes[s].length);
    for (uint32_t i = first; i < first + count; ++i) table[i].symbol = (uint8_t)s, table[i].length = codes[s].length;
  }
  for (unsigned i = 0; i < kText; ++i) {
    for (; held < longest; held += 8) buffer = buffer << 8 | *in++;
    const uint32_t index = buffer >> (held - longest) & ((1u << longest) - 1);
    text[i] = table[index].symbol;
    held -= table[index].length;
  }
}

uint32_t kernel(uint32_t rounds) {
  static uint8_t text[kText], packed[2 * kText], back[kText];
  struct code codes[kSymbols];
  uint32_t seed = 1952, sum = 0;
  make_text(text, kText, &seed);
  for (uint32_t round = 0; round < rounds; ++round) {
    for (unsigned i = 0; i < 16; ++i) text[next_random(&seed) % kText] = (uint8_t)('a' + round % 26);
    make_codes(codes, text);
    const uint32_t used = encode(packed, codes, text);
    decode(back, codes, packed);
    uint32_t same = 1;
    for (unsigned i = 0; i < kText; ++i) same &= text[i] == back[i];
    require("text after decoding", same && used < kText);
    sum = mix(sum, used);
    sum = mix(sum, packed[used / 2]);
  }
  return sum;
}
