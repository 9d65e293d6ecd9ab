// What the compiler and the headers of the standard library call.
#include <cstddef>
#include <cstdint>

#include "firmware/runtime/runtime.h"

namespace {

using U128 = unsigned __int128;
using I128 = __int128;

/// Shift-and-subtract division; firmware divides 128-bit numbers rarely.
U128 divide(U128 dividend, U128 divisor, U128& remainder) {
  U128 quotient = 0;
  remainder = 0;
  for (int bit = 127; bit >= 0; --bit) {
    remainder = remainder << 1 | (dividend >> bit & 1);
    if (remainder < divisor) continue;
    remainder -= divisor;
    quotient |= U128{1} << bit;
  }
  return quotient;
}

U128 magnitude(I128 value) { return value < 0 ? -static_cast<U128>(value) : static_cast<U128>(value); }

}  // namespace

extern "C" {

void* __dso_handle = nullptr;

// Static objects live until the machine is switched off.
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
void __cxa_pure_virtual() { chrysalis::fw::panic("a pure virtual function was called", 0); }
[[noreturn]] void abort() { chrysalis::fw::panic("abort()", 0); }

U128 __udivti3(U128 a, U128 b) {
  U128 remainder;
  return divide(a, b, remainder);
}
U128 __umodti3(U128 a, U128 b) {
  U128 remainder;
  divide(a, b, remainder);
  return remainder;
}
I128 __divti3(I128 a, I128 b) {
  const U128 quotient = __udivti3(magnitude(a), magnitude(b));
  return static_cast<I128>((a < 0) != (b < 0) ? -quotient : quotient);
}
I128 __modti3(I128 a, I128 b) {
  const U128 remainder = __umodti3(magnitude(a), magnitude(b));
  return static_cast<I128>(a < 0 ? -remainder : remainder);
}
}

namespace std {

// Without exceptions, what the containers would throw ends the run.
void __throw_length_error(const char* text) { chrysalis::fw::panic(text, 0); }
void __throw_bad_alloc() { chrysalis::fw::panic("bad_alloc", 0); }
void __throw_bad_array_new_length() { chrysalis::fw::panic("bad_array_new_length", 0); }
void __throw_out_of_range_fmt(const char* text, ...) { chrysalis::fw::panic(text, 0); }
void __throw_logic_error(const char* text) { chrysalis::fw::panic(text, 0); }
void __throw_bad_function_call() { chrysalis::fw::panic("bad_function_call", 0); }

}  // namespace std
