// The guest code that a translation is made from: where it lies, and its bytes as they were.
#pragma once

#include <cstdint>
#include <vector>

#include "firmware/guest_code.h"

namespace chrysalis::fw {

inline constexpr unsigned kMaxSpans = 6;  ///< pages that the source of one translation touches

/// One instruction as it was translated.
struct SourceInstruction {
  uint32_t eip;
  uint8_t length;
  uint16_t reloaded;  ///< bytes, as bits, that the translation loads when it executes: they may change
  uint8_t bytes[x86::kMaxInstructionLength];
};

/// A translation's source, collected while it is fetched.
struct Source {
  CodeSpan span[kMaxSpans];
  uint32_t count = 0;
  uint32_t highest = 0;  ///< eip of an instruction; lower ones may be there twice
  std::vector<SourceInstruction> instructions;

  void clear() {
    count = highest = 0;
    instructions.clear();
  }
  /// Adds an instruction. False: too many pages.
  bool add(uint32_t eip, const Fetched& fetched);
};

/// The bytes of `was`, as bits, that are now something else; reloaded ones do not count. `spans` say where its pages lie.
uint16_t changed_bytes(const SourceInstruction& was, const CodeSpan* spans, uint32_t span_count);

/// The bytes of `was`, as bits, that `write` covers.
uint16_t written_bytes(const SourceInstruction& was, const CodeSpan* spans, uint32_t span_count, const CodeWrite& write);

/// The bytes of `was`, as bits, that a translation could load when it executes instead of having them compiled in.
uint16_t reloadable_bytes(const SourceInstruction& was);

}  // namespace chrysalis::fw
