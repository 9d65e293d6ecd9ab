// setjmp and longjmp, recursion, function pointers, jump tables, computed goto.
#include <setjmp.h>
#include <stdlib.h>

#include "guest.h"

static jmp_buf outer, inner;

static void dive(int depth, int limit);
static void (*volatile dive_deeper)(int depth, int limit) = dive;

static void dive(int depth, int limit) {
  volatile int ballast[8] = {depth};
  if (depth < limit) dive_deeper(depth + 1, limit);
  else longjmp(depth % 2 ? outer : inner, depth + ballast[0]);
}

static void jumps(void) {
  for (volatile int limit = 1; limit < 8; ++limit) {
    volatile int kept = limit * 3;
    int value = setjmp(outer);
    if (value == 0) {
      const int second = setjmp(inner);
      if (second == 0) dive_deeper(0, limit);
      printf("inner %d kept %d\n", second, kept);
    } else {
      printf("outer %d kept %d\n", value, kept);
    }
  }
  printf("longjmp 0 becomes %d\n", ({ int v = setjmp(outer); if (v == 0) longjmp(outer, 0); v; }));
}

static unsigned calls;
static unsigned __attribute__((noinline)) ackermann(unsigned m, unsigned n) {
  ++calls;
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
static unsigned __attribute__((noinline)) fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
static unsigned hanoi(int n, int from, int to, int via) {
  return n == 0 ? 0 : hanoi(n - 1, from, via, to) * 3 + (unsigned)(from * 9 + to) + hanoi(n - 1, via, to, from);
}

static int even(int n);
static int __attribute__((noinline)) odd(int n) { return n == 0 ? 0 : even(n - 1); }
static int __attribute__((noinline)) even(int n) { return n == 0 ? 1 : odd(n - 1); }

static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static int mul(int a, int b) { return a * b; }
static int both(int a, int b) { return a & b; }

static int __attribute__((noinline)) table(int which, int x) {
  switch (which) {
    case 0: return x + 11;
    case 1: return x * 3;
    case 2: return x ^ 0x55;
    case 3: return x - 1000;
    case 4: return ~x;
    case 5: return x << 3;
    case 6: return x >> 2;
    case 7: return -x;
    case 12: return x % 17;
    default: return 0;
  }
}

// A small stack machine with computed goto: indirect jumps with many targets.
static unsigned machine(const unsigned char *program) {
  static void *const labels[] = {&&halt, &&push, &&plus, &&times, &&dup, &&swap, &&loop};
  unsigned stack[16];
  int top = -1, count = 0;
  const unsigned char *pc = program;
  goto *labels[*pc++];
push: stack[++top] = *pc++; goto *labels[*pc++];
plus: --top; stack[top] += stack[top + 1]; goto *labels[*pc++];
times: --top; stack[top] *= stack[top + 1]; goto *labels[*pc++];
dup: stack[top + 1] = stack[top]; ++top; goto *labels[*pc++];
swap: { const unsigned t = stack[top]; stack[top] = stack[top - 1]; stack[top - 1] = t; } goto *labels[*pc++];
loop: if (++count < 50) pc = program + *pc; else ++pc; goto *labels[*pc++];
halt: return stack[top];
}

int main(void) {
  jumps();
  const unsigned result = ackermann(2, 7);
  printf("ackermann %u in %u calls\n", result, calls);
  printf("fibonacci %u hanoi %u even %d\n", fibonacci(13), hanoi(8, 0, 1, 2), even(501));
  int (*const operations[])(int, int) = {add, sub, mul, both};
  uint32_t state = 3;
  int x = 1;
  for (int i = 0; i < 400; ++i) {
    x = operations[next_random(&state) % 4](x, (int)next_random(&state));
    x = table((int)(next_random(&state) % 14), x);
  }
  printf("dispatch %d\n", x);
  static const unsigned char program[] = {1, 7, 1, 3, 2, 4, 5, 1, 2, 3, 2, 6, 2, 0};
  printf("stack machine %u\n", machine(program));
  return 0;
}
