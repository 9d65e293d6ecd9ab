// The machine's physical address space: guest RAM from 0, concealed memory at its place, and device ranges.
//
// C++17.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chrysalis::isa {

/// A device on the bus; `offset` counts from the start of its range.
class Device {
 public:
  virtual ~Device() = default;
  virtual void read(uint64_t offset, unsigned size, uint8_t* bytes) = 0;
  virtual void write(uint64_t offset, unsigned size, const uint8_t* bytes) = 0;
};

/// Zero-filled memory that takes host memory only where it is touched.
class PhysicalMemory {
 public:
  /// Sizes in bytes. Throws std::runtime_error if the host refuses the address space.
  PhysicalMemory(uint64_t guest_size, uint64_t concealed_base, uint64_t concealed_size);
  ~PhysicalMemory();
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;

  /// The bytes of plain memory at [physical, physical + size), or null if any of them is not.
  uint8_t* ram(uint64_t physical, uint64_t size) const {
    if (physical < guest_size_) return size <= guest_size_ - physical ? base_ + physical : nullptr;
    const uint64_t offset = physical - concealed_base_;
    return offset < concealed_size_ && size <= concealed_size_ - offset ? base_ + physical : nullptr;
  }

  uint64_t guest_size() const { return guest_size_; }
  uint64_t concealed_base() const { return concealed_base_; }
  uint64_t concealed_size() const { return concealed_size_; }

  /// Ranges neither overlap each other nor memory; the device outlives this object.
  void add_device(uint64_t base, uint64_t size, Device& device) { devices_.push_back({base, size, &device}); }
  /// False: no device holds all the bytes.
  bool device_read(uint64_t physical, unsigned size, uint8_t* bytes) const;
  bool device_write(uint64_t physical, unsigned size, const uint8_t* bytes) const;

 private:
  struct Range {
    uint64_t base, size;
    Device* device;
  };
  const Range* find(uint64_t physical, unsigned size) const;

  uint64_t guest_size_, concealed_base_, concealed_size_, mapped_;
  uint8_t* base_;
  std::vector<Range> devices_;
};

}  // namespace chrysalis::isa
