// Dispatch, stack and control operations of the x87 unit.
#include "firmware/x87.h"

#include "firmware/x87_unit.h"

namespace chrysalis::fw {
namespace {

using ir::GuestReg;
using x86::HelperId;

uint16_t selector(const GuestContext& c, unsigned segment) {
  return static_cast<uint16_t>(c.slot[static_cast<unsigned>(GuestReg::EsSel) + segment]);
}

constexpr uint64_t kReservedOnes = 0xffff'0000;  // upper halves of the 32-bit format
constexpr uint16_t kOpcodeMask = 0x7ff;

/// SDM Vol. 1, 8.1.10, protected mode formats. Two or four words of 64 bits.
void read_environment(const GuestContext& c, bool wide, uint64_t (&image)[4]) {
  const uint64_t status = x87_status_word(c), tags = x87_tag_word(c);
  if (wide) {
    image[0] = c.fcw | kReservedOnes | (status | kReservedOnes) << 32;
    image[1] = tags | kReservedOnes | uint64_t{c.fip} << 32;
    image[2] = c.fcs | uint64_t{c.fop} << 16 | uint64_t{c.fdp} << 32;
    image[3] = c.fds | kReservedOnes;
  } else {
    image[0] = c.fcw | status << 16 | tags << 32 | uint64_t{c.fip & 0xffff} << 48;
    image[1] = c.fcs | uint64_t{c.fdp & 0xffff} << 16 | uint64_t{c.fds} << 32;
  }
}

void write_environment(GuestContext& c, bool wide, const uint64_t (&image)[4]) {
  const unsigned step = wide ? 32 : 16;
  x87_set_control_word(c, static_cast<uint16_t>(image[0]));
  x87_set_status_word(c, static_cast<uint16_t>(image[0] >> step));
  if (wide) {
    x87_set_tag_word(c, static_cast<uint16_t>(image[1]));
    c.fip = static_cast<uint32_t>(image[1] >> 32);
    c.fcs = static_cast<uint16_t>(image[2]);
    c.fop = static_cast<uint16_t>(image[2] >> 16 & kOpcodeMask);
    c.fdp = static_cast<uint32_t>(image[2] >> 32);
    c.fds = static_cast<uint16_t>(image[3]);
  } else {
    x87_set_tag_word(c, static_cast<uint16_t>(image[0] >> 32));
    c.fip = static_cast<uint32_t>(image[0] >> 48);
    c.fcs = static_cast<uint16_t>(image[1]);
    c.fdp = static_cast<uint16_t>(image[1] >> 16);
    c.fds = static_cast<uint16_t>(image[1] >> 32);
    c.fop = 0;  // not in this format
  }
}

void write_register(X87Unit& u, unsigned i, uint64_t significand, uint64_t sign_exponent) {
  u.st(i).significand = significand;
  u.st(i).sign_exponent = static_cast<uint16_t>(sign_exponent);
}

void rotate(X87Unit& u, unsigned by) {
  u.note_instruction();
  u.c.x87_top = (u.c.x87_top + by) & 7;
  u.record(0);
}

}  // namespace

void X87Unit::note_instruction() {
  static_assert(kX87PointerPolicy == X87PointerPolicy::EveryInstruction);
  c.fop = p.opcode;
  c.fip = call.eip;
  c.fcs = selector(c, static_cast<unsigned>(x86::SegmentRegister::Cs));
  if (!p.has_memory()) return;
  c.fdp = static_cast<uint32_t>(call.source[2]);
  c.fds = selector(c, static_cast<unsigned>(p.segment));
}

void x87_execute(GuestContext& context, X87Call& call) {
  X87Unit u(context, call);
  GuestContext& c = context;
  const HelperId id = x86::helper_id(call.imm);
  switch (id) {
    case HelperId::X87Load: return x87_load(u);
    case HelperId::X87LoadRegister: return x87_load_register(u);
    case HelperId::X87LoadConstant: return x87_load_constant(u);
    case HelperId::X87Store: return x87_store(u);
    case HelperId::X87StoreDone: return x87_store_done(u);
    case HelperId::X87StoreRegister: return x87_store_register(u, true);
    case HelperId::X87StoreUnchecked: return x87_store_register(u, false);
    case HelperId::X87Exchange: return x87_exchange(u);
    case HelperId::X87Move: return x87_move(u);

    case HelperId::X87Add: case HelperId::X87Sub: case HelperId::X87SubReverse:
    case HelperId::X87Mul: case HelperId::X87Div: case HelperId::X87DivReverse: return x87_arithmetic(u, id);
    case HelperId::X87ChangeSign: case HelperId::X87Absolute:
    case HelperId::X87SquareRoot: case HelperId::X87Round: return x87_unary(u, id);
    case HelperId::X87Scale: case HelperId::X87Remainder: case HelperId::X87RemainderNearest: return x87_remainder(u, id);
    case HelperId::X87Extract: return x87_extract(u);

    case HelperId::X87Compare: case HelperId::X87CompareQuiet: case HelperId::X87CompareZero:
    case HelperId::X87CompareFlags: case HelperId::X87CompareFlagsQuiet: return x87_compare(u, id);
    case HelperId::X87Examine: return x87_examine(u);

    case HelperId::X87Free:
      u.note_instruction();
      u.mark_empty(u.p.index());
      u.record(0);
      return u.pop(u.p.pops);
    case HelperId::X87IncrementTop: return rotate(u, 1);
    case HelperId::X87DecrementTop: return rotate(u, 7);
    case HelperId::X87Nop: return u.note_instruction();

    case HelperId::X87ReadStatus: call.value = x87_status_word(c); return;
    case HelperId::X87ReadControl: call.value = c.fcw; return;
    case HelperId::X87WriteControl: return x87_set_control_word(c, static_cast<uint16_t>(call.source[0]));
    case HelperId::X87ClearExceptions:
      c.fsw = static_cast<uint16_t>(c.fsw & ~(kX87ExceptionMask | kX87StackFault));
      return x87_summarize(c);
    case HelperId::X87Initialize: return x87_initialize(c);
    case HelperId::X87ReadEnvironment: {
      uint64_t image[4] = {};
      read_environment(c, u.p.wide, image);
      call.value = image[2 * u.p.part];
      call.flags = image[2 * u.p.part + 1];
      return;
    }
    case HelperId::X87MaskExceptions: return x87_set_control_word(c, c.fcw | kX87ExceptionMask);
    case HelperId::X87WriteEnvironment: return write_environment(c, u.p.wide, call.source);
    case HelperId::X87ReadRegister:
      call.value = u.st(u.p.part).significand;
      call.flags = u.st(u.p.part).sign_exponent;
      return;
    case HelperId::X87WriteRegister:
      write_register(u, u.p.part, call.source[0], call.source[1]);
      write_register(u, u.p.part + 1u, call.source[2], call.source[3]);
      return;
    default: return;
  }
}

}  // namespace chrysalis::fw
