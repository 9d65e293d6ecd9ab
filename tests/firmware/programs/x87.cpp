// The x87 unit of the firmware: each helper in turn over operands of every kind, formats and control words.
#include <cstring>

#include "firmware/x87.h"
#include "firmware/x87_state.h"
#include "tests/firmware/programs/program.h"

namespace {

using chrysalis::fw::GuestContext;
using chrysalis::fw::X87Call;
using chrysalis::x86::HelperId;
using chrysalis::x86::X87Format;
using chrysalis::x86::X87Parameter;

uint64_t g_random = 0x8087;

uint64_t next() {
  uint64_t z = (g_random += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

constexpr uint64_t kSignificands[] = {0, 1, 0x8000000000000000, 0xc000000000000000, 0xa000000000000000, 0xffffffffffffffff,
                                      0x4000000000000000, 0x8000008000000000};
constexpr uint16_t kExponents[] = {0, 1, 0x3fff, 0x3ffe, 0x4000, 0x403e, 0x7ffe, 0x7fff};

void randomize(GuestContext& c) {
  chrysalis::fw::x87_initialize(c);
  for (auto& st : c.st) {
    const uint64_t r = next();
    st.significand = (r & 3) != 0 ? next() | uint64_t{1} << 63 : kSignificands[r >> 8 & 7];
    st.sign_exponent = static_cast<uint16_t>((r & 12) != 0 ? 0x3fff + (r >> 16 & 63) - 32 : kExponents[r >> 16 & 7]);
    st.sign_exponent = static_cast<uint16_t>(st.sign_exponent | (r >> 63) << 15);
  }
  const uint64_t r = next();
  c.x87_tag = static_cast<uint8_t>((r & 3) != 0 ? 0x7f : r >> 8);
  c.x87_top = r >> 16 & 7;
  chrysalis::fw::x87_set_control_word(c, static_cast<uint16_t>((r >> 24 & 0xf00) | ((r & 0x30) != 0 ? 0x3f : r >> 40)));
}

void add_state(Checksum& sum, const GuestContext& c) {
  for (const auto& st : c.st) sum.add(st.significand), sum.add(st.sign_exponent);
  sum.add(c.fcw), sum.add(chrysalis::fw::x87_status_word(c)), sum.add(chrysalis::fw::x87_tag_word(c));
  sum.add(c.fop), sum.add(c.fip), sum.add(c.fdp), sum.add(c.fcs), sum.add(c.fds);
}

}  // namespace

void program() {
  static GuestContext c;
  for (unsigned id = static_cast<unsigned>(chrysalis::x86::kFirstX87Helper); id < static_cast<unsigned>(HelperId::kCount); ++id) {
    Checksum sum;
    for (unsigned n = 0; n < 200; ++n) {
      randomize(c);
      const uint64_t r = next();
      X87Parameter p;
      p.opcode = static_cast<uint16_t>(r & 0x7ff);
      if ((r & 0x1000) != 0) p.opcode |= 0xc0;
      p.format = p.has_memory() ? static_cast<X87Format>(r >> 16 & 7) : X87Format::St;
      p.pops = r >> 20 & 1;
      p.to_index = (r >> 24 & 1) != 0;
      p.wide = (r >> 28 & 1) != 0;
      p.part = static_cast<HelperId>(id) == HelperId::X87ReadEnvironment ? r >> 32 & 1 : r >> 32 & 6;
      X87Call call{static_cast<uint32_t>(p.pack(static_cast<HelperId>(id))), static_cast<uint32_t>(n),
                   {next(), next() & 0xffff, next() & 0xffffffff, next()}};
      if ((r >> 40 & 3) == 0) call.source[0] = kSignificands[r >> 48 & 7] >> (p.format == X87Format::F32 ? 32 : 0);
      chrysalis::fw::x87_execute(c, call);
      sum.add(call.value), sum.add(call.flags);
      add_state(sum, c);
    }
    report("helper", sum.value());
  }
}
