// String formatting: numbers in every base, padding, a small printf with variable arguments, parsing back.
#include <cstdarg>
#include <cstring>

#include "tests/firmware/programs/program.h"

namespace {

class Text {
 public:
  void put(char c) {
    if (length_ < sizeof text_) text_[length_++] = c;
  }
  void number(uint64_t value, unsigned base, int width, char pad, bool negative) {
    char digits[66];
    int count = 0;
    do {
      digits[count++] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base];
      value /= base;
    } while (value != 0);
    if (negative) digits[count++] = '-';
    for (int i = count; i < width; ++i) put(pad);
    while (count > 0) put(digits[--count]);
  }
  void flush() {
    put('\n');
    chrysalis::fw::console(text_, length_);
    length_ = 0;
  }

 private:
  char text_[400];
  size_t length_ = 0;
};

void print(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Text text;
  for (; *format != 0; ++format) {
    if (*format != '%') {
      text.put(*format);
      continue;
    }
    char pad = ' ';
    int width = 0;
    bool wide = false;
    if (*++format == '0') pad = '0';
    for (; *format >= '0' && *format <= '9'; ++format) width = width * 10 + (*format - '0');
    for (; *format == 'l'; ++format) wide = true;
    switch (*format) {
      case 'd': {
        const int64_t value = wide ? va_arg(arguments, long) : va_arg(arguments, int);
        text.number(value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value), 10, width, pad, value < 0);
        break;
      }
      case 'u': text.number(wide ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned), 10, width, pad, false); break;
      case 'x': text.number(wide ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned), 16, width, pad, false); break;
      case 'b': text.number(va_arg(arguments, unsigned), 2, width, pad, false); break;
      case 'c': text.put(static_cast<char>(va_arg(arguments, int))); break;
      case 's': {
        const char* s = va_arg(arguments, const char*);
        for (int i = static_cast<int>(std::strlen(s)); i < width; ++i) text.put(pad);
        while (*s != 0) text.put(*s++);
        break;
      }
      default: text.put(*format);
    }
  }
  va_end(arguments);
  text.flush();
}

int64_t parse(const char* text) {
  const bool negative = *text == '-';
  uint64_t value = 0;
  for (text += negative; *text >= '0' && *text <= '9'; ++text) value = value * 10 + static_cast<uint64_t>(*text - '0');
  return static_cast<int64_t>(negative ? -value : value);
}

}  // namespace

void program() {
  print("%d %5d %05d [%s] [%8s] %c %% end", -1, 42, 77, "text", "right", '!');
  print("%lx %lu %ld %x %b", 0xfedcba9876543210ul, 18446744073709551615ul, -9223372036854775807l - 1, 0xcafe, 0xa5u);
  for (int i = 0; i < 12; ++i) print("%2d: %10ld %16lx", i, parse("-1234567") * i * i, static_cast<uint64_t>(parse("998244353")) << i * 3);
  print("%d %d %d %d %d %d %d %d %d %d %s", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "arguments on the stack");
}
