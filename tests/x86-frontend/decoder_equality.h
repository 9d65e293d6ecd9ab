// Holds the decoder's answer for one byte string against Zydis'.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "x86-frontend/decoded.h"
#include "x86-frontend/gen/reference.h"

namespace chrysalis::x86::test {

class Equality {
 public:
  /// Decodes `bytes` both ways; they hold at least 16 bytes, of which the decoder sees 15. Equal means: same verdict,
  /// length, mnemonic, prefixes and operands; Undefined where Zydis knows an instruction of an extension beyond ours.
  /// Where Zydis says TooLong the decoder may say Undefined, if the instruction is undefined without redundant prefixes.
  /// Returns what differs, empty if nothing does.
  std::string compare(std::span<const uint8_t> bytes);

  /// Decodes every truncation of `bytes`. A defined instruction needs more bytes until it is complete. Of an undefined
  /// one, the decoder may know from fewer bytes than Zydis, but not from more, and does not change its mind.
  std::string compare_truncated(std::span<const uint8_t> bytes);

  /// Of the last compare().
  DecodeStatus status() const { return status_; }
  const DecodedInst& decoded() const { return inst_; }
  bool beyond_ours() const { return reference_inst_.beyond_ours; }

 private:
  gen::Reference reference_;
  gen::ReferenceInst reference_inst_;
  DecodedInst inst_;
  DecodeStatus status_ = DecodeStatus::Undefined;
};

std::string hex(std::span<const uint8_t> bytes);

}  // namespace chrysalis::x86::test
