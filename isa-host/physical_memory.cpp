#include "isa-host/physical_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace chrysalis::isa {

PhysicalMemory::PhysicalMemory(uint64_t guest_size, uint64_t concealed_base, uint64_t concealed_size)
    : guest_size_(guest_size), concealed_base_(concealed_base), concealed_size_(concealed_size) {
  const uint64_t end = concealed_size == 0 ? guest_size : concealed_base + concealed_size;
  if (concealed_size != 0 && concealed_base < guest_size) throw std::runtime_error("guest memory reaches into concealed memory");
  mapped_ = (end + 4095) & ~uint64_t{4095};
  void* memory = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    throw std::runtime_error("cannot reserve " + std::to_string(mapped_ >> 20) + " MiB for simulated memory: " + std::strerror(errno));
  base_ = static_cast<uint8_t*>(memory);
}

PhysicalMemory::~PhysicalMemory() { ::munmap(base_, mapped_); }

const PhysicalMemory::Range* PhysicalMemory::find(uint64_t physical, unsigned size) const {
  for (const Range& range : devices_)
    if (physical >= range.base && physical - range.base < range.size && size <= range.size - (physical - range.base)) return &range;
  return nullptr;
}

bool PhysicalMemory::device_read(uint64_t physical, unsigned size, uint8_t* bytes) const {
  const Range* range = find(physical, size);
  if (range != nullptr) range->device->read(physical - range->base, size, bytes);
  return range != nullptr;
}

bool PhysicalMemory::device_write(uint64_t physical, unsigned size, const uint8_t* bytes) const {
  const Range* range = find(physical, size);
  if (range != nullptr) range->device->write(physical - range->base, size, bytes);
  return range != nullptr;
}

}  // namespace chrysalis::isa
