// What the oracle's two halves share: the 64-bit client and the 32-bit server that runs guest code on
// the build machine's own processor.
//
// Plain data of the same layout in both, so this header is C++17 and needs nothing but <stdint.h>.
#pragma once

#include <stdint.h>

namespace chrysalis::oracle {

inline constexpr uint32_t kPage = 4096;

// -- The address space that guest code sees ------------------------------------------------------------
// Everything that is not listed is unmapped, except the server itself.
inline constexpr uint32_t kCode = 0x08048000;      ///< kCodePages pages, read and execute, and write if Shared::writable_code
inline constexpr uint32_t kCodePages = 2;
inline constexpr uint32_t kData = 0x20000000;      ///< pages as kPageMap says
inline constexpr uint32_t kStack = 0x30001000;
inline constexpr uint32_t kServer = 0x60000000;    ///< the server's own memory: guest code must not touch it
inline constexpr uint32_t kServerEnd = 0x62000000;

struct MappedPage {
  uint32_t address;
  bool writable;
};
/// Data pages in the order of their contents in an image. Page kData + 3 is a hole.
inline constexpr MappedPage kPageMap[] = {
    {kData, true},          {kData + kPage, true}, {kData + 2 * kPage, false},
    {kData + 4 * kPage, true}, {kStack, true},     {kStack + kPage, true},
};
inline constexpr unsigned kPages = sizeof(kPageMap) / sizeof(kPageMap[0]);
inline constexpr unsigned kImages = 8;             ///< initial memory contents to choose from

enum Segment : unsigned { kEs, kCs, kSs, kDs, kFs, kGs };

/// Bases of the two thread-local segments that the server creates; their selectors differ by kernel.
inline constexpr uint32_t kTlsBase[2] = {kData, kData + kPage - 0x18};

struct State {
  uint32_t gpr[8];
  uint32_t eip;
  uint32_t eflags;
  uint16_t selector[6];      ///< CS is ignored on input
};

/// x87 state in the 32-bit protected-mode format of FNSAVE.
struct X87State {
  uint32_t environment[7];   ///< control, status, tags, instruction pointer, selector and opcode, data pointer, selector
  uint8_t st[8][10];         ///< from ST(0) on
};

/// How a run ended. A finished sequence runs into INT3: signal SIGTRAP, trap number 3.
struct Outcome {
  State state;
  int32_t signal;            ///< kTimedOut, kServerDied, or the signal's number
  uint32_t trap;             ///< x86 vector
  uint32_t error;            ///< x86 error code
  uint32_t address;          ///< CR2; valid for vector 14
  uint32_t memory_hash[4];   ///< hash_page over the writable pages of kPageMap, then the code pages if they are writable
  X87State x87;              ///< as the kernel shows it to the signal handler: pointers are not reliable
};
inline constexpr int32_t kTimedOut = -1;
inline constexpr int32_t kServerDied = -2;

inline constexpr unsigned kMaxCode = 160;

struct Case {
  State in;
  uint32_t code_at;          ///< where code[] goes; the rest of the code pages is INT3
  uint32_t code_size;
  uint32_t image;
  uint32_t loads_x87;        ///< not 0: the run starts with `x87`; else with FNINIT's state
  X87State x87;
  uint8_t code[kMaxCode];
  Outcome out;
};

inline constexpr unsigned kMaxBatch = 4096;

/// The memory that both processes map.
struct Shared {
  uint32_t current;                       ///< case being run
  uint32_t tls_selector[2];
  uint32_t flat_data, flat_code;          ///< selectors that the kernel gave the process
  uint32_t writable_code;                 ///< not 0: guest code may store to the code pages; set before the server starts
  alignas(4096) uint8_t code[kCodePages][kPage];
  uint8_t page[kPages][kPage];            ///< the data pages themselves: contents after the last run
  uint8_t image[kImages][kPages][kPage];
  Case batch[kMaxBatch];
};

/// Folds one page into a hash of four lanes.
inline void hash_page(const uint8_t* page, uint32_t (&hash)[4]) {
  for (unsigned i = 0; i < kPage; i += 16) {
    for (unsigned lane = 0; lane < 4; ++lane) {
      uint32_t word;
      __builtin_memcpy(&word, page + i + 4 * lane, 4);
      hash[lane] = (hash[lane] ^ word) * 0x9e3779b1u;
      hash[lane] ^= hash[lane] >> 15;
    }
  }
}

}  // namespace chrysalis::oracle
