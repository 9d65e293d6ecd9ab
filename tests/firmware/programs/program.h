// What the test programs share: each is compiled for the core and for the build machine, and what it reports
// must be the same.
#pragma once

#include <cstddef>
#include <cstdint>

#include "firmware/runtime/runtime.h"

/// The test program.
void program();

/// Prints a name and a number.
inline void report(const char* name, uint64_t value) {
  char line[96];
  size_t length = 0;
  while (*name != 0 && length < 70) line[length++] = *name++;
  line[length++] = ' ';
  for (int shift = 60; shift >= 0; shift -= 4) line[length++] = "0123456789abcdef"[value >> shift & 15];
  line[length++] = '\n';
  chrysalis::fw::console(line, length);
}

/// A reproducible sequence of numbers (xorshift64*).
class Random {
 public:
  explicit constexpr Random(uint64_t seed) : state_(seed) {}
  constexpr uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }

 private:
  uint64_t state_;
};

/// FNV-1a over 64-bit words.
class Checksum {
 public:
  void add(uint64_t value) { sum_ = (sum_ ^ value) * 0x100000001b3u; }
  uint64_t value() const { return sum_; }

 private:
  uint64_t sum_ = 0xcbf29ce484222325u;
};
