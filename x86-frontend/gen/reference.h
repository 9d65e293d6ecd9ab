// Zydis, set up as the processor that we model: what the decoder's tables are generated from and tested against.
#pragma once

#include <Zydis/Zydis.h>

#include <array>
#include <cstdint>
#include <span>
#include <optional>
#include <string>

#include "x86-frontend/registers.h"

namespace chrysalis::x86::gen {

enum class Verdict : uint8_t {
  Ok,
  NeedMoreBytes,
  Undefined,  ///< by Zydis, or an instruction of an extension beyond ours
  TooLong,
};

struct ReferenceInst {
  Verdict verdict = Verdict::Undefined;
  bool beyond_ours = false;  ///< Undefined only because we lack the extension
  ZydisDecodedInstruction inst{};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};

  unsigned visible_count() const { return inst.operand_count_visible; }
};

/// Zydis in 32-bit protected mode, with the decoder modes off that give hint NOPs and REP-prefixed forms new meanings
/// on later processors (MPX, CET, LZCNT, TZCNT, CLDEMOTE).
class Reference {
 public:
  Reference();
  /// Decodes `bytes`; to see TooLong, pass more than 15. Fields of `out` other than the verdicts are valid with Ok.
  void decode(std::span<const uint8_t> bytes, ReferenceInst& out) const;

 private:
  ZydisDecoder decoder_;
};

/// Whether an instruction that Zydis decoded belongs to the sets that our decoder names.
bool is_ours(const ZydisDecodedInstruction& inst);

/// The enumerator of x86::Mnemonic for an instruction. Zydis' name with a capital, except that the SSE2 instructions
/// MOVSD and CMPSD, which share their names with string instructions, get an `Xmm` behind.
std::string mnemonic_enumerator(const ZydisDecodedInstruction& inst);

/// A register as decoded instructions name it; none for those that IA-32 lacks.
struct RegisterName {
  RegisterClass reg_class;
  uint8_t number;
};
std::optional<RegisterName> register_name(ZydisRegister reg);

}  // namespace chrysalis::x86::gen
