#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "isa-host/fp/fp.h"

/// Control words, status words and failure reports shared by the floating-point tests.
namespace chrysalis::isa::fp::test {

inline constexpr int kRandomCases = 600'000;
inline constexpr std::uint64_t kSeed = 20260101;

/// Control words: 4 roundings x 4 precisions with all exceptions masked, none, and each alone unmasked.
inline std::vector<std::uint16_t> control_words(bool precisions) {
  std::vector<std::uint16_t> list;
  for (const int masks : {0x3f, 0x00, 0x3e, 0x3d, 0x3b, 0x37, 0x2f, 0x1f}) {
    for (int rounding = 0; rounding < 4; ++rounding) {
      for (const int precision : {3, 2, 1, 0}) {
        if (precision == 3 || precisions) {
          list.push_back(static_cast<std::uint16_t>(rounding << 10 | precision << 8 | 0x40 | masks));
        }
      }
    }
  }
  return list;
}

/// Half masked, half with random masks; rounding and precision random.
inline std::uint16_t random_control_word(std::uint64_t random) {
  const std::uint64_t masks = (random & 1) != 0 ? 0x3f : random >> 8 & 0x3f;
  return static_cast<std::uint16_t>((random >> 16 & 0xf) << 8 | 0x40 | masks);
}

/// Corner sweeps take every rounding and precision masked, and every mask with the full precision.
inline bool in_corner_sweep(std::uint16_t fcw) { return (fcw & 0x3f) == 0x3f || (fcw >> 8 & 3) == 3; }

inline std::string describe(std::uint16_t fcw) {
  char s[64];
  std::snprintf(s, sizeof s, "rc=%d pc=%d masks=%02x", fcw >> 10 & 3, fcw >> 8 & 3, fcw & 0x3f);
  return s;
}

inline std::string describe_status(std::uint16_t fsw) {
  char s[64];
  std::snprintf(s, sizeof s, "flags=%02x c3210=%d%d%d%d", fsw & 0x3f, fsw >> 14 & 1, fsw >> 10 & 1, fsw >> 9 & 1, fsw >> 8 & 1);
  return s;
}

/// Counts cases and reports the first differences of a test in a form that can be replayed.
class Checker {
 public:
  ~Checker() {
    if (failures_ > kReported) {
      ADD_FAILURE() << failures_ << " differences in " << cases_ << " cases";
    }
  }

  template <class Message>
  void check(bool equal, Message message) {
    ++cases_;
    if (!equal && ++failures_ <= kReported) {
      ADD_FAILURE() << message();
    }
  }

 private:
  static constexpr int kReported = 12;
  std::int64_t cases_ = 0;
  std::int64_t failures_ = 0;
};

/// Flags and C1; `conditions` adds condition codes that the operation defines itself.
inline std::uint16_t expected_status(const Outcome& out, std::uint16_t conditions = 0) {
  return static_cast<std::uint16_t>(out.flags | (out.rounded_up ? kC1 : 0) | conditions);
}

inline constexpr std::uint16_t kFlagsAndC1 = kAllExceptions | kC1;
inline constexpr std::uint16_t kFlagsAndConditions = kAllExceptions | kC0 | kC1 | kC2 | kC3;

}  // namespace chrysalis::isa::fp::test
