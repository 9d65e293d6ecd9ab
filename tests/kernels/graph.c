// Graph walk: shortest paths (E. W. Dijkstra, 1959) with a binary heap (J. W. J. Williams, 1964) over adjacency arrays,
// then a depth-first walk of the tree of paths. Indirect loads and data-dependent branches over 36 KiB.
#include "tests/kernels/kernel.h"

enum { kNodes = 1024, kDegree = 4, kEdges = kNodes * kDegree, kInfinite = 0x7fffffff };

struct edge { uint16_t to, length; };
static struct edge edges[kEdges];  // those of node n start at n * kDegree
static uint32_t distance[kNodes];
static uint16_t parent[kNodes], heap[kNodes], place[kNodes];
static unsigned heap_size;

static void put(unsigned at, uint16_t node) {
  heap[at] = node;
  place[node] = (uint16_t)at;
}

static void rise(uint16_t node) {
  unsigned at = place[node];
  for (; at > 0 && distance[heap[(at - 1) / 2]] > distance[node]; at = (at - 1) / 2) put(at, heap[(at - 1) / 2]);
  put(at, node);
}

static uint16_t take_nearest(void) {
  const uint16_t nearest = heap[0], last = heap[--heap_size];
  unsigned at = 0;
  for (unsigned child; (child = 2 * at + 1) < heap_size; at = child) {
    if (child + 1 < heap_size && distance[heap[child + 1]] < distance[heap[child]]) ++child;
    if (distance[heap[child]] >= distance[last]) break;
    put(at, heap[child]);
  }
  put(at, last);
  return nearest;
}

static void shortest_paths(uint16_t source) {
  for (unsigned n = 0; n < kNodes; ++n) {
    distance[n] = kInfinite;
    put(n, (uint16_t)n);
  }
  heap_size = kNodes;
  distance[source] = 0;
  parent[source] = source;
  rise(source);
  while (heap_size > 0) {
    const uint16_t from = take_nearest();
    for (unsigned e = from * kDegree; e < (from + 1u) * kDegree; ++e) {
      const uint32_t through = distance[from] + edges[e].length;
      if (through >= distance[edges[e].to]) continue;
      distance[edges[e].to] = through;
      parent[edges[e].to] = from;
      rise(edges[e].to);
    }
  }
}

/// Depth of the deepest node below `root`, counting the nodes reached.
static uint32_t walk(uint16_t root, uint32_t *reached) {
  static uint16_t stack[kEdges];
  static uint8_t depth[kNodes], seen[kNodes];
  unsigned top = 0;
  uint32_t deepest = 0;
  for (unsigned n = 0; n < kNodes; ++n) seen[n] = 0;
  stack[top++] = root;
  depth[root] = 0;
  seen[root] = 1;
  while (top > 0) {
    const uint16_t node = stack[--top];
    ++*reached;
    if (depth[node] > deepest) deepest = depth[node];
    for (unsigned e = node * kDegree; e < (node + 1u) * kDegree; ++e) {
      const uint16_t to = edges[e].to;
      if (seen[to] || parent[to] != node) continue;
      seen[to] = 1;
      depth[to] = (uint8_t)(depth[node] + 1);
      stack[top++] = to;
    }
  }
  return deepest;
}

uint32_t kernel(uint32_t rounds) {
  uint32_t seed = 1959, sum = 0;
  for (unsigned e = 0; e < kEdges; ++e) {
    const uint32_t bits = next_random(&seed);
    // The first edge of each node closes a ring: every node can be reached.
    edges[e].to = (uint16_t)((e % kDegree == 0 ? e / kDegree + 1 : bits) % kNodes);
    edges[e].length = (uint16_t)(1 + (bits >> 16) % 1000);
  }
  for (uint32_t round = 0; round < rounds; ++round) {
    const uint16_t source = (uint16_t)(round * 389 % kNodes);
    shortest_paths(source);
    // Optimal: no edge shortens a path, and each path's last edge is tight.
    uint32_t tight = 1, reached = 0, optimal = 1;
    for (unsigned e = 0; e < kEdges; ++e) {
      const unsigned from = e / kDegree, to = edges[e].to;
      optimal &= distance[from] + edges[e].length >= distance[to];
      tight += parent[to] == from && distance[from] + edges[e].length == distance[to];
    }
    const uint32_t deepest = walk(source, &reached);
    require("shortest paths", optimal && tight >= kNodes && reached == kNodes);
    sum = mix(sum, distance[round % kNodes]);
    sum = mix(sum, deepest);
    edges[next_random(&seed) % kEdges].length ^= 1;
  }
  return sum;
}
