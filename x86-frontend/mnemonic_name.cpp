// Apart from the decoder, so that an image that names no instructions carries no names.
#include "x86-frontend/mnemonics.h"

namespace chrysalis::x86 {

const char* mnemonic_name(Mnemonic mnemonic) {
  static constexpr const char* kNames[] = {
#include "x86-frontend/mnemonic_names.inc"
  };
  static_assert(sizeof kNames / sizeof kNames[0] == kMnemonicCount);
  return kNames[static_cast<unsigned>(mnemonic)];
}

}  // namespace chrysalis::x86
