// Memory functions at all alignments and lengths, bit tricks, bit fields, unions, packed data.
#include <bit>
#include <cstring>

#include "tests/firmware/programs/program.h"

namespace {

struct Packed {
  uint8_t a;
  uint32_t b;
  uint16_t c;
  uint64_t d;
} __attribute__((packed));

struct Fields {
  uint32_t low : 5;
  int32_t middle : 11;
  uint32_t high : 16;
  int64_t wide : 37;
};

uint8_t g_buffer[512], g_other[512];

uint64_t buffer_sum(const uint8_t* data, size_t size) {
  Checksum sum;
  for (size_t i = 0; i < size; ++i) sum.add(data[i]);
  return sum.value();
}

[[gnu::noinline]] uint64_t tricks(uint64_t x) {
  Checksum sum;
  const auto narrow = static_cast<uint32_t>(x);
  sum.add(static_cast<uint64_t>(std::popcount(x))), sum.add(static_cast<uint64_t>(std::popcount(narrow)));
  sum.add(static_cast<uint64_t>(std::countl_zero(x))), sum.add(static_cast<uint64_t>(std::countl_zero(narrow)));
  sum.add(static_cast<uint64_t>(std::countr_zero(x))), sum.add(static_cast<uint64_t>(std::countr_zero(narrow)));
  sum.add(std::rotl(x, 13)), sum.add(std::rotr(x, 29)), sum.add(std::rotl(narrow, 7)), sum.add(std::rotr(narrow, static_cast<int>(x % 32)));
  sum.add(__builtin_bswap64(x)), sum.add(__builtin_bswap32(narrow)), sum.add(__builtin_bswap16(static_cast<uint16_t>(x)));
  sum.add(x & ~(x >> 3)), sum.add(x | ~(x << 5)), sum.add(~(x ^ x >> 9));
  sum.add(x & (x - 1)), sum.add(x & -x), sum.add(std::bit_ceil(narrow | 1) + std::bit_floor(x));
  sum.add(static_cast<uint64_t>(static_cast<int8_t>(x))), sum.add(static_cast<uint64_t>(static_cast<int16_t>(x)));
  sum.add(static_cast<uint64_t>(static_cast<int32_t>(x))), sum.add(static_cast<uint16_t>(x)), sum.add(static_cast<uint8_t>(x));
  sum.add(x / 10 + x % 10), sum.add(narrow / 7 * 3);
  return sum.value();
}

}  // namespace

void program() {
  Random random(21);
  for (uint8_t& byte : g_buffer) byte = static_cast<uint8_t>(random.next() >> 11);
  Checksum sum;
  for (size_t length = 0; length < 80; ++length) {
    const size_t from = length * 7 % 13, to = length * 5 % 11;
    std::memset(g_other, static_cast<int>(length), sizeof g_other);
    std::memcpy(g_other + to, g_buffer + from, length);
    std::memmove(g_other + 100, g_other + 100 - length % 17, length);
    std::memmove(g_other + 200 - length % 19, g_other + 200, length);
    std::memset(g_other + 300 + to, 0x5a, length);
    sum.add(buffer_sum(g_other, sizeof g_other));
    const int order = std::memcmp(g_other + to, g_buffer + from + length % 2, length);
    sum.add(static_cast<uint64_t>(order < 0 ? 1 : order > 0 ? 2 : 3));
  }
  report("memory", sum.value());
  for (int i = 0; i < 100; ++i) sum.add(tricks(random.next() >> (i % 64)));
  report("tricks", sum.value());
  Packed packed[3] = {};
  for (Packed& p : packed) p = {static_cast<uint8_t>(random.next()), static_cast<uint32_t>(random.next()), static_cast<uint16_t>(random.next()), random.next()};
  for (const Packed& p : packed) sum.add(p.a + p.b + p.c + p.d);
  report("packed", sum.value());
  Fields fields{};
  for (int i = 0; i < 50; ++i) {
    fields.low += 7;
    fields.middle = fields.middle * 3 - static_cast<int32_t>(fields.low);
    fields.high ^= static_cast<uint32_t>(random.next());
    fields.wide = static_cast<int64_t>(random.next()) >> 20;
    sum.add(fields.low), sum.add(static_cast<uint64_t>(fields.middle)), sum.add(fields.high), sum.add(static_cast<uint64_t>(fields.wide));
  }
  report("fields", sum.value());
  report("length", std::strlen("twelve chars"));
}
