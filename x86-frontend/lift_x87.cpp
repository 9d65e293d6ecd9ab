// Floating point: SDM Vol. 1, 5.2.
#include "x86-frontend/lift_internal.h"

namespace chrysalis::x86 {

void lift_x87(Lifter& l) { l.unsupported(); }

}  // namespace chrysalis::x86
