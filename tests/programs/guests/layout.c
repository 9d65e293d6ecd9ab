// Bit fields, packed structures, unions, structures by value, variable arguments, wide characters.
#include <stdarg.h>
#include <stdlib.h>

#include "guest.h"

struct bits { unsigned a : 3, b : 11, c : 18; int d : 5; uint64_t e : 33; int64_t f : 31; } ;
struct __attribute__((packed)) packed { uint8_t a; uint32_t b; uint16_t c; double d; uint64_t e; };
union overlay { double d; uint64_t u; uint8_t bytes[8]; float f[2]; };
struct point { int x, y; };
struct large { int values[20]; char name[9]; };

static struct point __attribute__((noinline)) rotate(struct point p) { return (struct point){-p.y, p.x}; }
static struct large __attribute__((noinline)) shift(struct large l, int by) {
  for (int i = 0; i < 20; ++i) l.values[i] += by * i;
  l.name[0]++;
  return l;
}

static long long sum(const char *kinds, ...) {
  va_list list, again;
  va_start(list, kinds);
  va_copy(again, list);
  long long total = 0;
  for (const char *k = kinds; *k; ++k) {
    if (*k == 'i') total += va_arg(list, int);
    else if (*k == 'l') total += va_arg(list, long long);
    else if (*k == 'd') total += (long long)(va_arg(list, double) * 100);
    else if (*k == 'D') total += (long long)(va_arg(list, long double) * 1000);
    else if (*k == 's') total += (long long)strlen(va_arg(list, char *));
    else if (*k == 'p') { struct point p = va_arg(list, struct point); total += p.x * 10 + p.y; }
  }
  if (*kinds == 'i') total ^= (long long)va_arg(again, int) << 40;
  va_end(again);
  va_end(list);
  return total;
}

int main(void) {
  volatile struct bits b = {5, 1234, 200000, -7, 0x123456789, -12345};
  for (int i = 0; i < 20; ++i) {
    b.a += 3; b.b -= 77; b.c ^= (unsigned)i * 4097; b.d = b.d * 3 + 1; b.e += 0x87654321; b.f -= 99999999;
  }
  printf("%u %u %u %d %llu %lld %zu\n", b.a, b.b, b.c, b.d, (unsigned long long)b.e, (long long)b.f, sizeof b);
  struct packed array[3];
  memset(array, 0, sizeof array);
  for (int i = 0; i < 3; ++i) array[i] = (struct packed){(uint8_t)i, 0x01020304u * (unsigned)i, 0xbeef, i * 1.25, ~0ull << i};
  printf("%zu %016llx\n", sizeof array, (unsigned long long)fold(FOLD_START, array, sizeof array));
  union overlay o = {.d = -2.5};
  printf("%016llx %02x ", (unsigned long long)o.u, o.bytes[7]);
  o.f[0] = 0.1f;
  printf("%016llx\n", (unsigned long long)o.u);
  struct point p = {3, 4};
  for (int i = 0; i < 3; ++i) p = rotate(p);
  struct large l = {{1, 2, 3}, "payload"};
  l = shift(shift(l, 2), -5);
  printf("%d %d %d %s\n", p.x, p.y, l.values[19], l.name);
  printf("%lld\n", sum("ildDsp", 5, -7000000000LL, 2.5, 1.125L, "seven..", p));
  const wchar_t *wide = L"wide \x263a";
  printf("%zu %x\n", sizeof(wchar_t), (unsigned)wide[5]);
  return 0;
}
