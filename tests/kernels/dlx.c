// Exact cover by dancing links (D. Knuth, "Dancing Links", 2000): all ways to place six queens. Doubly linked lists
// taken apart and put back together; recursion.
#include "tests/kernels/kernel.h"

enum { kQueens = 6, kDiagonals = 2 * kQueens - 1, kColumns = 2 * kQueens + 2 * kDiagonals };
enum { kNodes = 1 + kColumns + 4 * kQueens * kQueens, kSolutions = 4 };

struct node { uint16_t left, right, up, down, column, count; };  // count: of headers; of others, which placement
static struct node at[kNodes];  // 0: the root, then the columns' headers

static void cover(unsigned column) {
  at[at[column].right].left = at[column].left;
  at[at[column].left].right = at[column].right;
  for (unsigned i = at[column].down; i != column; i = at[i].down)
    for (unsigned j = at[i].right; j != i; j = at[j].right) {
      at[at[j].down].up = at[j].up;
      at[at[j].up].down = at[j].down;
      --at[at[j].column].count;
    }
}

static void uncover(unsigned column) {
  for (unsigned i = at[column].up; i != column; i = at[i].up)
    for (unsigned j = at[i].left; j != i; j = at[j].left) {
      ++at[at[j].column].count;
      at[at[j].down].up = at[at[j].up].down = (uint16_t)j;
    }
  at[at[column].right].left = at[at[column].left].right = (uint16_t)column;
}

static void append(unsigned node, unsigned column, unsigned first, unsigned last, unsigned placement) {
  at[node] = (struct node){
      .left = (uint16_t)(node == first ? last : node - 1), .right = (uint16_t)(node == last ? first : node + 1),
      .up = at[column].up, .down = (uint16_t)column, .column = (uint16_t)column, .count = (uint16_t)placement};
  at[at[column].up].down = (uint16_t)node;
  at[column].up = (uint16_t)node;
  ++at[column].count;
}

/// Ranks and files must be covered; diagonals, linked only to themselves, may be. `turn` rotates the order of placements.
static void build(unsigned turn) {
  const unsigned primary = 2 * kQueens;
  for (unsigned c = 0; c <= kColumns; ++c) {
    const unsigned left = c == 0 ? primary : c - 1, right = c == primary ? 0 : c + 1;
    at[c] = (struct node){.left = (uint16_t)(c > primary ? c : left), .right = (uint16_t)(c > primary ? c : right),
                          .up = (uint16_t)c, .down = (uint16_t)c, .column = (uint16_t)c};
  }
  for (unsigned n = 0; n < kQueens * kQueens; ++n) {
    const unsigned placement = (n + turn) % (kQueens * kQueens), rank = placement / kQueens, file = placement % kQueens;
    const unsigned node = 1 + kColumns + 4 * n;
    append(node, 1 + rank, node, node + 3, placement);
    append(node + 1, 1 + kQueens + file, node, node + 3, placement);
    append(node + 2, 1 + 2 * kQueens + rank + file, node, node + 3, placement);
    append(node + 3, 1 + 2 * kQueens + kDiagonals + rank + kQueens - 1 - file, node, node + 3, placement);
  }
}

static uint32_t search(uint32_t chosen, uint32_t *sum) {
  if (at[0].right == 0) {
    *sum = mix(*sum, chosen);
    return 1;
  }
  unsigned column = at[0].right;
  for (unsigned c = at[column].right; c != 0; c = at[c].right)
    if (at[c].count < at[column].count) column = c;
  uint32_t found = 0;
  cover(column);
  for (unsigned i = at[column].down; i != column; i = at[i].down) {
    for (unsigned j = at[i].right; j != i; j = at[j].right) cover(at[j].column);
    found += search(chosen * 37 + at[i].count, sum);
    for (unsigned j = at[i].left; j != i; j = at[j].left) uncover(at[j].column);
  }
  uncover(column);
  return found;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    build(round % (kQueens * kQueens));
    require("solutions", search(0, &sum) == kSolutions);
  }
  return sum;
}
