#pragma once

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "isa-host/fp/fp.h"

/// Operands for the floating-point tests: corner values of each format and a random mixture in which
/// corners, near exponents, short significands and invalid encodings are all frequent.
namespace chrysalis::isa::fp::test {

using Random = std::mt19937_64;

inline std::string text(F32 v) {
  char s[32];
  std::snprintf(s, sizeof s, "%08x", v.bits);
  return s;
}
inline std::string text(F64 v) {
  char s[32];
  std::snprintf(s, sizeof s, "%016llx", static_cast<unsigned long long>(v.bits));
  return s;
}
inline std::string text(F80 v) {
  char s[32];
  std::snprintf(s, sizeof s, "%04x:%016llx", v.sign_exponent, static_cast<unsigned long long>(v.significand));
  return s;
}
inline std::string text(Bcd80 v) { return text(F80{v.low, v.high}); }
inline std::string text(std::int64_t v) { return text(F64{static_cast<std::uint64_t>(v)}); }
inline std::string text(std::int32_t v) { return text(F32{static_cast<std::uint32_t>(v)}); }
inline std::string text(std::int16_t v) { return text(F32{static_cast<std::uint16_t>(v)}); }
inline std::string text(std::uint32_t v) { return text(F32{v}); }

/// Corner significands of F80: zeros, powers of two and their neighbours, halfway cases of 24 and 53
/// bits with odd and even last bits, NaN payloads, and clear integer bits.
inline const std::vector<std::uint64_t>& corner_significands() {
  static const std::vector<std::uint64_t> list{
      0,
      1,
      0x8000000000000000,
      0x8000000000000001,
      0xffffffffffffffff,
      0xfffffffffffffffe,
      0xc000000000000000,
      0xc000000000000123,
      0xa000000000000000,
      0x8000008000000000,
      0x8000018000000000,
      0x8000007fffffffff,
      0xffffff8000000000,
      0x8000000000000400,
      0x8000000000000c00,
      0x80000000000003ff,
      0xfffffffffffffc00,
      0x7fffffffffffffff,
      0x4000000000000000,
  };
  return list;
}

inline const std::vector<std::uint16_t>& corner_exponents() {
  static const std::vector<std::uint16_t> list{
      0,      1,      2,      63,     64,     0x3fbf, 0x3ffd, 0x3ffe, 0x3fff, 0x4000,
      0x400d, 0x400e, 0x401d, 0x401e, 0x403d, 0x403e, 0x403f, 0x43fe, 0x43ff, 0x3c01, 0x3c00,
      0x3bcd, 0x407e, 0x407f, 0x3f81, 0x3f80, 0x3f6a, 0x3f69, 0x7ffd, 0x7ffe, 0x7fff,
  };
  return list;
}

/// About a hundred values of each sign for all-pairs sweeps.
inline std::vector<F80> corners_f80() {
  std::vector<F80> list;
  for (const std::uint16_t sign : {0, 0x8000}) {
    for (const std::uint16_t exponent : {0, 1, 0x3ffe, 0x3fff, 0x4000, 0x403e, 0x7ffe, 0x7fff}) {
      for (const std::uint64_t significand :
           {0ull, 1ull, 0x8000000000000000ull, 0x8000000000000001ull, 0xffffffffffffffffull, 0xc000000000000000ull,
            0x8000008000000000ull, 0xfffffffffffffc00ull, 0x4000000000000000ull}) {
        list.push_back({significand, static_cast<std::uint16_t>(sign | exponent)});
      }
    }
  }
  return list;
}

/// One operand in a dozen shapes. `near` biases the exponent towards that of another operand.
inline F80 random_f80(Random& rng, F80 near = {0, 0x3fff}) {
  const std::uint64_t r = rng();
  std::uint64_t significand = rng();
  switch (r & 7) {
    case 0:
    case 1:
      significand = corner_significands()[(r >> 8) % corner_significands().size()];
      break;
    case 2:
      significand = (significand << ((r >> 8) & 63)) | 0x8000000000000000;
      break;
    case 3:
      significand = 0x8000000000000000 | (significand & ~std::uint64_t{0x7ff}) | ((r >> 8) & 1 ? 0x400 : 0);
      break;
    case 4:
      if ((r >> 8 & 7) != 0) {
        significand |= 0x8000000000000000;
      }
      break;
    default:
      significand |= 0x8000000000000000;
      break;
  }
  std::uint16_t exponent = 0;
  switch ((r >> 16) & 7) {
    case 0:
      exponent = corner_exponents()[(r >> 24) % corner_exponents().size()];
      break;
    case 1:
      exponent = (r >> 24) & 0x7fff;
      break;
    case 2:
      exponent = (r >> 24) & 0x7f;
      break;
    case 3:
      exponent = 0x7fff - ((r >> 24) & 0x7f);
      break;
    case 4:
      exponent = static_cast<std::uint16_t>(0x3fff - 70 + (r >> 24) % 141);
      break;
    default:
      exponent = static_cast<std::uint16_t>((near.sign_exponent & 0x7fff) - 68 + (r >> 24) % 137) & 0x7fff;
      break;
  }
  if (exponent == 0 && (r >> 56 & 3) != 0) {
    significand &= 0x7fffffffffffffff;
  }
  return {significand, static_cast<std::uint16_t>(exponent | (r >> 63 << 15))};
}

/// The same for F32 and F64, whose fields are given by their widths.
template <class F>
F random_narrow(Random& rng, F near, int fraction_bits, int width) {
  using Bits = decltype(F::bits);
  const std::uint64_t r = rng();
  const std::uint64_t fraction_mask = (std::uint64_t{1} << fraction_bits) - 1;
  const std::uint64_t exponent_mask = (std::uint64_t{1} << (width - 1 - fraction_bits)) - 1;
  std::uint64_t fraction = rng();
  switch (r & 7) {
    case 0:
      fraction = corner_significands()[(r >> 8) % corner_significands().size()] << 1 >> (64 - fraction_bits);
      break;
    case 1:
      fraction = r >> 8 & 1 ? ~(fraction >> 8 & 3) : fraction >> 8 & 3;
      break;
    case 2:
      fraction <<= (r >> 8) % static_cast<unsigned>(fraction_bits + 1);
      break;
    default:
      break;
  }
  std::uint64_t exponent = 0;
  switch ((r >> 16) & 7) {
    case 0:
      exponent = (r >> 24 & 1) != 0 ? exponent_mask : 0;
      break;
    case 1:
      exponent = r >> 24;
      break;
    case 2:
      exponent = (r >> 24) % 3;
      break;
    case 3:
      exponent = exponent_mask - (r >> 24) % 3;
      break;
    case 4:
      exponent = exponent_mask / 2 + (r >> 24) % 67 - 1;
      break;
    default:
      exponent = (std::uint64_t{near.bits} >> fraction_bits) + (r >> 24) % 119 - 59;
      break;
  }
  return {static_cast<Bits>((r >> 63 << (width - 1)) | ((exponent & exponent_mask) << fraction_bits) |
                            (fraction & fraction_mask))};
}

template <class F>
F random_operand(Random& rng, F near);
template <>
inline F80 random_operand(Random& rng, F80 near) {
  return random_f80(rng, near);
}
template <>
inline F32 random_operand(Random& rng, F32 near) {
  return random_narrow(rng, near, 23, 32);
}
template <>
inline F64 random_operand(Random& rng, F64 near) {
  return random_narrow(rng, near, 52, 64);
}

template <class F>
std::vector<F> corners_narrow(int fraction_bits, int width) {
  using Bits = decltype(F::bits);
  const Bits fraction_mask = (Bits{1} << fraction_bits) - 1;
  const Bits exponent_mask = (Bits{1} << (width - 1 - fraction_bits)) - 1;
  const Bits bias = exponent_mask / 2;
  std::vector<F> list;
  for (const Bits sign : {Bits{0}, Bits{1}}) {
    for (const Bits exponent : {Bits{0}, Bits{1}, Bits{2}, static_cast<Bits>(bias - fraction_bits), static_cast<Bits>(bias - 1),
                                bias, static_cast<Bits>(bias + 1), static_cast<Bits>(bias + fraction_bits),
                                static_cast<Bits>(bias + 31), static_cast<Bits>(exponent_mask - 1), exponent_mask}) {
      for (const Bits fraction : {Bits{0}, Bits{1}, static_cast<Bits>(fraction_mask / 2), static_cast<Bits>(fraction_mask / 2 + 1),
                                  static_cast<Bits>(fraction_mask / 2 + 2), fraction_mask}) {
        list.push_back({static_cast<Bits>((sign << (width - 1)) | (exponent << fraction_bits) | fraction)});
      }
    }
  }
  return list;
}

template <class F>
std::vector<F> corners();
template <>
inline std::vector<F80> corners() {
  return corners_f80();
}
template <>
inline std::vector<F32> corners() {
  return corners_narrow<F32>(23, 32);
}
template <>
inline std::vector<F64> corners() {
  return corners_narrow<F64>(52, 64);
}

}  // namespace chrysalis::isa::fp::test
