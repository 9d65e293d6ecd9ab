// The one place where cycles and SystemC time are converted.
#pragma once

#include <systemc>

#include "hw/types.h"

namespace chrysalis::hw {

/// A clock of fixed period whose cycle 0 is the last reset. The period is a whole number of SystemC's time
/// units, so the conversions are exact. SystemC's own time never goes back: a reset moves the origin.
class Clock {
 public:
  explicit Clock(sc_core::sc_time period) : period_(period) {}
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  /// Makes the present cycle 0.
  void reset() { origin_ = sc_core::sc_time_stamp(); }

  sc_core::sc_time time(Cycle cycles) const { return sc_core::sc_time::from_value(period_.value() * cycles); }
  Cycle cycles(const sc_core::sc_time& time) const { return (time.value() - origin_.value()) / period_.value(); }
  Cycle now() const { return cycles(sc_core::sc_time_stamp()); }

  /// Cycles beyond this one are past the end of SystemC's time.
  Cycle last_cycle() const { return cycles(sc_core::sc_max_time()) - 1; }

  /// The cycle at which a transaction with annotated `delay` reaches its target.
  Cycle arrival(const sc_core::sc_time& delay) const { return cycles(sc_core::sc_time_stamp() + delay); }
  /// The annotation that makes a transaction complete in cycle `done`, which is not in the past.
  sc_core::sc_time until(Cycle done) const { return origin_ + time(done) - sc_core::sc_time_stamp(); }

 private:
  sc_core::sc_time period_;
  sc_core::sc_time origin_;
};

}  // namespace chrysalis::hw
