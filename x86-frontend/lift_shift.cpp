// Shifts and rotates: SDM Vol. 1, 5.1.5.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

// A count of 0 leaves destination and flags alone, but a destination in memory is still written.
void lift_shift(Lifter& l, Op op) {
  const auto operand = l.begin_rmw(0);
  const V count = l.read(1);
  const ValueFlags r = l.both(op, l.width(0), operand.value, count, l.flags());
  l.finish_rmw(0, operand, r.value);
  l.set_flags(r.flags);
}

void lift_double_shift(Lifter& l, Op op) {
  const auto operand = l.begin_rmw(0);
  const V fill = l.read(1);
  const V count = l.read(2);
  const ValueFlags r = l.both(op, l.width(0), operand.value, fill, count, l.flags());
  l.finish_rmw(0, operand, r.value);
  l.set_flags(r.flags);
}

}  // namespace chrysalis::x86
