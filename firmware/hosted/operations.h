// The integer operations of the IR in the hosted form.
#pragma once

#include "translator/ir/operate.h"

namespace chrysalis::fw::hosted {

template <ir::Op op, unsigned width>
constexpr uint64_t value(uint64_t s0, uint64_t s1, uint64_t s2, uint64_t s3) {
  return ir::operate<op, width>(s0, s1, s2, s3).value;
}
template <ir::Op op, unsigned width>
constexpr uint64_t flags(uint64_t s0, uint64_t s1, uint64_t s2, uint64_t s3) {
  return ir::operate<op, width>(s0, s1, s2, s3).flags;
}

}  // namespace chrysalis::fw::hosted
