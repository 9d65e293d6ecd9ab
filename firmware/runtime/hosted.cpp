// The hosted form of runtime.h; everything else comes from the build machine's libraries.
#include <cstdio>
#include <cstdlib>

#include "firmware/runtime/runtime.h"

namespace chrysalis::fw {

void console(const char* text, size_t length) { std::fwrite(text, 1, length, stdout); }

}  // namespace chrysalis::fw
