// The memory functions that compilers call. Compiled with -fno-tree-loop-distribute-patterns, lest they call
// themselves.
#include <cstddef>
#include <cstdint>

namespace {

using Word = uint64_t __attribute__((may_alias, aligned(1)));

}  // namespace

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
  auto* out = static_cast<uint8_t*>(to);
  const auto* in = static_cast<const uint8_t*>(from);
  for (; size >= 32; size -= 32, out += 32, in += 32) {
    const uint64_t a = *reinterpret_cast<const Word*>(in), b = *reinterpret_cast<const Word*>(in + 8);
    const uint64_t c = *reinterpret_cast<const Word*>(in + 16), d = *reinterpret_cast<const Word*>(in + 24);
    *reinterpret_cast<Word*>(out) = a;
    *reinterpret_cast<Word*>(out + 8) = b;
    *reinterpret_cast<Word*>(out + 16) = c;
    *reinterpret_cast<Word*>(out + 24) = d;
  }
  for (; size >= 8; size -= 8, out += 8, in += 8) *reinterpret_cast<Word*>(out) = *reinterpret_cast<const Word*>(in);
  for (; size != 0; --size) *out++ = *in++;
  return to;
}

void* memmove(void* to, const void* from, size_t size) {
  auto* out = static_cast<uint8_t*>(to);
  const auto* in = static_cast<const uint8_t*>(from);
  if (reinterpret_cast<uintptr_t>(out) - reinterpret_cast<uintptr_t>(in) >= size) {
    // Forwards is right even where they overlap, word by word: `to` lies before `from`.
    for (; size >= 32; size -= 32, out += 32, in += 32) {
      for (unsigned i = 0; i < 32; i += 8) *reinterpret_cast<Word*>(out + i) = *reinterpret_cast<const Word*>(in + i);
    }
    for (; size >= 8; size -= 8, out += 8, in += 8) *reinterpret_cast<Word*>(out) = *reinterpret_cast<const Word*>(in);
    for (; size != 0; --size) *out++ = *in++;
    return to;
  }
  for (; size >= 8; size -= 8) *reinterpret_cast<Word*>(out + size - 8) = *reinterpret_cast<const Word*>(in + size - 8);
  for (; size != 0; --size) out[size - 1] = in[size - 1];
  return to;
}

void* memset(void* to, int value, size_t size) {
  auto* out = static_cast<uint8_t*>(to);
  const uint64_t word = 0x0101010101010101u * static_cast<uint8_t>(value);
  for (; size >= 64; size -= 64, out += 64) {
    for (unsigned i = 0; i < 64; i += 8) *reinterpret_cast<Word*>(out + i) = word;
  }
  for (; size >= 8; size -= 8, out += 8) *reinterpret_cast<Word*>(out) = word;
  for (; size != 0; --size) *out++ = static_cast<uint8_t>(value);
  return to;
}

int memcmp(const void* a, const void* b, size_t size) {
  const auto* x = static_cast<const uint8_t*>(a);
  const auto* y = static_cast<const uint8_t*>(b);
  for (; size >= 8 && *reinterpret_cast<const Word*>(x) == *reinterpret_cast<const Word*>(y); size -= 8) x += 8, y += 8;
  for (; size != 0; --size, ++x, ++y) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}
}
