#include "hw/check.h"

#include <cstdio>
#include <cstdlib>

namespace chrysalis::hw {

void check_failed(const char* rule, const char* file, int line) {
  std::fprintf(stderr, "chrysalis: internal error: %s:%d: violated: %s\n", file, line, rule);
  std::abort();
}

}  // namespace chrysalis::hw
