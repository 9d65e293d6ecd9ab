// Loads, stores and moves of the x87 unit.
#include "firmware/x87_unit.h"

namespace chrysalis::fw {
namespace {

using ir::IntrinsicId;
using isa::fp::kC1;
using isa::fp::kInvalid;
using x86::X87Format;

constexpr uint64_t kNothingStored = uint64_t{1} << 32;  // of the token, x87_helpers.def
constexpr uint64_t kStatusBits = isa::fp::kAllExceptions | kC1;
constexpr uint64_t kBcdLimit = 1'000'000'000'000'000'000;

/// What is in memory, or is to go there.
struct Image {
  uint64_t low;
  uint16_t high = 0;
};

/// The masked response to an invalid operation, SDM Vol. 1, 4.8.3.7 and table 4-1.
Image indefinite(X87Format format) {
  switch (format) {
    case X87Format::F32: return {0xffc0'0000};
    case X87Format::F64: return {0xfff8'0000'0000'0000};
    case X87Format::I16: return {0x8000};
    case X87Format::I32: return {0x8000'0000};
    case X87Format::I64: return {0x8000'0000'0000'0000};
    default: return {0xc000'0000'0000'0000, 0xffff};  // F80, Bcd
  }
}

int64_t sign_extended(uint64_t bits, X87Format format) {
  if (format == X87Format::I16) return static_cast<int16_t>(bits);
  if (format == X87Format::I32) return static_cast<int32_t>(bits);
  return static_cast<int64_t>(bits);
}

/// Digits above 9 count with their value, as isa::fp::from_bcd.
uint64_t bcd_magnitude(uint64_t low, uint64_t high) {
  uint64_t magnitude = (high >> 4 & 15) * 10 + (high & 15);
  for (unsigned digit = 16; digit-- > 0;) magnitude = magnitude * 10 + (low >> 4 * digit & 15);
  return magnitude;
}

Image bcd_digits(uint64_t magnitude, bool negative) {
  Image image{0};
  for (unsigned digit = 0; digit < 16; ++digit) {
    image.low |= magnitude % 10 << 4 * digit;
    magnitude /= 10;
  }
  image.high = static_cast<uint16_t>((negative ? 0x8000 : 0) | (magnitude / 10) << 4 | magnitude % 10);
  return image;
}

/// Converts ST(0) for memory; returns the status that goes with it.
uint64_t convert(X87Unit& u, Image& image) {
  const uint64_t st0 = host::address_of(u.st(0));
  host::fp_control(u.c.fcw);
  switch (u.p.format) {
    case X87Format::F32: image.low = host::fp<IntrinsicId::Fp80ToF32>(st0); break;
    case X87Format::F64: image.low = host::fp<IntrinsicId::Fp80ToF64>(st0); break;
    case X87Format::I16: image.low = host::fp<IntrinsicId::Fp80ToI16>(st0); break;
    case X87Format::I32: image.low = host::fp<IntrinsicId::Fp80ToI32>(st0); break;
    case X87Format::I64: image.low = host::fp<IntrinsicId::Fp80ToI64>(st0); break;
    case X87Format::Bcd: {
      const bool negative = (u.st(0).sign_exponent & 0x8000) != 0;
      const uint64_t integer = host::fp<IntrinsicId::Fp80ToI64>(st0);
      const uint64_t status = host::fp_status() & kStatusBits;
      const uint64_t magnitude = static_cast<int64_t>(integer) < 0 ? 0 - integer : integer;
      if ((status & kInvalid) != 0 || magnitude >= kBcdLimit) {
        image = indefinite(X87Format::Bcd);
        return kInvalid;
      }
      image = bcd_digits(magnitude, negative);
      return status;
    }
    default:
      image = {u.st(0).significand, u.st(0).sign_exponent};
      return 0;
  }
  return host::fp_status() & kStatusBits;
}

}  // namespace

void x87_load(X87Unit& u) {
  u.note_instruction();
  if (!u.empty(7)) {
    if (u.stack_fault(X87Unit::Fault::Overflow)) u.push(X87Unit::indefinite());
    return;
  }
  const uint64_t* const bits = u.call.source;
  Fp80 value{};
  uint64_t status = 0;
  host::fp_control(u.c.fcw);
  switch (u.p.format) {
    case X87Format::F32: status = host::fp<IntrinsicId::Fp80FromF32>(host::address_of(value), bits[0]); break;
    case X87Format::F64: status = host::fp<IntrinsicId::Fp80FromF64>(host::address_of(value), bits[0]); break;
    case X87Format::I16: case X87Format::I32: case X87Format::I64:
      host::fp<IntrinsicId::Fp80FromI64>(host::address_of(value), static_cast<uint64_t>(sign_extended(bits[0], u.p.format)));
      break;
    case X87Format::Bcd:
      host::fp<IntrinsicId::Fp80FromI64>(host::address_of(value), bcd_magnitude(bits[0], bits[1]));
      value.sign_exponent = static_cast<uint16_t>(value.sign_exponent | (bits[1] & 0x8000));
      break;
    default:
      value.significand = bits[0];
      value.sign_exponent = static_cast<uint16_t>(bits[1]);
      break;
  }
  u.record(status & kStatusBits);
  if (X87Unit::outcome(status).pushes(u.environment())) u.push(value);
}

void x87_load_register(X87Unit& u) {
  u.note_instruction();
  const unsigned from = u.p.index();
  const bool underflow = u.empty(from);
  if (underflow || !u.empty(7)) {
    if (u.stack_fault(underflow ? X87Unit::Fault::Underflow : X87Unit::Fault::Overflow)) u.push(X87Unit::indefinite());
    return;
  }
  u.record(0);
  u.push(Fp80{u.st(from)});
}

void x87_load_constant(X87Unit& u) {
  u.note_instruction();
  if (!u.empty(7)) {
    if (u.stack_fault(X87Unit::Fault::Overflow)) u.push(X87Unit::indefinite());
    return;
  }
  Fp80 value{};
  const uint64_t to = host::address_of(value);
  host::fp_control(u.c.fcw);
  switch (u.p.index()) {
    case 0: host::fp<IntrinsicId::Fp80One>(to); break;
    case 1: host::fp<IntrinsicId::Fp80Log2Of10>(to); break;
    case 2: host::fp<IntrinsicId::Fp80Log2OfE>(to); break;
    case 3: host::fp<IntrinsicId::Fp80Pi>(to); break;
    case 4: host::fp<IntrinsicId::Fp80Log10Of2>(to); break;
    case 5: host::fp<IntrinsicId::Fp80LnOf2>(to); break;
    default: host::fp<IntrinsicId::Fp80Zero>(to); break;
  }
  u.record(0);
  u.push(value);
}

void x87_store(X87Unit& u) {
  Image image{0};
  uint64_t status;
  bool stored;
  if (u.empty(0)) {
    image = indefinite(u.p.format);
    status = kInvalid | kX87StackFault;
    stored = u.masked();
  } else {
    status = convert(u, image);
    stored = X87Unit::outcome(status).stores(u.environment());
  }
  u.call.value = image.low;
  if (stored) {
    const uint16_t word = static_cast<uint16_t>((u.c.fsw & ~kC1) | status);
    u.call.flags = word | uint64_t{image.high} << 16;
    return;
  }
  u.note_instruction();
  u.record(status);
  u.call.flags = kNothingStored;
}

void x87_store_done(X87Unit& u) {
  u.note_instruction();
  u.c.fsw = static_cast<uint16_t>(u.call.source[0]);
  x87_summarize(u.c);
  u.pop(u.p.pops);
}

void x87_store_register(X87Unit& u, bool checked) {
  u.note_instruction();
  Fp80 value = u.st(0);
  if (u.empty(0) && checked) {
    if (!u.stack_fault(X87Unit::Fault::Underflow)) return;
    value = X87Unit::indefinite();
  } else {
    u.record(0);
  }
  u.set(u.p.index(), value);
  u.pop(u.p.pops);
}

void x87_exchange(X87Unit& u) {
  u.note_instruction();
  const unsigned i = u.p.index();
  Fp80 first = u.st(0), second = u.st(i);
  if (u.empty(0) || u.empty(i)) {
    if (!u.stack_fault(X87Unit::Fault::Underflow)) return;
    if (u.empty(0)) first = X87Unit::indefinite();
    if (u.empty(i)) second = X87Unit::indefinite();
  } else {
    u.record(0);
  }
  u.set(i, first);
  u.set(0, second);
}

void x87_move(X87Unit& u) {
  u.note_instruction();
  const unsigned i = u.p.index();
  if (u.empty(0) || u.empty(i)) {
    if (u.stack_fault(X87Unit::Fault::Underflow)) u.set(0, X87Unit::indefinite());
    return;
  }
  if (u.call.source[0] != 0) u.set(0, Fp80{u.st(i)});
}

}  // namespace chrysalis::fw
