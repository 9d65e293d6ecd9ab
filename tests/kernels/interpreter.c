// Bytecode interpreter: threaded code (J. R. Bell, Communications of the ACM 16, 1973) on a stack machine. It runs a
// sieve (J. Gilbreath, BYTE 6(9), 1981) and a Collatz walk. An indirect jump every few instructions, with targets that
// follow the bytecode.
#include "tests/kernels/kernel.h"

enum opcode { kPush, kLoad, kStore, kAdd, kAnd, kHalve, kIncrement, kGetByte, kPutByte, kJump, kIfZero, kIfNotLess, kHalt };

enum { kFlags = 500, kOddPrimes = 167 };  // below 2 * kFlags + 3

// Jump targets are indices. Locals: 0 i, 1 prime, 2 k, 3 count.
static const uint16_t sieve[] = {
    /*  0 */ kPush, 0, kStore, 0,
    /*  4 */ kLoad, 0, kPush, kFlags, kIfNotLess, 19,
    /* 10 */ kPush, 1, kLoad, 0, kPutByte, kIncrement, 0, kJump, 4,
    /* 19 */ kPush, 0, kStore, 0,
    /* 23 */ kLoad, 0, kPush, kFlags, kIfNotLess, 77,
    /* 29 */ kLoad, 0, kGetByte, kIfZero, 73,
    /* 34 */ kLoad, 0, kLoad, 0, kAdd, kPush, 3, kAdd, kStore, 1,
    /* 44 */ kLoad, 0, kLoad, 1, kAdd, kStore, 2,
    /* 51 */ kLoad, 2, kPush, kFlags, kIfNotLess, 71,
    /* 57 */ kPush, 0, kLoad, 2, kPutByte, kLoad, 2, kLoad, 1, kAdd, kStore, 2, kJump, 51,
    /* 71 */ kIncrement, 3,
    /* 73 */ kIncrement, 0, kJump, 23,
    /* 77 */ kHalt,
};

// Locals: 0 n, 3 steps.
static const uint16_t collatz[] = {
    /*  0 */ kLoad, 0, kPush, 2, kIfNotLess, 7, kHalt,
    /*  7 */ kIncrement, 3, kLoad, 0, kPush, 1, kAnd, kIfZero, 30,
    /* 16 */ kLoad, 0, kLoad, 0, kLoad, 0, kAdd, kAdd, kStore, 0, kIncrement, 0, kJump, 0,
    /* 30 */ kLoad, 0, kHalve, kStore, 0, kJump, 0,
};

/// Returns local 3 at the halt.
static uint32_t run(const uint16_t *code, uint32_t *locals) {
  static const void *const handlers[] = {&&push, &&load, &&store, &&add, &&and, &&halve, &&increment, &&get_byte,
                                         &&put_byte, &&jump, &&if_zero, &&if_not_less, &&halt};
  static uint8_t memory[kFlags];
  uint32_t stack[16], *top = stack, value;
  const uint16_t *pc = code;
#define NEXT goto *handlers[*pc++]
  NEXT;
push:
  *top++ = *pc++;
  NEXT;
load:
  *top++ = locals[*pc++];
  NEXT;
store:
  locals[*pc++] = *--top;
  NEXT;
add:
  value = *--top;
  top[-1] += value;
  NEXT;
and:
  value = *--top;
  top[-1] &= value;
  NEXT;
halve:
  top[-1] >>= 1;
  NEXT;
increment:
  ++locals[*pc++];
  NEXT;
get_byte:
  top[-1] = memory[top[-1]];
  NEXT;
put_byte:
  top -= 2;
  memory[top[1]] = (uint8_t)top[0];
  NEXT;
jump:
  pc = code + *pc;
  NEXT;
if_zero:
  pc = *--top == 0 ? code + *pc : pc + 1;
  NEXT;
if_not_less:
  top -= 2;
  pc = top[0] >= top[1] ? code + *pc : pc + 1;
  NEXT;
halt:
  return locals[3];
#undef NEXT
}

uint32_t kernel(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    uint32_t locals[4] = {0};
    require("primes", run(sieve, locals) == kOddPrimes);
    uint32_t n = 27 + round % 4096, steps = 0, walk[4] = {n};
    for (; n != 1; ++steps) n = n & 1 ? 3 * n + 1 : n >> 1;
    require("steps", run(collatz, walk) == steps);
    sum = mix(sum, steps);
    sum = mix(sum, locals[2]);
  }
  return sum;
}
