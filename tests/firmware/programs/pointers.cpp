// Function pointers, member pointers, switch tables, computed goto: every way in which code addresses are data.
#include "tests/firmware/programs/program.h"

namespace {

using Operation = int64_t (*)(int64_t, int64_t);

int64_t add(int64_t a, int64_t b) { return a + b; }
int64_t subtract(int64_t a, int64_t b) { return a - b; }
int64_t multiply(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); }
int64_t mix(int64_t a, int64_t b) { return a ^ (b << 7) ^ (b >> 3); }

constexpr Operation kOperations[] = {add, subtract, multiply, mix};
Operation g_operation = mix;

struct Counter {
  int64_t value = 0;
  void up(int64_t n) { value += n; }
  void down(int64_t n) { value -= 2 * n; }
  void twist(int64_t n) { value = value * 3 ^ n; }
};
using Member = void (Counter::*)(int64_t);
constexpr Member kMembers[] = {&Counter::up, &Counter::down, &Counter::twist};

[[gnu::noinline]] int64_t dispatch(unsigned code, int64_t value) {
  switch (code) {
    case 0: return value + 1;
    case 1: return value * 5;
    case 2: return -value;
    case 3: return value >> 2;
    case 4: return value ^ 0x5a5a;
    case 5: return value + value / 7;
    case 6: return value & 0xffffff;
    case 7: return ~value;
    case 9: return value % 1000;
    case 12: return value << 1 & 0xffffffffff;
    case 13: return value - 77;
    default: return value + static_cast<int64_t>(code);
  }
}

/// A small threaded interpreter: computed goto.
[[gnu::noinline]] int64_t interpret(const uint8_t* code, int64_t limit) {
  static const void* const kLabels[] = {&&push, &&sum, &&product, &&duplicate, &&swap, &&loop, &&stop};
  int64_t stack[32];
  unsigned top = 0;
  int64_t loops = 0;
  const uint8_t* at = code;
  goto *kLabels[*at++];
push:
  stack[top++] = static_cast<int8_t>(*at++);
  goto *kLabels[*at++];
sum:
  --top;
  stack[top - 1] += stack[top];
  goto *kLabels[*at++];
product:
  --top;
  stack[top - 1] = stack[top - 1] * stack[top] % 1000003;
  goto *kLabels[*at++];
duplicate:
  stack[top] = stack[top - 1];
  ++top;
  goto *kLabels[*at++];
swap: {
  const int64_t item = stack[top - 1];
  stack[top - 1] = stack[top - 2];
  stack[top - 2] = item;
  goto *kLabels[*at++];
}
loop:
  if (++loops < limit) at = code + *at;
  else ++at;
  goto *kLabels[*at++];
stop:
  return stack[top - 1];
}

}  // namespace

void program() {
  int64_t value = 12345;
  for (int64_t i = 0; i < 400; ++i) value = kOperations[static_cast<uint64_t>(value ^ i) % 4](value, i * 77);
  report("operations", static_cast<uint64_t>(value));
  for (int i = 0; i < 10; ++i) {
    value = g_operation(value, i);
    g_operation = kOperations[i % 4];
  }
  report("changing", static_cast<uint64_t>(value));
  Counter counter;
  for (unsigned i = 0; i < 100; ++i) (counter.*kMembers[i * i % 3])(i);
  report("members", static_cast<uint64_t>(counter.value));
  for (unsigned i = 0; i < 2000; ++i) value = dispatch(i * 7 % 17, value) % 100000007;
  report("switch", static_cast<uint64_t>(value));
  const uint8_t code[] = {0, 3, 0, 5, 4, 3, 2, 1, 0, static_cast<uint8_t>(-7), 1, 3, 5, 4, 6};
  report("goto", static_cast<uint64_t>(interpret(code, 9)));
}
