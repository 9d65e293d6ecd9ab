#include "tests/firmware/programs/program.h"

void program() {
  const char text[] = "hello from the core\n";
  chrysalis::fw::console(text, sizeof text - 1);
  report("answer", 42);
}
