#include "firmware/paging.h"

#include "firmware/host.h"

namespace chrysalis::fw {
namespace {

constexpr uint32_t kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 0x20, kDirty = 0x40, kLarge = 0x80;
constexpr uint32_t kCr0Wp = 1u << 16, kCr0Pg = 1u << 31, kCr4Pse = 1u << 4;

/// A table entry, not present if the table lies outside RAM.
uint32_t read_entry(uint64_t at) { return at + 4 <= host::mailbox().guest_ram_size ? host::physical_load_32(at) : 0; }

}  // namespace

bool user_mode() { return (host::mailbox().context.slot[static_cast<unsigned>(ir::GuestReg::CsSel)] & 3) == 3; }

PageTranslation walk(uint32_t address, Access access, bool user) {
  const bool write = access == Access::Write;
  const uint32_t no_execute = access == Access::Fetch ? host::mailbox().no_execute : 0;
  const GuestContext& context = host::mailbox().context;
  if ((context.cr0 & kCr0Pg) == 0) return {true, 0, address >> isa::kPageShift, true, true, true};

  const uint32_t fault = (write ? kPfWrite : 0u) | (user ? kPfUser : 0u) | (no_execute != 0 ? kPfFetch : 0u);
  const uint64_t directory_at = (context.cr3 & 0xffff'f000u) + (address >> 22) * 4;
  const uint32_t directory = read_entry(directory_at);
  if ((directory & kPresent) == 0) return {false, fault, 0, false, false, false};

  const bool large = (directory & kLarge) != 0 && (context.cr4 & kCr4Pse) != 0;
  const uint64_t leaf_at = large ? directory_at : (directory & 0xffff'f000u) + (address >> 12 & 0x3ff) * 4;
  const uint32_t leaf = large ? directory : read_entry(leaf_at);
  if ((leaf & kPresent) == 0) return {false, fault, 0, false, false, false};

  const uint32_t rights = directory & leaf;
  const bool for_user = (rights & kUser) != 0;
  // SDM Vol. 3, 4.6: without CR0.WP, the supervisor may write read-only pages.
  const bool writable = (rights & kWritable) != 0 || (!user && (context.cr0 & kCr0Wp) == 0);
  if ((user && !for_user) || (write && !writable) || (leaf & no_execute) != 0) return {false, fault | kPfPresent, 0, false, false, false};

  if (!large && (directory & kAccessed) == 0) host::physical_store_32(directory_at, directory | kAccessed);
  const uint32_t marked = leaf | kAccessed | (write ? kDirty : 0);
  if (marked != leaf) host::physical_store_32(leaf_at, marked);

  const uint64_t page = large ? (leaf >> 22 << 10) + (address >> 12 & 0x3ff) : leaf >> 12;
  return {true, 0, page, for_user, writable, (marked & kDirty) != 0};
}

}  // namespace chrysalis::fw
