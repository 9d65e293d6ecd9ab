// The registers that a molecule writes, as its bytes in memory say: for retire records.
#pragma once

#include <cstdint>
#include <vector>

#include "hw/retire.h"
#include "isa-host/atom.h"
#include "isa-host/physical_memory.h"

namespace chrysalis::hw {

/// Reads them from the bytes each time; what it decoded last at an address serves while the bytes are the same.
class WrittenRegisters {
 public:
  /// Of the molecule of `bytes` bytes at `address`, into `registers` in order of slots, from its bytes as they are now. Returns how many;
  /// 0 of what is no molecule.
  unsigned read(const isa::PhysicalMemory& memory, uint64_t address, unsigned bytes, uint8_t (&registers)[kMaxRetireWrites]);

 private:
  struct Entry {
    uint64_t address = ~uint64_t{0};
    uint32_t words[isa::kMaxWords] = {};
    uint8_t bytes = 0, count = 0;
    uint8_t registers[kMaxRetireWrites] = {};
  };
  static void decode(Entry& entry);

  static constexpr unsigned kEntries = 1 << 13;
  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);  ///< by address, the last at each place
};

}  // namespace chrysalis::hw
