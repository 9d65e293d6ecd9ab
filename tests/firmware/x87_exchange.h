// The x87 state of the oracle's cases to and from the firmware's context.
#pragma once

#include <cstring>

#include "firmware/abi.h"
#include "firmware/x87_state.h"
#include "tests/oracle/oracle.h"

namespace chrysalis::test {

inline void load_x87(const oracle::X87State& state, fw::GuestContext& context) {
  fw::x87_set_control_word(context, static_cast<uint16_t>(state.environment[0]));
  fw::x87_set_status_word(context, static_cast<uint16_t>(state.environment[1]));
  fw::x87_set_tag_word(context, static_cast<uint16_t>(state.environment[2]));
  context.fip = state.environment[3];
  context.fcs = static_cast<uint16_t>(state.environment[4]);
  context.fop = static_cast<uint16_t>(state.environment[4] >> 16);
  context.fdp = state.environment[5];
  context.fds = static_cast<uint16_t>(state.environment[6]);
  for (unsigned i = 0; i < 8; ++i) {
    fw::GuestContext::X87Register& st = context.st[(context.x87_top + i) & 7];
    std::memcpy(&st.significand, state.st[i], 8);
    std::memcpy(&st.sign_exponent, state.st[i] + 8, 2);
  }
}

/// The pointers are 0: only what the guest stores of them is compared.
inline oracle::X87State store_x87(const fw::GuestContext& context) {
  oracle::X87State state{};
  state.environment[0] = context.fcw;
  state.environment[1] = fw::x87_status_word(context);
  state.environment[2] = fw::x87_tag_word(context);
  for (unsigned i = 0; i < 8; ++i) {
    const fw::GuestContext::X87Register& st = context.st[(context.x87_top + i) & 7];
    std::memcpy(state.st[i], &st.significand, 8);
    std::memcpy(state.st[i] + 8, &st.sign_exponent, 2);
  }
  return state;
}

}  // namespace chrysalis::test
