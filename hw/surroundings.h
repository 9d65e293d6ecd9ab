// What lies around the core's engine: the second level, devices, the platform, and other processes in time.
#pragma once

#include <cstdint>

#include "hw/line_source.h"
#include "hw/types.h"
#include "isa-host/state/core.h"

namespace chrysalis::hw {

/// The SystemC core implements this with its ports and sockets. Every call names a cycle not before the
/// previous call's.
class Surroundings : public LineSource {
 public:
  /// Lets everything else reach cycle `now`, so that interrupt_lines() is what was raised before `now`.
  /// Returns the last cycle up to which, as far as is known, nothing outside can happen that the core
  /// could notice earlier: it need not synchronise again before the cycle after.
  virtual Cycle synchronise(Cycle now) = 0;

  /// Lines raised before the last synchronise()'s cycle; bit n is line n.
  virtual uint32_t interrupt_lines() = 0;

  /// Accesses a device, after synchronising with `now`; `answered` becomes the cycle of the answer. False if
  /// nothing is there. Afterwards the engine must synchronise before it relies on anything outside.
  virtual bool device_access(bool write, uint64_t physical, unsigned size, uint8_t* bytes, Cycle now,
                             Cycle& answered) = 0;

  /// The `platform` atom.
  virtual isa::PlatformResult service(uint32_t service, Cycle now) = 0;

 protected:
  ~Surroundings() = default;
};

}  // namespace chrysalis::hw
