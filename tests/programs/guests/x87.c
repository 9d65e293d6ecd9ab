// x87 arithmetic with exact results: precision and rounding control, special values, comparisons, conversions.
#include <math.h>

#include "guest.h"

static void show(const char *what, long double value) {
  uint8_t bytes[16] = {0};
  memcpy(bytes, &value, 10);
  printf("%s", what);
  for (int i = 9; i >= 0; --i) printf("%02x", bytes[i]);
}

static void set_control(unsigned short control) { asm volatile("fldcw %0" : : "m"(control)); }

int main(void) {
  static const long double values[] = {0.0L, -0.0L, 1.0L, -3.0L, 0.1L, 1e4000L, 1e-4940L, INFINITY, -INFINITY, 12345678901234.5L};
  const int count = sizeof values / sizeof *values;
  uint64_t hash = FOLD_START;
  static const unsigned short precisions[] = {0x37f, 0x27f, 0x07f};
  for (int p = 0; p < 3; ++p)
    for (int rounding = 0; rounding < 4; ++rounding)
      for (int i = 0; i < count; ++i) {
        const volatile long double a = values[i], b = values[(i * 7 + p + rounding) % count];
        set_control((unsigned short)(precisions[p] | rounding << 10));
        volatile long double r[6];
        memset((void *)r, 0, sizeof r);
        unsigned short status;
        asm volatile("fnclex");
        r[0] = a + b;
        r[1] = a - b;
        r[2] = a * b;
        r[3] = a / b;
        r[4] = sqrtl(a < 0 ? -a : a);
        asm volatile("fldt %1\n frndint\n fstpt %0" : "=m"(r[5]) : "m"(a));
        asm volatile("fnstsw %0" : "=m"(status));
        set_control(0x37f);
        hash = fold(hash, (const void *)r, sizeof r);
        hash = fold(hash, &status, 2);
      }
  printf("arithmetic %016llx\n", (unsigned long long)hash);

  hash = FOLD_START;
  for (int i = 0; i < count; ++i)
    for (int j = 0; j < count; ++j) {
      const volatile long double a = i == 4 ? NAN : values[i], b = values[j];
      const int r[] = {a < b, a <= b, a == b, a != b, isunordered(a, b), __builtin_islessgreater(a, b), signbit(a) != 0, isnan(a) != 0, isinf(b) != 0};
      hash = fold(hash, r, sizeof r);
    }
  printf("comparisons %016llx\n", (unsigned long long)hash);

  volatile double d = 1e300, tiny = 1e-310;
  volatile float f = (float)0.1;
  volatile long long big = 9007199254740993LL;
  show("double ", d * d);
  show(" float ", f);
  show(" long long ", (long double)big);
  show(" denormal ", tiny / 3);
  printf("\n%d %d %lld %u %d\n", (int)2.9, (int)-2.9, (long long)1e18, (unsigned)4e9, (short)-5.5);
  volatile double halves[] = {0.5, 1.5, 2.5, -0.5, -1.5};
  for (int i = 0; i < 5; ++i) printf("%ld %g %g %g|", lrint(halves[i]), floor(halves[i]), ceil(halves[i]), trunc(halves[i]));
  printf("\n");
  // The environment: stores, restores, the register stack wraps and overflows as masked.
  uint8_t image[108], again[108];
  unsigned short status;
  asm volatile("fninit\n fldpi\n fld1\n fldl2e\n fnsave %0\n frstor %0\n fnsave %1\n fninit" : "=m"(image), "=m"(again));
  check("fnsave frstor", memcmp(image, again, sizeof image) == 0);
  asm volatile("fld1\n fld1\n fld1\n fld1\n fld1\n fld1\n fld1\n fld1\n fld1\n fnstsw %0\n fninit" : "=m"(status));
  printf("overflowed stack %04x\n", status & 0x7a41);
  uint8_t bcd[10];
  volatile double decimal = -1234567890123.0;
  double back;
  asm volatile("fldl %2\n fbstp %0\n fbld %0\n fstpl %1" : "=m"(bcd), "=m"(back) : "m"(decimal));
  printf("bcd %02x%02x %02x %.1f\n", bcd[6], bcd[5], bcd[9], back);
  long double scaled, part, exponent;
  asm volatile("fldt %3\n fxtract\n fstpt %0\n fstpt %1\n fldl %4\n fld1\n fscale\n fstpt %2\n fstp %%st(0)"
               : "=m"(part), "=m"(exponent), "=m"(scaled) : "m"(values[9]), "m"(halves[2]));
  show("fxtract ", part);
  show(" ", exponent);
  show(" fscale ", scaled);
  volatile double x = 17.25, y = 3.5;
  double remainder;
  asm volatile("fldl %2\n fldl %1\n fprem\n fstpl %0\n fstp %%st(0)" : "=m"(remainder) : "m"(x), "m"(y));
  printf(" fprem %g fmod %g remainder %g\n", remainder, fmod(x, y), drem(x, y));
  double sum = 0;
  for (int i = 1; i < 200; ++i) sum += 1.0 / i / i;
  printf("%.15g\n", sum);
  return 0;
}
