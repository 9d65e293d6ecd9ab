// Hash table with open addressing: linear probing and deletion without tombstones (D. Knuth, The Art of Computer
// Programming 3, 6.4, algorithms L and R), multiplicative hashing. Loads at random places of 64 KiB.
#include "tests/kernels/kernel.h"

enum { kBits = 13, kSlots = 1 << kBits, kKeys = 6000, kOperations = 2000 };

struct slot { uint32_t key, value; };  // key 0: free
static struct slot slots[kSlots];
static uint8_t present[kKeys];  // what the table should hold

static uint32_t home(uint32_t key) { return key * 2654435769u >> (32 - kBits); }

static struct slot *find(uint32_t key) {
  uint32_t at = home(key);
  while (slots[at].key != key && slots[at].key != 0) at = (at + 1) & (kSlots - 1);
  return &slots[at];
}

static void erase(struct slot *slot) {
  uint32_t hole = (uint32_t)(slot - slots);
  for (uint32_t at = hole;;) {
    at = (at + 1) & (kSlots - 1);
    if (slots[at].key == 0) break;
    // Moves back whatever would no longer be found beyond the hole.
    if (((at - home(slots[at].key)) & (kSlots - 1)) >= ((at - hole) & (kSlots - 1))) {
      slots[hole] = slots[at];
      hole = at;
    }
  }
  slots[hole].key = 0;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t seed = 1973, sum = 0, size = 0, wrong = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    for (unsigned n = 0; n < kOperations; ++n) {
      const uint32_t bits = next_random(&seed), index = (bits & 0xffff) * kKeys >> 16, key = (index + 1) * 0x10001u;
      struct slot *slot = find(key);
      wrong += (slot->key != 0) != present[index];
      if (slot->key != 0) {
        sum = mix(sum, slot->value);
        if (bits >> 30 == 0) {
          erase(slot);
          --size;
          present[index] = 0;
        }
      } else if (bits >> 30 != 1) {
        *slot = (struct slot){key, bits};
        ++size;
        present[index] = 1;
      }
    }
    sum = mix(sum, size);
  }
  uint32_t held = 0;
  for (unsigned i = 0; i < kKeys; ++i) held += present[i];
  require("members", wrong == 0 && held == size);
  return sum;
}
