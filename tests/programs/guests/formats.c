// printf, strtod and 80-bit long double: x87 arithmetic as the C library uses it.
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "guest.h"

int main(int argc, char **argv) {
  const int part = argc > 1 ? atoi(argv[1]) : 0;
  volatile double values[] = {0.0, -0.0, 1.0, -1.5, 0.1, 1e10, 123456.789, 1e-5, 9.995, 1e100, DBL_MAX, DBL_MIN, 4.9e-324};
  if (part != 2) {
    printf("%d|%5d|%-5d|%05d|%+d|%x|%#x|%X|%o|%#o|%u|%c|%s|%10.3s|%-10s|%%|%p\n", 42, 42, 42, 42, 42, 255, 255, 255, 8, 8, -1, 'c',
           "text", "truncated", "left", (void *)0x1234);
    printf("%hhd|%hd|%ld|%lld|%llx|%zu|%jd|%*d|%-*d|%.5d\n", 300, 70000, -5L, -5LL, ~0ULL, sizeof(long), (intmax_t)-9, 6, 7, 6, 8, 9);
    for (unsigned i = 0; i < sizeof values / sizeof *values; i += 2)
      printf("%f %e %g %a %.3f %.0f %12.4e\n", i > 8 ? 0 : values[i], values[i], values[i], values[i], i > 8 ? 0 : values[i],
             i > 8 ? 0 : values[i], values[i]);
    printf("%f %e %g %F\n", INFINITY, -INFINITY, (double)NAN, INFINITY);
  }
  if (part != 1) {
    static const char *const texts[] = {"1", "0.1", "3.14159265358979323846", "1e308", "1e-320", "0x1.8p3", "inf", "-nan", "1e400",
                                        "123456789012345678901234567890", "2.2250738585072011e-308"};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; ++i) {
      const double value = strtod(texts[i], NULL);
      uint64_t image;
      memcpy(&image, &value, 8);
      printf("%s -> %016llx", texts[i], (unsigned long long)image);
      const long double wide = strtold(texts[i], NULL);
      uint8_t bytes[16] = {0};
      memcpy(bytes, &wide, 10);
      for (int k = 9; k >= 0; --k) printf("%s%02x", k == 9 ? " " : "", bytes[k]);
      printf(" %.8g\n", strtof(texts[i], NULL));
    }
    volatile long double x = 1.0L / 3.0L, y = LDBL_MAX, z = LDBL_MIN;
    printf("%.20Lf %.21Lg %La %Le %Le\n", x, x, x, y, z);
    printf("%.18Lg %.18Lg %d\n", x * 3 - 1, sqrtl(2), LDBL_MANT_DIG);
  }
  return 0;
}
