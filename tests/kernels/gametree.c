// Game tree: alpha-beta search (D. Knuth, R. Moore, Artificial Intelligence 6, 1975) of four in a row on 5 x 5, on
// bitboards (J. Tromp, Fhourstones, 1988-). Deep recursion whose branches follow the search.
#include "tests/kernels/kernel.h"

// Column c has bits 6c to 6c+4; bit 6c+5 stays empty, so that lines do not wrap. Columns 0..4.
enum { kColumns = 5, kStride = 6, kDepth = 6, kWin = 100 };

static uint32_t visited;

static int has_line(uint32_t board) {
  static const uint8_t directions[] = {1, kStride - 1, kStride, kStride + 1};
  for (unsigned i = 0; i < 4; ++i) {
    const uint32_t pairs = board & board >> directions[i];
    if (pairs & pairs >> 2 * directions[i]) return 1;
  }
  return 0;
}

static uint32_t landing(uint32_t occupied, unsigned column) {
  const uint32_t bottom = 1u << kStride * column, place = (occupied & 0x1fu * bottom) + bottom;
  return place & 0x1fu * bottom;  // 0: the column is full
}

static int evaluate(uint32_t mine, uint32_t theirs) {
  static const uint32_t centre = 0x1fu << kStride * 2, beside = 0x1fu << kStride | 0x1fu << kStride * 3;
  return 2 * __builtin_popcount(mine & centre) + __builtin_popcount(mine & beside) - 2 * __builtin_popcount(theirs & centre) -
         __builtin_popcount(theirs & beside);
}

/// The value for the side to move, `mine`; exact within (alpha, beta).
static int search(uint32_t mine, uint32_t theirs, int depth, int alpha, int beta) {
  static const uint8_t order[kColumns] = {2, 1, 3, 0, 4};
  ++visited;
  if (depth == 0) return evaluate(mine, theirs);
  int moves = 0;
  for (unsigned i = 0; i < kColumns && alpha < beta; ++i) {
    const uint32_t disc = landing(mine | theirs, order[i]);
    if (disc == 0) continue;
    ++moves;
    const int value = has_line(mine | disc) ? kWin + depth : -search(theirs, mine | disc, depth - 1, -beta, -alpha);
    if (value > alpha) alpha = value;
  }
  return moves == 0 ? 0 : alpha;
}

static int minimax(uint32_t mine, uint32_t theirs, int depth) {
  if (depth == 0) return evaluate(mine, theirs);
  int best = -1000;
  for (unsigned column = 0; column < kColumns; ++column) {
    const uint32_t disc = landing(mine | theirs, column);
    if (disc == 0) continue;
    const int value = has_line(mine | disc) ? kWin + depth : -minimax(theirs, mine | disc, depth - 1);
    if (value > best) best = value;
  }
  return best == -1000 ? 0 : best;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t seed = 1975, sum = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    uint32_t mine = 0, theirs = 0;
    for (int ply = 0; ply < 4; ++ply) {
      const uint32_t disc = landing(mine | theirs, (next_random(&seed) >> 8) % kColumns), moved = mine | disc;
      mine = theirs;
      theirs = moved;
    }
    visited = 0;
    const int value = search(mine, theirs, kDepth, -1000, 1000);
    if (round % 64 == 0) require("same value without pruning", search(mine, theirs, 4, -1000, 1000) == minimax(mine, theirs, 4));
    sum = mix(mix(sum, (uint32_t)value), visited);
  }
  return sum;
}
