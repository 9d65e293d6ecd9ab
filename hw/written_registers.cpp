#include "hw/written_registers.h"

#include <cstring>

#include "isa-host/codec.h"

namespace chrysalis::hw {

void WrittenRegisters::decode(Entry& entry) {
  entry.count = 0;
  isa::Molecule source;
  if (!isa::decode(entry.words, entry.bytes / 4, entry.address, source).ok()) return;
  for (unsigned i = 0; i < source.count; ++i) {
    const isa::RegUse use = isa::reg_use(source.atoms[i]);
    for (unsigned w = 0; w < use.write_count; ++w) entry.registers[entry.count++] = static_cast<uint8_t>(use.writes[w]);
  }
}

unsigned WrittenRegisters::read(const isa::PhysicalMemory& memory, uint64_t address, unsigned bytes, uint8_t (&registers)[kMaxRetireWrites]) {
  const uint8_t* code = memory.ram(address, bytes);
  if (code == nullptr) return 0;
  Entry& entry = entries_[address >> 2 & (kEntries - 1)];
  if (entry.address != address || entry.bytes != bytes || std::memcmp(entry.words, code, bytes) != 0) {
    entry.address = address;
    entry.bytes = static_cast<uint8_t>(bytes);
    std::memcpy(entry.words, code, bytes);
    decode(entry);
  }
  std::memcpy(registers, entry.registers, entry.count);
  return entry.count;
}

}  // namespace chrysalis::hw
