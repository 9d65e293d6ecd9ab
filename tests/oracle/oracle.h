// The oracle: runs short pieces of guest code on the build machine's own processor, in 32-bit user mode,
// and reports registers, flags, memory and faults.
//
// Cost: about 10 microseconds a case. Needs an x86-64 Linux whose kernel runs 32-bit programs; start()
// says so when it does not.
#pragma once

#include <memory>
#include <string>

#include "tests/oracle/protocol.h"

namespace chrysalis::oracle {

/// A small fast generator with the same results on every platform.
class Random {
 public:
  /// Seeds that are neighbours give unrelated sequences.
  explicit Random(uint64_t seed) : state_(mix(seed + 0x1234567)) {}
  uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15u); }  // splitmix64
  uint32_t word() { return static_cast<uint32_t>(next() >> 32); }
  /// 0 <= result < bound.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((static_cast<uint64_t>(word()) * bound) >> 32); }
  bool one_in(uint32_t n) { return below(n) == 0; }

 private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

/// Whether guest code may store to its own pages.
enum class CodePages : uint8_t { ReadOnly, Writable };

/// The memory images that every case starts from.
void fill_images(Shared& shared);

class Oracle {
 public:
  /// Starts the server. On failure the result is null, and `why_not` says why.
  static std::unique_ptr<Oracle> start(std::string& why_not, CodePages code_pages = CodePages::ReadOnly);
  ~Oracle();

  /// The cases to fill in; kMaxBatch of them.
  Case* batch() { return shared_->batch; }
  /// Runs cases [first, first + count) and fills in their outcomes. A case that hangs or kills the
  /// server is reported as such, and the rest still runs.
  void run(uint32_t first, uint32_t count);

  /// Whether the processor refuses SGDT and its like to user mode, so that the kernel emulates them.
  static bool has_umip();

  /// Initial memory image `i`, to be filled in otherwise. Pages that guest code cannot write are taken from image 0
  /// when the server starts; they stay as they are.
  uint8_t (&image(unsigned i))[kPages][kPage] { return shared_->image[i]; }

  /// Selectors, initial memory images; after run(), page[] is what the last case left.
  const Shared& shared() const { return *shared_; }

 private:
  explicit Oracle(Shared* shared, int memory) : shared_(shared), memory_(memory) {}
  bool spawn();
  void stop();

  Shared* shared_;
  int memory_;
  int request_ = -1, reply_ = -1, process_ = -1;
};

/// A value of the kind that finds bugs: small, a power of two or its neighbour, all ones, random.
uint32_t interesting_value(Random& random);
/// An address near the mapped pages and their edges; one in ten lies elsewhere.
uint32_t interesting_address(Random& random);

}  // namespace chrysalis::oracle
