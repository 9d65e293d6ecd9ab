// Random numbers for tests: a fixed, portable sequence, so that a failure can be repeated from its seed.
#pragma once

#include <cstdint>

namespace chrysalis::isa::test {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {  // splitmix64
    uint64_t z = (state_ += 0x9e37'79b9'7f4a'7c15);
    z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
    return z ^ z >> 31;
  }
  uint64_t below(uint64_t limit) { return next() % limit; }
  bool chance(unsigned one_in) { return below(one_in) == 0; }

  /// Values at which arithmetic goes wrong, more often than others.
  uint64_t operand() {
    static constexpr uint64_t kCorner[] = {0, 1, 2, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff'ffff, 0x8000'0000,
                                           0x8000'0001, 0xffff'ffff, 0x1'0000'0000, 0x7fff'ffff'ffff'ffff, 0x8000'0000'0000'0000,
                                           0xffff'ffff'ffff'ffff, 0x5555'5555'5555'5555, 0xaaaa'aaaa'aaaa'aaaa};
    constexpr unsigned kCorners = sizeof kCorner / sizeof kCorner[0];
    switch (below(4)) {
      case 0: return kCorner[below(kCorners)];
      case 1: return kCorner[below(kCorners)] + below(5) - 2;
      case 2: return next() >> below(64);
      default: return next();
    }
  }

 private:
  uint64_t state_;
};

}  // namespace chrysalis::isa::test
