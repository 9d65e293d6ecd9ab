// Shared by the guest programs. Their output must be the same wherever they run: no addresses that a kernel
// chose, no times, no process numbers.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/// 64-bit FNV-1a: folds long results into one line of output.
static inline uint64_t fold(uint64_t hash, const void *data, size_t size) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

#define FOLD_START 0xcbf29ce484222325u

static inline uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

/// Prints one line: what was checked and whether it held.
static inline void check(const char *what, int held) { printf("%s: %s\n", what, held ? "pass" : "FAIL"); }
