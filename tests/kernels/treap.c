// Search tree: treap with insertion and deletion by rotations (R. Seidel, C. Aragon, Algorithmica 16, 1996). Walks down
// pointers with a branch at each step, recursion, stores into the nodes just loaded.
#include "tests/kernels/kernel.h"

enum { kKeys = 1024, kOperations = 400 };

struct node {
  struct node *child[2];
  uint32_t key, priority;
};
static struct node nodes[kKeys];  // node i has key i or is free
static uint8_t present[kKeys];

/// Makes `side`'s child the root of this subtree.
static void rotate(struct node **link, unsigned side) {
  struct node *down = *link, *up = down->child[side];
  down->child[side] = up->child[!side];
  up->child[!side] = down;
  *link = up;
}

static int insert(struct node **link, uint32_t key, uint32_t priority) {
  struct node *node = *link;
  if (node == NULL) {
    *link = &nodes[key];
    nodes[key] = (struct node){{NULL, NULL}, key, priority};
    return 1;
  }
  if (node->key == key) return 0;
  const unsigned side = key > node->key;
  if (!insert(&node->child[side], key, priority)) return 0;
  if (node->child[side]->priority > node->priority) rotate(link, side);
  return 1;
}

static int erase(struct node **link, uint32_t key) {
  while (*link != NULL && (*link)->key != key) link = &(*link)->child[key > (*link)->key];
  struct node *node = *link;
  if (node == NULL) return 0;
  while (node->child[0] != NULL && node->child[1] != NULL) {
    const unsigned side = node->child[1]->priority > node->child[0]->priority;
    rotate(link, side);
    link = &(*link)->child[!side];
  }
  *link = node->child[node->child[0] == NULL];
  return 1;
}

/// Nodes below `node`; adds what breaks the order of keys or priorities to `wrong`.
static uint32_t inspect(const struct node *node, uint32_t low, uint32_t high, uint32_t priority, uint32_t *wrong) {
  if (node == NULL) return 0;
  *wrong += node->key < low || node->key >= high || node->priority > priority;
  return 1 + inspect(node->child[0], low, node->key, node->priority, wrong) +
         inspect(node->child[1], node->key + 1, high, node->priority, wrong);
}

uint32_t kernel(uint32_t rounds) {
  struct node *root = NULL;
  uint32_t seed = 1996, sum = 0, size = 0, wrong = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    for (unsigned n = 0; n < kOperations; ++n) {
      const uint32_t bits = next_random(&seed), key = bits % kKeys;
      if (bits >> 31) {
        const int inserted = insert(&root, key, next_random(&seed));
        wrong += inserted == present[key];
        present[key] = 1;
        size += (uint32_t)inserted;
      } else {
        const int erased = erase(&root, key);
        wrong += erased != present[key];
        present[key] = 0;
        size -= (uint32_t)erased;
      }
    }
    if (round % 16 == 0) require("order", inspect(root, 0, kKeys, ~0u, &wrong) == size);
    sum = mix(mix(sum, size), root->key);
  }
  require("members", wrong == 0);
  return sum;
}
