#include <cstdio>
#include <cstdlib>

#include "translator/assert.h"

namespace chrysalis {

void assertion_failed(const char* condition, const char* file, int line, long context) {
  std::fprintf(stderr, "chrysalis: internal error: %s:%d: %s (context %ld, 0x%lx)\n", file, line, condition, context,
               static_cast<unsigned long>(context));
  std::abort();
}

}  // namespace chrysalis
