// How a test has the firmware run a translation that it has written into the code cache: translation_run.cpp is what
// the firmware does after boot in place of firmware/run.cpp, and looks here first.
#pragma once

#include <cstdint>

#include "firmware/abi.h"

namespace chrysalis::test {

/// In concealed memory at kRequestAddress.
struct TranslationRequest {
  uint64_t translation;  ///< host address of the translation to run at the context's EIP; the firmware clears it. 0: none
  uint64_t jtb_host;     ///< not 0: entered into the jump translation buffer first, for jtb_guest
  uint32_t jtb_guest;
  uint32_t exit;         ///< id of the exit by which the last translation was left
  uint32_t exits;        ///< how many were left by an exit
};
inline constexpr uint64_t kRequestAddress = fw::kSpillBase + 0x1'0000;  // beyond the spill slots

}  // namespace chrysalis::test
