// Code made at run time: new places, used places, versions that return, copies, code from the kernel and on the stack.
#include "tests/programs/smc/smc.h"

#include <sys/mman.h>
#include <unistd.h>

typedef uint32_t function(uint32_t count, uint32_t value);

enum { kArea = 0x24000000, kAreaSize = 0x10000, kLongest = 64 };

static uint8_t *make_area(void) {
  return mmap((void *)kArea, kAreaSize, PROT_READ | PROT_WRITE | PROT_EXEC,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

/// Writes a loop of some random operations as a `function`; returns its size, at most kLongest.
static uint32_t emit(uint8_t *at, uint32_t *seed) {
  static const uint8_t head[] = {0x8b, 0x4c, 0x24, 0x04, 0x8b, 0x44, 0x24, 0x08};  // movl 4(%esp), %ecx; movl 8(%esp), %eax
  static const uint8_t operations[4][2] = {{0x83, 0xc0}, {0x83, 0xf0}, {0x6b, 0xc0}, {0xc1, 0xc0}};  // add, xor, imul, rol
  uint8_t *const start = at;
  for (unsigned i = 0; i < sizeof head; ++i) *at++ = head[i];
  uint8_t *const loop = at;
  for (uint32_t left = 3 + next_random(seed) % 8; left > 0; --left) {
    const uint32_t bits = next_random(seed);
    *at++ = operations[bits & 3][0];
    *at++ = operations[bits & 3][1];
    *at++ = (uint8_t)(bits >> 8);
  }
  *at++ = 0x01, *at++ = 0xc8;                         // addl %ecx, %eax
  *at++ = 0x49;                                       // decl %ecx
  *at = 0x75, at[1] = (uint8_t)(loop - at - 2);       // jnz loop
  at[2] = 0xc3;                                       // ret
  return (uint32_t)(at + 3 - start);
}

static uint32_t call(const void *code, uint32_t count, uint32_t value) { return ((function *)code)(count, value); }

// Every function at a place of its own.
static uint32_t fresh(uint32_t count) {
  uint8_t *at = make_area();
  uint32_t digest = 1, seed = 1;
  for (int round = 0; round < 50; ++round) {
    const uint32_t size = emit(at, &seed);
    digest = fold32(digest, call(at, count / 50, digest));
    at += size;
  }
  return digest;
}

// Every function at random places, over what was there: whole functions, their middles, their ends.
static uint32_t reused(uint32_t count) {
  uint8_t *const area = make_area();
  uint32_t digest = 1, seed = 2;
  for (int round = 0; round < 100; ++round) {
    uint8_t *const at = area + next_random(&seed) % 512;
    emit(at, &seed);
    digest = fold32(digest, call(at, count / 100, digest));
  }
  return digest;
}

// Four versions take turns at one place: each time the same as one that was there before.
static uint32_t versions(uint32_t count) {
  uint8_t *const area = make_area(), version[4][kLongest];
  uint32_t digest = 1, seed = 3;
  for (int i = 0; i < 4; ++i) emit(version[i], &seed);
  for (uint32_t round = 0; round < 80; ++round) {
    memcpy(area, version[(round ^ round >> 3) & 3], kLongest);
    digest = fold32(digest, call(area, count / 80, digest));
  }
  return digest;
}

// Written anew with the same bytes: nothing changes, over and over.
static uint32_t unchanged(uint32_t count) {
  uint8_t *const area = make_area(), code[kLongest];
  uint32_t digest = 1, seed = 4;
  const uint32_t size = emit(code, &seed);
  for (int round = 0; round < 100; ++round) {
    memcpy(area, code, size);
    digest = fold32(digest, call(area, count / 100, digest));
  }
  return digest;
}

// A function moves on by a few bytes, onto itself; where it was, something else is written.
static uint32_t moved(uint32_t count) {
  uint8_t *at = make_area();
  uint32_t digest = 1, seed = 5;
  const uint32_t size = emit(at, &seed);
  for (int round = 0; round < 60; ++round) {
    digest = fold32(digest, call(at, count / 60, digest));
    const uint32_t distance = 1 + next_random(&seed) % 96;
    memmove(at + distance, at, size);
    for (uint32_t i = 0; i < distance; ++i) at[i] = 0xcc;
    at += distance;
  }
  return digest;
}

// Copied by rep movsb and rep movsl, forwards and backwards, across a page boundary.
static uint32_t copied(uint32_t count) {
  uint8_t *const area = make_area(), code[kLongest];
  uint32_t digest = 1, seed = 6;
  for (uint32_t round = 0; round < 60; ++round) {
    uint8_t *const place = area + 0x1000 - 8 * (round % 10);
    emit(code, &seed);
    const uint8_t *from = code;
    uint8_t *to = place;
    uint32_t length = kLongest;
    if (round % 3 == 0) {
      asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(length) : : "memory");
    } else if (round % 3 == 1) {
      length /= 4;
      asm volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(length) : : "memory");
    } else {
      from += kLongest - 1, to += kLongest - 1;
      asm volatile("std\n rep movsb\n cld" : "+S"(from), "+D"(to), "+c"(length) : : "memory");
    }
    digest = fold32(digest, call(place, count / 60, digest));
  }
  return digest;
}

// Written by the kernel: read() from a pipe, over the code that just ran.
static uint32_t by_read(uint32_t count) {
  uint8_t *const area = make_area(), code[kLongest];
  uint32_t digest = 1, seed = 7;
  int ends[2];
  if (pipe(ends) != 0) return 0;
  for (int round = 0; round < 40; ++round) {
    emit(code, &seed);
    if (write(ends[1], code, kLongest) != kLongest || read(ends[0], area + 0xfe0, kLongest) != kLongest) return 0;
    digest = fold32(digest, call(area + 0xfe0, count / 40, digest));
  }
  return digest;
}

// On the stack, which a function call has written to and will again.
static uint32_t __attribute__((noinline)) on_stack_once(uint32_t count, uint32_t value, uint32_t *seed) {
  uint8_t code[kLongest];
  emit(code, seed);
  return call(code, count, value);
}

static uint32_t on_stack(uint32_t count) {
  uint32_t digest = 1, seed = 8, now;
  asm volatile("movl %%esp, %0" : "=r"(now));
  if (mprotect((void *)((now & ~0xfffu) - 0x2000), 0x3000, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return 0;
  for (int round = 0; round < 50; ++round) digest = fold32(digest, on_stack_once(count / 50, digest, &seed));
  return digest;
}

// A function grows: its `ret` becomes `nop` and further code, while it stays hot.
static uint32_t growing(uint32_t count) {
  uint8_t *const area = make_area(), *at = area;
  uint32_t digest = 1;
  static const uint8_t head[] = {0x8b, 0x44, 0x24, 0x08};  // movl 8(%esp), %eax
  for (unsigned i = 0; i < sizeof head; ++i) *at++ = head[i];
  *at = 0xc3;
  for (uint8_t round = 0; round < 40; ++round) {
    at[1] = 0x83, at[2] = round & 1 ? 0xf0 : 0xc0, at[3] = round, at[4] = 0xc3;  // xorl, addl $round, %eax; ret
    *at = 0x90;
    at += 4;
    for (uint32_t i = 0; i < count / 40; ++i) digest = fold32(digest, call(area, 0, digest));
  }
  return digest;
}

const struct program programs[] = {
    {"fresh", fresh},   {"reused", reused},   {"versions", versions}, {"unchanged", unchanged}, {"moved", moved},
    {"copied", copied}, {"by_read", by_read}, {"on_stack", on_stack}, {"growing", growing},     {NULL, NULL},
};
