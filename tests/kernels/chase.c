// Pointer chase: one cycle through all nodes in random order (S. Sattolo, Information Processing Letters 22, 1986),
// walked, sorted by value (merge sort of lists: D. Knuth, The Art of Computer Programming 3, 5.2.4) and reversed. Each
// address comes from the load before it; the 32 KiB stay in a first-level cache, so load latency is what is measured.
#include "tests/kernels/kernel.h"

enum { kNodes = 1024, kWalk = 8 * kNodes };

struct node {
  struct node *next;
  uint32_t value, unused[6];  // a cache line each, for most machines
};
static struct node nodes[kNodes];

static void make_cycle(uint32_t *seed) {
  uint16_t order[kNodes];
  for (unsigned i = 0; i < kNodes; ++i) order[i] = (uint16_t)i;
  for (unsigned i = kNodes - 1; i > 0; --i) {
    const unsigned j = (next_random(seed) >> 8) % i;
    const uint16_t t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  for (unsigned i = 0; i < kNodes; ++i) nodes[i] = (struct node){.next = &nodes[order[i]], .value = next_random(seed)};
}

static struct node *merge(struct node *a, struct node *b) {
  struct node *head, **link = &head;
  while (a != NULL && b != NULL) {
    struct node **from = a->value <= b->value ? &a : &b;
    *link = *from;
    link = &(*from)->next;
    *from = *link;
  }
  *link = a != NULL ? a : b;
  return head;
}

/// Bottom up: part[i] is empty or a sorted list of 2^i nodes.
static struct node *sort(struct node *list) {
  struct node *part[16] = {NULL};
  while (list != NULL) {
    struct node *carry = list;
    list = list->next;
    carry->next = NULL;
    unsigned i = 0;
    for (; part[i] != NULL; ++i) {
      carry = merge(part[i], carry);
      part[i] = NULL;
    }
    part[i] = carry;
  }
  struct node *all = NULL;
  for (unsigned i = 0; i < 16; ++i) all = merge(part[i], all);
  return all;
}

static struct node *reverse(struct node *list) {
  struct node *done = NULL;
  while (list != NULL) {
    struct node *rest = list->next;
    list->next = done;
    done = list;
    list = rest;
  }
  return done;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t seed = 1986, sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    // Once in eight rounds a cycle is cut open, sorted, reversed and closed: again in random order of addresses.
    if (round % 8 == 0) {
      make_cycle(&seed);
      struct node *rest = nodes[0].next;
      nodes[0].next = NULL;
      struct node *const list = reverse(sort(rest)), *last = list;
      uint32_t length = 1, ordered = 1;
      for (; last->next != NULL; last = last->next, ++length) ordered &= last->value >= last->next->value;
      require("reversed order", ordered && length == kNodes);
      last->next = list;
    }
    struct node *node = nodes;
    for (unsigned i = 0; i < kWalk; ++i) {
      sum += node->value;
      node = node->next;
    }
    require("back at the start", node == nodes);
    sum = mix(sum, round);
  }
  return sum;
}
