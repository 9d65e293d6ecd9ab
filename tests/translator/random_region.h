// Random regions for the fuzzers of the back end, and what they do, evaluated operation by operation.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "translator/region.h"

namespace chrysalis::test {

inline constexpr unsigned kExits = 4;                  ///< labels 0..kExits-1
inline constexpr uint64_t kConcealedData = 0x7010'0000;  ///< kDataBytes that concealed accesses touch
inline constexpr uint64_t kGuestData = 0x0000'3000;      ///< the same for guest accesses, identity-mapped
inline constexpr unsigned kDataBytes = 256;
inline constexpr unsigned kConcealedBaseReg = 60, kGuestBaseReg = 61;  ///< hold these addresses at entry

using Bytes = std::array<uint8_t, kDataBytes>;

struct RandomRegion {
  translator::Region region;
  std::array<uint64_t, 64> entry{};  ///< register contents at entry
  Bytes concealed{}, guest{};        ///< memory at entry
};

/// A region with about `size` operations. Shapes by `seed`: few or many registers, with or without commits,
/// guest exits or labels, faults that roll back or not. Most side exits are such that they are not taken. Where faults
/// roll back, some loads are already deleted and stand as Op::Keep; no more than `alias_entries` loads are kept at once.
RandomRegion random_region(uint64_t seed, unsigned size, unsigned alias_entries = 8);

/// A tree that does what `random` does without those of its side exits that lead to paths: each path repeats what follows its exit.
/// Its exits are chosen by `seed`. Out: `random` without them. One path: there is no exit to choose.
std::vector<translator::Region> split(RandomRegion& random, uint64_t seed);

/// What a rollback returns to.
struct Checkpoint {
  std::vector<std::pair<unsigned, uint64_t>> registers;
  Bytes guest{};
  uint64_t instructions = 0;
};

/// What the outside may see.
struct Outcome {
  int64_t exit = -1;                 ///< label, or guest address
  size_t inst = 0;                   ///< index of the exit
  bool guest_exit = false;
  std::vector<std::pair<unsigned, uint64_t>> registers;  ///< the map of the exit, with contents
  uint64_t uncounted = 0;            ///< guest instructions, modulo 4096, that a commit at the exit counts less
  std::vector<Checkpoint> checkpoints;  ///< the entry, then the commits within the region
  Bytes concealed{}, guest{};
  bool hits_kept = false;            ///< a store hit the bytes of a kept load: the alias hardware may notice
  bool must_fault = false;           ///< and the Keep was reached: it has to
};

Outcome evaluate_region(const RandomRegion& random);

}  // namespace chrysalis::test
