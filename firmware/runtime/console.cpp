#include "firmware/host.h"
#include "firmware/runtime/runtime.h"
#include "translator/assert.h"

namespace chrysalis::fw {
namespace {

void send(Service service, const char* text, size_t length) {
  Mailbox& mailbox = host::mailbox();
  mailbox.argument[0] = reinterpret_cast<uint64_t>(text);
  mailbox.argument[1] = length;
  host::platform(service);
}

/// Text that grows at its end; what does not fit is cut off.
class Line {
 public:
  Line& add(const char* text) {
    for (; *text != 0 && length_ < sizeof text_; ++text) text_[length_++] = *text;
    return *this;
  }
  Line& add_number(uint64_t value, unsigned base) {
    char digits[24];
    unsigned count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count != 0 && length_ < sizeof text_) text_[length_++] = digits[--count];
    return *this;
  }
  [[noreturn]] void panic() const {
    for (;;) send(Service::Panic, text_, length_);
  }

 private:
  char text_[256];
  size_t length_ = 0;
};

}  // namespace

void console(const char* text, size_t length) { send(Service::Console, text, length); }

void panic(const char* text, uint32_t address) {
  Line().add(text).add(" (0x").add_number(address, 16).add(")").panic();
}

}  // namespace chrysalis::fw

void chrysalis::assertion_failed(const char* condition, const char* file, int line, long context) {
  fw::Line()
      .add(file).add(":").add_number(static_cast<uint64_t>(line), 10)
      .add(": ").add(condition).add(" (context 0x").add_number(static_cast<uint64_t>(context), 16).add(")").panic();
}
