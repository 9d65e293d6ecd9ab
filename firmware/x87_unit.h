// What the x87 helpers share: the register stack and the recording of exceptions.
#pragma once

#include "firmware/host_fp.h"
#include "firmware/x87.h"
#include "firmware/x87_state.h"
#include "isa-host/fp/fp.h"

namespace chrysalis::fw {

using isa::fp::Outcome;
using Fp80 = host::Fp80;

/// The unit during one helper call.
class X87Unit {
 public:
  X87Unit(GuestContext& context, X87Call& call) : c(context), call(call), p(x86::X87Parameter::unpack(call.imm)) {}

  GuestContext& c;
  X87Call& call;
  const x86::X87Parameter p;

  // -- the stack ---------------------------------------------------------------------------------------
  unsigned physical(unsigned i) const { return (c.x87_top + i) & 7; }
  Fp80& st(unsigned i) { return c.st[physical(i)]; }
  bool empty(unsigned i) const { return (c.x87_tag >> physical(i) & 1) == 0; }
  void mark_valid(unsigned i) { c.x87_tag = static_cast<uint8_t>(c.x87_tag | 1u << physical(i)); }
  void mark_empty(unsigned i) { c.x87_tag = static_cast<uint8_t>(c.x87_tag & ~(1u << physical(i))); }
  void set(unsigned i, const Fp80& value) {
    st(i).significand = value.significand;
    st(i).sign_exponent = value.sign_exponent;
    mark_valid(i);
  }
  void push(const Fp80& value) {
    c.x87_top = (c.x87_top - 1) & 7;
    set(0, value);
  }
  void pop(unsigned count) {
    for (; count != 0; --count) {
      mark_empty(0);
      c.x87_top = (c.x87_top + 1) & 7;
    }
  }

  // -- exceptions ----------------------------------------------------------------------------------------
  isa::fp::Environment environment() const { return isa::fp::x87_environment(c.fcw); }
  static Outcome outcome(uint64_t status) {
    return {static_cast<uint8_t>(status & isa::fp::kAllExceptions), (status & isa::fp::kC1) != 0};
  }
  /// Adds exceptions and stack fault to the status word, and sets the condition codes in `conditions` to those in `status`.
  void record(uint64_t status, uint16_t conditions = isa::fp::kC1) {
    c.fsw = static_cast<uint16_t>((c.fsw & ~conditions) | status);
    x87_summarize(c);
  }
  /// A stack fault: #IS. Clears `conditions` but for C1, which tells the direction. Returns whether IE is masked, so that the instruction goes on with the indefinite value.
  enum class Fault : uint8_t { Underflow, Overflow };
  bool stack_fault(Fault fault, uint16_t conditions = isa::fp::kC1) {
    record(isa::fp::kInvalid | kX87StackFault | (fault == Fault::Overflow ? isa::fp::kC1 : 0), conditions);
    return masked();
  }
  bool masked() const { return (c.fcw & isa::fp::kInvalid) != 0; }

  static constexpr Fp80 indefinite() { return {0xc000'0000'0000'0000, 0xffff, {}}; }

  /// Records which instruction this is, and its operand in memory.
  void note_instruction();
};

// x87_arithmetic.cpp
void x87_arithmetic(X87Unit& u, x86::HelperId id);
void x87_unary(X87Unit& u, x86::HelperId id);
void x87_remainder(X87Unit& u, x86::HelperId id);
void x87_extract(X87Unit& u);
void x87_compare(X87Unit& u, x86::HelperId id);
void x87_examine(X87Unit& u);
// x87_transfer.cpp
void x87_load(X87Unit& u);
void x87_load_register(X87Unit& u);
void x87_load_constant(X87Unit& u);
void x87_store(X87Unit& u);
void x87_store_done(X87Unit& u);
void x87_store_register(X87Unit& u, bool checked);
void x87_exchange(X87Unit& u);
void x87_move(X87Unit& u);

}  // namespace chrysalis::fw
