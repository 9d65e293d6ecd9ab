#include "firmware/descriptors.h"

#include "firmware/host.h"

namespace chrysalis::fw {
namespace {

constexpr uint32_t kFlat = 0xffff'ffff;
constexpr uint32_t kUserCode32 = 4, kUserData = 5, kUserCode64 = 6, kCpuNumber = 15;

}  // namespace

bool find_descriptor(uint32_t selector, Descriptor& found) {
  if ((selector & 4) != 0) return false;  // no LDT
  const uint32_t index = selector >> 3;
  switch (index) {
    case kUserCode32: found = {0, kFlat, 0x00cf'fb00}; break;
    case kUserData: found = {0, kFlat, 0x00cf'f300}; break;
    case kUserCode64: found = {0, kFlat, 0x00af'fb00}; break;
    case kCpuNumber: found = {0, 0, 0x0040'f500}; break;  // read-only, expanding down: all but byte 0; limit: processor 0
    default: {
      if (index < kFirstTlsEntry || index >= kFirstTlsEntry + 3) return false;
      const TlsDescriptor& tls = host::mailbox().tls[index - kFirstTlsEntry];
      if ((tls.flags & kTlsPresent) == 0) return false;
      found = {tls.base, kFlat, 0x00df'f300};
      break;
    }
  }
  return true;
}

}  // namespace chrysalis::fw
