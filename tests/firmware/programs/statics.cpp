// Static constructors, constants in data, function-local statics, thread of initialisation across objects.
#include <vector>

#include "tests/firmware/programs/program.h"

namespace {

Checksum g_order;

struct Announcer {
  explicit Announcer(uint64_t n) : number(n) { g_order.add(n); }
  uint64_t number;
};

Announcer g_first(1);
std::vector<uint32_t> g_primes = [] {
  std::vector<uint32_t> out;
  for (uint32_t n = 2; out.size() < 100; ++n) {
    bool prime = true;
    for (const uint32_t p : out) prime = prime && n % p != 0;
    if (prime) out.push_back(n);
  }
  return out;
}();
Announcer g_second(g_primes.back());
Announcer* const g_pointer = &g_second;
uint64_t g_zero[100];
constexpr int16_t kTable[] = {-5, 4, -3, 2, -1};
const char* const kNames[] = {"zero", "one", "two", "three"};

uint64_t count() {
  static uint64_t calls = 100;
  static const Announcer announcer(g_order.value());
  return ++calls + announcer.number;
}

}  // namespace

void program() {
  report("order", g_order.value());
  report("prime", g_pointer->number);
  uint64_t sum = 0;
  for (const uint64_t zero : g_zero) sum += zero;
  report("zero", sum);
  for (int i = 0; i < 3; ++i) report("calls", count());
  int64_t table = 0;
  for (const int16_t entry : kTable) table = table * 10 + entry;
  report("table", static_cast<uint64_t>(table));
  for (const char* name : kNames) report(name, static_cast<uint64_t>(name[1]));
  report("first", g_first.number);
}
