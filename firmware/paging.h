// x86 two-level page tables, as the firmware walks them to fill the TLB and to fetch code.
#pragma once

#include <cstdint>

namespace chrysalis::fw {

/// Error code of #PF.
enum PageFaultError : uint32_t { kPfPresent = 1, kPfWrite = 2, kPfUser = 4, kPfFetch = 16 };

enum class Access : uint8_t { Read, Write, Fetch };

struct PageTranslation {
  bool ok;
  uint32_t error;          ///< error code if not ok
  uint64_t physical_page;  ///< page number
  bool user, writable, dirty;
};

/// Translates the page of `address` for an access of that kind.
///
/// Does:   sets the accessed bits, and for Write the dirty bit, when the access is permitted.
/// Source: SDM Vol. 3, 4.3 "32-Bit Paging"; 4 MiB pages if CR4.PSE; CR0.WP. With CR0.PG clear, addresses are
///         physical. Table entries outside RAM count as not present. Mailbox::no_execute.
PageTranslation walk(uint32_t address, Access access, bool user);

/// True if the guest runs at CPL 3.
bool user_mode();

}  // namespace chrysalis::fw
