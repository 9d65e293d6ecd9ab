// Random guest instructions, drawn from forms.def: every opcode form, every ModRM and SIB form, prefixes in
// any order, operands that mostly hit the mapped pages and like their edges.
//
// The generator is led: it sees the guest's state before each instruction that it makes, so that addresses,
// counts and selectors make sense often enough.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/oracle/oracle.h"

namespace chrysalis::oracle {

enum class Encoding : uint8_t { None, Plus, Modrm, ModrmReg, ModrmMem, ModrmSeg, Moffs };
enum class Immediate : uint8_t { N, B, W, Z, J8, JZ, F, WB };

/// What a form needs to do something interesting, and which prefixes suit it.
enum Hint : uint32_t {
  kNoHint = 0,
  kByte = 1 << 0,               ///< operand size prefix changes nothing
  kLock = 1 << 1,               ///< lockable with a destination in memory
  kCount = 1 << 2,              ///< the immediate is a shift count
  kCountCl = 1 << 3,            ///< CL is a shift count
  kDivide = 1 << 4,
  kBranch = 1 << 5,
  kTarget = 1 << 6,             ///< operand is a code address
  kFarTarget = 1 << 7,
  kReturn = 1 << 8,             ///< code address on the stack
  kFarReturn = 1 << 9,
  kIret = 1 << 10,
  kPopFlags = 1 << 11,
  kSelector = 1 << 12,          ///< operand is a selector
  kPopSelector = 1 << 13,
  kLoadFar = 1 << 14,           ///< operand is a far pointer to data
  kString = 1 << 15,
  kSmallCount = 1 << 16,        ///< ECX is a loop count
  kAddress = 1 << 17,           ///< EBX is an address
  kFrame = 1 << 18,             ///< EBP is a stack address
  kEnter = 1 << 19,
  kBitString = 1 << 20,         ///< the register operand reaches beyond the operand in memory
  kRare = 1 << 21,              ///< ends the sequence, usually
  kNoRep = 1 << 22,             ///< F2 and F3 would make another instruction of it on later processors
  kNoPrefix = 1 << 23,
  kUmip = 1 << 24,              ///< comparable only where the kernel emulates it
  kPause = 1 << 25,
  kUndefinedResult16 = 1 << 26,
};

struct Form {
  const char* text;
  uint16_t opcode;
  Encoding encoding;
  int8_t digit;
  Immediate immediate;
  uint32_t hints;
};
extern const Form kForms[];
extern const unsigned kFormCount;

/// What varies within a form, as bits: an instruction's coverage key is its form and these.
enum Variant : uint8_t {
  kWithRegister = 1, kWithMemory = 2, kOperand16 = 4, kAddress16 = 8, kSegmentOverride = 16, kWithLock = 32, kWithRep = 64,
};

struct Emitted {
  uint8_t bytes[15];
  uint8_t size = 0;
  int form = -1;               ///< index into kForms; -1: preparation, not for coverage
  uint8_t variant = 0;
};

class Generator {
 public:
  /// Selectors come from the oracle. Equal seeds give equal sequences.
  Generator(uint64_t seed, const Shared& shared, bool umip);

  /// Registers, flags and segments to start from, except EIP.
  State initial_state();
  /// The next instruction, to stand at now.eip.
  Emitted next(const State& now);
  Random& random() { return random_; }

 private:
  /// An instruction under construction.
  struct Encoder;

  unsigned choose_form();
  bool prepare(const Form& form, const State& now);
  Emitted encode(unsigned form, const State& now);
  void encode_memory(Encoder& e, unsigned reg, const State& now);
  void encode_immediate(Encoder& e, const Form& form, const State& now);
  uint32_t base_of(uint16_t selector) const;
  uint16_t some_selector();
  uint32_t code_address(const State& now);
  uint32_t data_target();
  void queue(std::initializer_list<uint32_t> bytes_and_words);
  void queue_mov(unsigned reg, uint32_t value);
  void queue_push(uint32_t value);

  Random random_;
  const Shared& shared_;
  bool umip_;
  std::vector<Emitted> queue_;     ///< preparation, in order
  int pending_form_ = -1;          ///< what it prepares
  bool has_target_ = false;        ///< the pending form's memory operand is to lie at target_
  uint32_t target_ = 0;
  int prepared_register_ = -1;     ///< holds what the pending form's register operand needs
};

}  // namespace chrysalis::oracle
