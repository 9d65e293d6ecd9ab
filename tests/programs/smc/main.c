#include "tests/programs/smc/smc.h"

#include <stdlib.h>

int main(int argc, char **argv) {
  const uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 20000;
  for (const struct program *p = programs; argc > 1 && p->name != NULL; ++p)
    if (strcmp(p->name, argv[1]) == 0) {
      printf("%s: %08x\n", p->name, p->run(count));
      return 0;
    }
  fprintf(stderr, "usage: PROGRAM [COUNT]; programs:");
  for (const struct program *p = programs; p->name != NULL; ++p) fprintf(stderr, " %s", p->name);
  fprintf(stderr, "\n");
  return 2;
}
