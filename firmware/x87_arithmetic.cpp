// Arithmetic and comparisons of the x87 unit.
#include "firmware/x87_unit.h"

namespace chrysalis::fw {
namespace {

using ir::IntrinsicId;
using isa::fp::kC0;
using isa::fp::kC1;
using isa::fp::kC2;
using isa::fp::kC3;
using x86::HelperId;
using x86::X87Format;

constexpr uint64_t kStatusBits = isa::fp::kAllExceptions | kC1;
constexpr uint16_t kConditions = kC0 | kC1 | kC2 | kC3;
constexpr uint64_t kUnordered = 0x45;  // flags image: ZF PF CF

/// An arithmetic operation's status, its result in `to`; `a` is the destination, `b` the operand.
uint64_t operate(HelperId id, Fp80& to, const Fp80& a, const Fp80& b) {
  const uint64_t d = host::address_of(to), x = host::address_of(a), y = host::address_of(b);
  switch (id) {
    case HelperId::X87Add: return host::fp<IntrinsicId::Fp80Add>(d, x, y);
    case HelperId::X87Sub: return host::fp<IntrinsicId::Fp80Sub>(d, x, y);
    case HelperId::X87SubReverse: return host::fp<IntrinsicId::Fp80Sub>(d, y, x);
    case HelperId::X87Mul: return host::fp<IntrinsicId::Fp80Mul>(d, x, y);
    case HelperId::X87Div: return host::fp<IntrinsicId::Fp80Div>(d, x, y);
    default: return host::fp<IntrinsicId::Fp80Div>(d, y, x);
  }
}

uint64_t operate_f32(HelperId id, Fp80& to, const Fp80& a, uint64_t bits) {
  const uint64_t d = host::address_of(to), x = host::address_of(a);
  switch (id) {
    case HelperId::X87Add: return host::fp<IntrinsicId::Fp80AddF32>(d, x, bits);
    case HelperId::X87Sub: return host::fp<IntrinsicId::Fp80SubF32>(d, x, bits);
    case HelperId::X87SubReverse: return host::fp<IntrinsicId::Fp80SubRF32>(d, x, bits);
    case HelperId::X87Mul: return host::fp<IntrinsicId::Fp80MulF32>(d, x, bits);
    case HelperId::X87Div: return host::fp<IntrinsicId::Fp80DivF32>(d, x, bits);
    default: return host::fp<IntrinsicId::Fp80DivRF32>(d, x, bits);
  }
}

uint64_t operate_f64(HelperId id, Fp80& to, const Fp80& a, uint64_t bits) {
  const uint64_t d = host::address_of(to), x = host::address_of(a);
  switch (id) {
    case HelperId::X87Add: return host::fp<IntrinsicId::Fp80AddF64>(d, x, bits);
    case HelperId::X87Sub: return host::fp<IntrinsicId::Fp80SubF64>(d, x, bits);
    case HelperId::X87SubReverse: return host::fp<IntrinsicId::Fp80SubRF64>(d, x, bits);
    case HelperId::X87Mul: return host::fp<IntrinsicId::Fp80MulF64>(d, x, bits);
    case HelperId::X87Div: return host::fp<IntrinsicId::Fp80DivF64>(d, x, bits);
    default: return host::fp<IntrinsicId::Fp80DivRF64>(d, x, bits);
  }
}

Fp80 from_integer(uint64_t bits, X87Format format) {
  const int64_t value = format == X87Format::I16 ? static_cast<int16_t>(bits) : static_cast<int32_t>(bits);
  Fp80 result{};
  host::fp<IntrinsicId::Fp80FromI64>(host::address_of(result), static_cast<uint64_t>(value));
  return result;
}

/// Delivers a result to ST(destination) as the exceptions allow, and pops.
void deliver(X87Unit& u, unsigned destination, const Fp80& result, uint64_t status) {
  u.record(status & kStatusBits);
  if (!X87Unit::outcome(status).writes_register(u.environment())) return;
  u.set(destination, result);
  u.pop(u.p.pops);
}

/// C3, C2, C0 of a flags image with ZF, PF, CF.
constexpr uint16_t conditions(uint64_t image) {
  return static_cast<uint16_t>(((image & 0x40) != 0 ? kC3 : 0) | ((image & 4) != 0 ? kC2 : 0) | ((image & 1) != 0 ? kC0 : 0));
}

}  // namespace

void x87_arithmetic(X87Unit& u, HelperId id) {
  u.note_instruction();
  const bool registers = u.p.format == X87Format::St;
  const unsigned destination = u.p.to_index ? u.p.index() : 0, other = u.p.to_index ? 0 : u.p.index();
  if (u.empty(destination) || (registers && u.empty(other))) {
    if (!u.stack_fault(X87Unit::Fault::Underflow)) return;
    u.set(destination, X87Unit::indefinite());
    u.pop(u.p.pops);
    return;
  }
  const Fp80& a = u.st(destination);
  Fp80 result{};
  uint64_t status;
  host::fp_control(u.c.fcw);
  switch (u.p.format) {
    case X87Format::St: status = operate(id, result, a, u.st(other)); break;
    case X87Format::F32: status = operate_f32(id, result, a, u.call.source[0]); break;
    case X87Format::F64: status = operate_f64(id, result, a, u.call.source[0]); break;
    default: status = operate(id, result, a, from_integer(u.call.source[0], u.p.format)); break;
  }
  deliver(u, destination, result, status);
}

void x87_unary(X87Unit& u, HelperId id) {
  u.note_instruction();
  if (u.empty(0)) {
    if (u.stack_fault(X87Unit::Fault::Underflow)) u.set(0, X87Unit::indefinite());
    return;
  }
  Fp80 result = u.st(0);
  const uint64_t to = host::address_of(result), from = host::address_of(u.st(0));
  uint64_t status = 0;
  host::fp_control(u.c.fcw);
  switch (id) {
    case HelperId::X87ChangeSign: result.sign_exponent ^= 0x8000; break;
    case HelperId::X87Absolute: result.sign_exponent &= 0x7fff; break;
    case HelperId::X87SquareRoot: status = host::fp<IntrinsicId::Fp80Sqrt>(to, from); break;
    default: status = host::fp<IntrinsicId::Fp80Round>(to, from); break;
  }
  deliver(u, 0, result, status);
}

// FPREM, FPREM1 and FSCALE: ST(0) by ST(1).
void x87_remainder(X87Unit& u, HelperId id) {
  u.note_instruction();
  const bool remainder = id != HelperId::X87Scale;
  if (u.empty(0) || u.empty(1)) {
    const uint16_t cleared = remainder ? kC1 | kC2 : kC1;
    if (u.stack_fault(X87Unit::Fault::Underflow, cleared)) u.set(0, X87Unit::indefinite());
    return;
  }
  Fp80 result{};
  const uint64_t to = host::address_of(result), a = host::address_of(u.st(0)), b = host::address_of(u.st(1));
  host::fp_control(u.c.fcw);
  const uint64_t status = id == HelperId::X87Remainder          ? host::fp<IntrinsicId::Fp80Rem>(to, a, b)
                          : id == HelperId::X87RemainderNearest ? host::fp<IntrinsicId::Fp80Rem1>(to, a, b)
                                                                : host::fp<IntrinsicId::Fp80Scale>(to, a, b);
  // Without a division there is no quotient to report: C0 and C3 stay.
  const bool written = X87Unit::outcome(status).writes_register(u.environment());
  const bool divided = written && (result.sign_exponent & 0x7fff) != 0x7fff;
  const uint16_t reported = !remainder ? kC1 : divided ? kConditions : kC1 | kC2;
  u.record(status & (isa::fp::kAllExceptions | reported), reported);
  if (written) u.set(0, result);
}

void x87_extract(X87Unit& u) {
  u.note_instruction();
  const bool underflow = u.empty(0);
  if (underflow || !u.empty(7)) {
    if (!u.stack_fault(underflow ? X87Unit::Fault::Underflow : X87Unit::Fault::Overflow)) return;
    u.set(0, X87Unit::indefinite());
    u.push(X87Unit::indefinite());
    return;
  }
  Fp80 exponent{}, significand{};
  const uint64_t from = host::address_of(u.st(0));
  host::fp_control(u.c.fcw);
  uint64_t status = host::fp<IntrinsicId::Fp80Exponent>(host::address_of(exponent), from);
  status |= host::fp<IntrinsicId::Fp80Significand>(host::address_of(significand), from);
  u.record(status & kStatusBits);
  if (!X87Unit::outcome(status).writes_register(u.environment())) return;
  u.set(0, exponent);
  u.push(significand);
}

void x87_compare(X87Unit& u, HelperId id) {
  u.note_instruction();
  const bool flags = id == HelperId::X87CompareFlags || id == HelperId::X87CompareFlagsQuiet;
  const bool quiet = id == HelperId::X87CompareQuiet || id == HelperId::X87CompareFlagsQuiet;
  const bool with_zero = id == HelperId::X87CompareZero;
  const unsigned other = u.p.index();
  uint64_t image = kUnordered;
  bool delivered;
  if (u.empty(0) || (u.p.format == X87Format::St && !with_zero && u.empty(other))) {
    delivered = u.stack_fault(X87Unit::Fault::Underflow);
  } else {
    const uint64_t a = host::address_of(u.st(0));
    uint64_t result;
    host::fp_control(u.c.fcw);
    if (with_zero) {
      const Fp80 zero{};
      result = host::fp<IntrinsicId::Fp80Compare>(a, host::address_of(zero));
    } else if (u.p.format == X87Format::F32) {
      result = host::fp<IntrinsicId::Fp80CompareF32>(a, u.call.source[0]);
    } else if (u.p.format == X87Format::F64) {
      result = host::fp<IntrinsicId::Fp80CompareF64>(a, u.call.source[0]);
    } else if (u.p.format != X87Format::St) {
      const Fp80 integer = from_integer(u.call.source[0], u.p.format);
      result = host::fp<IntrinsicId::Fp80Compare>(a, host::address_of(integer));
    } else if (quiet) {
      result = host::fp<IntrinsicId::Fp80CompareQuiet>(a, host::address_of(u.st(other)));
    } else {
      result = host::fp<IntrinsicId::Fp80Compare>(a, host::address_of(u.st(other)));
    }
    image = result & 0xffff;
    const uint64_t status = result >> 16;
    u.record(status & isa::fp::kAllExceptions, flags ? 0 : kC1);
    delivered = X87Unit::outcome(status).writes_register(u.environment());
  }
  if (flags) u.call.value = image;
  else u.c.fsw = static_cast<uint16_t>((u.c.fsw & ~(kC0 | kC2 | kC3)) | conditions(image));
  if (delivered) u.pop(u.p.pops);
}

void x87_examine(X87Unit& u) {
  u.note_instruction();
  const uint16_t sign = (u.st(0).sign_exponent & 0x8000) != 0 ? kC1 : 0;
  const uint64_t reported = u.empty(0) ? uint64_t{kC3} | kC0 | sign : host::fp<IntrinsicId::Fp80Class>(host::address_of(u.st(0)));
  u.record(reported, kConditions);
}

}  // namespace chrysalis::fw
