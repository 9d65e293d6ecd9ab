// malloc, realloc and free: contents survive, whatever the order; large blocks go to mmap.
#include <malloc.h>
#include <stdlib.h>

#include "guest.h"

enum { kSlots = 40 };
static struct { uint8_t *at; size_t size; uint8_t mark; } slots[kSlots];

// Enough of a block to notice damage: every 7th of its first 400 bytes.
static int intact(int i) {
  for (size_t k = 0; k < slots[i].size && k < 400; k += 7)
    if (slots[i].at[k] != (uint8_t)(slots[i].mark + k)) return 0;
  return 1;
}

static void fill(int i, uint8_t mark) {
  slots[i].mark = mark;
  for (size_t k = 0; k < slots[i].size && k < 400; k += 7) slots[i].at[k] = (uint8_t)(mark + k);
}

int main(void) {
  uint32_t state = 31337;
  int wrong = 0, operations[4] = {0};
  for (int step = 0; step < 200; ++step) {
    const int i = (int)(next_random(&state) % kSlots);
    const unsigned choice = next_random(&state) % 4;
    size_t size = next_random(&state) % 400 + 1;
    if (step % 50 == 17) size *= 1000;
    wrong += slots[i].at != NULL && !intact(i);
    if (choice == 0 && slots[i].at != NULL) {
      const size_t kept = size < slots[i].size ? size : slots[i].size;
      slots[i].at = realloc(slots[i].at, size);
      slots[i].size = kept;
      wrong += !intact(i);
      slots[i].size = size;
    } else {
      free(slots[i].at);
      slots[i].at = choice == 1 ? calloc(1, size) : choice == 2 ? memalign(64, size) : malloc(size);
      slots[i].size = size;
      if (choice == 1) wrong += slots[i].at[size - 1] != 0;
      if (choice == 2) wrong += ((uintptr_t)slots[i].at & 63) != 0;
    }
    fill(i, (uint8_t)step);
    ++operations[choice];
  }
  for (int i = 0; i < kSlots; ++i) {
    wrong += slots[i].at != NULL && !intact(i);
    free(slots[i].at);
  }
  check("contents", wrong == 0);
  printf("%d %d %d %d\n", operations[0], operations[1], operations[2], operations[3]);
  return 0;
}
