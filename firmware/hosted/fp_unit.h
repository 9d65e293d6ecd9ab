// The floating-point unit of the hosted form: the operations of translator/ir/fp_intrinsics.def by the semantics
// of their atoms.
#pragma once

#include <cstdint>

#include "translator/ir/intrinsics.h"

namespace chrysalis::fw::hosted {

class FpUnit {
 public:
  /// Sources and result as the operation's shape says; operand addresses are native ones.
  uint64_t operate(ir::IntrinsicId id, uint64_t s0, uint64_t s1, uint64_t s2);
  void set_control(uint16_t control) { control_ = control; }
  uint64_t status() const { return status_; }

 private:
  uint64_t control_ = 0, status_ = 0;
};

/// The one unit; its state matters only between set_control() and the operation that follows.
FpUnit& fp_unit();

}  // namespace chrysalis::fw::hosted
